//! The rows of the state.
//!
//! `changed_at` of a row is the log index of its last change to a field that decides. Marks,
//! failures and reveals do not move it: an outcome is stale only when what it was computed from has
//! changed since.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::digest::{Canonical, CanonicalWriter};
use crate::otp::{Algorithm, Parameters, Position, Tolerance};
use crate::recovery::RECOVERY_CODES;
use crate::{
    Administrator, AdministratorId, Application, ApplicationId, Challenge, ChallengeId, ClusterId,
    DataKeys, DisplayName, JoinTokenId, Journal, JournalId, KeyHash, KeyPin, LineageId, LogIndex,
    Name, NodeId, Profile, RadiusClient, Reason, Reveal, Sealed, Serial, Settings, Timestamp,
    TokenId, UserId, UserName,
};

/// What the cluster is. One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Drawn by `init`.
    pub id: ClusterId,
    /// What administrators call it.
    pub name: Name,
    /// Raised by each seize; 1 at first.
    pub epoch: u64,
    /// Drawn when the epoch started.
    pub lineage: LineageId,
    /// Certificate of the cluster CA, DER.
    pub ca_certificate: Vec<u8>,
    /// Private key of the cluster CA, PKCS #8, sealed.
    pub ca_key: Sealed,
    /// When `init` ran.
    pub created_at: Timestamp,
    /// What the last seize left; `None`: there was none.
    pub floor: Option<Floor>,
    /// The highest id that any node ever had, so that none is given twice. 0: not noted yet, and the
    /// highest of the rows counts.
    pub last_node: u64,
    /// Epochs of the same cluster that this one did not come of, and that did not come of it, in the order
    /// in which they were met. At most [`crate::limits::OTHER_EPOCHS_MAX`].
    pub others: Vec<OtherEpoch>,
    /// Codes that were found to have been accepted twice, and of which no administrator has said since
    /// that they know.
    pub doubles: u64,
    /// When nodes were removed that may not have heard of it, the oldest first: for as long as a node may decide
    /// by itself, what it may let fail is kept back. At most [`crate::limits::REMOVED_NODES_MAX`].
    pub removed: Vec<Timestamp>,
}

/// An epoch apart: two nodes were seized, or a copy of the cluster was.
///
/// Each side may say that it goes on instead of the other, and say so again: the last word counts, which
/// is the higher one. While neither has it, both refuse whatever can wait for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OtherEpoch {
    /// Its number.
    pub epoch: u64,
    /// Its lineage.
    pub lineage: LineageId,
    /// The word by which this side discards it; 0: it does not.
    pub ours: u32,
    /// The word by which that side discards this one, as far as it was heard; 0: it does not.
    pub theirs: u32,
}

impl OtherEpoch {
    /// Whether this side has the last word: that one is to come back to it.
    #[must_use]
    pub const fn is_discarded(&self) -> bool {
        self.ours > self.theirs
    }
}

/// What a seize left: what may have been used on the side that is lost is not taken again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Floor {
    /// No code of this time or before is taken.
    pub at: Timestamp,
    /// Recovery codes that were made before it are not taken until an administrator releases them.
    pub recovery_codes_held: bool,
}

/// A person who signs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Which one.
    pub id: UserId,
    /// Unique.
    pub name: UserName,
    /// For people to read; may be empty.
    pub display_name: DisplayName,
    /// Consecutive failures since the last success, 0 to [`crate::limits::FAILURES_MAX`].
    pub failures: u32,
    /// When the last of them was counted; 0: none was, or before this was noted.
    pub failed_at: Timestamp,
    /// How many of them each application has brought, in the order of their ids.
    pub failed_by: Vec<(ApplicationId, u32)>,
    /// Tokens in the order of enrolment.
    pub tokens: Vec<TokenId>,
    /// An administrator has switched the account off.
    pub disabled: bool,
    /// No code is taken for a while.
    pub block: Option<Block>,
    /// What is typed with each code, if anything is.
    pub pin: Option<Arc<UserPin>>,
    /// The next verification succeeds, whatever the code.
    pub bypass: Option<Arc<Bypass>>,
    /// Codes for when the token is lost.
    pub recovery_codes: Option<Arc<RecoveryCodes>>,
    /// What else is known; absent instead of empty.
    pub profile: Option<Arc<Profile>>,
    /// When the user was created.
    pub created_at: Timestamp,
    /// See the module. Moves with the set of tokens too.
    pub changed_at: LogIndex,
    /// Log index of the last change by an administrator; what an update may be bound to.
    pub revision: LogIndex,
}

/// See [`User::pin`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserPin {
    /// The PIN and those before it, sealed: see [`crate::pin::PinRecord`].
    pub sealed: Sealed,
    /// When it was set.
    pub set_at: Timestamp,
    /// The user must choose another at the next sign-in.
    pub must_change: bool,
}

/// See [`User::bypass`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bypass {
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
    /// It ends by itself at this state time.
    pub until: Timestamp,
}

/// See [`User::recovery_codes`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryCodes {
    /// The set, sealed: see [`crate::recovery::RecoverySet`].
    pub sealed: Sealed,
    /// A bit for each that is used: the lowest for number 1.
    pub used: u16,
    /// When the set was made.
    pub created_at: Timestamp,
}

impl RecoveryCodes {
    /// Whether the code of a number is used; `None`: there is none of that number.
    #[must_use]
    pub fn is_used(&self, number: u8) -> Option<bool> {
        Self::bit(number).map(|bit| self.used & bit != 0)
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> u32 {
        let all = u32::try_from(RECOVERY_CODES).unwrap_or(u32::MAX);
        all.saturating_sub(self.used.count_ones())
    }

    /// Numbers of those that are used, from 1, the lowest first.
    pub fn numbers_used(&self) -> impl Iterator<Item = u8> {
        let known = (1..).map_while(|number| self.is_used(number).map(|is| (number, is)));
        known.filter(|(_, is_used)| *is_used).map(|(number, _)| number)
    }

    /// These codes with one more of them used.
    #[must_use]
    pub fn spending(&self, number: u8) -> Self {
        Self { used: self.used | Self::bit(number).unwrap_or(0), ..self.clone() }
    }

    fn bit(number: u8) -> Option<u16> {
        let is_one = (1..=RECOVERY_CODES).contains(&usize::from(number));
        is_one.then(|| 1_u16.checked_shl(u32::from(number) - 1)).flatten()
    }
}

/// See [`User::block`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
    /// It lifts by itself at this state time.
    pub until: Timestamp,
}

impl User {
    /// What else is known.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        self.profile.as_deref().unwrap_or_else(|| Profile::empty())
    }
}

/// A TOTP or HOTP token of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Which one.
    pub id: TokenId,
    /// Whose.
    pub user: UserId,
    /// How it makes its codes.
    pub parameters: Parameters,
    /// The seed, sealed.
    pub seed: Sealed,
    /// Unique among all tokens.
    pub serial: Option<Serial>,
    /// Not yet proved: no code of it is taken but the one that proves it.
    pub pending: bool,
    /// Highest step accepted so far; 0 before the first. Never falls.
    pub mark: u64,
    /// Steps by which its clock was ahead when it was resynchronised, or with `totp.drift_memory` when its
    /// last code was accepted; 0 for HOTP. At most [`crate::limits::RESYNC_TOTP_STEPS`] either way.
    pub drift: i32,
    /// Of HOTP: the epoch in which two codes in a row were last shown; 0 stands for 1.
    pub epoch: u32,
    /// Of HOTP: the code at the mark may be the first of the two that the epoch asks for.
    pub awaits_second: bool,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// See the module. Moves with the mark of a HOTP token, around which its codes are looked for, and
    /// with the drift.
    pub changed_at: LogIndex,
}

impl Token {
    /// Where it stands, by what the settings say.
    #[must_use]
    pub const fn position(&self, tolerance: Tolerance) -> Position {
        Position { mark: self.mark, drift: self.drift, tolerance }
    }
}

/// A registered node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Which one; its Raft id.
    pub id: NodeId,
    /// Unique.
    pub name: Name,
    /// The key by which peers know it.
    pub pin: KeyPin,
    /// Where peers reach it, `host:port`.
    pub peer_address: String,
    /// Where clients reach it, a URL.
    pub api_address: String,
    /// A seize went on without it: it is no member until it is readmitted under another id.
    pub superseded: bool,
    /// See the module.
    pub changed_at: LogIndex,
}

/// Lets one node join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinToken {
    /// Which one.
    pub id: JoinTokenId,
    /// Hash of its secret.
    pub secret: KeyHash,
    /// The secret while it may be shown again.
    pub reveal: Option<Reveal>,
    /// Refused from this state time on.
    pub expires_at: Timestamp,
    /// Node that it admitted.
    pub used_by: Option<NodeId>,
    /// See the module.
    pub changed_at: LogIndex,
}

/// Any row.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant is the type it holds")]
pub enum Row {
    Cluster(Cluster),
    Administrator(Administrator),
    Application(Application),
    User(User),
    Token(Token),
    Node(Node),
    JoinToken(JoinToken),
    DataKeys(DataKeys),
    Settings(Settings),
    Challenge(Challenge),
    Journal(Journal),
    RadiusClient(RadiusClient),
}

/// Names any row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the row it names")]
pub enum RowKey {
    Cluster,
    Administrator(AdministratorId),
    Application(ApplicationId),
    User(UserId),
    Token(TokenId),
    Node(NodeId),
    JoinToken(JoinTokenId),
    DataKeys,
    Settings,
    Challenge(ChallengeId),
    Journal(JournalId),
    RadiusClient(ApplicationId),
}

/// What `apply` did to a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// New or changed.
    Put(Row),
    /// Gone.
    Delete(RowKey),
}

impl Row {
    /// The row's name.
    #[must_use]
    pub const fn key(&self) -> RowKey {
        match self {
            Self::Cluster(_) => RowKey::Cluster,
            Self::Administrator(row) => RowKey::Administrator(row.id),
            Self::Application(row) => RowKey::Application(row.id),
            Self::User(row) => RowKey::User(row.id),
            Self::Token(row) => RowKey::Token(row.id),
            Self::Node(row) => RowKey::Node(row.id),
            Self::JoinToken(row) => RowKey::JoinToken(row.id),
            Self::DataKeys(_) => RowKey::DataKeys,
            Self::Settings(_) => RowKey::Settings,
            Self::Challenge(row) => RowKey::Challenge(row.id),
            Self::Journal(row) => RowKey::Journal(row.id),
            Self::RadiusClient(row) => RowKey::RadiusClient(row.id),
        }
    }
}

impl Canonical for Cluster {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.bytes(&self.id.0).bytes(self.name.as_str().as_bytes()).number(self.epoch);
        w.bytes(&self.lineage.0).bytes(&self.ca_certificate).bytes(self.ca_key.as_bytes());
        w.number(self.created_at.0);
        // What came later counts where it says something: other clusters keep the hash that they had.
        let is_apart = !self.others.is_empty() || self.doubles != 0 || !self.removed.is_empty();
        if self.floor.is_some() || self.last_node != 0 || is_apart {
            let floor = self.floor.as_ref();
            w.number(floor.map_or(0, |floor| 1 + u64::from(floor.recovery_codes_held)));
            w.number(floor.map_or(0, |floor| floor.at.0)).number(self.last_node);
        }
        if is_apart {
            w.number(self.doubles).number(self.others.len() as u64);
        }
        for other in &self.others {
            w.number(other.epoch).bytes(&other.lineage.0);
            w.number(other.ours.into()).number(other.theirs.into());
        }
        for at in &self.removed {
            w.number(at.0);
        }
    }
}

impl Canonical for User {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.id.0).bytes(self.name.as_str().as_bytes());
        w.bytes(self.display_name.as_str().as_bytes()).number(self.failures.into());
        w.number(self.tokens.len() as u64);
        for token in &self.tokens {
            w.number(token.0);
        }
        // What came later counts where it says something: other users keep the hash that they had.
        if self.disabled || self.block.is_some() || self.revision.0 != 0 {
            w.number(self.disabled.into()).number(self.revision.0);
            let block = self.block.as_ref();
            w.number(block.map_or(0, |block| block.since.0));
            w.number(block.map_or(0, |block| block.until.0));
            w.bytes(block.map_or("", |block| block.reason.as_str()).as_bytes());
        }
        if let Some(profile) = &self.profile {
            profile.canonical(w);
        }
        if self.failed_at.0 != 0 {
            w.number(self.failed_at.0).number(self.failed_by.len() as u64);
            for (application, failures) in &self.failed_by {
                w.number(application.0).number((*failures).into());
            }
        }
        if let Some(pin) = &self.pin {
            w.bytes(pin.sealed.as_bytes()).number(pin.set_at.0);
            if pin.must_change {
                w.number(1);
            }
        }
        if self.bypass.is_some() || self.recovery_codes.is_some() {
            let bypass = self.bypass.as_ref();
            w.number(bypass.map_or(0, |bypass| bypass.since.0));
            w.number(bypass.map_or(0, |bypass| bypass.until.0));
            w.bytes(bypass.map_or("", |bypass| bypass.reason.as_str()).as_bytes());
            if let Some(codes) = &self.recovery_codes {
                w.bytes(codes.sealed.as_bytes()).number(codes.used.into());
                w.number(codes.created_at.0);
            }
        }
        w.number(self.created_at.0).number(self.changed_at.0);
    }
}

impl Canonical for Token {
    fn canonical(&self, w: &mut CanonicalWriter) {
        let algorithm = match self.parameters.algorithm() {
            Algorithm::Sha1 => 1,
            Algorithm::Sha256 => 2,
            Algorithm::Sha512 => 3,
        };
        w.number(self.id.0).number(self.user.0).number(algorithm);
        w.number(self.parameters.digits().into());
        w.number(self.parameters.period_seconds().unwrap_or(0).into());
        w.bytes(self.seed.as_bytes()).number(self.mark);
        // What came later counts where it says something: other tokens keep the hash that they had.
        if self.serial.is_some() || self.pending || self.drift != 0 {
            let serial = self.serial.as_ref().map_or("", Serial::as_str);
            w.bytes(serial.as_bytes()).number(self.pending.into());
            w.number(i64::from(self.drift).cast_unsigned());
        }
        w.number(self.created_at.0).number(self.changed_at.0);
        if self.epoch != 0 || self.awaits_second {
            w.number(self.epoch.into()).number(self.awaits_second.into());
        }
    }
}

impl Canonical for Node {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.id.0).bytes(self.name.as_str().as_bytes()).bytes(&self.pin.0);
        w.bytes(self.peer_address.as_bytes()).bytes(self.api_address.as_bytes());
        w.number(self.changed_at.0);
        // Counts where it says something: other nodes keep the hash that they had.
        if self.superseded {
            w.number(1);
        }
    }
}

impl Canonical for JoinToken {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.id.0).bytes(&self.secret.0);
        self.reveal.canonical(w);
        w.number(self.expires_at.0).number(self.used_by.map_or(0, |node| node.0));
        w.number(self.changed_at.0);
    }
}
