//! The arithmetic of a verification, on the serving node.

use symbolon_core::otp::{self, Parameters, Position};
use symbolon_core::pin::{PinRecord, Typed};
use symbolon_core::recovery::{RecoveryCode, RecoverySet};
use symbolon_core::{Match, State, Timestamp, User, UserId, UserName};

use crate::pins::pin_field;
use crate::ports::{FieldRef, Vault, VaultError};
use crate::recovery::open_codes;
use crate::service::NOBODY;

/// What the arithmetic found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Evaluation {
    /// The user whom the name stands for.
    pub(crate) user: Option<UserId>,
    /// Per token the step at which the code is right.
    pub(crate) matches: Vec<Match>,
    /// The same of tokens with which the PIN is wrong.
    pub(crate) wrong_pin: Vec<Match>,
    /// The number of the recovery code that was typed.
    pub(crate) recovery_code: Option<u8>,
    /// Seeds opened and searched. A name without a token costs as much as one with one.
    pub(crate) seeds: u32,
}

/// Field of a token's seed.
pub(crate) const fn seed_field(token: u64) -> FieldRef {
    FieldRef { row: "token", id: token, field: "seed" }
}

/// Compares what was typed with every token of a user, and with the PIN. Someone without a token, and a
/// name that is nobody's, is compared with a seed that is nobody's, and someone without a PIN with one
/// that is nobody's, so that the time does not tell.
pub(crate) fn evaluate(
    state: &State,
    vault: &dyn Vault,
    nobody: &symbolon_core::Sealed,
    name: &UserName,
    (typed, recovery): (&Typed, Option<&RecoveryCode>),
    at: Timestamp,
) -> Result<Evaluation, VaultError> {
    let user = state.account(name).user();
    let tokens = user.map_or(&[][..], |user| &user.tokens[..]);
    let mut evaluation = Evaluation {
        user: user.map(|user| user.id),
        matches: Vec::new(),
        wrong_pin: Vec::new(),
        recovery_code: None,
        seeds: 0,
    };
    // What has not the form of one costs nobody anything.
    if let Some(code) = recovery {
        let set = user.map(|user| open_codes(user, vault)).transpose()?.flatten();
        let set = match set {
            Some(set) => set,
            None => {
                vault.open(NOBODY, nobody)?;
                RecoverySet::nobody()
            }
        };
        evaluation.recovery_code = set.number(code);
    }
    let pin = user.map(|user| open_pin(user, vault)).transpose()?.flatten();
    let has_pin = pin.is_some();
    let pin = match pin {
        Some(pin) => pin,
        None => {
            vault.open(NOBODY, nobody)?;
            PinRecord::nobody()
        }
    };
    let (order, tolerance) = (state.pin_order(), state.tolerance());
    let tokens = tokens.iter().filter_map(|id| state.token(*id));
    for token in tokens.filter(|token| !token.pending) {
        let seed = vault.open(seed_field(token.id.0), &token.seed)?;
        evaluation.seeds += 1;
        let (code, rest) = typed.split(token.parameters.digits(), order);
        let code = if has_pin { code } else { typed.code() };
        let fits = pin.fits(rest) || !has_pin;
        let position = token.position(tolerance);
        if let Some(step) = otp::matching_step(&seed, token.parameters, position, code, at) {
            let found = if fits { &mut evaluation.matches } else { &mut evaluation.wrong_pin };
            found.push(Match { token: token.id, step });
        }
    }
    if evaluation.seeds == 0 {
        let seed = vault.open(NOBODY, nobody)?;
        evaluation.seeds += 1;
        // The result is thrown away; the work is the point.
        let parameters = Parameters::default();
        let (code, rest) = typed.split(parameters.digits(), order);
        std::hint::black_box(pin.fits(rest));
        let position = Position { tolerance, ..Position::default() };
        std::hint::black_box(otp::matching_step(&seed, parameters, position, code, at));
    }
    Ok(evaluation)
}

/// The PIN of a user, and those before it.
pub(crate) fn open_pin(user: &User, vault: &dyn Vault) -> Result<Option<PinRecord>, VaultError> {
    let Some(pin) = &user.pin else { return Ok(None) };
    let secret = vault.open(pin_field(user.id.0), &pin.sealed)?;
    PinRecord::from_secret(secret).map(Some).map_err(|_| VaultError)
}
