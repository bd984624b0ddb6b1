//! Audit rows, packed per log entry.

use prost::Message as _;
use symbolon_core::{
    AdministratorId, ApplicationId, AuditEvent, AuditRow, ClusterId, Digest, JoinTokenId, KeyPin,
    LogIndex, Match, Name, NodeId, Reason, Timestamp, TokenId, UserId, UserName, Verdict, Verified,
};

use super::bypass::{
    cancelled_from_proto, cancelled_to_proto, codes_created_to_proto, granted_from_proto,
    granted_to_proto, proof_from_proto, proof_to_proto,
};
use super::challenge::{decision_from_proto, decision_to_proto};
use super::profile::{user_updated_from_proto, user_updated_to_proto};
use super::{
    DecodeError, caller, caller_from_proto, caller_to_proto, data_key, epoch, fingerprint, merge,
    method, method_number, name, need, radius, reason, request_id, settings, user_name,
};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;

/// The events of one log entry as one value. `before`: the audit chain without them; the first builds
/// wrote none.
#[must_use]
pub fn audit_encode(before: Option<Digest>, at: Timestamp, events: &[AuditEvent]) -> Vec<u8> {
    let batch = store::AuditBatch {
        at: at.0,
        row: events.iter().map(event_to_proto).collect(),
        chain_before: before.map(|chain| chain.0.to_vec()).unwrap_or_default(),
    };
    batch.encode_to_vec()
}

/// What a value of the audit says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditHead {
    /// State time of its events.
    pub at: Timestamp,
    /// How many there are.
    pub events: u64,
    /// The audit chain before them; `None` in values of the first builds.
    pub before: Option<Digest>,
}

/// Reads what a value of the audit says of itself.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged.
pub fn audit_head(bytes: &[u8]) -> Result<AuditHead, DecodeError> {
    head_from_proto(&store::AuditBatch::decode(bytes).map_err(DecodeError::Malformed)?)
}

fn head_from_proto(batch: &store::AuditBatch) -> Result<AuditHead, DecodeError> {
    let before = match &batch.chain_before[..] {
        [] => None,
        bytes => Some(need(Digest::from_slice(bytes), "chain_before")?),
    };
    Ok(AuditHead { at: Timestamp(batch.at), events: batch.row.len() as u64, before })
}

/// Reads a value of the audit, that of the log entry `index`: what it says of itself, and its events.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged or of a newer release.
pub fn audit_read(
    index: LogIndex,
    bytes: &[u8],
) -> Result<(AuditHead, Vec<AuditEvent>), DecodeError> {
    let batch = store::AuditBatch::decode(bytes).map_err(DecodeError::Malformed)?;
    let head = head_from_proto(&batch)?;
    let events = batch.row.into_iter().map(|row| event_from_proto(index, head.at, row));
    Ok((head, events.collect::<Result<_, _>>()?))
}

/// Reads the events of the log entry `index`.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged or of a newer release.
pub fn audit_decode(index: LogIndex, bytes: &[u8]) -> Result<Vec<AuditEvent>, DecodeError> {
    audit_read(index, bytes).map(|(_, events)| events)
}

fn event_to_proto(event: &AuditEvent) -> store::AuditRow {
    store::AuditRow {
        caller: Some(caller_to_proto(event.caller)),
        request_id: event.request_id.0.to_vec(),
        fingerprint: event.fingerprint.0.to_vec(),
        node: event.node.0,
        ordinal: event.ordinal,
        event: row_to_proto(&event.row),
    }
}

fn event_from_proto(
    index: LogIndex,
    at: Timestamp,
    message: store::AuditRow,
) -> Result<AuditEvent, DecodeError> {
    Ok(AuditEvent {
        index,
        ordinal: message.ordinal,
        at,
        caller: caller_from_proto(message.caller)?,
        request_id: request_id(&message.request_id)?,
        fingerprint: fingerprint(&message.fingerprint)?,
        node: NodeId(message.node),
        row: row_from_proto(need(message.event, "event")?)?,
    })
}

fn row_to_proto(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::Verified(verified) => Event::Verified(verified_to_proto(verified)),
        AuditRow::ClusterCreated { cluster, name, administrator, node } => {
            let name = name.to_string();
            let (cluster, administrator, node) = (cluster.0.to_vec(), administrator.0, node.0);
            Event::ClusterCreated(store::ClusterCreated { cluster, name, administrator, node })
        }
        AuditRow::UserCreated { user, name } => {
            Event::UserCreated(store::UserCreated { user: user.0, name: name.to_string() })
        }
        AuditRow::UserUpdated { .. } => return user_updated_to_proto(row),
        AuditRow::UserBlocked { user, reason, until } => user_blocked(*user, reason, *until),
        AuditRow::UserUnblocked { user, reason, failures } => {
            user_unblocked(*user, reason, *failures)
        }
        AuditRow::UserDeleted { user, name, tokens } => user_deleted(*user, name, *tokens),
        AuditRow::PinSet { user, must_change } => {
            Event::PinSet(store::PinSet { user: user.0, must_change: *must_change })
        }
        AuditRow::PinChanged { user } => Event::PinChanged(store::PinChanged { user: user.0 }),
        AuditRow::PinCleared { user } => Event::PinCleared(store::PinCleared { user: user.0 }),
        AuditRow::BypassGranted { user, reason, until } => granted_to_proto(*user, reason, *until),
        AuditRow::BypassCancelled { user, reason } => cancelled_to_proto(*user, reason),
        AuditRow::RecoveryCodesCreated { user } => codes_created_to_proto(*user),
        AuditRow::PersonalDataExported { user, name } => exported(*user, name),
        AuditRow::TokenEnrolled { .. }
        | AuditRow::TokenConfirmed { .. }
        | AuditRow::TokenResynchronised { .. }
        | AuditRow::TokenRemoved { .. } => return about_token(row),
        AuditRow::ApplicationCreated { .. }
        | AuditRow::ApplicationUpdated(_)
        | AuditRow::ApplicationKeyRotated { .. }
        | AuditRow::ApplicationKeyRetired { .. }
        | AuditRow::ApplicationDeleted { .. }
        | AuditRow::NamesNotAudited { .. }
        | AuditRow::AdministratorCreated { .. }
        | AuditRow::AdministratorUpdated(_)
        | AuditRow::AdministratorTokenRotated { .. }
        | AuditRow::AdministratorDeleted { .. } => return caller::event_to_proto(row),
        AuditRow::RadiusClientSet { .. }
        | AuditRow::RadiusClientRemoved { .. }
        | AuditRow::RadiusClientSigns { .. }
        | AuditRow::SessionTold { .. } => return radius::event_to_proto(row),
        AuditRow::JoinTokenCreated { join_token, expires_at } => created(*join_token, *expires_at),
        AuditRow::NodeAdmitted { node, name, pin, join_token } => {
            node_admitted(*node, name, *pin, *join_token)
        }
        AuditRow::NodeAddressesChanged { node, peer_address, api_address } => {
            node_addresses_changed(*node, peer_address, api_address)
        }
        AuditRow::JoinTokenExpired { join_token } => expired(*join_token),
        AuditRow::EpochStarted { .. }
        | AuditRow::NodeReadmitted { .. }
        | AuditRow::RecoveryCodesReleased
        | AuditRow::EpochDiscarded { .. }
        | AuditRow::ClockConfirmed
        | AuditRow::NodeRemoved { .. } => return epoch::event_to_proto(row),
        AuditRow::Merged(_)
        | AuditRow::MergeRefused { .. }
        | AuditRow::AcceptedTwice(_)
        | AuditRow::DoublesAcknowledged { .. } => return merge::event_to_proto(row),
        AuditRow::DataKeyRotationStarted { .. }
        | AuditRow::DataKeyActivated { .. }
        | AuditRow::DataKeyRetired { .. } => return about_data_key(row),
        AuditRow::SettingsChanged { changes } => {
            Event::SettingsChanged(settings::changed_to_proto(changes))
        }
    })
}

/// `None` for what is not about one.
fn about_data_key(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::DataKeyRotationStarted { id } => {
            Event::DataKeyRotationStarted(store::DataKeyRotationStarted { id: id.0 })
        }
        AuditRow::DataKeyActivated { id } => {
            Event::DataKeyActivated(store::DataKeyActivated { id: id.0 })
        }
        AuditRow::DataKeyRetired { id } => {
            Event::DataKeyRetired(store::DataKeyRetired { id: id.0 })
        }
        _ => return None,
    })
}

/// `None` for what is not about one.
fn about_token(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::TokenEnrolled { user, token } => {
            Event::TokenEnrolled(store::TokenEnrolled { user: user.0, token: token.0 })
        }
        AuditRow::TokenConfirmed { user, token, step } => {
            let (user, token) = (user.0, token.0);
            Event::TokenConfirmed(store::TokenConfirmed { user, token, step: *step })
        }
        AuditRow::TokenResynchronised { user, token, step, drift } => {
            let (user, token, step, drift) = (user.0, token.0, *step, *drift);
            Event::TokenResynchronised(store::TokenResynchronised { user, token, step, drift })
        }
        AuditRow::TokenRemoved { user, token } => {
            Event::TokenRemoved(store::TokenRemoved { user: user.0, token: token.0 })
        }
        _ => return None,
    })
}

fn node_addresses_changed(node: NodeId, peer_address: &str, api_address: &str) -> Event {
    Event::NodeAddressesChanged(store::NodeAddressesChanged {
        node: node.0,
        peer_address: peer_address.to_owned(),
        api_address: api_address.to_owned(),
    })
}

fn node_admitted(node: NodeId, name: &Name, pin: KeyPin, join_token: JoinTokenId) -> Event {
    Event::NodeAdmitted(store::NodeAdmitted {
        node: node.0,
        name: name.to_string(),
        pin: pin.0.to_vec(),
        join_token: join_token.0,
    })
}

fn user_blocked(user: UserId, reason: &Reason, until: Timestamp) -> Event {
    let reason = reason.to_string();
    Event::UserBlocked(store::UserBlocked { user: user.0, reason, until: until.0 })
}

fn user_unblocked(user: UserId, reason: &Reason, failures: u32) -> Event {
    let reason = reason.to_string();
    Event::UserUnblocked(store::UserUnblocked { user: user.0, reason, failures })
}

fn exported(user: Option<UserId>, name: &UserName) -> Event {
    let (user, name) = (user.map_or(0, |user| user.0), name.to_string());
    Event::PersonalDataExported(store::PersonalDataExported { user, name })
}

fn user_deleted(user: UserId, name: &UserName, tokens: u32) -> Event {
    let name = name.to_string();
    Event::UserDeleted(store::UserDeleted { user: user.0, name, tokens })
}

fn verified_to_proto(v: &Verified) -> store::Verified {
    let (bypassed, recovery_code, answered, exempt) = proof_to_proto(v.proof);
    let (denial, challenge, prompt) = decision_to_proto(v.verdict.decision);
    store::Verified {
        user_name: v.user_name.to_string(),
        user: v.user.map_or(0, |user| user.0),
        application: v.application.0,
        client_ip: v.client_ip.clone().into_bytes(),
        method: method_number(v.method),
        denial,
        failures: v.verdict.failures,
        spent: v.spent.iter().map(|s| store::Spent { token: s.token.0, step: s.step }).collect(),
        bypassed,
        recovery_code,
        answered,
        challenge,
        exempt,
        prompt,
    }
}

const fn spent_from_proto(m: store::Spent) -> Match {
    Match { token: TokenId(m.token), step: m.step }
}

fn row_from_proto(event: Event) -> Result<AuditRow, DecodeError> {
    Ok(match event {
        Event::Verified(m) => AuditRow::Verified(verified_from_proto(m)?),
        Event::ClusterCreated(m) => cluster_created_from_proto(m)?,
        Event::UserCreated(m) => {
            AuditRow::UserCreated { user: UserId(m.user), name: user_name(m.name)? }
        }
        Event::UserUpdated(m) => user_updated_from_proto(m)?,
        Event::UserBlocked(m) => user_blocked_from_proto(m)?,
        Event::UserUnblocked(m) => {
            let (user, reason) = (UserId(m.user), reason(m.reason)?);
            AuditRow::UserUnblocked { user, reason, failures: m.failures }
        }
        Event::UserDeleted(m) => {
            let (user, name) = (UserId(m.user), user_name(m.name)?);
            AuditRow::UserDeleted { user, name, tokens: m.tokens }
        }
        Event::PinSet(m) => AuditRow::PinSet { user: UserId(m.user), must_change: m.must_change },
        Event::PinChanged(m) => AuditRow::PinChanged { user: UserId(m.user) },
        Event::PinCleared(m) => AuditRow::PinCleared { user: UserId(m.user) },
        Event::BypassGranted(m) => granted_from_proto(m)?,
        Event::BypassCancelled(m) => cancelled_from_proto(m)?,
        Event::RecoveryCodesCreated(m) => AuditRow::RecoveryCodesCreated { user: UserId(m.user) },
        Event::PersonalDataExported(m) => exported_from_proto(m)?,
        Event::TokenEnrolled(m) => {
            AuditRow::TokenEnrolled { user: UserId(m.user), token: TokenId(m.token) }
        }
        Event::TokenConfirmed(m) => confirmed(m),
        Event::TokenResynchronised(m) => resynchronised(m),
        Event::TokenRemoved(m) => {
            AuditRow::TokenRemoved { user: UserId(m.user), token: TokenId(m.token) }
        }
        event @ (Event::ApplicationCreated(_)
        | Event::ApplicationUpdated(_)
        | Event::ApplicationKeyRotated(_)
        | Event::ApplicationKeyRetired(_)
        | Event::ApplicationDeleted(_)
        | Event::NamesNotAudited(_)
        | Event::AdministratorCreated(_)
        | Event::AdministratorUpdated(_)
        | Event::AdministratorTokenRotated(_)
        | Event::AdministratorDeleted(_)) => caller::event_from_proto(event)?,
        event @ (Event::RadiusClientSet(_)
        | Event::RadiusClientRemoved(_)
        | Event::RadiusClientSigns(_)
        | Event::SessionTold(_)) => radius::event_from_proto(event)?,
        Event::JoinTokenCreated(m) => join_token_created(m),
        Event::NodeAdmitted(m) => node_admitted_from_proto(m)?,
        Event::NodeAddressesChanged(m) => addresses_changed(m),
        Event::JoinTokenExpired(m) => expired_from_proto(m),
        Event::EpochStarted(m) => epoch::started_from_proto(&m)?,
        Event::NodeReadmitted(m) => epoch::readmitted_from_proto(m)?,
        Event::RecoveryCodesReleased(_) => AuditRow::RecoveryCodesReleased,
        Event::EpochDiscarded(m) => epoch::discarded_from_proto(&m)?,
        Event::Merged(m) => merge::merged_from_proto(m)?,
        Event::AcceptedTwice(m) => merge::twice_from_proto(m)?,
        Event::DoublesAcknowledged(m) => AuditRow::DoublesAcknowledged { doubles: m.doubles },
        Event::MergeRefused(m) => merge::refused_from_proto(&m)?,
        Event::ClockConfirmed(store::ClockConfirmed {}) => AuditRow::ClockConfirmed,
        Event::NodeRemoved(m) => epoch::removed_from_proto(m)?,
        Event::DataKeyRotationStarted(m) => {
            AuditRow::DataKeyRotationStarted { id: data_key(m.id)? }
        }
        Event::DataKeyActivated(m) => AuditRow::DataKeyActivated { id: data_key(m.id)? },
        Event::DataKeyRetired(m) => AuditRow::DataKeyRetired { id: data_key(m.id)? },
        Event::SettingsChanged(m) => {
            AuditRow::SettingsChanged { changes: settings::changed_from_proto(m)? }
        }
    })
}

const fn created(join_token: JoinTokenId, expires_at: Timestamp) -> Event {
    let (join_token, expires_at) = (join_token.0, expires_at.0);
    Event::JoinTokenCreated(store::JoinTokenCreated { join_token, expires_at })
}

const fn expired(join_token: JoinTokenId) -> Event {
    Event::JoinTokenExpired(store::JoinTokenExpired { join_token: join_token.0 })
}

const fn expired_from_proto(m: store::JoinTokenExpired) -> AuditRow {
    AuditRow::JoinTokenExpired { join_token: JoinTokenId(m.join_token) }
}

const fn join_token_created(m: store::JoinTokenCreated) -> AuditRow {
    let (join_token, expires_at) = (JoinTokenId(m.join_token), Timestamp(m.expires_at));
    AuditRow::JoinTokenCreated { join_token, expires_at }
}

const fn confirmed(m: store::TokenConfirmed) -> AuditRow {
    AuditRow::TokenConfirmed { user: UserId(m.user), token: TokenId(m.token), step: m.step }
}

const fn resynchronised(m: store::TokenResynchronised) -> AuditRow {
    let (user, token) = (UserId(m.user), TokenId(m.token));
    AuditRow::TokenResynchronised { user, token, step: m.step, drift: m.drift }
}

fn exported_from_proto(m: store::PersonalDataExported) -> Result<AuditRow, DecodeError> {
    let user = (m.user != 0).then_some(UserId(m.user));
    Ok(AuditRow::PersonalDataExported { user, name: user_name(m.name)? })
}

fn user_blocked_from_proto(m: store::UserBlocked) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::UserBlocked {
        user: UserId(m.user),
        reason: reason(m.reason)?,
        until: Timestamp(m.until),
    })
}

fn verified_from_proto(m: store::Verified) -> Result<Verified, DecodeError> {
    let decision = decision_from_proto(m.denial, &m.challenge, m.prompt)?;
    Ok(Verified {
        user_name: user_name(m.user_name)?,
        user: (m.user != 0).then_some(UserId(m.user)),
        application: ApplicationId(m.application),
        client_ip: String::from_utf8(m.client_ip).map_err(|_| DecodeError::Field("client_ip"))?,
        method: method(m.method)?,
        verdict: Verdict { decision, failures: m.failures },
        spent: m.spent.into_iter().map(spent_from_proto).collect(),
        proof: proof_from_proto(m.bypassed, m.recovery_code, m.answered, m.exempt)?,
    })
}

fn addresses_changed(m: store::NodeAddressesChanged) -> AuditRow {
    AuditRow::NodeAddressesChanged {
        node: NodeId(m.node),
        peer_address: m.peer_address,
        api_address: m.api_address,
    }
}

fn cluster_created_from_proto(m: store::ClusterCreated) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::ClusterCreated {
        cluster: need(ClusterId::from_slice(&m.cluster), "cluster")?,
        name: name(m.name, "name")?,
        administrator: AdministratorId(m.administrator),
        node: NodeId(m.node),
    })
}

fn node_admitted_from_proto(m: store::NodeAdmitted) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::NodeAdmitted {
        node: NodeId(m.node),
        name: name(m.name, "name")?,
        pin: need(KeyPin::from_slice(&m.pin), "pin")?,
        join_token: JoinTokenId(m.join_token),
    })
}
