//! The arithmetic of a verification, on the serving node.

use symbolon_core::otp::{self, Code, Parameters, Position};
use symbolon_core::{Match, State, Timestamp, UserId, UserName};

use crate::ports::{FieldRef, Vault, VaultError};
use crate::service::NOBODY;

/// What the arithmetic found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Evaluation {
    /// The user whom the name stands for.
    pub(crate) user: Option<UserId>,
    /// Per token the step at which the code is right.
    pub(crate) matches: Vec<Match>,
    /// Seeds opened and searched. A name without a token costs as much as one with one.
    pub(crate) seeds: u32,
}

/// Field of a token's seed.
pub(crate) const fn seed_field(token: u64) -> FieldRef {
    FieldRef { row: "token", id: token, field: "seed" }
}

/// Compares a code with every token of a user. Someone without a token, and a name that is
/// nobody's, is compared with a seed that is nobody's, so that the time does not tell.
pub(crate) fn evaluate(
    state: &State,
    vault: &dyn Vault,
    nobody: &symbolon_core::Sealed,
    name: &UserName,
    code: Code,
    at: Timestamp,
) -> Result<Evaluation, VaultError> {
    let user = state.account(name).user();
    let tokens = user.map_or(&[][..], |user| &user.tokens[..]);
    let mut evaluation =
        Evaluation { user: user.map(|user| user.id), matches: Vec::new(), seeds: 0 };
    let tokens = tokens.iter().filter_map(|id| state.token(*id));
    for token in tokens.filter(|token| !token.pending) {
        let seed = vault.open(seed_field(token.id.0), &token.seed)?;
        evaluation.seeds += 1;
        if let Some(step) = otp::matching_step(&seed, token.parameters, token.position(), code, at)
        {
            evaluation.matches.push(Match { token: token.id, step });
        }
    }
    if evaluation.seeds == 0 {
        let seed = vault.open(NOBODY, nobody)?;
        evaluation.seeds += 1;
        // The result is thrown away; the work is the point.
        let parameters = Parameters::default();
        std::hint::black_box(otp::matching_step(&seed, parameters, Position::default(), code, at));
    }
    Ok(evaluation)
}
