//! What happened, for the audit and for retransmissions.

mod canonical;
mod updates;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::digest::{Canonical as _, Digest};
use crate::{
    AcceptedTwice, AdministratorId, ApplicationId, Caller, ClusterId, DataKeyId, DisplayName,
    ExemptionChange, Exemptions, Fingerprint, JoinTokenId, JournalId, KeyPin, LineageId, LogIndex,
    Match, Merged, Method, Name, NodeId, ProfileField, RadiusPolicy, Reason, Reply, RequestId,
    Rights, Role, Scope, SessionReport, Setting, Sources, Timestamp, TokenId, UserId, UserName,
    Verdict,
};

pub use updates::{AdministratorBefore, ApplicationBefore, LabelChange, UserChange};

/// One audit row. Rows are never changed; their key is (log index, ordinal).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEvent {
    /// Index of the log entry.
    pub index: LogIndex,
    /// Place among the events of the entry, from 0.
    pub ordinal: u32,
    /// State time.
    pub at: Timestamp,
    /// Who asked.
    pub caller: Caller,
    /// Their name for the request.
    pub request_id: RequestId,
    /// What was asked, as a keyed hash.
    pub fingerprint: Fingerprint,
    /// Node that served the request.
    pub node: NodeId,
    /// What happened.
    pub row: AuditRow,
}

/// The closed list of events.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "fields are those of the rows and commands they tell of")]
pub enum AuditRow {
    Verified(Verified),
    ClusterCreated {
        cluster: ClusterId,
        name: Name,
        administrator: AdministratorId,
        node: NodeId,
    },
    UserCreated {
        user: UserId,
        name: UserName,
    },
    UserUpdated {
        user: UserId,
        /// What the first builds told of a new display name.
        display_name: Option<DisplayName>,
        disabled: Option<bool>,
        /// What of the profile has changed: the fields, and nothing of what they say.
        profile: Vec<ProfileField>,
        change: UserChange,
    },
    UserBlocked {
        user: UserId,
        reason: Reason,
        until: Timestamp,
    },
    UserUnblocked {
        user: UserId,
        reason: Reason,
        failures: u32,
    },
    UserDeleted {
        user: UserId,
        name: UserName,
        tokens: u32,
    },
    PinSet {
        user: UserId,
        must_change: bool,
    },
    /// By the user, in a sign-in.
    PinChanged {
        user: UserId,
    },
    PinCleared {
        user: UserId,
    },
    BypassGranted {
        user: UserId,
        reason: Reason,
        until: Timestamp,
    },
    BypassCancelled {
        user: UserId,
        reason: Reason,
    },
    RecoveryCodesCreated {
        user: UserId,
    },
    PersonalDataExported {
        /// `None`: nobody had the name.
        user: Option<UserId>,
        name: UserName,
    },
    TokenEnrolled {
        user: UserId,
        token: TokenId,
    },
    TokenConfirmed {
        user: UserId,
        token: TokenId,
        step: u64,
    },
    TokenResynchronised {
        user: UserId,
        token: TokenId,
        step: u64,
        drift: i32,
    },
    TokenRemoved {
        user: UserId,
        token: TokenId,
    },
    ApplicationCreated {
        application: ApplicationId,
        name: Name,
        exempt: Exemptions,
    },
    ApplicationUpdated(ApplicationUpdated),
    ApplicationKeyRotated {
        application: ApplicationId,
        old_until: Timestamp,
    },
    ApplicationKeyRetired {
        application: ApplicationId,
    },
    ApplicationDeleted {
        application: ApplicationId,
        name: Name,
    },
    RadiusClientSet {
        application: ApplicationId,
        /// `None`: there was none.
        before: Option<Arc<RadiusPolicy>>,
        after: Arc<RadiusPolicy>,
        new_secrets: bool,
    },
    RadiusClientRemoved {
        application: ApplicationId,
    },
    /// Its requests are not taken unsigned any more.
    RadiusClientSigns {
        application: ApplicationId,
        device: IpAddr,
    },
    /// What a device told of a session.
    SessionTold {
        /// Whose name it was; `None`: nobody's.
        user: Option<UserId>,
        report: Arc<SessionReport>,
    },
    AdministratorCreated {
        administrator: AdministratorId,
        name: Name,
        role: Role,
        scope: Scope,
    },
    AdministratorUpdated(AdministratorUpdated),
    AdministratorTokenRotated {
        administrator: AdministratorId,
    },
    AdministratorDeleted {
        administrator: AdministratorId,
        name: Name,
    },
    JoinTokenCreated {
        join_token: JoinTokenId,
        expires_at: Timestamp,
    },
    NodeAdmitted {
        node: NodeId,
        name: Name,
        pin: KeyPin,
        join_token: JoinTokenId,
    },
    NodeAddressesChanged {
        node: NodeId,
        peer_address: String,
        api_address: String,
    },
    JoinTokenExpired {
        join_token: JoinTokenId,
    },
    /// A node went on without the others, for an administrator, or for root on its machine.
    EpochStarted {
        epoch: u64,
        lineage: LineageId,
        node: NodeId,
        administrator: Option<AdministratorId>,
    },
    NodeReadmitted {
        node: NodeId,
        name: Name,
        previous: NodeId,
    },
    NodeRemoved {
        node: NodeId,
        name: Name,
        pin: KeyPin,
    },
    RecoveryCodesReleased,
    EpochDiscarded {
        epoch: u64,
        lineage: LineageId,
    },
    /// What a node decided apart from the log counts here too.
    Merged(Arc<Merged>),
    MergeRefused {
        journal: JournalId,
        first: u64,
    },
    AcceptedTwice(Arc<AcceptedTwice>),
    DoublesAcknowledged {
        doubles: u64,
    },
    ClockConfirmed,
    DataKeyRotationStarted {
        id: DataKeyId,
    },
    DataKeyActivated {
        id: DataKeyId,
    },
    DataKeyRetired {
        id: DataKeyId,
    },
    NamesNotAudited {
        application: ApplicationId,
        names: u32,
        since: Timestamp,
    },
    SettingsChanged {
        changes: Vec<SettingChange>,
    },
}

/// A setting that stands at another value than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SettingChange {
    /// Which one.
    pub setting: Setting,
    /// The value that stood.
    pub before: u64,
    /// The value that stands.
    pub after: u64,
}

/// What has changed of an application; `None` for what was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplicationUpdated {
    /// Which one.
    pub application: ApplicationId,
    /// Its new name.
    pub name: Option<Name>,
    /// What it may do now.
    pub rights: Option<Rights>,
    /// From where it may ask now.
    pub sources: Option<Sources>,
    /// Whether it is switched off now.
    pub disabled: Option<bool>,
    /// What stood in their place.
    pub before: ApplicationBefore,
    /// Whom it lets in without a code now.
    pub exempt: ExemptionChange,
}

/// What has changed of an administrator; `None` for what was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdministratorUpdated {
    /// Which one.
    pub administrator: AdministratorId,
    /// What they may do now.
    pub role: Option<Role>,
    /// Whom they may deal with now.
    pub scope: Option<Scope>,
    /// Whether they are switched off now.
    pub disabled: Option<bool>,
    /// What stood in their place.
    pub before: AdministratorBefore,
}

/// A decided verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The name that was asked about.
    pub user_name: UserName,
    /// Whose it is; `None`: nobody's.
    pub user: Option<UserId>,
    /// On whose behalf.
    pub application: ApplicationId,
    /// Where the user came from, as the application said.
    pub client_ip: String,
    /// How.
    pub method: Method,
    /// What was decided.
    pub verdict: Verdict,
    /// Marks that moved, each to this step: all tokens for which the code was right.
    pub spent: Vec<Match>,
    /// What it was decided by.
    pub proof: Proof,
}

/// What a verification was decided by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Proof {
    /// A code of a token, or none.
    #[default]
    Code,
    /// A bypass, whatever the code.
    Bypass,
    /// The recovery code of this number, 1 to 10.
    RecoveryCode(u8),
    /// The answer to a challenge: codes were shown before it was made.
    Challenge,
    /// Nothing: the application lets such a user in.
    Exempt,
}

impl AuditEvent {
    /// Codes that were used up, if it was a verification.
    #[must_use]
    pub fn spent(&self) -> &[Match] {
        match &self.row {
            AuditRow::Verified(verified) => &verified.spent,
            _ => &[],
        }
    }

    /// The reply that a retransmission of this request gets; `None` for what nobody asked for.
    #[must_use]
    pub fn reply(&self) -> Option<Reply> {
        Some(match &self.row {
            AuditRow::Verified(verified) => Reply::Verified(verified.verdict),
            AuditRow::ClusterCreated { .. } => Reply::ClusterCreated,
            AuditRow::UserCreated { user, .. } => Reply::UserCreated(*user),
            AuditRow::UserUpdated { user, .. }
            | AuditRow::UserBlocked { user, .. }
            | AuditRow::UserUnblocked { user, .. }
            | AuditRow::PinSet { user, .. }
            | AuditRow::PinCleared { user }
            | AuditRow::BypassGranted { user, .. }
            | AuditRow::BypassCancelled { user, .. }
            | AuditRow::RecoveryCodesCreated { user }
            | AuditRow::UserDeleted { user, .. } => Reply::UserChanged(*user),
            AuditRow::TokenEnrolled { token, .. } => Reply::TokenEnrolled(*token),
            AuditRow::ApplicationCreated { application, .. } => {
                Reply::ApplicationCreated(*application)
            }
            // Nobody asked for it, or what they asked has an answer of its own.
            AuditRow::NamesNotAudited { .. }
            | AuditRow::PinChanged { .. }
            | AuditRow::Merged(_)
            | AuditRow::MergeRefused { .. }
            | AuditRow::AcceptedTwice(_) => return None,
            // By a tick when its time is over: nobody asked for it.
            AuditRow::ApplicationKeyRetired { .. } if matches!(self.caller, Caller::Node(_)) => {
                return None;
            }
            AuditRow::ApplicationUpdated(ApplicationUpdated { application, .. })
            | AuditRow::ApplicationKeyRotated { application, .. }
            | AuditRow::RadiusClientSet { application, .. }
            | AuditRow::RadiusClientRemoved { application }
            | AuditRow::ApplicationKeyRetired { application }
            | AuditRow::ApplicationDeleted { application, .. } => {
                Reply::ApplicationChanged(*application)
            }
            AuditRow::AdministratorCreated { administrator, .. } => {
                Reply::AdministratorCreated(*administrator)
            }
            AuditRow::AdministratorUpdated(AdministratorUpdated { administrator, .. })
            | AuditRow::AdministratorTokenRotated { administrator }
            | AuditRow::AdministratorDeleted { administrator, .. } => {
                Reply::AdministratorChanged(*administrator)
            }
            AuditRow::JoinTokenCreated { join_token, .. } => Reply::JoinTokenCreated(*join_token),
            AuditRow::NodeAdmitted { node, .. } | AuditRow::NodeReadmitted { node, .. } => {
                Reply::NodeAdmitted(*node)
            }
            AuditRow::DataKeyRotationStarted { id } => Reply::DataKeyRotationStarted(*id),
            AuditRow::TokenConfirmed { token, .. }
            | AuditRow::TokenResynchronised { token, .. }
            | AuditRow::TokenRemoved { token, .. } => Reply::TokenChanged(*token),
            AuditRow::NodeAddressesChanged { .. }
            | AuditRow::RadiusClientSigns { .. }
            | AuditRow::SessionTold { .. }
            | AuditRow::EpochStarted { .. }
            | AuditRow::NodeRemoved { .. }
            | AuditRow::RecoveryCodesReleased
            | AuditRow::EpochDiscarded { .. }
            | AuditRow::DoublesAcknowledged { .. }
            | AuditRow::ClockConfirmed
            | AuditRow::DataKeyActivated { .. }
            | AuditRow::DataKeyRetired { .. }
            | AuditRow::PersonalDataExported { .. } => Reply::Done,
            AuditRow::SettingsChanged { .. } => Reply::SettingsChanged,
            AuditRow::JoinTokenExpired { .. } => return None,
        })
    }

    /// The audit chain with this event as its last link.
    #[must_use]
    pub fn link(&self, chain: Digest) -> Digest {
        Digest::of(b'A', |w| {
            w.bytes(&chain.0);
            self.canonical(w);
        })
    }
}
