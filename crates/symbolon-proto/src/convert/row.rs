//! Rows and scalars.

use std::sync::Arc;

use prost::Message as _;
use symbolon_core::{
    AdministratorId, ApplicationId, Block, ChallengeId, DataKeys, Digest, JoinToken, JoinTokenId,
    JournalId, KeyHash, KeyPin, LogIndex, Node, NodeId, Reveal, Rotation, Row, RowKey, Scalars,
    Sealed, Timestamp, Token, TokenId, User, UserId, UserPin,
};

use super::caller::{
    administrator_from_proto, administrator_to_proto, application_from_proto, application_to_proto,
};
use super::profile::{profile_from_proto, profile_to_proto};
use super::{
    DecodeError, algorithm_number, bypass, challenge, data_key, display_name, epoch, merge, name,
    need, parameters, radius, reason, serial, settings, token_kind, user_name,
};
use crate::store::v1 as store;

/// Bytes that name a row among all rows: one for its kind, then its id in order.
#[must_use]
pub fn row_key_encode(key: RowKey) -> Vec<u8> {
    let (kind, id) = match key {
        RowKey::Cluster => (b'C', 0),
        RowKey::Administrator(id) => (b'M', id.0),
        RowKey::Application(id) => (b'P', id.0),
        RowKey::User(id) => (b'U', id.0),
        RowKey::Token(id) => (b'T', id.0),
        RowKey::Node(id) => (b'N', id.0),
        RowKey::JoinToken(id) => (b'J', id.0),
        RowKey::DataKeys => (b'K', 0),
        RowKey::Settings => (b'S', 0),
        RowKey::Challenge(id) => return [&b"H"[..], &id.0].concat(),
        RowKey::RadiusClient(id) => (b'R', id.0),
        RowKey::Journal(id) => return [&b"L"[..], &id.0].concat(),
    };
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes
}

/// The row that such bytes name; `None` if they name none.
pub(crate) fn row_key_decode(bytes: &[u8]) -> Option<RowKey> {
    let (kind, id) = bytes.split_first()?;
    if *kind == b'H' {
        return ChallengeId::from_slice(id).map(RowKey::Challenge);
    }
    if *kind == b'L' {
        return JournalId::from_slice(id).map(RowKey::Journal);
    }
    let id = u64::from_be_bytes(id.try_into().ok()?);
    Some(match (kind, id) {
        (b'C', 0) => RowKey::Cluster,
        (b'M', id) => RowKey::Administrator(AdministratorId(id)),
        (b'P', id) => RowKey::Application(ApplicationId(id)),
        (b'U', id) => RowKey::User(UserId(id)),
        (b'T', id) => RowKey::Token(TokenId(id)),
        (b'N', id) => RowKey::Node(NodeId(id)),
        (b'J', id) => RowKey::JoinToken(JoinTokenId(id)),
        (b'R', id) => RowKey::RadiusClient(ApplicationId(id)),
        (b'K', 0) => RowKey::DataKeys,
        (b'S', 0) => RowKey::Settings,
        _ => return None,
    })
}

/// A row as the image and snapshots hold it.
#[must_use]
pub fn row_encode(row: &Row) -> Vec<u8> {
    row_to_proto(row).encode_to_vec()
}

/// Reads a row.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged or of a newer release.
pub fn row_decode(bytes: &[u8]) -> Result<Row, DecodeError> {
    row_from_proto(store::Row::decode(bytes).map_err(DecodeError::Malformed)?)
}

/// Scalars as a message; `applied_log_id` and `membership` are left to the caller.
#[must_use]
pub fn scalars_to_proto(scalars: Scalars) -> store::Scalars {
    store::Scalars {
        clock: scalars.clock.0,
        audit_chain: digest_bytes(scalars.audit_chain),
        digest: digest_bytes(scalars.digest),
        applied_log_id: Vec::new(),
        membership: Vec::new(),
    }
}

/// Reads scalars.
///
/// # Errors
/// [`DecodeError`] when a digest has not 32 bytes.
pub fn scalars_from_proto(message: &store::Scalars) -> Result<Scalars, DecodeError> {
    Ok(Scalars {
        clock: Timestamp(message.clock),
        audit_chain: need(Digest::from_slice(&message.audit_chain), "audit_chain")?,
        digest: need(Digest::from_slice(&message.digest), "digest")?,
    })
}

/// The bytes of a digest.
#[must_use]
pub fn digest_bytes(digest: Digest) -> Vec<u8> {
    digest.0.to_vec()
}

fn row_to_proto(row: &Row) -> store::Row {
    use store::row::Row as Message;
    let message = match row {
        Row::Cluster(row) => Message::Cluster(epoch::cluster_to_proto(row)),
        Row::Administrator(row) => Message::Administrator(administrator_to_proto(row)),
        Row::Application(row) => Message::Application(application_to_proto(row)),
        Row::User(row) => Message::User(user_to_proto(row)),
        Row::Token(row) => Message::Token(store::TokenRow {
            id: row.id.0,
            user: row.user.0,
            algorithm: algorithm_number(row.parameters.algorithm()),
            digits: row.parameters.digits().into(),
            period_seconds: row.parameters.period_seconds().unwrap_or(0),
            seed: row.seed.as_bytes().to_vec(),
            mark: row.mark,
            created_at: row.created_at.0,
            changed_at: row.changed_at.0,
            kind: token_kind(row.parameters).into(),
            serial: row.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
            pending: row.pending,
            drift: row.drift,
            epoch: row.epoch,
            awaits_second: row.awaits_second,
        }),
        Row::Node(row) => Message::Node(node_to_proto(row)),
        Row::JoinToken(row) => {
            let (secret, reveal_until) = reveal_to_proto(row.reveal.as_ref());
            Message::JoinToken(store::JoinTokenRow {
                id: row.id.0,
                secret_hash: row.secret.0.to_vec(),
                secret,
                reveal_until,
                expires_at: row.expires_at.0,
                used_by: row.used_by.map_or(0, |node| node.0),
                changed_at: row.changed_at.0,
            })
        }
        Row::DataKeys(row) => Message::DataKeys(data_keys_to_proto(row)),
        Row::Settings(row) => Message::Settings(settings::row_to_proto(row)),
        Row::Challenge(row) => Message::Challenge(challenge::row_to_proto(row)),
        Row::Journal(row) => Message::Journal(merge::row_to_proto(row)),
        Row::RadiusClient(row) => Message::RadiusClient(radius::row_to_proto(row)),
    };
    store::Row { row: Some(message) }
}

fn row_from_proto(message: store::Row) -> Result<Row, DecodeError> {
    use store::row::Row as Message;
    Ok(match need(message.row, "row")? {
        Message::Cluster(m) => Row::Cluster(epoch::cluster_from_proto(m)?),
        Message::Administrator(m) => Row::Administrator(administrator_from_proto(m)?),
        Message::Application(m) => Row::Application(application_from_proto(m)?),
        Message::User(m) => Row::User(user_from_proto(m)?),
        Message::Token(m) => Row::Token(Token {
            id: TokenId(m.id),
            user: UserId(m.user),
            parameters: parameters(m.kind, m.algorithm, m.digits, m.period_seconds)?,
            seed: Sealed::new(m.seed),
            serial: serial(m.serial)?,
            pending: m.pending,
            mark: m.mark,
            drift: m.drift,
            epoch: m.epoch,
            awaits_second: m.awaits_second,
            created_at: Timestamp(m.created_at),
            changed_at: LogIndex(m.changed_at),
        }),
        Message::Node(m) => Row::Node(node_from_proto(m)?),
        Message::DataKeys(m) => Row::DataKeys(data_keys_from_proto(m)?),
        Message::Settings(m) => Row::Settings(settings::row_from_proto(m)?),
        Message::Challenge(m) => Row::Challenge(challenge::row_from_proto(m)?),
        Message::Journal(m) => Row::Journal(merge::row_from_proto(&m)?),
        Message::RadiusClient(m) => Row::RadiusClient(radius::row_from_proto(m)?),
        Message::JoinToken(m) => Row::JoinToken(JoinToken {
            id: JoinTokenId(m.id),
            secret: need(KeyHash::from_slice(&m.secret_hash), "secret_hash")?,
            reveal: reveal_from_proto(m.secret, m.reveal_until),
            expires_at: Timestamp(m.expires_at),
            used_by: (m.used_by != 0).then_some(NodeId(m.used_by)),
            changed_at: LogIndex(m.changed_at),
        }),
    })
}

fn user_to_proto(row: &User) -> store::UserRow {
    let failed_by = |(application, failures): &(ApplicationId, u32)| store::FailedBy {
        application: application.0,
        failures: *failures,
    };
    store::UserRow {
        id: row.id.0,
        name: row.name.to_string(),
        display_name: row.display_name.to_string(),
        failures: row.failures,
        token: row.tokens.iter().map(|token| token.0).collect(),
        created_at: row.created_at.0,
        changed_at: row.changed_at.0,
        disabled: row.disabled,
        block: row.block.as_ref().map(block_to_proto),
        revision: row.revision.0,
        failed_at: row.failed_at.0,
        failed_by: row.failed_by.iter().map(failed_by).collect(),
        profile: profile_to_proto(row.profile()),
        pin: row.pin.as_deref().map(pin_to_proto).map(Box::new),
        bypass: row.bypass.as_deref().map(bypass::bypass_to_proto).map(Box::new),
        recovery_codes: row.recovery_codes.as_deref().map(bypass::codes_to_proto).map(Box::new),
    }
}

fn user_from_proto(m: store::UserRow) -> Result<User, DecodeError> {
    let failed_by = |m: store::FailedBy| (ApplicationId(m.application), m.failures);
    Ok(User {
        id: UserId(m.id),
        name: user_name(m.name)?,
        display_name: display_name(m.display_name)?,
        failures: m.failures,
        failed_at: Timestamp(m.failed_at),
        failed_by: m.failed_by.into_iter().map(failed_by).collect(),
        tokens: m.token.into_iter().map(TokenId).collect(),
        disabled: m.disabled,
        block: m.block.map(block_from_proto).transpose()?,
        revision: LogIndex(m.revision),
        profile: profile_from_proto(m.profile)?.kept(),
        pin: m.pin.map(|pin| Arc::new(pin_from_proto(*pin))),
        bypass: m.bypass.map(|m| bypass::bypass_from_proto(*m)).transpose()?,
        recovery_codes: m.recovery_codes.map(|m| bypass::codes_from_proto(*m)).transpose()?,
        created_at: Timestamp(m.created_at),
        changed_at: LogIndex(m.changed_at),
    })
}

fn pin_to_proto(pin: &UserPin) -> store::Pin {
    store::Pin {
        sealed: pin.sealed.as_bytes().to_vec(),
        set_at: pin.set_at.0,
        must_change: pin.must_change,
    }
}

fn pin_from_proto(m: store::Pin) -> UserPin {
    let set_at = Timestamp(m.set_at);
    UserPin { sealed: Sealed::new(m.sealed), set_at, must_change: m.must_change }
}

fn block_to_proto(block: &Block) -> store::Block {
    let Block { reason, since, until } = block;
    store::Block { reason: reason.to_string(), since: since.0, until: until.0 }
}

fn block_from_proto(m: store::Block) -> Result<Block, DecodeError> {
    let reason = reason(m.reason)?;
    Ok(Block { reason, since: Timestamp(m.since), until: Timestamp(m.until) })
}

fn data_keys_to_proto(row: &DataKeys) -> store::DataKeysRow {
    let rotation = row.rotation.as_ref().map(|rotation| store::DataKeyRotation {
        id: rotation.id.0,
        key: rotation.key.as_bytes().to_vec(),
        started_at: rotation.started_at.0,
        holder: rotation.holders.iter().map(|node| node.0).collect(),
    });
    store::DataKeysRow { active: row.active.0, rotation, retired_at: row.retired_at.0 }
}

fn data_keys_from_proto(m: store::DataKeysRow) -> Result<DataKeys, DecodeError> {
    let rotation = m.rotation.map(|m| -> Result<_, DecodeError> {
        Ok(Rotation {
            id: data_key(m.id)?,
            key: Sealed::new(m.key),
            started_at: Timestamp(m.started_at),
            holders: m.holder.into_iter().map(NodeId).collect(),
        })
    });
    Ok(DataKeys {
        active: data_key(m.active)?,
        rotation: rotation.transpose()?,
        retired_at: LogIndex(m.retired_at),
    })
}

pub(crate) fn reveal_to_proto(reveal: Option<&Reveal>) -> (Vec<u8>, u64) {
    reveal.map_or((Vec::new(), 0), |r| (r.secret.as_bytes().to_vec(), r.until.0))
}

pub(crate) fn reveal_from_proto(secret: Vec<u8>, until: u64) -> Option<Reveal> {
    (until != 0).then(|| Reveal { secret: Sealed::new(secret), until: Timestamp(until) })
}

pub(crate) fn node_to_proto(row: &Node) -> store::NodeRow {
    store::NodeRow {
        id: row.id.0,
        name: row.name.to_string(),
        pin: row.pin.0.to_vec(),
        peer_address: row.peer_address.clone(),
        api_address: row.api_address.clone(),
        changed_at: row.changed_at.0,
        superseded: row.superseded,
    }
}

pub(crate) fn node_from_proto(m: store::NodeRow) -> Result<Node, DecodeError> {
    Ok(Node {
        id: NodeId(m.id),
        name: name(m.name, "name")?,
        pin: need(KeyPin::from_slice(&m.pin), "pin")?,
        peer_address: m.peer_address,
        api_address: m.api_address,
        superseded: m.superseded,
        changed_at: LogIndex(m.changed_at),
    })
}
