//! What clients asked and were told.

use symbolon_core::{Decision, Denial, LineageId, RequestId};

/// Nanoseconds since the start of a run, or of a span.
pub type Nanos = u64;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// Number of a machine, from 0.
pub type HostId = usize;

/// Numbers of tokens from here on are those of users' recovery codes, and their steps those of the codes; and
/// of answers to what was asked after a code, from twice that on. Both need a master.
pub const FIRST_RECOVERY: usize = 1_000;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done, and what came of it.
    Told(T),
    /// Refused to decide, and why. It may have been done nevertheless.
    Refused(String),
    /// The node died, or did not answer in time.
    Unknown,
}

impl<T> Outcome<T> {
    /// What came of it, where somebody was told.
    pub const fn told(&self) -> Option<&T> {
        match self {
            Self::Told(told) => Some(told),
            _ => None,
        }
    }
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was decided.
    pub decision: Decision,
    /// Failures in a row, where the client was told of them.
    pub failures: u32,
    /// Where in the log.
    pub index: u64,
    /// The node decided without a quorum.
    pub island: bool,
    /// The lineage that the node was in.
    pub lineage: LineageId,
}

impl Decided {
    /// Whether somebody was let in.
    #[must_use]
    pub const fn is_allow(&self) -> bool {
        matches!(self.decision, Decision::Allow)
    }

    /// Why not.
    #[must_use]
    pub const fn denial(&self) -> Option<Denial> {
        match self.decision {
            Decision::Deny(denial) => Some(denial),
            _ => None,
        }
    }
}

/// A code that somebody showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Number of the token, which is that of its user.
    pub token: usize,
    /// Its time step or count; `None`: a guess.
    pub step: Option<u64>,
}

/// One call to verify.
#[derive(Clone, Debug)]
pub struct Verify {
    /// Its name.
    pub request: RequestId,
    /// Where it was asked.
    pub host: HostId,
    /// What was shown.
    pub shown: Shown,
    /// When it was asked.
    pub began: Nanos,
    /// When the answer came, or nobody waited any longer.
    pub ended: Nanos,
    /// What came of it.
    pub outcome: Outcome<Decided>,
}

/// What was done with a user's display name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Written; each text is written once.
    Write(String),
    /// Read, and what it was.
    Read(Option<String>),
}

/// One call about a user.
#[derive(Clone, Debug)]
pub struct Call {
    /// Number of the user.
    pub user: usize,
    /// Its name.
    pub request: RequestId,
    /// What was done.
    pub deed: Deed,
    /// Where it was asked.
    pub host: HostId,
    /// When it was asked.
    pub began: Nanos,
    /// When the answer came, or nobody waited any longer.
    pub ended: Nanos,
    /// Where in the log, and in which lineage.
    pub outcome: Outcome<(u64, LineageId)>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Verifications.
    pub verified: Vec<Verify>,
    /// What was done about users.
    pub calls: Vec<Call>,
}

/// A request id as people read it.
#[must_use]
pub fn short(request: RequestId) -> String {
    request.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
