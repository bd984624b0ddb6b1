//! P6: no account absorbs more failures in a row than the hard limit, over all nodes, islands and epochs.

use std::collections::BTreeSet;

use symbolon_core::Denial;

use crate::{Evidence, Problem, Row};

const CHECKER: &str = "P6 guessing";

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    for event in evidence.longest() {
        if let Row::Verified(verified) = &event.row
            && verified.failures > evidence.hard_limit
        {
            let what = format!("{} absorbed {} failures", verified.user, verified.failures);
            problems.push(Problem::new(CHECKER, what));
        }
    }
    problems.extend(evidence.guessed.and_then(|token| all_guesses(evidence, token)));
    problems
}

/// Whose code nobody ever shows: what was evaluated of guesses at it is in a row.
fn all_guesses(evidence: &Evidence, token: usize) -> Option<Problem> {
    // What a machine had counted alone is gone when its disk is.
    if !evidence.put_back.is_empty() || !evidence.emptied.is_empty() {
        return None;
    }
    let guesses = evidence.told.verified.iter().filter(|it| it.shown.token == token);
    let evaluated: BTreeSet<_> = guesses
        .filter(|it| it.outcome.told().and_then(|told| told.denial()) == Some(Denial::CodeMismatch))
        .map(|it| it.request)
        .collect();
    let count = evaluated.len() as u64;
    (count > evidence.hard_limit.into()).then(|| {
        let limit = evidence.hard_limit;
        let what = format!("{count} guesses at user-{token} were evaluated, and {limit} may be");
        Problem::new(CHECKER, what)
    })
}
