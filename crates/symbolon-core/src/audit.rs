//! What happened, for the audit and for retransmissions.

use alloc::string::String;
use alloc::vec::Vec;

use crate::digest::{Canonical, CanonicalWriter, Digest};
use crate::{
    AdministratorId, ApplicationId, Caller, ClusterId, DataKeyId, DisplayName, Fingerprint,
    JoinTokenId, KeyPin, LogIndex, Match, Method, Name, NodeId, ProfileField, Reason, Reply,
    RequestId, Rights, Role, Scope, Setting, Sources, Timestamp, TokenId, UserId, UserName,
    Verdict,
};

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
        display_name: Option<DisplayName>,
        disabled: Option<bool>,
        /// What of the profile has changed: the fields, and nothing of what they say.
        profile: Vec<ProfileField>,
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

/// What was said about an application; `None` for what was left.
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
}

/// What was said about an administrator; `None` for what was left.
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
}

impl AuditEvent {
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
            | AuditRow::UserDeleted { user, .. } => Reply::UserChanged(*user),
            AuditRow::TokenEnrolled { token, .. } => Reply::TokenEnrolled(*token),
            AuditRow::ApplicationCreated { application, .. } => {
                Reply::ApplicationCreated(*application)
            }
            // Nobody asked for it.
            AuditRow::NamesNotAudited { .. } => return None,
            // By a tick when its time is over: nobody asked for it.
            AuditRow::ApplicationKeyRetired { .. } if matches!(self.caller, Caller::Node(_)) => {
                return None;
            }
            AuditRow::ApplicationUpdated(ApplicationUpdated { application, .. })
            | AuditRow::ApplicationKeyRotated { application, .. }
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
            AuditRow::NodeAdmitted { node, .. } => Reply::NodeAdmitted(*node),
            AuditRow::DataKeyRotationStarted { id } => Reply::DataKeyRotationStarted(*id),
            AuditRow::TokenConfirmed { token, .. }
            | AuditRow::TokenResynchronised { token, .. }
            | AuditRow::TokenRemoved { token, .. } => Reply::TokenChanged(*token),
            AuditRow::NodeAddressesChanged { .. }
            | AuditRow::DataKeyActivated { .. }
            | AuditRow::DataKeyRetired { .. } => Reply::Done,
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

impl Canonical for AuditEvent {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.index.0).number(self.ordinal.into()).number(self.at.0);
        self.caller.canonical(w);
        w.bytes(&self.request_id.0).bytes(&self.fingerprint.0).number(self.node.0);
        self.row.canonical(w);
    }
}

impl Canonical for Caller {
    fn canonical(&self, w: &mut CanonicalWriter) {
        match self {
            Self::Administrator(id) => w.number(1).number(id.0),
            Self::Application(id) => w.number(2).number(id.0),
            Self::Node(id) => w.number(3).number(id.0),
        };
    }
}

impl Canonical for AuditRow {
    fn canonical(&self, w: &mut CanonicalWriter) {
        match self {
            Self::Verified(verified) => {
                w.number(1);
                verified.canonical(w);
            }
            Self::ClusterCreated { cluster, name, administrator, node } => {
                w.number(2).bytes(&cluster.0).bytes(name.as_str().as_bytes());
                w.number(administrator.0).number(node.0);
            }
            Self::UserCreated { user, name } => {
                w.number(3).number(user.0).bytes(name.as_str().as_bytes());
            }
            Self::TokenEnrolled { user, token } => {
                w.number(4).number(user.0).number(token.0);
            }
            Self::ApplicationCreated { application, name } => {
                w.number(5).number(application.0).bytes(name.as_str().as_bytes());
            }
            Self::JoinTokenCreated { join_token, expires_at } => {
                w.number(6).number(join_token.0).number(expires_at.0);
            }
            Self::NodeAdmitted { node, name, pin, join_token } => {
                w.number(7).number(node.0).bytes(name.as_str().as_bytes()).bytes(&pin.0);
                w.number(join_token.0);
            }
            Self::UserUpdated { user, display_name, disabled, profile } => {
                updated(w, *user, display_name.as_ref(), *disabled, profile);
            }
            Self::UserBlocked { user, reason, until } => {
                w.number(17).number(user.0).bytes(reason.as_str().as_bytes()).number(until.0);
            }
            Self::UserUnblocked { user, reason, failures } => {
                w.number(18).number(user.0).bytes(reason.as_str().as_bytes());
                w.number((*failures).into());
            }
            Self::UserDeleted { user, name, tokens } => {
                w.number(19).number(user.0).bytes(name.as_str().as_bytes());
                w.number((*tokens).into());
            }
            Self::TokenConfirmed { user, token, step } => {
                w.number(13).number(user.0).number(token.0).number(*step);
            }
            Self::TokenResynchronised { user, token, step, drift } => {
                w.number(14).number(user.0).number(token.0).number(*step);
                w.number(i64::from(*drift).cast_unsigned());
            }
            Self::TokenRemoved { user, token } => {
                w.number(15).number(user.0).number(token.0);
            }
            Self::ApplicationUpdated(_)
            | Self::ApplicationKeyRotated { .. }
            | Self::ApplicationKeyRetired { .. }
            | Self::ApplicationDeleted { .. }
            | Self::NamesNotAudited { .. }
            | Self::AdministratorCreated { .. }
            | Self::AdministratorUpdated(_)
            | Self::AdministratorTokenRotated { .. }
            | Self::AdministratorDeleted { .. } => self.about_caller(w),
            Self::NodeAddressesChanged { .. }
            | Self::JoinTokenExpired { .. }
            | Self::DataKeyRotationStarted { .. }
            | Self::DataKeyActivated { .. }
            | Self::DataKeyRetired { .. }
            | Self::SettingsChanged { .. } => self.about_cluster(w),
        }
    }
}

impl AuditRow {
    fn about_cluster(&self, w: &mut CanonicalWriter) {
        match self {
            Self::NodeAddressesChanged { node, peer_address, api_address } => {
                w.number(8).number(node.0).bytes(peer_address.as_bytes());
                w.bytes(api_address.as_bytes());
            }
            Self::JoinTokenExpired { join_token } => {
                w.number(9).number(join_token.0);
            }
            Self::DataKeyRotationStarted { id } => {
                w.number(10).number(id.0.into());
            }
            Self::DataKeyActivated { id } => {
                w.number(11).number(id.0.into());
            }
            Self::DataKeyRetired { id } => {
                w.number(12).number(id.0.into());
            }
            Self::SettingsChanged { changes } => {
                w.number(20).number(changes.len() as u64);
                changes.iter().for_each(|change| change.canonical(w));
            }
            other => other.canonical(w),
        }
    }

    fn about_caller(&self, w: &mut CanonicalWriter) {
        match self {
            Self::ApplicationUpdated(updated) => {
                w.number(21).number(updated.application.0);
                w.bytes(updated.name.as_ref().map_or("", Name::as_str).as_bytes());
                w.number(updated.rights.map_or(0, |rights| 1 + u64::from(rights.bits())));
                w.number(updated.disabled.map_or(0, |is| 1 + u64::from(is)));
                w.number(updated.sources.is_some().into());
                updated.sources.clone().unwrap_or_default().canonical(w);
            }
            Self::ApplicationKeyRotated { application, old_until } => {
                w.number(22).number(application.0).number(old_until.0);
            }
            Self::ApplicationKeyRetired { application } => {
                w.number(23).number(application.0);
            }
            Self::NamesNotAudited { application, names, since } => {
                w.number(29).number(application.0).number((*names).into()).number(since.0);
            }
            Self::ApplicationDeleted { application, name } => {
                w.number(24).number(application.0).bytes(name.as_str().as_bytes());
            }
            Self::AdministratorCreated { administrator, name, role, scope } => {
                w.number(25).number(administrator.0).bytes(name.as_str().as_bytes());
                w.number(role.number().into());
                scope.canonical(w);
            }
            Self::AdministratorUpdated(updated) => {
                w.number(26).number(updated.administrator.0);
                w.number(updated.role.map_or(0, |role| 1 + u64::from(role.number())));
                w.number(updated.disabled.map_or(0, |is| 1 + u64::from(is)));
                w.number(updated.scope.is_some().into());
                updated.scope.clone().unwrap_or_default().canonical(w);
            }
            Self::AdministratorTokenRotated { administrator } => {
                w.number(27).number(administrator.0);
            }
            Self::AdministratorDeleted { administrator, name } => {
                w.number(28).number(administrator.0).bytes(name.as_str().as_bytes());
            }
            other => other.canonical(w),
        }
    }
}

fn updated(
    w: &mut CanonicalWriter,
    user: UserId,
    display_name: Option<&DisplayName>,
    disabled: Option<bool>,
    profile: &[ProfileField],
) {
    w.number(16).number(user.0).number(display_name.is_some().into());
    let name = display_name.map_or("", DisplayName::as_str);
    w.bytes(name.as_bytes()).number(disabled.map_or(0, |is| 1 + u64::from(is)));
    // Counts where it says something: other events keep the hash that they had.
    for field in profile {
        w.number(field.number().into());
    }
}

impl Canonical for SettingChange {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.setting.info().number.into()).number(self.before).number(self.after);
    }
}

impl Canonical for Verified {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.bytes(self.user_name.as_str().as_bytes());
        w.number(self.user.map_or(0, |user| user.0)).number(self.application.0);
        w.bytes(self.client_ip.as_bytes());
        let Method::Otp = self.method;
        w.number(1).number(self.verdict.denial.map_or(0, |denial| denial.number().into()));
        w.number(self.verdict.failures.into()).number(self.spent.len() as u64);
        for spent in &self.spent {
            w.number(spent.token.0).number(spent.step);
        }
    }
}
