//! P11: equal logs give equal states and audits. P6: no account absorbs more failures than the hard limit.

use std::collections::BTreeMap;

use symbolon_core::AuditRow;

use super::{Evidence, Problem};

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known = BTreeMap::new();
    for (host, audit) in evidence.audits.iter().enumerate() {
        for event in audit {
            let key = (event.index, event.ordinal);
            let (first, of) = *known.entry(key).or_insert((event, host));
            if first != event {
                let what =
                    format!("at {} host-{of} has {first:?} and host-{host} {event:?}", key.0);
                problems.push(Problem::new("P11 deterministic", what));
                break;
            }
        }
    }
    let longest = evidence.audits.iter().max_by_key(|audit| audit.len());
    for event in longest.into_iter().flatten() {
        if let AuditRow::Verified(verified) = &event.row
            && verified.verdict.failures > evidence.hard_limit
        {
            let failures = verified.verdict.failures;
            let what = format!("{} absorbed {failures} failures", verified.user_name.as_str());
            problems.push(Problem::new("P6 guessing", what));
        }
    }
    problems
}
