//! Writes and reads of a user through the master are linearizable: there is one order of them, in which each
//! takes place between its call and its answer, and each read tells what was written last.
//!
//! Wing and Gong's search with memoisation (Lowe 2017): an operation is tried as the next one when no other
//! has ended before it began. What came of an operation without an answer is not known: it may take place at
//! any time after its call, or never.

use std::collections::{BTreeMap, HashSet};

use crate::{Deed, Evidence, Nanos, Problem};

const CHECKER: &str = "linearizable";

/// One operation on a register of texts.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) began: Nanos,
    /// `None`: nobody knows whether it took place.
    pub(super) ended: Option<Nanos>,
    /// Number of the text that was written or read.
    pub(super) value: usize,
    pub(super) is_write: bool,
}

/// Whether there is such an order. `initial`: what the register holds before.
pub(super) fn is_linearizable(mut operations: Vec<Operation>, initial: usize) -> bool {
    // What nobody knows of and nobody has read need not have taken place: each text is written once.
    let read: HashSet<_> = operations.iter().filter(|it| !it.is_write).map(|it| it.value).collect();
    operations.retain(|it| it.ended.is_some() || read.contains(&it.value));
    operations.sort_by_key(|operation| operation.began);
    let mut search =
        Search { done: vec![false; operations.len()], operations, seen: HashSet::new() };
    search.goes_on(0, initial)
}

struct Search {
    operations: Vec<Operation>,
    done: Vec<bool>,
    /// Where the search has been: all before a place are done, these after it, and what the register held.
    seen: HashSet<(usize, Vec<usize>, usize)>,
}

impl Search {
    /// All before `from` are done.
    fn goes_on(&mut self, mut from: usize, value: usize) -> bool {
        while self.done.get(from) == Some(&true) {
            from += 1;
        }
        let open = || (from..self.operations.len()).filter(|place| !self.done[*place]);
        if open().all(|place| self.operations[place].ended.is_none()) {
            return true;
        }
        let first_end = open().filter_map(|place| self.operations[place].ended).min();
        let limit = first_end.unwrap_or(Nanos::MAX);
        let candidates: Vec<_> =
            open().take_while(|place| self.operations[*place].began <= limit).collect();
        let ahead = (from..self.operations.len()).filter(|place| self.done[*place]).collect();
        if !self.seen.insert((from, ahead, value)) {
            return false;
        }
        for place in candidates {
            let Operation { value: told, is_write, .. } = self.operations[place];
            if !is_write && told != value {
                continue;
            }
            self.done[place] = true;
            if self.goes_on(from, told) {
                return true;
            }
            self.done[place] = false;
        }
        false
    }
}

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut by_user: BTreeMap<usize, Vec<Operation>> = BTreeMap::new();
    let mut texts: BTreeMap<String, usize> = BTreeMap::from([(String::new(), 0)]);
    for call in &evidence.told.calls {
        let told = call.outcome.told();
        // What another lineage has acknowledged may have been lost with it, and is listed then.
        let is_sure = told.is_some_and(|(_, lineage)| *lineage == evidence.lineage);
        let (text, is_write) = match &call.deed {
            Deed::Write(text) => (text, true),
            Deed::Read(Some(text)) if is_sure => (text, false),
            Deed::Read(_) => continue,
        };
        let number = texts.len();
        let value = *texts.entry(text.clone()).or_insert(number);
        let ended = is_sure.then_some(call.ended);
        let operation = Operation { began: call.began, ended, value, is_write };
        by_user.entry(call.user).or_default().push(operation);
    }
    let mut problems = Vec::new();
    for (user, operations) in by_user {
        let count = operations.len();
        if !is_linearizable(operations, 0) {
            let what = format!("{count} writes and reads of user-{user} have no order");
            problems.push(Problem::new(CHECKER, what));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(value: usize, began: Nanos, ended: Nanos) -> Operation {
        Operation { began, ended: Some(ended), value, is_write: true }
    }

    fn read(value: usize, began: Nanos, ended: Nanos) -> Operation {
        Operation { began, ended: Some(ended), value, is_write: false }
    }

    #[test]
    fn what_overlaps_may_take_place_in_any_order() {
        let both = vec![write(1, 0, 10), write(2, 5, 15), read(1, 16, 17)];
        assert!(is_linearizable(both.clone(), 0));
        let mut then_the_other = both;
        then_the_other.push(read(2, 18, 19));
        assert!(!is_linearizable(then_the_other, 0));
    }

    #[test]
    fn what_was_answered_is_there_afterwards() {
        assert!(!is_linearizable(vec![write(1, 0, 10), read(0, 11, 12)], 0));
        assert!(is_linearizable(vec![write(1, 0, 10), read(0, 9, 12)], 0));
        assert!(!is_linearizable(vec![write(1, 0, 10), read(1, 11, 12), read(0, 13, 14)], 0));
    }

    #[test]
    fn what_nobody_knows_may_take_place_late_or_never() {
        let unknown = Operation { ended: None, ..write(1, 5, 0) };
        for rest in [vec![read(0, 20, 21), read(1, 30, 31)], vec![read(0, 20, 21)]] {
            assert!(is_linearizable([vec![unknown.clone()], rest].concat(), 0));
        }
        let back = vec![unknown.clone(), read(1, 20, 21), read(0, 30, 31)];
        assert!(!is_linearizable(back, 0));
        assert!(!is_linearizable(vec![unknown, read(1, 1, 2)], 0), "before it was called");
    }

    #[test]
    fn a_long_history_without_an_order_comes_to_an_end() {
        let mut all: Vec<_> = (0..40).map(|n| write(n + 1, n as u64, 1_000)).collect();
        all.push(read(99, 1_001, 1_002));
        let some = all.split_off(30);
        assert!(!is_linearizable(some, 0));
    }
}
