//! P7: whoever has decided through the log of a newer lineage decides nothing in an older one any more,
//! however it came by it.

use std::collections::BTreeMap;

use symbolon_core::LineageId;

use crate::{Evidence, HostId, Nanos, Problem};

const CHECKER: &str = "P7 fenced";

/// An answer through the log of a lineage, at a host.
struct Answer {
    host: HostId,
    lineage: LineageId,
    began: Nanos,
    ended: Nanos,
}

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut answers = answers(evidence);
    answers.sort_by_key(|it| it.ended);
    // When each host had first answered in a lineage, in the order of these.
    let mut known: BTreeMap<HostId, Vec<(LineageId, Nanos)>> = BTreeMap::new();
    for it in &answers {
        let of_host = known.entry(it.host).or_default();
        if of_host.iter().all(|(lineage, _)| *lineage != it.lineage) {
            of_host.push((it.lineage, it.ended));
        }
    }
    let went_back = |it: &&Answer| {
        let later = known[&it.host].iter().skip_while(|(lineage, _)| *lineage != it.lineage).nth(1);
        later.is_some_and(|(_, since)| it.began > *since)
    };
    // Of epochs apart an administrator discards one, and its nodes go to the other.
    let is_left = |it: &&Answer| it.lineage != evidence.lineage;
    let mut problems = Vec::new();
    for it in answers.iter().filter(is_left).filter(went_back) {
        let what = format!(
            "host-{} answered in lineage {} at {} ms, and had answered in a later one before",
            it.host,
            it.lineage,
            it.ended / 1_000_000
        );
        problems.push(Problem::new(CHECKER, what));
    }
    problems
}

fn answers(evidence: &Evidence) -> Vec<Answer> {
    let verified = evidence.told.verified.iter().filter_map(|it| {
        let told = it.outcome.told().filter(|told| !told.island)?;
        Some(Answer { host: it.host, lineage: told.lineage, began: it.began, ended: it.ended })
    });
    let called = evidence.told.calls.iter().filter_map(|it| {
        let (_, lineage) = *it.outcome.told()?;
        Some(Answer { host: it.host, lineage, began: it.began, ended: it.ended })
    });
    verified.chain(called).collect()
}
