//! Audit events in JSON.

use serde::Serialize;
use serde_json::{Value, json};
use symbolon_proto::v1::{self, audit_event::Details};

use super::{RadiusPolicy, time};

#[derive(Serialize)]
pub(crate) struct AuditEvent {
    pub(crate) log_index: u64,
    pub(crate) ordinal: u32,
    pub(crate) time: Option<String>,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    /// The node that served the request.
    pub(crate) node: String,
    pub(crate) r#type: &'static str,
    /// What it tells depends on the type.
    pub(crate) details: Value,
}

#[derive(Serialize)]
pub(crate) struct Caller {
    /// ADMINISTRATOR, APPLICATION or NODE.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    /// Null when there is none of that id any more.
    pub(crate) name: Option<String>,
}

impl From<v1::AuditEvent> for AuditEvent {
    fn from(event: v1::AuditEvent) -> Self {
        let r#type = event.r#type().as_str_name();
        Self {
            log_index: event.log_index,
            ordinal: event.ordinal,
            time: time(event.time.as_ref()),
            caller: event.caller.unwrap_or_default().into(),
            request_id: data_encoding::HEXLOWER.encode(&event.request_id),
            node: event.node,
            r#type,
            details: event.details.map_or(Value::Null, details),
        }
    }
}

impl From<v1::AuditCaller> for Caller {
    fn from(caller: v1::AuditCaller) -> Self {
        Self { kind: caller.kind().as_str_name(), id: caller.id, name: some(caller.name) }
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn user(user: Option<v1::AuditedUser>) -> Value {
    let v1::AuditedUser { id, username } = user.unwrap_or_default();
    json!({ "id": some(id), "username": some(username) })
}

fn token(token: Option<v1::AuditedToken>) -> Value {
    let v1::AuditedToken { id, serial } = token.unwrap_or_default();
    json!({ "id": id, "serial": some(serial) })
}

fn application(application: Option<v1::AuditedApplication>) -> Value {
    let v1::AuditedApplication { id, name } = application.unwrap_or_default();
    json!({ "id": id, "name": some(name) })
}

fn administrator(administrator: Option<v1::AuditedAdministrator>) -> Value {
    let v1::AuditedAdministrator { id, name } = administrator.unwrap_or_default();
    json!({ "id": id, "name": some(name) })
}

/// Null: it was left.
fn list(list: Option<v1::AuditedList>) -> Option<Vec<String>> {
    list.map(|list| list.value)
}

fn of_token(whose: Option<v1::AuditedUser>, which: Option<v1::AuditedToken>) -> Value {
    json!({ "user": user(whose), "token": token(which) })
}

fn details(details: Details) -> Value {
    match details {
        Details::Verified(it) => verified(it),
        Details::UserCreated(it) => json!({ "user": user(it.user) }),
        Details::UserUpdated(it) => user_updated(it),
        Details::UserBlocked(it) => reasoned(it.user, it.reason, it.until.as_ref()),
        Details::UserUnblocked(it) => json!({
            "user": user(it.user),
            "reason": it.reason,
            "failures_before": it.failures_before,
        }),
        Details::PinSet(it) => json!({ "user": user(it.user), "must_change": it.must_change }),
        Details::PinChanged(it) => json!({ "user": user(it.user) }),
        Details::PinCleared(it) => json!({ "user": user(it.user) }),
        Details::BypassGranted(it) => reasoned(it.user, it.reason, it.until.as_ref()),
        Details::BypassCancelled(it) => json!({ "user": user(it.user), "reason": it.reason }),
        Details::RecoveryCodesCreated(it) => json!({ "user": user(it.user) }),
        Details::PersonalDataExported(it) => json!({ "user": user(it.user) }),
        Details::Merged(it) => merged(it),
        Details::AcceptedTwice(it) => json!({
            "user": user(it.user),
            "token": token(it.token),
            "apart": it.apart.map(origin),
            "here": it.here.map(origin),
        }),
        Details::UserDeleted(it) => json!({ "user": user(it.user), "tokens": it.tokens }),
        Details::TokenEnrolled(it) => of_token(it.user, it.token),
        Details::TokenConfirmed(it) => of_token(it.user, it.token),
        Details::TokenRemoved(it) => of_token(it.user, it.token),
        Details::TokenResynchronised(it) => json!({
            "user": user(it.user),
            "token": token(it.token),
            "drift_steps": it.drift_steps,
        }),
        details @ (Details::RadiusClientSet(_)
        | Details::RadiusClientRemoved(_)
        | Details::RadiusClientSigns(_)
        | Details::SessionTold(_)) => about_radius(details),
        details @ (Details::ApplicationCreated(_)
        | Details::ApplicationUpdated(_)
        | Details::ApplicationKeyRotated(_)
        | Details::ApplicationKeyRetired(_)
        | Details::ApplicationDeleted(_)
        | Details::NamesNotAudited(_)
        | Details::AdministratorCreated(_)
        | Details::AdministratorUpdated(_)
        | Details::AdministratorTokenRotated(_)
        | Details::AdministratorDeleted(_)) => about_caller(details),
        details @ (Details::ClusterCreated(_)
        | Details::JoinTokenCreated(_)
        | Details::JoinTokenExpired(_)
        | Details::NodeAdmitted(_)
        | Details::NodeAddressesChanged(_)
        | Details::EpochStarted(_)
        | Details::NodeReadmitted(_)
        | Details::NodeRemoved(_)
        | Details::RecoveryCodesReleased(_)
        | Details::EpochDiscarded(_)
        | Details::DoublesAcknowledged(_)
        | Details::MergeRefused(_)
        | Details::ClockConfirmed(_)
        | Details::DataKeyRotationStarted(_)
        | Details::DataKeyActivated(_)
        | Details::DataKeyRetired(_)
        | Details::SettingsChanged(_)) => about_cluster(details),
    }
}

/// Null for what is not about it.
fn about_cluster(details: Details) -> Value {
    match details {
        Details::ClusterCreated(it) => json!({
            "id": it.id,
            "name": it.name,
            "administrator_id": it.administrator_id,
        }),
        Details::JoinTokenCreated(it) => {
            json!({ "id": it.id, "expires_at": time(it.expires_at.as_ref()) })
        }
        Details::JoinTokenExpired(it) => json!({ "id": it.id }),
        Details::NodeAdmitted(it) => {
            json!({ "name": it.name, "join_token_id": it.join_token_id })
        }
        Details::NodeAddressesChanged(it) => json!({
            "name": it.name,
            "peer_address": it.peer_address,
            "api_address": it.api_address,
        }),
        Details::EpochStarted(it) => json!({
            "epoch": it.epoch,
            "lineage": it.lineage,
            "name": some(it.name),
            "node_id": it.node_id,
            "administrator_id": some(it.administrator_id),
        }),
        Details::NodeReadmitted(it) => {
            json!({ "name": it.name, "id": it.id, "previous_id": it.previous_id })
        }
        Details::NodeRemoved(it) => json!({ "name": it.name, "id": it.id }),
        Details::RecoveryCodesReleased(_) | Details::ClockConfirmed(_) => json!({}),
        Details::EpochDiscarded(it) => json!({ "epoch": it.epoch, "lineage": it.lineage }),
        Details::DoublesAcknowledged(it) => json!({ "doubles": it.doubles }),
        Details::MergeRefused(it) => json!({ "journal": it.journal, "first": it.first }),
        Details::DataKeyRotationStarted(it) => json!({ "key": it.key }),
        Details::DataKeyActivated(it) => json!({ "key": it.key }),
        Details::DataKeyRetired(it) => json!({ "key": it.key }),
        Details::SettingsChanged(it) => {
            let row = |it: v1::AuditedSetting| json!({ "name": it.name, "before": it.before, "after": it.after });
            json!({ "settings": it.settings.into_iter().map(row).collect::<Vec<_>>() })
        }
        _ => Value::Null,
    }
}

fn merged(it: v1::MergedDetails) -> Value {
    let kind = it.kind().as_str_name();
    json!({
        "user": user(it.user),
        "origin": it.origin.map(origin),
        "kind": kind,
        "tokens": it.tokens.into_iter().map(|it| token(Some(it))).collect::<Vec<_>>(),
        "skipped": it.skipped,
        "refused": it.refused,
        "unknown": it.unknown,
        "counted": it.counted,
        "recovery": it.recovery,
        "journal": it.journal,
        "number": it.number,
    })
}

fn origin(it: v1::AuditedOrigin) -> Value {
    json!({
        "caller": Caller::from(it.caller.unwrap_or_default()),
        "request_id": data_encoding::HEXLOWER.encode(&it.request_id),
        "application": it.application.map(|it| application(Some(it))),
        "node_id": it.node_id,
        "node": some(it.node),
        "time": time(it.time.as_ref()),
    })
}

fn reasoned(
    about: Option<v1::AuditedUser>,
    reason: String,
    until: Option<&prost_types::Timestamp>,
) -> Value {
    json!({ "user": user(about), "reason": reason, "until": time(until) })
}

fn user_updated(it: v1::UserUpdatedDetails) -> Value {
    json!({
        "user": user(it.user),
        "display_name": it.display_name,
        "enabled": it.enabled,
        "fields": it.fields,
        "groups": list(it.groups),
        "tags": list(it.tags),
        "before": it.before.map(|it| json!({
            "enabled": it.enabled,
            "groups": list(it.groups),
            "tags": list(it.tags),
        })),
    })
}

/// Null for what was left as it was.
fn decided(number: Option<i32>) -> Option<&'static str> {
    number.map(|number| v1::Decision::try_from(number).unwrap_or_default().as_str_name())
}

/// Null for what is not about one.
fn about_radius(details: Details) -> Value {
    match details {
        Details::RadiusClientSet(it) => json!({
            "application": application(it.application),
            "before": it.before.map(RadiusPolicy::from),
            "after": it.after.map(RadiusPolicy::from),
            "new_secrets": it.new_secrets,
        }),
        Details::RadiusClientRemoved(it) => json!({ "application": application(it.application) }),
        Details::RadiusClientSigns(it) => {
            json!({ "application": application(it.application), "device": it.device })
        }
        Details::SessionTold(it) => json!({
            "application": application(it.application),
            "device": it.device,
            "status": it.status,
            "user": user(it.user),
            "user_name": some(it.user_name),
            "session": some(it.session),
            "station": some(it.station),
            "seconds": it.seconds,
            "octets_in": it.octets_in,
            "octets_out": it.octets_out,
            "cause": it.cause,
        }),
        _ => Value::Null,
    }
}

fn about_caller(details: Details) -> Value {
    match details {
        Details::ApplicationCreated(it) => json!({
            "unknown_users": decided(it.unknown_users),
            "disabled_users": decided(it.disabled_users),
            "islands": decided(it.islands),
            "application": application(it.application),
        }),
        Details::ApplicationUpdated(it) => json!({
            "unknown_users": decided(it.unknown_users),
            "disabled_users": decided(it.disabled_users),
            "islands": decided(it.islands),
            "application": application(it.application),
            "name": it.name,
            "enabled": it.enabled,
            "rights": list(it.rights),
            "sources": list(it.sources),
            "before": it.before.map(|it| json!({
                "name": it.name,
                "enabled": it.enabled,
                "rights": list(it.rights),
                "sources": list(it.sources),
            })),
        }),
        Details::ApplicationKeyRotated(it) => json!({
            "application": application(it.application),
            "old_until": time(it.old_until.as_ref()),
        }),
        Details::ApplicationKeyRetired(it) => {
            json!({ "application": application(it.application) })
        }
        Details::NamesNotAudited(it) => json!({
            "application": application(it.application),
            "verifications": it.verifications,
            "since": time(it.since.as_ref()),
        }),
        Details::ApplicationDeleted(it) => json!({ "application": application(it.application) }),
        Details::AdministratorCreated(it) => json!({
            "administrator": administrator(it.administrator),
            "role": it.role,
            "scope": it.scope,
        }),
        Details::AdministratorUpdated(it) => json!({
            "administrator": administrator(it.administrator),
            "role": it.role,
            "enabled": it.enabled,
            "scope": list(it.scope),
            "before": it.before.map(|it| json!({
                "role": it.role,
                "enabled": it.enabled,
                "scope": list(it.scope),
            })),
        }),
        Details::AdministratorTokenRotated(it) => {
            json!({ "administrator": administrator(it.administrator) })
        }
        Details::AdministratorDeleted(it) => {
            json!({ "administrator": administrator(it.administrator) })
        }
        _ => Value::Null,
    }
}

fn verified(it: v1::VerifiedDetails) -> Value {
    let reason_detail = match it.reason_detail() {
        v1::ReasonDetail::Unspecified => None,
        named => Some(named.as_str_name()),
    };
    json!({
        "user": user(it.user.clone()),
        "application": application(it.application.clone()),
        "decision": it.decision().as_str_name(),
        "reason_detail": reason_detail,
        "failures": it.failures,
        "client_ip": some(it.client_ip.clone()),
        "method": it.method().as_str_name(),
        "bypassed": it.bypassed,
        "recovery": it.recovery,
        "prompt": super::prompt(it.prompt()),
        "answered": it.answered,
        "exempt": it.exempt,
        "tokens": it.tokens.into_iter().map(|row| token(Some(row))).collect::<Vec<_>>(),
    })
}
