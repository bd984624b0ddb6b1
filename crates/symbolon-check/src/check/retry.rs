//! P2: a retransmission gets the first answer again, and never "code already used".

use std::collections::BTreeMap;

use symbolon_core::{Denial, RequestId};

use crate::{Decided, Event, Evidence, Problem, Row, SECOND, Verify, short};

const CHECKER: &str = "P2 retry-safe";
/// Whatever is repeated within that time gets the first answer.
const WINDOW: u64 = 25 * SECOND;

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut by_request: BTreeMap<RequestId, Vec<&Verify>> = BTreeMap::new();
    for verify in &evidence.told.verified {
        by_request.entry(verify.request).or_default().push(verify);
    }
    let mut problems = Vec::new();
    for verifies in by_request.values() {
        problems.extend(differs(verifies));
        problems.extend(verifies.iter().filter_map(|verify| used_by_itself(evidence, verify)));
    }
    problems
}

fn decided<'a>(verify: &&'a Verify) -> Option<(&'a Verify, &'a Decided)> {
    verify.outcome.told().map(|told| (*verify, told))
}

/// Two answers of the log to one request.
fn differs(verifies: &[&Verify]) -> Option<Problem> {
    let mut told = verifies.iter().filter_map(decided).filter(|(_, told)| !told.island);
    let (first, answer) = told.next()?;
    // Somebody else may name it who has heard of it.
    let mut told = told.filter(|(other, _)| other.shown == first.shown);
    let same = |told: &Decided| told.lineage == answer.lineage && told.decision == answer.decision;
    // In another lineage it is another decision.
    let (other, told) = told.find(|(other, told)| {
        told.lineage == answer.lineage && !same(told) && other.began < first.began + WINDOW
    })?;
    Some(Problem::new(
        CHECKER,
        format!(
            "{} for user-{} got {:?} at host-{} and {:?} at host-{}",
            short(first.request),
            first.shown.token,
            answer.decision,
            first.host,
            told.decision,
            other.host
        ),
    ))
}

/// Whether the log decided the request before, and its time is over by the log's clock: it may have been set
/// on by the clock of a node that started with nobody there to ask.
fn is_long_ago(evidence: &Evidence, request: RequestId, told_at: u64) -> bool {
    let of_request = |event: &&Event| event.request == request;
    let events: Vec<_> = evidence.audits.iter().flatten().filter(of_request).collect();
    let told = events.iter().find(|event| event.index == told_at);
    told.is_some_and(|told| events.iter().any(|event| event.at + 30_000 < told.at))
}

/// Whether the log knows, up to a place, that an island has accepted the request, or was about to: it takes
/// the code before it lets anybody in, and may die in between.
fn was_merged(evidence: &Evidence, request: RequestId, before: u64) -> bool {
    evidence
        .audits
        .iter()
        .flatten()
        .filter(|event| event.index <= before)
        .any(|event| matches!(event.row, Row::Merged { request: merged, .. } if merged == request))
}

/// Whether an epoch had begun not long before: codes up to its floor are refused.
fn is_below_floor(evidence: &Evidence, verify: &Verify, told: &Decided) -> bool {
    let decided = || evidence.told.verified.iter().filter_map(|it| decided(&it));
    let first =
        decided().filter(|(_, it)| it.lineage == told.lineage).map(|(it, _)| it.began).min();
    decided().any(|(_, it)| it.lineage != told.lineage)
        && first.is_some_and(|first| verify.ended <= first.saturating_add(evidence.floor))
}

/// "Already used" for a code that nobody else has shown, nor a later one.
fn used_by_itself(evidence: &Evidence, verify: &Verify) -> Option<Problem> {
    let step = verify.shown.step?;
    let told = verify.outcome.told()?;
    if told.denial() != Some(Denial::CodeAlreadyUsed) || told.island {
        return None;
    }
    let all = &evidence.told.verified;
    let by_others = all.iter().any(|other| {
        other.request != verify.request
            && other.shown.token == verify.shown.token
            && other.shown.step.is_none_or(|shown| shown >= step)
            && other.began <= verify.ended
            // A guess is no code of the token.
            && other.shown.step.is_some()
    });
    if by_others {
        return None;
    }
    let mut own = all.iter().filter(|other| other.request == verify.request);
    let is_first_late = own.any(|other| other.began + WINDOW < verify.ended);
    // The log knows of what was merged, and not of the answer: see docs/testing.md.
    let is_excused = is_first_late
        || is_below_floor(evidence, verify, told)
        || is_long_ago(evidence, verify.request, told.index)
        || was_merged(evidence, verify.request, told.index);
    (!is_excused).then(|| {
        let what = format!(
            "step {step} of user-{} was used already when {} showed it at host-{}, and nobody else had",
            verify.shown.token,
            short(verify.request),
            verify.host
        );
        Problem::new(CHECKER, what)
    })
}
