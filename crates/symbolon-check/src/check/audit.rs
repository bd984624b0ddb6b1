//! P11: equal logs give equal states and audits, and the time of the log never goes back.

use std::collections::BTreeMap;

use crate::{Event, Evidence, Problem};

const CHECKER: &str = "P11 deterministic";

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
                problems.push(Problem::new(CHECKER, what));
                break;
            }
        }
    }
    let mut before: Option<&Event> = None;
    for event in evidence.longest() {
        if let Some(before) = before.filter(|before| before.at > event.at) {
            let what =
                format!("state time went back by {} ms at {}", before.at - event.at, event.index);
            problems.push(Problem::new(CHECKER, what));
        }
        before = Some(event);
    }
    problems
}
