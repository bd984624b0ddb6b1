//! What can be asked of the audit, and which events answer it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use symbolon_core::{
    ApplicationId, AuditEvent, AuditRow, Decision, LogIndex, NodeId, Timestamp, UserId, UserName,
};

mod follow;
mod query;

pub use follow::{AuditFollowing, TailAudit};
pub use query::{AuditReading, QueryAudit};

/// Queries of the audit that may be under way at a node.
pub const AUDIT_QUERIES_MAX: usize = 4;
/// Clients that may follow the audit of a node.
pub const AUDIT_TAILS_MAX: usize = 8;
/// Events that are read at once.
pub(crate) const PART_EVENTS: usize = 200;

/// The place of an event in the audit. Places sort as the events happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AuditPlace {
    /// Log entry.
    pub index: u64,
    /// Place among the events of the entry.
    pub ordinal: u32,
}

impl AuditPlace {
    /// Of an event.
    #[must_use]
    pub const fn of(event: &AuditEvent) -> Self {
        Self { index: event.index.0, ordinal: event.ordinal }
    }
}

/// Kinds of events, each by its [`kind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AuditKinds(u64);

impl AuditKinds {
    /// These and one more; `None` for a number that no kind can have.
    #[must_use]
    pub const fn with(self, kind: u32) -> Option<Self> {
        match kind {
            1..=63 => Some(Self(self.0 | (1 << kind))),
            _ => None,
        }
    }

    /// Whether a kind is among them.
    #[must_use]
    pub const fn has(self, kind: u8) -> bool {
        kind < 64 && self.0 & (1 << kind) != 0
    }
}

/// The number of an event's kind, as clients know it; the same for ever.
#[must_use]
pub const fn kind(row: &AuditRow) -> u8 {
    match row {
        AuditRow::Verified(_) => 1,
        AuditRow::ClusterCreated { .. } => 2,
        AuditRow::UserCreated { .. } => 3,
        AuditRow::TokenEnrolled { .. } => 4,
        AuditRow::ApplicationCreated { .. } => 5,
        AuditRow::JoinTokenCreated { .. } => 6,
        AuditRow::NodeAdmitted { .. } => 7,
        AuditRow::NodeAddressesChanged { .. } => 8,
        AuditRow::JoinTokenExpired { .. } => 9,
        AuditRow::DataKeyRotationStarted { .. } => 10,
        AuditRow::DataKeyActivated { .. } => 11,
        AuditRow::DataKeyRetired { .. } => 12,
        AuditRow::TokenConfirmed { .. } => 13,
        AuditRow::TokenResynchronised { .. } => 14,
        AuditRow::TokenRemoved { .. } => 15,
        AuditRow::UserUpdated { .. } => 16,
        AuditRow::UserBlocked { .. } => 17,
        AuditRow::UserUnblocked { .. } => 18,
        AuditRow::UserDeleted { .. } => 19,
        AuditRow::SettingsChanged { .. } => 20,
        AuditRow::ApplicationUpdated(_) => 21,
        AuditRow::ApplicationKeyRotated { .. } => 22,
        AuditRow::ApplicationKeyRetired { .. } => 23,
        AuditRow::ApplicationDeleted { .. } => 24,
        AuditRow::AdministratorCreated { .. } => 25,
        AuditRow::AdministratorUpdated(_) => 26,
        AuditRow::AdministratorTokenRotated { .. } => 27,
        AuditRow::AdministratorDeleted { .. } => 28,
        AuditRow::NamesNotAudited { .. } => 29,
        AuditRow::PinChanged { .. } => 30,
        AuditRow::PersonalDataExported { .. } => 31,
        AuditRow::EpochStarted { .. } => 32,
        AuditRow::NodeReadmitted { .. } => 33,
        AuditRow::NodeRemoved { .. } => 34,
        AuditRow::RecoveryCodesReleased => 35,
        AuditRow::EpochDiscarded { .. } => 60,
        AuditRow::Merged(_) => 45,
        AuditRow::AcceptedTwice(_) => 46,
        AuditRow::DoublesAcknowledged { .. } => 47,
        AuditRow::MergeRefused { .. } => 48,
        AuditRow::ClockConfirmed => 38,
        AuditRow::PinSet { .. } => 40,
        AuditRow::PinCleared { .. } => 41,
        AuditRow::BypassGranted { .. } => 42,
        AuditRow::BypassCancelled { .. } => 43,
        AuditRow::RecoveryCodesCreated { .. } => 44,
        AuditRow::RadiusClientSet { .. } => 61,
        AuditRow::RadiusClientRemoved { .. } => 62,
        AuditRow::RadiusClientSigns { .. } => 63,
        AuditRow::SessionTold { .. } => 49,
    }
}

/// Whom an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditSubject<'a> {
    /// A user.
    User(UserId),
    /// A name that was nobody's.
    Stranger(&'a UserName),
    /// No account.
    Nobody,
}

/// Whose account an event is about.
#[must_use]
pub fn subject(row: &AuditRow) -> AuditSubject<'_> {
    match row {
        AuditRow::Verified(verified) => match verified.user {
            Some(user) => AuditSubject::User(user),
            None => AuditSubject::Stranger(&verified.user_name),
        },
        AuditRow::SessionTold { user, report } => match (user, &report.name) {
            (Some(user), _) => AuditSubject::User(*user),
            (None, Some(name)) => AuditSubject::Stranger(name),
            (None, None) => AuditSubject::Nobody,
        },
        AuditRow::Merged(merged) => AuditSubject::User(merged.user),
        AuditRow::AcceptedTwice(twice) => AuditSubject::User(twice.user),
        AuditRow::PersonalDataExported { user: None, name } => AuditSubject::Stranger(name),
        AuditRow::PersonalDataExported { user: Some(user), .. } => AuditSubject::User(*user),
        AuditRow::UserCreated { user, .. }
        | AuditRow::UserUpdated { user, .. }
        | AuditRow::PinSet { user, .. }
        | AuditRow::PinChanged { user }
        | AuditRow::PinCleared { user }
        | AuditRow::BypassGranted { user, .. }
        | AuditRow::BypassCancelled { user, .. }
        | AuditRow::RecoveryCodesCreated { user }
        | AuditRow::UserBlocked { user, .. }
        | AuditRow::UserUnblocked { user, .. }
        | AuditRow::UserDeleted { user, .. }
        | AuditRow::TokenEnrolled { user, .. }
        | AuditRow::TokenConfirmed { user, .. }
        | AuditRow::TokenResynchronised { user, .. }
        | AuditRow::TokenRemoved { user, .. } => AuditSubject::User(*user),
        AuditRow::ClusterCreated { .. }
        | AuditRow::ApplicationCreated { .. }
        | AuditRow::ApplicationUpdated(_)
        | AuditRow::ApplicationKeyRotated { .. }
        | AuditRow::ApplicationKeyRetired { .. }
        | AuditRow::ApplicationDeleted { .. }
        | AuditRow::RadiusClientSet { .. }
        | AuditRow::RadiusClientRemoved { .. }
        | AuditRow::RadiusClientSigns { .. }
        | AuditRow::NamesNotAudited { .. }
        | AuditRow::AdministratorCreated { .. }
        | AuditRow::AdministratorUpdated(_)
        | AuditRow::AdministratorTokenRotated { .. }
        | AuditRow::AdministratorDeleted { .. }
        | AuditRow::JoinTokenCreated { .. }
        | AuditRow::NodeAdmitted { .. }
        | AuditRow::NodeAddressesChanged { .. }
        | AuditRow::JoinTokenExpired { .. }
        | AuditRow::EpochStarted { .. }
        | AuditRow::NodeReadmitted { .. }
        | AuditRow::NodeRemoved { .. }
        | AuditRow::RecoveryCodesReleased
        | AuditRow::EpochDiscarded { .. }
        | AuditRow::DoublesAcknowledged { .. }
        | AuditRow::MergeRefused { .. }
        | AuditRow::ClockConfirmed
        | AuditRow::DataKeyRotationStarted { .. }
        | AuditRow::DataKeyActivated { .. }
        | AuditRow::DataKeyRetired { .. }
        | AuditRow::SettingsChanged { .. } => AuditSubject::Nobody,
    }
}

/// The application that an event is about.
#[must_use]
pub fn application(row: &AuditRow) -> Option<ApplicationId> {
    match row {
        AuditRow::Verified(verified) => Some(verified.application),
        AuditRow::SessionTold { report, .. } => Some(report.application),
        AuditRow::Merged(merged) => merged.origin.application,
        AuditRow::ApplicationUpdated(updated) => Some(updated.application),
        AuditRow::ApplicationCreated { application, .. }
        | AuditRow::ApplicationKeyRotated { application, .. }
        | AuditRow::ApplicationKeyRetired { application }
        | AuditRow::NamesNotAudited { application, .. }
        | AuditRow::ApplicationDeleted { application, .. } => Some(*application),
        _ => None,
    }
}

/// What a verification was decided to be, without why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decided {
    /// See [`Decision::Allow`].
    Allow,
    /// See [`Decision::Deny`].
    Deny,
    /// See [`Decision::Challenge`].
    Challenge,
}

/// What an event tells was decided, if it is a verification.
#[must_use]
pub const fn decided(row: &AuditRow) -> Option<Decided> {
    match row {
        AuditRow::Verified(verified) => Some(match verified.verdict.decision {
            Decision::Allow => Decided::Allow,
            Decision::Deny(_) => Decided::Deny,
            Decision::Challenge { .. } => Decided::Challenge,
        }),
        _ => None,
    }
}

/// Which events are asked for: those that meet all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditFilter {
    /// Of this time or later.
    pub from: Timestamp,
    /// Of before this time.
    pub to: Timestamp,
    /// About the account of that name.
    pub username: Option<UserName>,
    /// About this application.
    pub application: Option<ApplicationId>,
    /// Verifications that were decided so.
    pub decided: Option<Decided>,
    /// Of one of these kinds.
    pub kinds: Option<AuditKinds>,
    /// Served by this node.
    pub node: Option<NodeId>,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self {
            from: Timestamp(0),
            to: Timestamp(u64::MAX),
            username: None,
            application: None,
            decided: None,
            kinds: None,
            node: None,
        }
    }
}

impl AuditFilter {
    /// Whether an event is one of them. `named`: all users who have, or had, the name that is asked for.
    #[must_use]
    pub fn takes(&self, event: &AuditEvent, named: &BTreeSet<UserId>) -> bool {
        let row = &event.row;
        let of_user = self.username.as_ref().is_none_or(|name| match subject(row) {
            AuditSubject::User(user) => named.contains(&user),
            AuditSubject::Stranger(stranger) => stranger == name,
            AuditSubject::Nobody => false,
        });
        of_user
            && (self.from..self.to).contains(&event.at)
            && self.application.is_none_or(|id| application(row) == Some(id))
            && self.decided.is_none_or(|is| decided(row) == Some(is))
            && self.kinds.is_none_or(|kinds| kinds.has(kind(row)))
            && self.node.is_none_or(|node| event.node == node)
    }
}

/// A question to the audit of a node.
#[derive(Clone, Debug)]
pub struct AuditQuestion {
    /// Which events.
    pub filter: AuditFilter,
    /// From the newest to the oldest; else as they happened.
    pub newest_first: bool,
    /// Goes on after this place.
    pub after: Option<AuditPlace>,
    /// No event of a later log entry.
    pub last: LogIndex,
    /// How many events at once.
    pub events_max: usize,
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub struct AuditPart {
    /// In the order that was asked for.
    pub events: Vec<AuditEvent>,
    /// How far the audit was read; nothing is left after `None`.
    pub reached: Option<AuditPlace>,
    /// Names of users that are gone, as far as the audit tells.
    pub gone: Arc<GoneUsers>,
}

/// Users that are gone, with the log entry that removed them.
pub type GoneUsers = BTreeMap<UserId, (LogIndex, UserName)>;

/// Which part of the audit a node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditExtent {
    /// What came before this log entry is pruned.
    pub from: LogIndex,
    /// Up to this entry it is whole, what is missing aside.
    pub to: LogIndex,
    /// From the first to before the second, the node has yet to get it.
    pub missing: Option<(LogIndex, LogIndex)>,
}

/// The audit of this node cannot be read. Its log says more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the audit of this node cannot be read; its log says more")]
pub struct AuditUnreadable;
