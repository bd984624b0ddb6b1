//! What `apply` answers.

use crate::{
    AdministratorId, ApplicationId, ChallengeId, DataKeyId, JoinTokenId, LogIndex, NodeId, Prompt,
    TokenId, UserId,
};

/// A reply and where the log gave it. A retransmission gets the index of the first answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Log index at which it was decided.
    pub index: LogIndex,
    /// The decision.
    pub reply: Reply,
}

/// The closed list of replies. Those that an audit event tells of are remembered for
/// retransmissions; refusals never are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// A verification was decided.
    Verified(Verdict),
    /// The cluster exists now.
    ClusterCreated,
    /// The user exists now.
    UserCreated(UserId),
    /// The user is another than before, or gone.
    UserChanged(UserId),
    /// The token can be used now.
    TokenEnrolled(TokenId),
    /// The token is another than before, or gone.
    TokenChanged(TokenId),
    /// The application can ask now.
    ApplicationCreated(ApplicationId),
    /// The application is another than before, or gone.
    ApplicationChanged(ApplicationId),
    /// The administrator can ask now.
    AdministratorCreated(AdministratorId),
    /// The administrator is another than before, or gone.
    AdministratorChanged(AdministratorId),
    /// The join token can be used now.
    JoinTokenCreated(JoinTokenId),
    /// The node is registered.
    NodeAdmitted(NodeId),
    /// The settings are as was asked.
    SettingsChanged,
    /// The data key is being changed to this one.
    DataKeyRotationStarted(DataKeyId),
    /// Done; there is nothing to say about it.
    Done,
    /// Nothing was changed, counted or remembered.
    Refused(Refusal),
}

/// How a verification was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What was decided.
    pub decision: Decision,
    /// The user's consecutive failures afterwards.
    pub failures: u32,
}

/// The closed list of decisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The second factor is good.
    Allow,
    /// It is not, and why.
    Deny(Denial),
    /// It is as good as proved, and something is asked of the user first.
    Challenge {
        /// What an answer must name.
        id: ChallengeId,
        /// What is asked.
        prompt: Prompt,
    },
}

impl Decision {
    /// Name for logs: of *deny* why, of *challenge* what is asked.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny(denial) => denial.name(),
            Self::Challenge { prompt, .. } => prompt.name(),
        }
    }
}

impl Verdict {
    /// Whether it is *allow*.
    #[must_use]
    pub const fn is_allow(self) -> bool {
        matches!(self.decision, Decision::Allow)
    }

    /// Why not, if it is *deny*.
    #[must_use]
    pub const fn denial(self) -> Option<Denial> {
        match self.decision {
            Decision::Deny(denial) => Some(denial),
            Decision::Allow | Decision::Challenge { .. } => None,
        }
    }
}

/// Why a verification was denied. Strangers learn less (see `docs/security.md`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Denial {
    /// The code is right at no step that is looked at.
    CodeMismatch,
    /// The code is right and its step is not above the token's mark.
    CodeAlreadyUsed,
    /// There is no such user.
    UnknownUser,
    /// The user has no token.
    NoToken,
    /// The account has absorbed as many failures as it can, see [`crate::Lockout`].
    Locked,
    /// An administrator has switched the account off.
    Disabled,
    /// An administrator has blocked the account for a while.
    Blocked,
    /// After failures in a row, no code is taken until a wait is over.
    Waiting,
    /// The application has brought as many failures as one may.
    ShareSpent,
    /// The code is right and the PIN is not. The code is spent.
    WrongPin,
    /// The PIN must be changed, and users may not do so.
    PinExpired,
    /// There is no such challenge: it is answered, its time is over, or it is somebody else's.
    ChallengeExpired,
    /// None of the new PINs could be taken, and there were enough of them.
    NewPinRefused,
    /// The name fits several users.
    AmbiguousName,
    /// The code is right, and its token counts: after a seize it must show two codes in a row.
    SecondCodeNeeded,
    /// The recovery code is right, and an administrator has not released those made before a seize.
    RecoveryCodesHeld,
    /// A node without a quorum has counted as many failures of the account as it may by itself.
    AllowanceSpent,
    /// Another server has refused the first factor.
    FirstFactorDenied,
    /// No server answered that judges the first factor.
    FirstFactorUnreachable,
}

impl Denial {
    /// Number in audit, formats and the digest; the same for ever.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::CodeMismatch => 1,
            Self::CodeAlreadyUsed => 2,
            Self::UnknownUser => 3,
            Self::NoToken => 4,
            Self::Locked => 5,
            Self::Disabled => 6,
            Self::Blocked => 7,
            Self::Waiting => 8,
            Self::ShareSpent => 9,
            Self::WrongPin => 10,
            Self::PinExpired => 11,
            Self::ChallengeExpired => 12,
            Self::NewPinRefused => 13,
            Self::AmbiguousName => 20,
            Self::SecondCodeNeeded => 21,
            Self::RecoveryCodesHeld => 22,
            Self::AllowanceSpent => 23,
            Self::FirstFactorDenied => 24,
            Self::FirstFactorUnreachable => 25,
        }
    }

    /// Name for audit, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CodeMismatch => "CODE_MISMATCH",
            Self::CodeAlreadyUsed => "CODE_ALREADY_USED",
            Self::UnknownUser => "UNKNOWN_USER",
            Self::NoToken => "NO_TOKEN",
            Self::Locked => "LOCKED",
            Self::Disabled => "DISABLED",
            Self::Blocked => "BLOCKED",
            Self::Waiting => "WAITING",
            Self::ShareSpent => "SHARE_SPENT",
            Self::WrongPin => "WRONG_PIN",
            Self::PinExpired => "PIN_EXPIRED",
            Self::ChallengeExpired => "CHALLENGE_EXPIRED",
            Self::NewPinRefused => "NEW_PIN_REFUSED",
            Self::AmbiguousName => "AMBIGUOUS_NAME",
            Self::SecondCodeNeeded => "SECOND_CODE_NEEDED",
            Self::RecoveryCodesHeld => "RECOVERY_CODES_HELD",
            Self::AllowanceSpent => "ALLOWANCE_SPENT",
            Self::FirstFactorDenied => "FIRST_FACTOR_DENIED",
            Self::FirstFactorUnreachable => "FIRST_FACTOR_UNREACHABLE",
        }
    }
}

/// Why nothing was decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// What the proposal was computed from has changed since: catch up and evaluate again.
    Stale,
    /// The proposal's own time is too far from its stamp: evaluate again.
    Late,
    /// The same caller used this request id for something else within the last 30 s.
    FingerprintMismatch,
    /// An id that the service drew is in use: draw another.
    IdTaken,
    /// The name is in use.
    NameTaken,
    /// There is no such user.
    NoSuchUser,
    /// The row has changed since the revision that was named.
    RevisionChanged,
    /// There is no such application.
    NoSuchApplication,
    /// No device asks as the application by RADIUS.
    NoSuchRadiusClient,
    /// The devices of another application have the same range of addresses, or the same name of a certificate.
    RangeTaken,
    /// There is no such administrator.
    NoSuchAdministrator,
    /// Nobody would be left who may do everything.
    LastAdministrator,
    /// There is no such token.
    NoSuchToken,
    /// Another token has the serial number.
    SerialTaken,
    /// The step of the code that was shown is used, or too far from where the token stands.
    StepRefused,
    /// A limit of [`crate::limits`] is reached.
    LimitReached,
    /// No such join token, or its secret is wrong.
    JoinTokenUnknown,
    /// The join token has admitted another node.
    JoinTokenUsed,
    /// The join token's time is over.
    JoinTokenExpired,
    /// The caller may not do this.
    NotPermitted,
    /// The cluster exists already, or does not exist yet; the change of the data key is not so far, or
    /// further; the epoch is not a later one, or not one apart; no recovery codes are held, or no code was
    /// accepted twice; or no node would be left.
    WrongPhase,
    /// The data key is being changed.
    RotationUnderWay,
    /// A setting is out of its range, or contradicts another.
    SettingRefused,
    /// With it, more could be guessed than the hard limit allows: see [`crate::Settings::check`].
    GuessingUnbounded,
    /// There is no such node, or none with that key.
    NodeUnknown,
    /// An epoch is apart from this one, and nobody has said yet which of them goes on.
    EpochApart,
}
