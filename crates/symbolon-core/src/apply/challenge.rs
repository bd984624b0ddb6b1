//! Challenges: asking for a new PIN, and taking the answer.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::{CHALLENGE_TRIES_MAX, CHALLENGES_PER_USER_MAX};
use crate::{
    Challenge, ChallengeAnswer, Decision, Denial, Fingerprint, Outcome, Prompt, Refusal, Row,
    RowKey, State, User, UserId, Verdict,
};

impl State {
    /// Whether the answer in an outcome was computed from what stands.
    pub(super) fn answer_is_fresh(
        &self,
        user: Option<&User>,
        outcome: &Outcome,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        if self.challenge(outcome.challenge).is_some() {
            return Err(Refusal::IdTaken);
        }
        let Some(answer) = &outcome.answer else { return Ok(()) };
        // The PIN was compared with the telephones of the user too.
        if user.is_some_and(|user| user.revision > context.proposal.seen) {
            return Err(Refusal::Stale);
        }
        answer.pin.as_ref().map_or(Ok(()), |chosen| self.sealed_now(&chosen.sealed))
    }

    /// Asks for a new PIN. Of more open challenges than one may have, the oldest is void.
    pub(super) fn ask_for_pin(
        &mut self,
        user: UserId,
        outcome: &Outcome,
        out: &mut Output,
    ) -> Decision {
        let mut open: Vec<_> =
            self.challenges_of(user).map(|open| (open.expires_at, open.id)).collect();
        open.sort_unstable();
        let too_many = (open.len() + 1).saturating_sub(CHALLENGES_PER_USER_MAX);
        for (_, id) in open.into_iter().take(too_many) {
            self.delete(RowKey::Challenge(id), out);
        }
        self.ask(user, outcome, (None, 0), Prompt::NewPin, out)
    }

    fn ask(
        &mut self,
        user: UserId,
        outcome: &Outcome,
        (chosen, tries): (Option<Fingerprint>, u8),
        prompt: Prompt,
        out: &mut Output,
    ) -> Decision {
        let (id, application) = (outcome.challenge, outcome.application);
        let expires_at = self.clock.plus(self.challenge_life());
        let challenge = Challenge { id, user, application, chosen, tries, expires_at };
        self.put(Row::Challenge(challenge), out);
        Decision::Challenge { id, prompt }
    }

    /// The open challenge that an answer is to, if this user was asked through this application.
    pub(super) fn asked(
        &self,
        user: &User,
        outcome: &Outcome,
        answer: &ChallengeAnswer,
    ) -> Option<&Challenge> {
        self.challenge(answer.challenge).filter(|asked| {
            asked.user == user.id
                && asked.application == outcome.application
                && self.clock < asked.expires_at
        })
    }

    /// Takes the answer to a challenge. Each is taken once: what is asked next has another id, so an
    /// answer that comes twice says nothing about the next question.
    pub(super) fn answer(
        &mut self,
        user: User,
        outcome: &Outcome,
        (asked, answer): (&Challenge, &ChallengeAnswer),
        context: &Context<'_>,
        out: &mut Output,
    ) -> Verdict {
        self.delete(RowKey::Challenge(asked.id), out);
        let (prompt, chosen) = match (&answer.pin, asked.chosen) {
            (Ok(pin), Some(chosen)) if pin.fingerprint == chosen => {
                self.give_pin(user, (Some(pin.sealed.clone()), false), context, out);
                return Verdict { decision: Decision::Allow, failures: 0 };
            }
            (Ok(pin), None) => (Prompt::NewPinAgain, Some(pin.fingerprint)),
            (Ok(_), Some(_)) => (Prompt::PinsDiffer, None),
            (Err(fault), _) => (Prompt::OtherPin(*fault), None),
        };
        let tries = asked.tries + u8::from(chosen.is_none());
        let decision = if tries < CHALLENGE_TRIES_MAX {
            self.ask(user.id, outcome, (chosen, tries), prompt, out)
        } else {
            Decision::Deny(Denial::NewPinRefused)
        };
        Verdict { decision, failures: user.failures }
    }

    /// No challenge of a user is open any more.
    pub(super) fn void_challenges(&mut self, user: UserId, out: &mut Output) {
        let open: Vec<_> = self.challenges_of(user).map(|open| open.id).collect();
        for id in open {
            self.delete(RowKey::Challenge(id), out);
        }
    }
}
