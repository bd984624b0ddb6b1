//! The answer to a challenge, on the serving node.

use symbolon_core::pin::Pin;
use symbolon_core::{ChallengeAnswer, ChallengeId, ChosenPin, State, UserId, UserName};
use zeroize::Zeroizing;

use crate::Service;
use crate::fingerprint::fingerprint;
use crate::ports::VaultError;

/// What was typed when something was asked.
pub(crate) struct TypedAnswer {
    /// Which challenge it answers.
    pub(crate) challenge: ChallengeId,
    typed: Zeroizing<String>,
}

impl TypedAnswer {
    /// Takes what was typed. Spaces, which people type, do not count.
    pub(crate) fn new(challenge: ChallengeId, typed: &str) -> Self {
        // In one piece: a string that grows leaves copies behind.
        let mut digits = Zeroizing::new(String::with_capacity(typed.len()));
        digits.extend(typed.chars().filter(|c| *c != ' '));
        Self { challenge, typed: digits }
    }
}

impl Service {
    /// Judges a new PIN by the rules and by the PINs that the user had. Whether the challenge is there is
    /// for the log to say: this node may not have it yet.
    pub(crate) fn judge_answer(
        &self,
        state: &State,
        name: &UserName,
        answer: &TypedAnswer,
    ) -> Result<(Option<UserId>, ChallengeAnswer), VaultError> {
        let user = state.account(name).user();
        let id = user.map(|user| user.id);
        let pin = match Pin::new(&answer.typed) {
            Err(fault) => Err(fault),
            Ok(pin) => self.judge_pin(state, user, &pin)?.map(|sealed| {
                let user = id.unwrap_or_default().0.to_be_bytes();
                let fields = [&user[..], pin.expose().as_bytes()];
                let fingerprint = fingerprint(&*self.vault, "new-pin", &fields);
                ChosenPin { fingerprint, sealed }
            }),
        };
        Ok((id, ChallengeAnswer { challenge: answer.challenge, pin }))
    }
}
