//! Challenges: what is asked of a user before a sign-in is allowed.
//!
//! A challenge is a row, so any node can take the answer, and the node that asked may be gone.

use core::ops::Bound::Included;

use crate::digest::{Canonical, CanonicalWriter};
use crate::pin::PinFault;
use crate::{ApplicationId, ChallengeId, Fingerprint, State, Timestamp, User, UserId};

/// Prompts from here on are of PINs with too few digits: the fewest digits are added.
const SHORT: u32 = 100;

/// Something that is asked of a user in whose name both factors were right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// What an answer must name.
    pub id: ChallengeId,
    /// Who must answer.
    pub user: UserId,
    /// By whom the answer must come.
    pub application: ApplicationId,
    /// The new PIN that must be typed again, as a keyed hash; `None`: a new PIN is asked for.
    pub chosen: Option<Fingerprint>,
    /// Answers that could not be taken, below [`crate::limits::CHALLENGE_TRIES_MAX`].
    pub tries: u8,
    /// No answer is taken from this state time on.
    pub expires_at: Timestamp,
}

/// What is asked, and why again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prompt {
    /// A new PIN.
    NewPin,
    /// The new PIN once more.
    NewPinAgain,
    /// A new PIN: the one before was not the same when it was typed again.
    PinsDiffer,
    /// Another new PIN: the user cannot have that one.
    OtherPin(PinFault),
}

impl Prompt {
    /// Number in audit, formats and the digest; the same for ever.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::NewPin => 1,
            Self::NewPinAgain => 2,
            Self::PinsDiffer => 3,
            Self::OtherPin(PinFault::Characters) => 10,
            Self::OtherPin(PinFault::Sequence) => 11,
            Self::OtherPin(PinFault::Repeated) => 12,
            Self::OtherPin(PinFault::Telephone) => 13,
            Self::OtherPin(PinFault::Used) => 14,
            Self::OtherPin(PinFault::Short(digits)) => SHORT + digits as u32,
        }
    }

    /// The prompt of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::NewPin,
            2 => Self::NewPinAgain,
            3 => Self::PinsDiffer,
            10 => Self::OtherPin(PinFault::Characters),
            11 => Self::OtherPin(PinFault::Sequence),
            12 => Self::OtherPin(PinFault::Repeated),
            13 => Self::OtherPin(PinFault::Telephone),
            14 => Self::OtherPin(PinFault::Used),
            _ => {
                let digits = number.checked_sub(SHORT)?;
                Self::OtherPin(PinFault::Short(u8::try_from(digits).ok()?))
            }
        })
    }

    /// Name for the API, the audit and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewPin => "NEW_PIN",
            Self::NewPinAgain => "NEW_PIN_AGAIN",
            Self::PinsDiffer => "PINS_DIFFER",
            Self::OtherPin(_) => "OTHER_PIN",
        }
    }
}

impl State {
    /// An open challenge.
    #[must_use]
    pub fn challenge(&self, id: ChallengeId) -> Option<&Challenge> {
        self.challenges.get(id)
    }

    /// The open challenges of a user, by id.
    pub fn challenges_of(&self, user: UserId) -> impl Iterator<Item = &Challenge> {
        let first = (user, ChallengeId([0; 16]));
        let theirs = self.challenged.range(Included(&first));
        let theirs = theirs.take_while(move |((whose, _), ())| *whose == user);
        theirs.filter_map(|((_, id), ())| self.challenges.get(*id))
    }

    /// From when on the user must choose another PIN; `None`: there is no PIN, or it stands for ever.
    #[must_use]
    pub fn pin_due_at(&self, user: &User) -> Option<Timestamp> {
        let pin = user.pin.as_ref()?;
        if pin.must_change {
            return Some(pin.set_at);
        }
        self.pin_life().map(|milliseconds| pin.set_at.plus(milliseconds))
    }
}

impl Canonical for Challenge {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.bytes(&self.id.0).number(self.user.0).number(self.application.0);
        match &self.chosen {
            None => w.number(0),
            Some(chosen) => w.number(1).bytes(&chosen.0),
        };
        w.number(self.tries.into()).number(self.expires_at.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_known_by_its_number() {
        let faults = [
            PinFault::Characters,
            PinFault::Short(4),
            PinFault::Short(16),
            PinFault::Sequence,
            PinFault::Repeated,
            PinFault::Telephone,
            PinFault::Used,
        ];
        let prompts = [Prompt::NewPin, Prompt::NewPinAgain, Prompt::PinsDiffer];
        for prompt in prompts.into_iter().chain(faults.map(Prompt::OtherPin)) {
            assert_eq!(Prompt::from_number(prompt.number()), Some(prompt));
        }
        for none in [0, 4, 9, 15, 99, 356, u32::MAX] {
            assert_eq!(Prompt::from_number(none), None, "{none}");
        }
    }
}
