//! The audit as the checkers see it: what they go by of an event, and a text of the whole to compare it by.
//! Tokens and users have the names that the reader of the audit gave them.

use symbolon_core::RequestId;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Index of the log entry.
    pub index: u64,
    /// Place among the events of the entry.
    pub ordinal: u32,
    /// State time, in milliseconds since 1970.
    pub at: u64,
    /// The request that it came of.
    pub request: RequestId,
    /// What of it is checked.
    pub row: Row,
    /// All of it, to compare nodes by.
    pub whole: String,
}

/// What happened, as far as it is checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    /// A verification was decided.
    Verified(Verified),
    /// What an island decided counts.
    Merged {
        /// The request that it decided.
        request: RequestId,
        /// Somebody was let in.
        accepted: bool,
    },
    /// A code was accepted twice.
    Twice {
        /// Which code.
        spent: Spent,
        /// The two requests.
        pair: [RequestId; 2],
    },
    /// Something else.
    Other,
}

/// A verification that was decided through the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Who was asked about.
    pub user: String,
    /// The second factor was good.
    pub allowed: bool,
    /// Failures in a row afterwards.
    pub failures: u32,
    /// The codes that were shown.
    pub spent: Vec<Spent>,
}

/// A code: of which token, and its time step or count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Spent {
    /// The token, by some name.
    pub token: String,
    /// Its step.
    pub step: u64,
}
