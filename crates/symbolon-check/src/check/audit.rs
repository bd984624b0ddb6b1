//! P11: equal logs give equal states and audits, and the time of the log never goes back.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Event, Evidence, HostId, Problem};

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
    for (host, audit) in evidence.audits.iter().enumerate() {
        problems.extend(lacks(evidence.longest(), host, audit));
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

/// An event that another node has, of between the first and the last that this one has.
fn lacks(longest: &[Event], host: HostId, audit: &[Event]) -> Option<Problem> {
    let place = |event: &Event| (event.index, event.ordinal);
    let (first, last) = (place(audit.first()?), place(audit.last()?));
    let own: BTreeSet<_> = audit.iter().map(place).collect();
    let within = |event: &&Event| (first..=last).contains(&place(event));
    let lacking = longest.iter().filter(within).find(|event| !own.contains(&place(event)))?;
    let what = format!("host-{host} has no {} of {}", lacking.whole, lacking.index);
    Some(Problem::new(CHECKER, what))
}
