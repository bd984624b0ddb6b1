//! What was decided apart from the log of this lineage, and is merged into it afterwards. It can only
//! deny: what was used up there counts as used, and what failed there counts as failed.

use alloc::vec::Vec;

use crate::digest::{Canonical, CanonicalWriter};
use crate::{
    ApplicationId, Caller, Decision, Denial, JournalId, LogIndex, Match, NodeId, RequestId,
    Timestamp, TokenId, UserId, Verified,
};

/// How far a journal is merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Journal {
    /// Which one.
    pub id: JournalId,
    /// The node that merges it.
    pub node: NodeId,
    /// The number of the last record that is merged.
    pub merged: u64,
    /// Log index of the last merge.
    pub changed_at: LogIndex,
}

/// A decision that was made apart, and what it used up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeRecord {
    /// Where it was made, and for whom.
    pub origin: Origin,
    /// Whose account.
    pub user: UserId,
    /// What it was.
    pub kind: MergeKind,
    /// The marks that it moved.
    pub marks: Vec<MergeMark>,
    /// The number of the recovery code that it used, of the set that the user has in the state at `seen`.
    pub recovery_code: Option<u8>,
}

/// Where a decision was made, and for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Who asked.
    pub caller: Caller,
    /// Their name for the request.
    pub request_id: RequestId,
    /// On whose behalf, if it was a verification.
    pub application: Option<ApplicationId>,
    /// The node that served it.
    pub node: NodeId,
    /// When, by the time of there.
    pub at: Timestamp,
}

impl Origin {
    /// Whether both are of one request: then its decision was told twice and not made twice.
    #[must_use]
    pub fn is_request_of(&self, other: &Self) -> bool {
        (self.caller, self.request_id) == (other.caller, other.request_id)
    }
}

/// What was decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MergeKind {
    /// Codes were spent, and nobody was let in by them.
    Spent,
    /// Codes were accepted.
    Accepted,
    /// It counted as a failure.
    Failed,
    /// Two codes in a row were shown to an administrator.
    Resynchronised,
}

impl MergeKind {
    /// What a verification came to.
    #[must_use]
    pub const fn of(verified: &Verified) -> Self {
        match verified.verdict.decision {
            Decision::Allow | Decision::Challenge { .. } => Self::Accepted,
            Decision::Deny(Denial::CodeMismatch | Denial::WrongPin) => Self::Failed,
            Decision::Deny(_) => Self::Spent,
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Spent, Self::Accepted, Self::Failed, Self::Resynchronised];

    /// Number in formats and the digest; the same for ever.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Spent => 1,
            Self::Accepted => 2,
            Self::Failed => 3,
            Self::Resynchronised => 4,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// A mark that was moved apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MergeMark {
    /// Which token, and to where.
    pub shown: Match,
    /// The mark that the token has in the state at `seen`. While it stands, nobody has accepted a code of
    /// the token that the look into the audit could not find.
    pub mark: u64,
    /// Who has accepted the code in this lineage, as the audit up to `seen` tells.
    pub here: Here,
}

/// Who has accepted a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Here {
    /// Nobody.
    Nobody,
    /// The audit that would tell is pruned.
    Unknown,
    /// This request.
    Accepted(Origin),
}

/// What came of merging a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// Of this journal.
    pub journal: JournalId,
    /// The number of the record.
    pub number: u64,
    /// Whose account.
    pub user: UserId,
    /// Where the decision was made, and for whom.
    pub origin: Origin,
    /// What it was.
    pub kind: MergeKind,
    /// Codes that count as used by it.
    pub spent: Vec<Match>,
    /// Codes of tokens that the user does not have any more.
    pub skipped: u32,
    /// Codes that no token could have shown at that time: their marks did not move.
    pub refused: u32,
    /// Accepted codes of which the audit does not tell any more who else was let in by them.
    pub unknown: u32,
    /// Whether it was counted as a failure.
    pub counted: bool,
    /// The recovery code that counts as used by it.
    pub recovery_code: Option<u8>,
}

impl Merged {
    /// Of a record of a journal, before anything is merged of it.
    #[must_use]
    pub const fn begun((journal, number): (JournalId, u64), record: &MergeRecord) -> Self {
        Self {
            journal,
            number,
            user: record.user,
            origin: record.origin,
            kind: record.kind,
            spent: Vec::new(),
            skipped: 0,
            refused: 0,
            unknown: 0,
            counted: false,
            recovery_code: None,
        }
    }
}

/// A code by which two requests were let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcceptedTwice {
    /// Whose.
    pub user: UserId,
    /// Of this token.
    pub token: TokenId,
    /// Its step.
    pub step: u64,
    /// The request that is merged.
    pub apart: Origin,
    /// The request that was known before.
    pub here: Origin,
}

impl Canonical for Journal {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.bytes(&self.id.0).number(self.node.0).number(self.merged).number(self.changed_at.0);
    }
}

impl Canonical for Origin {
    fn canonical(&self, w: &mut CanonicalWriter) {
        self.caller.canonical(w);
        w.bytes(&self.request_id.0).number(self.node.0).number(self.at.0);
        w.number(self.application.is_some().into());
        w.number(self.application.map_or(0, |id| id.0));
    }
}

impl Canonical for Merged {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.bytes(&self.journal.0).number(self.number).number(self.user.0);
        self.origin.canonical(w);
        w.number(self.kind.number().into()).number(self.spent.len() as u64);
        for spent in &self.spent {
            w.number(spent.token.0).number(spent.step);
        }
        for count in [self.skipped, self.refused, self.unknown] {
            w.number(count.into());
        }
        w.number(self.counted.into()).number(self.recovery_code.map_or(0, u64::from));
    }
}

impl Canonical for AcceptedTwice {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.user.0).number(self.token.0).number(self.step);
        self.apart.canonical(w);
        self.here.canonical(w);
    }
}
