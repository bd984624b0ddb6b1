//! What must hold, whatever has happened: each promise in a file of its own.

mod alone;
mod audit;
mod doubles;
mod fenced;
mod guesses;
mod kept;
mod linear;
mod once;
mod retry;
#[cfg(test)]
mod tests;

use crate::{Evidence, Problem};

/// All that is wrong.
#[must_use]
pub fn all(evidence: &Evidence) -> Vec<Problem> {
    let checkers = [
        once::check,
        retry::check,
        alone::check,
        doubles::check,
        kept::check,
        guesses::check,
        fenced::check,
        audit::check,
        linear::check,
    ];
    checkers.iter().flat_map(|check| check(evidence)).collect()
}
