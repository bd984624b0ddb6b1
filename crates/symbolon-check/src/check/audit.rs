//! P11: equal logs give equal states and audits. P6: no account absorbs more failures than the hard limit.

use std::collections::BTreeMap;

use crate::{Evidence, Problem, Row};

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known = BTreeMap::new();
    for (host, audit) in evidence.audits.iter().enumerate() {
        for event in audit {
            let key = (event.index, event.ordinal);
            let (first, of) = *known.entry(key).or_insert((event, host));
            if first.whole != event.whole {
                let (one, other) = (&first.whole, &event.whole);
                let what = format!("at {} host-{of} has {one} and host-{host} {other}", key.0);
                problems.push(Problem::new("P11 deterministic", what));
                break;
            }
        }
    }
    for event in evidence.longest() {
        if let Row::Verified(verified) = &event.row
            && verified.failures > evidence.hard_limit
        {
            let what = format!("{} absorbed {} failures", verified.user, verified.failures);
            problems.push(Problem::new("P6 guessing", what));
        }
    }
    problems
}
