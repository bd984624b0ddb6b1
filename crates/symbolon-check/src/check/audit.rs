//! P11: equal logs give equal states and audits, and the time of the log never goes back.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Event, Evidence, HostId, Problem};

const CHECKER: &str = "P11 deterministic";

/// Of an event: its entry, and its number in that.
type Place = (u64, u32);

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
        problems.extend(lacks(&known, host, audit));
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

/// An event that some node has, of between the first and the last that this one has.
fn lacks(
    known: &BTreeMap<Place, (&Event, HostId)>,
    host: HostId,
    audit: &[Event],
) -> Option<Problem> {
    let place = |event: &Event| (event.index, event.ordinal);
    let (first, last) = (place(audit.first()?), place(audit.last()?));
    let own: BTreeSet<_> = audit.iter().map(place).collect();
    let (at, (event, of)) = known.range(first..=last).find(|(at, _)| !own.contains(*at))?;
    let what = format!("host-{host} has no {} of {}, and host-{of} has", event.whole, at.0);
    Some(Problem::new(CHECKER, what))
}
