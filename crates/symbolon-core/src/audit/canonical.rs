//! Events as the hash chain sees them.

use super::{AuditEvent, AuditRow, Proof, SettingChange, Verified};
use crate::digest::{Canonical, CanonicalWriter};
use crate::radius::canonical_address;
use crate::{Caller, Decision, DisplayName, Method, Name, ProfileField, Reason, UserId};

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
            Self::Verified(verified) => verified.canonical(w.number(1)),
            Self::ClusterCreated { cluster, name, administrator, node } => {
                w.number(2).bytes(&cluster.0).bytes(name.as_str().as_bytes());
                w.number(administrator.0).number(node.0);
            }
            Self::UserCreated { user, name } => named(w, 3, user.0, name.as_str()),
            Self::TokenEnrolled { user, token } => _ = w.number(4).number(user.0).number(token.0),
            Self::ApplicationCreated { application, name, exempt } => {
                named(w, 5, application.0, name.as_str());
                exempt.canonical(w);
            }
            Self::UserUpdated { user, display_name, disabled, profile, change } => {
                updated(w, *user, display_name.as_ref(), *disabled, profile);
                change.canonical(w);
            }
            Self::UserBlocked { user, reason, until } => reasoned(w, 17, *user, reason, until.0),
            Self::UserUnblocked { user, reason, failures } => {
                reasoned(w, 18, *user, reason, (*failures).into());
            }
            Self::UserDeleted { user, name, tokens } => {
                w.number(19).number(user.0).bytes(name.as_str().as_bytes());
                w.number((*tokens).into());
            }
            Self::PinSet { .. }
            | Self::PinChanged { .. }
            | Self::PinCleared { .. }
            | Self::BypassGranted { .. }
            | Self::BypassCancelled { .. }
            | Self::RecoveryCodesCreated { .. } => self.about_help(w),
            Self::PersonalDataExported { user, name } => {
                named(w, 31, user.map_or(0, |user| user.0), name.as_str());
            }
            Self::TokenConfirmed { .. } | Self::TokenResynchronised { .. } => self.about_code(w),
            Self::TokenRemoved { user, token } => _ = w.number(15).number(user.0).number(token.0),
            Self::ApplicationUpdated(_)
            | Self::ApplicationKeyRotated { .. }
            | Self::ApplicationKeyRetired { .. }
            | Self::ApplicationDeleted { .. }
            | Self::RadiusClientSet { .. }
            | Self::RadiusClientRemoved { .. }
            | Self::RadiusClientSigns { .. }
            | Self::SessionTold { .. }
            | Self::NamesNotAudited { .. }
            | Self::AdministratorCreated { .. }
            | Self::AdministratorUpdated(_)
            | Self::AdministratorTokenRotated { .. }
            | Self::AdministratorDeleted { .. } => self.about_caller(w),
            Self::JoinTokenCreated { .. }
            | Self::NodeAdmitted { .. }
            | Self::NodeAddressesChanged { .. }
            | Self::EpochStarted { .. }
            | Self::NodeReadmitted { .. }
            | Self::NodeRemoved { .. }
            | Self::RecoveryCodesReleased
            | Self::EpochDiscarded { .. }
            | Self::Merged(_)
            | Self::MergeRefused { .. }
            | Self::AcceptedTwice(_)
            | Self::DoublesAcknowledged { .. }
            | Self::ClockConfirmed
            | Self::JoinTokenExpired { .. }
            | Self::DataKeyRotationStarted { .. }
            | Self::DataKeyActivated { .. }
            | Self::DataKeyRetired { .. }
            | Self::SettingsChanged { .. } => self.about_cluster(w),
        }
    }
}

impl AuditRow {
    fn about_code(&self, w: &mut CanonicalWriter) {
        match self {
            Self::TokenConfirmed { user, token, step } => {
                w.number(13).number(user.0).number(token.0).number(*step);
            }
            Self::TokenResynchronised { user, token, step, drift } => {
                w.number(14).number(user.0).number(token.0).number(*step);
                w.number(i64::from(*drift).cast_unsigned());
            }
            other => other.canonical(w),
        }
    }

    fn about_help(&self, w: &mut CanonicalWriter) {
        match self {
            Self::PinSet { user, must_change } => {
                w.number(40).number(user.0);
                if *must_change {
                    w.number(1);
                }
            }
            Self::PinChanged { user } => _ = w.number(30).number(user.0),
            Self::PinCleared { user } => _ = w.number(41).number(user.0),
            Self::BypassGranted { user, reason, until } => reasoned(w, 42, *user, reason, until.0),
            Self::BypassCancelled { user, reason } => reasoned(w, 43, *user, reason, 0),
            Self::RecoveryCodesCreated { user } => _ = w.number(44).number(user.0),
            other => other.canonical(w),
        }
    }

    fn about_cluster(&self, w: &mut CanonicalWriter) {
        match self {
            Self::JoinTokenCreated { join_token, expires_at } => {
                w.number(6).number(join_token.0).number(expires_at.0);
            }
            Self::NodeAdmitted { node, name, pin, join_token } => {
                w.number(7).number(node.0).bytes(name.as_str().as_bytes()).bytes(&pin.0);
                w.number(join_token.0);
            }
            Self::NodeAddressesChanged { node, peer_address, api_address } => {
                w.number(8).number(node.0).bytes(peer_address.as_bytes());
                w.bytes(api_address.as_bytes());
            }
            Self::JoinTokenExpired { join_token } => {
                w.number(9).number(join_token.0);
            }
            Self::EpochStarted { epoch, lineage, node, administrator } => {
                w.number(32).number(*epoch).bytes(&lineage.0).number(node.0);
                if let Some(administrator) = administrator {
                    w.number(1).number(administrator.0);
                }
            }
            Self::NodeReadmitted { node, name, previous } => {
                named(w, 33, node.0, name.as_str());
                w.number(previous.0);
            }
            Self::NodeRemoved { node, name, pin } => {
                named(w, 34, node.0, name.as_str());
                w.bytes(&pin.0);
            }
            Self::RecoveryCodesReleased => _ = w.number(35),
            Self::EpochDiscarded { epoch, lineage } => {
                w.number(60).number(*epoch).bytes(&lineage.0);
            }
            Self::Merged(merged) => {
                w.number(45);
                merged.canonical(w);
            }
            Self::AcceptedTwice(twice) => {
                w.number(46);
                twice.canonical(w);
            }
            Self::DoublesAcknowledged { doubles } => _ = w.number(47).number(*doubles),
            Self::MergeRefused { journal, first } => {
                w.number(48).bytes(&journal.0).number(*first);
            }
            Self::ClockConfirmed => _ = w.number(38),
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
                updated.before.canonical(w);
                updated.exempt.canonical(w);
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
                named(w, 24, application.0, name.as_str());
            }
            Self::RadiusClientSet { application, before, after, new_secrets } => {
                w.number(61).number(application.0).number((*new_secrets).into());
                w.number(before.is_some().into());
                before.iter().for_each(|before| before.canonical(w));
                after.canonical(w);
            }
            Self::RadiusClientRemoved { application } => _ = w.number(62).number(application.0),
            Self::RadiusClientSigns { application, device } => {
                w.number(63).number(application.0);
                canonical_address(*device, w);
            }
            Self::SessionTold { user, report } => {
                w.number(49).number(user.map_or(0, |user| user.0));
                report.canonical(w);
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
                updated.before.canonical(w);
            }
            Self::AdministratorTokenRotated { administrator } => {
                w.number(27).number(administrator.0);
            }
            Self::AdministratorDeleted { administrator, name } => {
                named(w, 28, administrator.0, name.as_str());
            }
            other => other.canonical(w),
        }
    }
}

/// Something that has a name.
fn named(w: &mut CanonicalWriter, kind: u64, id: u64, name: &str) {
    w.number(kind).number(id).bytes(name.as_bytes());
}

/// What an administrator did and why, and a number more.
fn reasoned(w: &mut CanonicalWriter, kind: u64, user: UserId, reason: &Reason, more: u64) {
    w.number(kind).number(user.0).bytes(reason.as_str().as_bytes()).number(more);
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
        w.number(1).number(self.verdict.denial().map_or(0, |denial| denial.number().into()));
        w.number(self.verdict.failures.into()).number(self.spent.len() as u64);
        for spent in &self.spent {
            w.number(spent.token.0).number(spent.step);
        }
        // Counts where it says something: other events keep the hash that they had.
        match self.proof {
            Proof::Code => {}
            Proof::Bypass => _ = w.number(1),
            Proof::RecoveryCode(number) => _ = w.number(2).number(number.into()),
            Proof::Challenge => _ = w.number(3),
            Proof::Exempt => _ = w.number(5),
        }
        if let Decision::Challenge { id, prompt } = self.verdict.decision {
            w.number(4).bytes(&id.0).number(prompt.number().into());
        }
    }
}
