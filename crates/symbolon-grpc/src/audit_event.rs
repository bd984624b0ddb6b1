//! Audit events as clients see them: with the names of what they tell of, and without fingerprints and
//! keys.

pub(crate) mod callers;
mod changes;
mod merged;
mod session;

use symbolon_core::{
    ApplicationId, AuditEvent, AuditRow, Caller, Decision, JoinTokenId, Method, NodeId, Proof,
    SettingChange, State, TokenId, UserId, UserName, Verified,
};
use symbolon_proto::{reason_detail, v1};
use symbolon_service::audit::{GoneUsers, kind};

use crate::convert::timestamp;
use crate::prompt;
use v1::audit_event::Details;

/// `gone`: names of users that the state does not tell any more.
pub(crate) fn shown(event: &AuditEvent, state: &State, gone: &GoneUsers) -> v1::AuditEvent {
    let names = Names { state, gone };
    v1::AuditEvent {
        log_index: event.index.0,
        ordinal: event.ordinal,
        time: Some(timestamp(event.at)),
        caller: Some(names.caller(event.caller)),
        request_id: event.request_id.0.to_vec(),
        node: names.node(event.node),
        r#type: kind(&event.row).into(),
        details: Some(names.details(&event.row)),
    }
}

/// Who asked, with the name that is known.
pub(crate) fn caller(caller: Caller, state: &State, gone: &GoneUsers) -> v1::AuditCaller {
    Names { state, gone }.caller(caller)
}

struct Names<'a> {
    state: &'a State,
    gone: &'a GoneUsers,
}

impl Names<'_> {
    fn caller(&self, caller: Caller) -> v1::AuditCaller {
        let (kind, id, name) = match caller {
            Caller::Administrator(id) => {
                let row = self.state.administrator(id);
                (v1::CallerKind::Administrator, id.to_string(), row.map(|row| &row.name))
            }
            Caller::Application(id) => {
                let row = self.state.application(id);
                (v1::CallerKind::Application, id.to_string(), row.map(|row| &row.name))
            }
            Caller::Node(id) => {
                let row = self.state.node(id);
                (v1::CallerKind::Node, id.0.to_string(), row.map(|row| &row.name))
            }
        };
        let name = name.map(ToString::to_string).unwrap_or_default();
        v1::AuditCaller { kind: kind.into(), id, name }
    }

    fn node(&self, id: NodeId) -> String {
        self.state.node(id).map(|row| row.name.to_string()).unwrap_or_default()
    }

    fn user(&self, id: UserId) -> Option<v1::AuditedUser> {
        let name = self.state.user(id).map(|row| &row.name);
        let name = name.or_else(|| self.gone.get(&id).map(|(_, name)| name));
        let username = name.map(ToString::to_string).unwrap_or_default();
        Some(v1::AuditedUser { id: id.to_string(), username })
    }

    fn token(&self, id: TokenId) -> v1::AuditedToken {
        let serial = self.state.token(id).and_then(|row| row.serial.as_ref());
        let serial = serial.map(ToString::to_string).unwrap_or_default();
        v1::AuditedToken { id: id.to_string(), serial }
    }

    fn application(&self, id: ApplicationId) -> Option<v1::AuditedApplication> {
        callers::application(self.state, id)
    }

    fn details(&self, row: &AuditRow) -> Details {
        match row {
            AuditRow::Verified(verified) => Details::Verified(self.verified(verified)),
            AuditRow::SessionTold { user, report } => {
                Details::SessionTold(session::told(self.state, *user, report))
            }
            AuditRow::UserCreated { .. }
            | AuditRow::UserUpdated { .. }
            | AuditRow::UserBlocked { .. }
            | AuditRow::UserUnblocked { .. }
            | AuditRow::PinSet { .. }
            | AuditRow::PinChanged { .. }
            | AuditRow::PinCleared { .. }
            | AuditRow::BypassGranted { .. }
            | AuditRow::BypassCancelled { .. }
            | AuditRow::RecoveryCodesCreated { .. }
            | AuditRow::PersonalDataExported { .. }
            | AuditRow::UserDeleted { .. } => self.about_user(row),
            AuditRow::TokenEnrolled { user, token } => {
                let (user, token) = (self.user(*user), Some(self.token(*token)));
                Details::TokenEnrolled(v1::TokenEnrolledDetails { user, token })
            }
            AuditRow::TokenConfirmed { user, token, .. } => {
                let (user, token) = (self.user(*user), Some(self.token(*token)));
                Details::TokenConfirmed(v1::TokenConfirmedDetails { user, token })
            }
            AuditRow::TokenResynchronised { user, token, drift, .. } => {
                let (user, token) = (self.user(*user), Some(self.token(*token)));
                let details = v1::TokenResynchronisedDetails { user, token, drift_steps: *drift };
                Details::TokenResynchronised(details)
            }
            AuditRow::TokenRemoved { user, token } => {
                let (user, token) = (self.user(*user), Some(self.token(*token)));
                Details::TokenRemoved(v1::TokenRemovedDetails { user, token })
            }
            AuditRow::ApplicationCreated { .. }
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
            | AuditRow::AdministratorDeleted { .. } => callers::about(self.state, row),
            AuditRow::ClusterCreated { .. }
            | AuditRow::JoinTokenCreated { .. }
            | AuditRow::JoinTokenExpired { .. }
            | AuditRow::NodeAdmitted { .. }
            | AuditRow::NodeAddressesChanged { .. }
            | AuditRow::EpochStarted { .. }
            | AuditRow::NodeReadmitted { .. }
            | AuditRow::NodeRemoved { .. }
            | AuditRow::RecoveryCodesReleased
            | AuditRow::EpochDiscarded { .. }
            | AuditRow::ClockConfirmed
            | AuditRow::DataKeyRotationStarted { .. }
            | AuditRow::DataKeyActivated { .. }
            | AuditRow::DataKeyRetired { .. }
            | AuditRow::SettingsChanged { .. } => self.about_cluster(row),
            AuditRow::Merged(_)
            | AuditRow::AcceptedTwice(_)
            | AuditRow::DoublesAcknowledged { .. }
            | AuditRow::MergeRefused { .. } => self.about_merge(row),
        }
    }

    fn verified(&self, verified: &Verified) -> v1::VerifiedDetails {
        let Method::Otp = verified.method;
        let denial = verified.verdict.denial();
        let mut details = v1::VerifiedDetails {
            user: named_user(verified.user, &verified.user_name),
            application: self.application(verified.application),
            failures: verified.verdict.failures,
            client_ip: verified.client_ip.clone(),
            tokens: verified.spent.iter().map(|spent| self.token(spent.token)).collect(),
            bypassed: verified.proof == Proof::Bypass,
            answered: verified.proof == Proof::Challenge,
            recovery: match verified.proof {
                Proof::RecoveryCode(number) => number.into(),
                Proof::Code | Proof::Bypass | Proof::Challenge | Proof::Exempt => 0,
            },
            exempt: verified.proof == Proof::Exempt,
            ..v1::VerifiedDetails::default()
        };
        details.set_method(v1::Method::Otp);
        match verified.verdict.decision {
            Decision::Allow => details.set_decision(v1::Decision::Allow),
            Decision::Deny(_) => details.set_decision(v1::Decision::Deny),
            Decision::Challenge { prompt, .. } => {
                details.set_decision(v1::Decision::Challenge);
                details.set_prompt(prompt::kind(prompt));
            }
        }
        details.set_reason_detail(denial.map(reason_detail).unwrap_or_default());
        details
    }

    fn about_user(&self, row: &AuditRow) -> Details {
        match row {
            AuditRow::UserUpdated { user, display_name, disabled, profile, change } => {
                Details::UserUpdated(v1::UserUpdatedDetails {
                    user: self.user(*user),
                    display_name: display_name.as_ref().map(ToString::to_string),
                    enabled: disabled.map(|disabled| !disabled),
                    ..changes::of_user(profile, change)
                })
            }
            AuditRow::UserBlocked { user, reason, until } => {
                let (user, until) = (self.user(*user), Some(timestamp(*until)));
                let reason = reason.to_string();
                Details::UserBlocked(v1::UserBlockedDetails { user, reason, until })
            }
            AuditRow::UserUnblocked { user, reason, failures } => {
                let (user, failures_before) = (self.user(*user), *failures);
                let reason = reason.to_string();
                Details::UserUnblocked(v1::UserUnblockedDetails { user, reason, failures_before })
            }
            AuditRow::UserDeleted { user, name, tokens } => {
                let user = named_user(Some(*user), name);
                Details::UserDeleted(v1::UserDeletedDetails { user, tokens: *tokens })
            }
            AuditRow::PinSet { user, must_change } => {
                let (user, must_change) = (self.user(*user), *must_change);
                Details::PinSet(v1::PinSetDetails { user, must_change })
            }
            AuditRow::PinChanged { user } => {
                Details::PinChanged(v1::PinChangedDetails { user: self.user(*user) })
            }
            AuditRow::PinCleared { user } => {
                Details::PinCleared(v1::PinClearedDetails { user: self.user(*user) })
            }
            AuditRow::BypassGranted { user, reason, until } => {
                let (user, until) = (self.user(*user), Some(timestamp(*until)));
                let reason = reason.to_string();
                Details::BypassGranted(v1::BypassGrantedDetails { user, reason, until })
            }
            AuditRow::BypassCancelled { user, reason } => {
                let (user, reason) = (self.user(*user), reason.to_string());
                Details::BypassCancelled(v1::BypassCancelledDetails { user, reason })
            }
            AuditRow::RecoveryCodesCreated { user } => {
                let user = self.user(*user);
                Details::RecoveryCodesCreated(v1::RecoveryCodesCreatedDetails { user })
            }
            AuditRow::PersonalDataExported { user, name } => {
                let user = named_user(*user, name);
                Details::PersonalDataExported(v1::PersonalDataExportedDetails { user })
            }
            AuditRow::UserCreated { user, name } => {
                let user = named_user(Some(*user), name);
                Details::UserCreated(v1::UserCreatedDetails { user })
            }
            other => self.details(other),
        }
    }

    fn about_epochs(&self, row: &AuditRow) -> Details {
        match row {
            AuditRow::EpochStarted { epoch, lineage, node, administrator } => {
                Details::EpochStarted(v1::EpochStartedDetails {
                    epoch: *epoch,
                    lineage: lineage.to_string(),
                    name: self.node(*node),
                    node_id: node.0,
                    administrator_id: administrator.map(|id| id.to_string()).unwrap_or_default(),
                })
            }
            AuditRow::NodeReadmitted { node, name, previous } => {
                let (name, id, previous_id) = (name.to_string(), node.0, previous.0);
                Details::NodeReadmitted(v1::NodeReadmittedDetails { name, id, previous_id })
            }
            AuditRow::NodeRemoved { node, name, .. } => {
                let (name, id) = (name.to_string(), node.0);
                Details::NodeRemoved(v1::NodeRemovedDetails { name, id })
            }
            AuditRow::RecoveryCodesReleased => {
                Details::RecoveryCodesReleased(v1::RecoveryCodesReleasedDetails {})
            }
            AuditRow::EpochDiscarded { epoch, lineage } => {
                let (epoch, lineage) = (*epoch, lineage.to_string());
                Details::EpochDiscarded(v1::EpochDiscardedDetails { epoch, lineage })
            }
            AuditRow::ClockConfirmed => Details::ClockConfirmed(v1::ClockConfirmedDetails {}),
            other => self.details(other),
        }
    }

    fn about_cluster(&self, row: &AuditRow) -> Details {
        let join_token = |id: &JoinTokenId| id.to_string();
        match row {
            AuditRow::ClusterCreated { cluster, name, administrator, .. } => {
                let (id, name) = (cluster.to_string(), name.to_string());
                let administrator_id = administrator.to_string();
                let details = v1::ClusterCreatedDetails { id, name, administrator_id };
                Details::ClusterCreated(details)
            }
            AuditRow::JoinTokenCreated { join_token: id, expires_at } => {
                let (id, expires_at) = (join_token(id), Some(timestamp(*expires_at)));
                Details::JoinTokenCreated(v1::JoinTokenCreatedDetails { id, expires_at })
            }
            AuditRow::JoinTokenExpired { join_token: id } => {
                Details::JoinTokenExpired(v1::JoinTokenExpiredDetails { id: join_token(id) })
            }
            AuditRow::NodeAdmitted { name, join_token: id, .. } => {
                let (name, join_token_id) = (name.to_string(), join_token(id));
                Details::NodeAdmitted(v1::NodeAdmittedDetails { name, join_token_id })
            }
            AuditRow::NodeAddressesChanged { node, peer_address, api_address } => {
                Details::NodeAddressesChanged(v1::NodeAddressesChangedDetails {
                    name: self.node(*node),
                    peer_address: peer_address.clone(),
                    api_address: api_address.clone(),
                })
            }
            AuditRow::EpochStarted { .. }
            | AuditRow::NodeReadmitted { .. }
            | AuditRow::NodeRemoved { .. }
            | AuditRow::RecoveryCodesReleased
            | AuditRow::EpochDiscarded { .. }
            | AuditRow::ClockConfirmed => self.about_epochs(row),
            AuditRow::DataKeyRotationStarted { id } => {
                let details = v1::DataKeyRotationStartedDetails { key: id.0 };
                Details::DataKeyRotationStarted(details)
            }
            AuditRow::DataKeyActivated { id } => {
                Details::DataKeyActivated(v1::DataKeyActivatedDetails { key: id.0 })
            }
            AuditRow::DataKeyRetired { id } => {
                Details::DataKeyRetired(v1::DataKeyRetiredDetails { key: id.0 })
            }
            AuditRow::SettingsChanged { changes } => {
                let setting = |change: &SettingChange| v1::AuditedSetting {
                    name: change.setting.info().name.to_owned(),
                    before: change.before,
                    after: change.after,
                };
                let settings = changes.iter().map(setting).collect();
                Details::SettingsChanged(v1::SettingsChangedDetails { settings })
            }
            other => self.details(other),
        }
    }
}

/// A user of whom the event itself has the name; the name may be nobody's.
fn named_user(id: Option<UserId>, name: &UserName) -> Option<v1::AuditedUser> {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    Some(v1::AuditedUser { id, username: name.to_string() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use symbolon_core::{JournalId, LineageId};

    use super::*;

    /// A kind has one number everywhere: in the filter, on the wire and in the hash chain.
    #[test]
    fn every_type_of_the_api_is_a_kind_and_is_named_as_its_details() {
        let known = (1..64).filter(|number| v1::EventType::try_from(*number).is_ok());
        // Up to 35, which tells of recovery codes, without a hole, and from the PINs on; beside them clocks,
        // epochs apart and RADIUS clients.
        let pins = [
            kind(&AuditRow::PinSet { user: UserId(1), must_change: false }),
            kind(&AuditRow::PinCleared { user: UserId(1) }),
            42,
            43,
            kind(&AuditRow::RecoveryCodesCreated { user: UserId(1) }),
            45,
            46,
            kind(&AuditRow::DoublesAcknowledged { doubles: 1 }),
            kind(&AuditRow::MergeRefused { journal: JournalId::default(), first: 1 }),
            49,
        ];
        let clocks = kind(&AuditRow::ClockConfirmed);
        let apart = kind(&AuditRow::EpochDiscarded { epoch: 2, lineage: LineageId([1; 16]) });
        let application = ApplicationId(1);
        let radius = [
            kind(&AuditRow::RadiusClientSet {
                application,
                before: None,
                after: Arc::default(),
                new_secrets: true,
            }),
            kind(&AuditRow::RadiusClientRemoved { application }),
            kind(&AuditRow::RadiusClientSigns { application, device: [192, 0, 2, 1].into() }),
        ];
        let later = [apart, radius[0], radius[1], radius[2]].map(i32::from);
        let expected = (1..=35).chain([clocks.into()]).chain(pins.map(i32::from)).chain(later);
        assert!(known.eq(expected));
    }
}
