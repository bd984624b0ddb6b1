//! Small histories, and what is wrong with them.

use std::collections::BTreeSet;

use symbolon_core::{Decision, Denial, LineageId, RequestId};

use crate::{
    Decided, Event, Evidence, Nanos, Outcome, Row, SECOND, Shown, Spent, Told, Verified, Verify,
};

const OLD: LineageId = LineageId([1; 16]);
const NEW: LineageId = LineageId([2; 16]);

fn request(number: u8) -> RequestId {
    RequestId([number; 16])
}

fn decided(number: u8, decision: Decision, lineage: LineageId, at: Nanos) -> Verify {
    let told = Decided { decision, failures: 0, index: number.into(), island: false, lineage };
    Verify {
        request: request(number),
        host: 0,
        shown: Shown { token: 7, step: Some(100) },
        began: at,
        ended: at + SECOND,
        outcome: Outcome::Told(told),
    }
}

fn allowed(number: u8, lineage: LineageId) -> Verify {
    decided(number, Decision::Allow, lineage, 0)
}

fn event(number: u8, row: Row) -> Event {
    let (index, at) = (number.into(), 0);
    Event { index, ordinal: 0, at, request: request(number), row, whole: number.to_string() }
}

fn spent() -> Spent {
    Spent { token: "seven".to_owned(), step: 100 }
}

fn verified(number: u8) -> Event {
    let user = "anna".to_owned();
    let row = Verified { user, allowed: true, failures: 0, spent: vec![spent()] };
    event(number, Row::Verified(row))
}

fn evidence(verified: Vec<Verify>, audit: Vec<Event>) -> Evidence {
    Evidence {
        told: Told { verified, calls: Vec::new() },
        audits: vec![audit],
        lineage: NEW,
        quarantined: BTreeSet::new(),
        put_back: Vec::new(),
        emptied: Vec::new(),
        hard_limit: 100,
        floor: 60 * SECOND,
    }
}

fn red(evidence: &Evidence) -> Vec<&'static str> {
    let mut checkers: Vec<_> = super::all(evidence).iter().map(|problem| problem.checker).collect();
    checkers.dedup();
    checkers
}

#[test]
fn one_acceptance_is_well_and_a_second_is_not() {
    let one = evidence(vec![allowed(1, NEW)], vec![verified(1)]);
    assert!(red(&one).is_empty());
    let both = vec![allowed(1, NEW), allowed(2, NEW)];
    let two = evidence(both, vec![verified(1), verified(2)]);
    assert_eq!(red(&two), ["P1 one-time", "P4 doubles"]);
}

#[test]
fn what_two_lineages_accepted_is_told() {
    let both = vec![allowed(1, OLD), allowed(2, NEW)];
    let merged = event(3, Row::Merged { request: request(1), accepted: true });
    let untold = evidence(both.clone(), vec![verified(2), merged.clone()]);
    assert_eq!(red(&untold), ["P4 doubles"]);
    let twice = event(4, Row::Twice { spent: spent(), pair: [request(1), request(2)] });
    assert!(red(&evidence(both, vec![verified(2), merged, twice])).is_empty());
}

#[test]
fn what_was_accepted_is_in_the_audit() {
    let lost = evidence(vec![allowed(1, NEW)], vec![verified(2)]);
    assert_eq!(red(&lost), ["P5 nothing lost"]);
}

#[test]
fn a_code_that_nobody_has_shown_is_not_used() {
    let used = |at| decided(2, Decision::Deny(Denial::CodeAlreadyUsed), NEW, at);
    let of_old = Verify { shown: Shown { token: 8, step: None }, ..allowed(1, OLD) };
    let denied = Decided {
        decision: Decision::Deny(Denial::CodeMismatch),
        ..*of_old.outcome.told().unwrap()
    };
    let of_old = Verify { outcome: Outcome::Told(denied), ..of_old };
    let of_new =
        Verify { outcome: Outcome::Told(Decided { lineage: NEW, ..denied }), ..of_old.clone() };
    // Not long after a seize it may be below the floor.
    let soon = vec![of_old.clone(), of_new.clone(), used(10 * SECOND)];
    assert!(red(&evidence(soon, vec![verified(9)])).is_empty());
    let late = vec![of_old, of_new, used(100 * SECOND)];
    assert_eq!(red(&evidence(late, vec![verified(9)])), ["P2 retry-safe"]);
}

#[test]
fn audits_that_differ_are_told() {
    let mut unlike = evidence(vec![allowed(1, NEW)], vec![verified(1)]);
    let other = Event { whole: "something else".to_owned(), ..verified(1) };
    unlike.audits.push(vec![other]);
    assert_eq!(red(&unlike), ["P11 deterministic"]);
}
