//! P4: a code that was accepted more than once is told, and no other.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_core::RequestId;

use crate::{Evidence, Problem, Row, Spent, short};

const CHECKER: &str = "P4 doubles";

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut told: BTreeMap<&Spent, BTreeSet<RequestId>> = BTreeMap::new();
    let mut events: BTreeMap<&Spent, u64> = BTreeMap::new();
    for event in evidence.longest() {
        if let Row::Twice { spent, pair } = &event.row {
            told.entry(spent).or_default().extend(pair);
            *events.entry(spent).or_default() += 1;
        }
    }
    let mut actual: BTreeMap<_, BTreeSet<RequestId>> = BTreeMap::new();
    let mut whose = BTreeMap::new();
    for verify in &evidence.told.verified {
        let Some(step) = verify.shown.step else { continue };
        whose.insert(verify.request, (verify.shown.token, step));
        let Some(told) = verify.outcome.told().filter(|told| told.is_allow()) else { continue };
        // What people have removed as they were told to, nobody can tell of.
        if !evidence.is_gone(verify) && !evidence.is_emptied(told.lineage, verify.ended) {
            actual.entry((verify.shown.token, step)).or_default().insert(verify.request);
        }
    }
    let all_told: BTreeSet<_> = told.values().flatten().copied().collect();
    let mut problems = Vec::new();
    for ((token, step), requests) in actual.iter().filter(|(_, requests)| requests.len() > 1) {
        let untold: Vec<_> = requests.iter().filter(|id| !all_told.contains(id)).collect();
        if !untold.is_empty() {
            let untold: Vec<_> = untold.into_iter().map(|id| short(*id)).collect();
            let count = requests.len();
            let what = format!(
                "step {step} of user-{token} was accepted for {count} requests, and of {} nobody was told",
                untold.join(", ")
            );
            problems.push(Problem::new(CHECKER, what));
        }
    }
    for (spent, requests) in &told {
        let shown: BTreeSet<_> = requests.iter().filter_map(|id| whose.get(id)).collect();
        let count = events.get(spent).copied().unwrap_or(0);
        let expected = requests.len() as u64 - 1;
        if shown.len() > 1 || count != expected {
            let requests: Vec<_> =
                requests.iter().map(|id| (short(*id), whose.get(id).copied())).collect();
            let Spent { token, step } = spent;
            let what = format!(
                "{count} doubles of step {step} of token {token} are told of these: {requests:?}"
            );
            problems.push(Problem::new(CHECKER, what));
        }
    }
    problems
}
