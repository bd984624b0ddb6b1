//! P1: at most one verification decided through the log of one lineage accepts a code. And P10: nothing else
//! than a code that was right is ever accepted.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_core::RequestId;

use crate::{Evidence, Problem, Row, short};

const CHECKER: &str = "P1 one-time";

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = by_answers(evidence);
    problems.extend(by_audit(evidence));
    problems
}

fn by_answers(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut accepted: BTreeMap<_, BTreeSet<RequestId>> = BTreeMap::new();
    for verify in &evidence.told.verified {
        let Some(told) = verify.outcome.told().filter(|told| told.is_allow()) else { continue };
        let Some(step) = verify.shown.step else {
            let what = format!("a guess at user-{} was accepted", verify.shown.token);
            problems.push(Problem::new("P10 closed", what));
            continue;
        };
        if !told.island {
            let key = (told.lineage, verify.shown.token, step);
            accepted.entry(key).or_default().insert(verify.request);
        }
    }
    for ((_, token, step), requests) in accepted.into_iter().filter(|(_, all)| all.len() > 1) {
        let all: Vec<_> = requests.into_iter().map(short).collect();
        let what = format!("step {step} of user-{token} was accepted for {}", all.join(" and "));
        problems.push(Problem::new(CHECKER, what));
    }
    problems
}

/// The log tells of those too whose answers nobody got.
fn by_audit(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut accepted = BTreeMap::new();
    for event in evidence.longest() {
        let Row::Verified(verified) = &event.row else { continue };
        for spent in verified.spent.iter().filter(|_| verified.allowed) {
            if let Some(before) = accepted.insert(spent, event.request) {
                let what = format!(
                    "the log accepts step {} of token {} for {} and {}, at {}",
                    spent.step,
                    spent.token,
                    short(before),
                    short(event.request),
                    event.index
                );
                problems.push(Problem::new(CHECKER, what));
            }
        }
    }
    problems
}
