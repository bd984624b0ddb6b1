//! What a serving node found out about what was typed.

use alloc::string::String;
use alloc::vec::Vec;

use super::Method;
use crate::pin::PinFault;
use crate::{ApplicationId, ChallengeId, Denial, Fingerprint, Sealed, TokenId, UserId, UserName};

/// What a serving node found out about a code. `apply` has the last word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The name that was asked about, normalised.
    pub user_name: UserName,
    /// The user of that name in the state at `seen`; `None`: there was none.
    pub user: Option<UserId>,
    /// On whose behalf.
    pub application: ApplicationId,
    /// How the user wants to prove it.
    pub method: Method,
    /// Where the user comes from, as the application says; may be empty.
    pub client_ip: String,
    /// Per token the highest step at which the code is right. Empty: the code is wrong.
    pub matches: Vec<Match>,
    /// The same of tokens with which the code was right and the PIN was not.
    pub wrong_pin: Vec<Match>,
    /// The number of the recovery code that was typed, 1 to 10.
    pub recovery_code: Option<u8>,
    /// Drawn by the service: the challenge that comes of it, if one does.
    pub challenge: ChallengeId,
    /// What was typed is the answer to a challenge, and no code.
    pub answer: Option<ChallengeAnswer>,
    /// What became of the first factor, where it is this cluster that asks for it.
    pub first_factor: FirstFactor,
}

/// What became of the first factor: a password that another server judges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum FirstFactor {
    /// It held, or is not asked for here.
    #[default]
    Good,
    /// A target has refused it. Nothing else is looked at, and no failure counts: whoever knows no password
    /// shall not lock anybody out.
    Denied,
    /// No target answered.
    Unreachable,
}

impl FirstFactor {
    /// Why it is denied, if it is.
    #[must_use]
    pub const fn denial(self) -> Option<Denial> {
        match self {
            Self::Good => None,
            Self::Denied => Some(Denial::FirstFactorDenied),
            Self::Unreachable => Some(Denial::FirstFactorUnreachable),
        }
    }

    /// Number in formats; the same for ever.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Good => 0,
            Self::Denied => 1,
            Self::Unreachable => 2,
        }
    }

    /// The inverse of [`number`](Self::number).
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Good),
            1 => Some(Self::Denied),
            2 => Some(Self::Unreachable),
            _ => None,
        }
    }
}

/// What a serving node found out about the answer to a challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChallengeAnswer {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// The PIN that was typed, or the rule by which the user cannot have it.
    pub pin: Result<ChosenPin, PinFault>,
}

/// A PIN that a user has chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChosenPin {
    /// Keyed hash of the PIN and its user: equal for equal PINs.
    pub fingerprint: Fingerprint,
    /// The PIN with those before it, sealed for the user.
    pub sealed: Sealed,
}

/// A token whose code at a time step equals the one presented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match {
    /// Which token.
    pub token: TokenId,
    /// Its time step, or its counter plus 1.
    pub step: u64,
}
