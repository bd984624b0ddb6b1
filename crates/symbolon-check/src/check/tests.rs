//! Small histories, and what is wrong with them.

use std::collections::BTreeSet;

use symbolon_core::{Decision, Denial, LineageId, RequestId};

use crate::{
    Alone, Decided, Event, Evidence, Nanos, Outcome, Row, SECOND, Shown, Spent, Told, Verified,
    Verify,
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

/// The log has denied a request.
fn refused(number: u8) -> Event {
    let user = "anna".to_owned();
    let row = Verified { user, allowed: false, failures: 1, spent: Vec::new() };
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
        alone: Vec::new(),
        guessed: None,
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
    let lost = evidence(vec![allowed(1, OLD)], vec![verified(2)]);
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
    let audit = vec![refused(1), refused(2)];
    let soon = vec![of_old.clone(), of_new.clone(), used(10 * SECOND)];
    assert!(red(&evidence(soon, audit.clone())).is_empty());
    let late = vec![of_old, of_new, used(100 * SECOND)];
    assert_eq!(red(&evidence(late, audit)), ["P2 retry-safe"]);
}

#[test]
fn audits_that_differ_are_told() {
    let mut unlike = evidence(vec![allowed(1, NEW)], vec![verified(1)]);
    let other = Event { whole: "something else".to_owned(), ..verified(1) };
    unlike.audits.push(vec![other]);
    assert_eq!(red(&unlike), ["P11 deterministic"]);
}

#[test]
fn an_island_says_that_it_is_one() {
    let island = |verify: Verify| {
        let told = Decided { island: true, ..*verify.outcome.told().unwrap() };
        Verify { outcome: Outcome::Told(told), ..verify }
    };
    let merged = event(3, Row::Merged { request: request(1), accepted: true });
    let said = evidence(vec![island(allowed(1, NEW))], vec![merged.clone()]);
    assert!(red(&said).is_empty());
    let unsaid = evidence(vec![allowed(1, NEW)], vec![merged]);
    assert_eq!(red(&unsaid), ["P3 available"]);
}

#[test]
fn an_island_decides() {
    let refused = Verify { outcome: Outcome::Refused("busy".to_owned()), ..allowed(1, NEW) };
    let mut all = evidence(vec![refused], vec![verified(9)]);
    let alone = Alone { host: 0, from: 0, to: SECOND };
    all.alone.push(Alone { to: SECOND - 1, ..alone });
    assert!(red(&all).is_empty());
    all.alone.push(alone);
    assert_eq!(red(&all), ["P3 available"]);
}

#[test]
fn nobody_answers_in_an_older_lineage_again() {
    let denied = Decision::Deny(Denial::CodeMismatch);
    let guess = |number, lineage, at| {
        let shown = Shown { token: 7, step: None };
        Verify { shown, ..decided(number, denied, lineage, at) }
    };
    let audit = vec![verified(2)];
    let apart = vec![guess(1, OLD, 0), guess(2, NEW, 2 * SECOND)];
    // Whoever had asked before may hear it late.
    let late = [apart.clone(), vec![guess(3, OLD, 2 * SECOND)]].concat();
    assert!(red(&evidence(late, audit.clone())).is_empty());
    let back = [apart, vec![guess(3, OLD, 4 * SECOND)]].concat();
    let mut back = evidence(back, audit);
    assert_eq!(red(&back), ["P7 fenced"]);
    // The other was discarded.
    back.lineage = OLD;
    assert!(!red(&back).contains(&"P7 fenced"));
}

#[test]
fn guesses_are_counted_over_all_nodes() {
    let guess = |number: u8| {
        let denied = Decision::Deny(Denial::CodeMismatch);
        let shown = Shown { token: 3, step: None };
        Verify { shown, ..decided(number, denied, OLD, 0) }
    };
    let mut all = evidence((0..4).map(guess).collect(), vec![verified(9)]);
    (all.hard_limit, all.guessed) = (3, Some(4));
    assert!(red(&all).is_empty());
    all.guessed = Some(3);
    assert_eq!(red(&all), ["P6 guessing"]);
}

#[test]
fn the_time_of_the_log_does_not_go_back() {
    let at = |number, at| Event { at, ..event(number, Row::Other) };
    let straight = evidence(Vec::new(), vec![at(1, 5), at(2, 5), at(3, 6)]);
    assert!(red(&straight).is_empty());
    let back = evidence(Vec::new(), vec![at(1, 5), at(2, 4)]);
    assert_eq!(red(&back), ["P11 deterministic"]);
}
