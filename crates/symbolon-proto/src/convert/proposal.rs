//! Proposals and the batches in which the log holds them.

use prost::Message as _;
use symbolon_core::{
    AdmitNode, ApplicationId, BlockUser, ClusterId, Command, ConfirmDataKey, ConfirmToken,
    CreateCluster, CreateJoinToken, CreateUser, DeleteUser, EnrollToken, FirstFactor, JoinTokenId,
    KeyHash, KeyPin, LineageId, LogIndex, Match, NodeId, Outcome, Proposal, RecordExport,
    RemoveNode, RemoveToken, Reseal, ResyncToken, RetireDataKey, RotateDataKey, Sealed, SetPin,
    Timestamp, TokenId, UnblockUser, UpdateUser, UserId,
};

use super::caller::{administrator_from_proto, administrator_to_proto};
use super::profile::{change_from_proto, fields_to_proto, profile_from_proto, profile_to_proto};
use super::row::{node_from_proto, node_to_proto, row_key_decode, row_key_encode};
use super::{
    DecodeError, FORMAT_LEVEL, algorithm_number, bypass, caller, caller_from_proto,
    caller_to_proto, challenge, data_key, display_name, epoch, fingerprint, merge, method,
    method_number, name, need, parameters, radius, reason, request_id, serial, settings,
    token_kind, user_name,
};
use crate::store::v1 as store;

/// A batch of proposals as one log entry holds it, with the master's stamp.
#[must_use]
pub fn batch_encode(at: Timestamp, proposals: &[Proposal]) -> Vec<u8> {
    let proposal = proposals.iter().map(proposal_to_proto).collect();
    store::Batch { at: at.0, proposal, format_level: 0 }.encode_to_vec()
}

/// Reads a batch: the master's stamp and the proposals in order.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged or of a newer release.
pub fn batch_decode(bytes: &[u8]) -> Result<(Timestamp, Vec<Proposal>), DecodeError> {
    let batch = store::Batch::decode(bytes).map_err(DecodeError::Malformed)?;
    if batch.format_level > FORMAT_LEVEL {
        return Err(DecodeError::Level(batch.format_level));
    }
    let proposals = batch.proposal.into_iter().map(proposal_from_proto);
    Ok((Timestamp(batch.at), proposals.collect::<Result<_, _>>()?))
}

/// A proposal as nodes send it.
#[must_use]
pub fn proposal_encode(proposal: &Proposal) -> Vec<u8> {
    proposal_to_proto(proposal).encode_to_vec()
}

fn proposal_to_proto(proposal: &Proposal) -> store::Proposal {
    store::Proposal {
        caller: Some(caller_to_proto(proposal.caller)),
        request_id: proposal.request_id.0.to_vec(),
        fingerprint: proposal.fingerprint.0.to_vec(),
        seen: Some(proposal.seen.0),
        made_at: Some(proposal.made_at.0),
        node: Some(proposal.node.0),
        command: command_to_proto(&proposal.command),
    }
}

/// Reads a proposal.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged or of a newer release.
pub fn proposal_decode(bytes: &[u8]) -> Result<Proposal, DecodeError> {
    proposal_from_proto(store::Proposal::decode(bytes).map_err(DecodeError::Malformed)?)
}

fn proposal_from_proto(message: store::Proposal) -> Result<Proposal, DecodeError> {
    Ok(Proposal {
        caller: caller_from_proto(message.caller)?,
        request_id: request_id(&message.request_id)?,
        fingerprint: fingerprint(&message.fingerprint)?,
        seen: LogIndex(need(message.seen, "seen")?),
        made_at: Timestamp(need(message.made_at, "made_at")?),
        node: NodeId(need(message.node, "node")?),
        command: command_from_proto(need(message.command, "command")?)?,
    })
}

fn command_to_proto(command: &Command) -> Option<store::proposal::Command> {
    use store::proposal::Command as Message;
    Some(match command {
        Command::Verify(outcome) => Message::Verify(outcome_to_proto(outcome)),
        Command::CreateCluster(c) => Message::CreateCluster(create_cluster_to_proto(c)),
        Command::CreateUser(c) => Message::CreateUser(store::CreateUser {
            user: c.user.0,
            name: c.name.to_string(),
            display_name: c.display_name.to_string(),
            profile: profile_to_proto(&c.profile),
        }),
        Command::UpdateUser(c) => Message::UpdateUser(update_user_to_proto(c)),
        Command::BlockUser(c) => {
            let (reason, milliseconds) = (c.reason.to_string(), c.milliseconds);
            Message::BlockUser(store::BlockUser { user: c.user.0, reason, milliseconds })
        }
        Command::UnblockUser(c) => {
            let reason = c.reason.to_string();
            Message::UnblockUser(store::UnblockUser { user: c.user.0, reason })
        }
        Command::DeleteUser(c) => {
            let revision = c.revision.map(|revision| revision.0);
            Message::DeleteUser(store::DeleteUser { user: c.user.0, revision })
        }
        Command::SetRadiusClient(_)
        | Command::RemoveRadiusClient(_)
        | Command::NoteRadiusSigner(_)
        | Command::TellSession(_) => return radius::command_to_proto(command),
        Command::SetPin(c) => Message::SetPin(set_pin_to_proto(c)),
        Command::GrantBypass(c) => Message::GrantBypass(bypass::grant_to_proto(c)),
        Command::CancelBypass(c) => Message::CancelBypass(bypass::cancel_to_proto(c)),
        Command::CreateRecoveryCodes(c) => {
            Message::CreateRecoveryCodes(bypass::create_codes_to_proto(c))
        }
        Command::EnrollToken(c) => Message::EnrollToken(enroll_token_to_proto(c)),
        Command::ConfirmToken(c) => Message::ConfirmToken(confirm_token_to_proto(c)),
        Command::ResyncToken(c) => Message::ResyncToken(resync_token_to_proto(c)),
        Command::RemoveToken(c) => Message::RemoveToken(store::RemoveToken { token: c.token.0 }),
        Command::CreateApplication(_)
        | Command::UpdateApplication(_)
        | Command::RotateApplicationKey(_)
        | Command::RetireApplicationKey(_)
        | Command::DeleteApplication(_)
        | Command::CreateAdministrator(_)
        | Command::UpdateAdministrator(_)
        | Command::RotateAdministratorToken(_)
        | Command::DeleteAdministrator(_) => return caller::command_to_proto(command),
        Command::CreateJoinToken(c) => Message::CreateJoinToken(create_join_token_to_proto(c)),
        Command::AdmitNode(c) => Message::AdmitNode(admit_node_to_proto(c)),
        Command::SetNodeAddresses(_)
        | Command::StartEpoch(_)
        | Command::ReadmitNode(_)
        | Command::ReleaseRecoveryCodes
        | Command::MeetEpoch(_)
        | Command::DiscardEpoch(_)
        | Command::ConfirmClock
        | Command::RemoveNode(_) => return epoch::command_to_proto(command),
        Command::Merge(_) | Command::AcknowledgeDoubles => return merge::command_to_proto(command),
        Command::Tick => Message::Tick(store::Tick {}),
        Command::RotateDataKey(c) => Message::RotateDataKey(rotate_to_proto(c)),
        Command::ConfirmDataKey(c) => {
            Message::ConfirmDataKey(store::ConfirmDataKey { node: c.node.0, id: c.id.0 })
        }
        Command::Reseal(c) => Message::Reseal(reseal_to_proto(c)),
        Command::RetireDataKey(c) => Message::RetireDataKey(store::RetireDataKey { id: c.id.0 }),
        Command::UpdateSettings(c) => Message::UpdateSettings(settings::update_to_proto(c)),
        Command::RecordExport(c) => Message::RecordExport(record_export_to_proto(c)),
    })
}

fn confirm_token_to_proto(c: &ConfirmToken) -> store::ConfirmToken {
    store::ConfirmToken { shown: Some(match_to_proto(&c.shown)) }
}

fn resync_token_to_proto(c: &ResyncToken) -> store::ResyncToken {
    store::ResyncToken { shown: Some(match_to_proto(&c.shown)) }
}

fn rotate_to_proto(c: &RotateDataKey) -> store::RotateDataKey {
    store::RotateDataKey { id: c.id.0, key: c.key.as_bytes().to_vec() }
}

fn record_export_to_proto(c: &RecordExport) -> store::RecordExport {
    store::RecordExport { name: c.name.to_string() }
}

fn reseal_to_proto(c: &Reseal) -> store::Reseal {
    let (old, new) = (c.old.as_bytes().to_vec(), c.new.as_bytes().to_vec());
    store::Reseal { row: row_key_encode(c.row), old, new }
}

fn reseal_from_proto(m: store::Reseal) -> Result<Reseal, DecodeError> {
    let row = need(row_key_decode(&m.row), "row")?;
    Ok(Reseal { row, old: Sealed::new(m.old), new: Sealed::new(m.new) })
}

fn create_user_from_proto(m: store::CreateUser) -> Result<CreateUser, DecodeError> {
    Ok(CreateUser {
        user: UserId(m.user),
        name: user_name(m.name)?,
        display_name: display_name(m.display_name)?,
        profile: profile_from_proto(m.profile)?,
    })
}

fn delete_user_from_proto(m: &store::DeleteUser) -> DeleteUser {
    DeleteUser { user: UserId(m.user), revision: m.revision.map(LogIndex) }
}

fn command_from_proto(message: store::proposal::Command) -> Result<Command, DecodeError> {
    use store::proposal::Command as Message;
    Ok(match message {
        Message::Verify(m) => Command::Verify(outcome_from_proto(m)?),
        Message::CreateCluster(m) => Command::CreateCluster(create_cluster_from_proto(m)?),
        Message::CreateUser(m) => Command::CreateUser(create_user_from_proto(m)?),
        Message::UpdateUser(m) => Command::UpdateUser(update_user_from_proto(m)?),
        Message::BlockUser(m) => Command::BlockUser(BlockUser {
            user: UserId(m.user),
            reason: reason(m.reason)?,
            milliseconds: m.milliseconds,
        }),
        Message::UnblockUser(m) => {
            Command::UnblockUser(UnblockUser { user: UserId(m.user), reason: reason(m.reason)? })
        }
        Message::DeleteUser(m) => Command::DeleteUser(delete_user_from_proto(&m)),
        Message::SetPin(m) => Command::SetPin(set_pin_from_proto(m)),
        Message::GrantBypass(m) => bypass::grant_from_proto(m)?,
        Message::CancelBypass(m) => bypass::cancel_from_proto(m)?,
        Message::CreateRecoveryCodes(m) => bypass::create_codes_from_proto(m),
        Message::RecordExport(m) => {
            Command::RecordExport(RecordExport { name: user_name(m.name)? })
        }
        Message::EnrollToken(m) => Command::EnrollToken(enroll_token_from_proto(m)?),
        Message::ConfirmToken(m) => {
            Command::ConfirmToken(ConfirmToken { shown: match_from_proto(need(m.shown, "shown")?) })
        }
        Message::ResyncToken(m) => {
            Command::ResyncToken(ResyncToken { shown: match_from_proto(need(m.shown, "shown")?) })
        }
        Message::RemoveToken(m) => Command::RemoveToken(RemoveToken { token: TokenId(m.token) }),
        Message::CreateApplication(m) => caller::create_application(m)?,
        Message::UpdateApplication(m) => caller::update_application(m)?,
        Message::RotateApplicationKey(m) => caller::rotate_api_key(&m)?,
        Message::RetireApplicationKey(m) => caller::retire_api_key(m),
        Message::DeleteApplication(m) => caller::delete_application(m),
        Message::SetRadiusClient(m) => radius::set_from_proto(m)?,
        Message::RemoveRadiusClient(m) => radius::remove_from_proto(&m),
        Message::NoteRadiusSigner(m) => radius::note_from_proto(&m)?,
        Message::TellSession(m) => radius::tell_from_proto(m)?,
        Message::CreateAdministrator(m) => caller::create_administrator(m)?,
        Message::UpdateAdministrator(m) => caller::update_administrator(m)?,
        Message::RotateAdministratorToken(m) => caller::rotate_token(&m)?,
        Message::DeleteAdministrator(m) => caller::delete_administrator(m),
        Message::CreateJoinToken(m) => create_join_token_from_proto(m)?,
        Message::AdmitNode(m) => Command::AdmitNode(admit_node_from_proto(m)?),
        Message::SetNodeAddresses(m) => epoch::set_addresses_from_proto(m),
        Message::StartEpoch(m) => epoch::start_from_proto(&m)?,
        Message::ReadmitNode(m) => epoch::readmit_from_proto(m)?,
        Message::MeetEpoch(m) => epoch::meet_from_proto(&m)?,
        Message::DiscardEpoch(m) => epoch::discard_from_proto(&m)?,
        Message::ReleaseRecoveryCodes(store::ReleaseRecoveryCodes {}) => {
            Command::ReleaseRecoveryCodes
        }
        Message::ConfirmClock(store::ConfirmClock {}) => Command::ConfirmClock,
        Message::RemoveNode(m) => Command::RemoveNode(RemoveNode { node: NodeId(m.node) }),
        Message::Merge(m) => merge::command_from_proto(m)?,
        Message::AcknowledgeDoubles(store::AcknowledgeDoubles {}) => Command::AcknowledgeDoubles,
        Message::Tick(store::Tick {}) => Command::Tick,
        Message::RotateDataKey(m) => {
            Command::RotateDataKey(RotateDataKey { id: data_key(m.id)?, key: Sealed::new(m.key) })
        }
        Message::ConfirmDataKey(m) => {
            Command::ConfirmDataKey(ConfirmDataKey { node: NodeId(m.node), id: data_key(m.id)? })
        }
        Message::Reseal(m) => Command::Reseal(reseal_from_proto(m)?),
        Message::RetireDataKey(m) => Command::RetireDataKey(RetireDataKey { id: data_key(m.id)? }),
        Message::UpdateSettings(m) => Command::UpdateSettings(settings::update_from_proto(m)?),
    })
}

fn create_join_token_to_proto(c: &CreateJoinToken) -> store::CreateJoinToken {
    store::CreateJoinToken {
        join_token: c.join_token.0,
        secret_hash: c.secret_hash.0.to_vec(),
        secret: c.secret.as_bytes().to_vec(),
        life_milliseconds: c.life_milliseconds,
    }
}

fn set_pin_from_proto(m: store::SetPin) -> SetPin {
    let pin = m.pin.map(Sealed::new);
    SetPin { user: UserId(m.user), pin, must_change: m.must_change }
}

fn set_pin_to_proto(c: &SetPin) -> store::SetPin {
    let pin = c.pin.as_ref().map(|pin| pin.as_bytes().to_vec());
    store::SetPin { user: c.user.0, pin, must_change: c.must_change }
}

fn create_join_token_from_proto(m: store::CreateJoinToken) -> Result<Command, DecodeError> {
    Ok(Command::CreateJoinToken(CreateJoinToken {
        join_token: JoinTokenId(m.join_token),
        secret_hash: need(KeyHash::from_slice(&m.secret_hash), "secret_hash")?,
        secret: Sealed::new(m.secret),
        life_milliseconds: m.life_milliseconds,
    }))
}

fn create_cluster_to_proto(c: &CreateCluster) -> store::CreateCluster {
    store::CreateCluster {
        cluster: c.cluster.0.to_vec(),
        name: c.name.to_string(),
        lineage: c.lineage.0.to_vec(),
        ca_certificate: c.ca_certificate.clone(),
        ca_key: c.ca_key.as_bytes().to_vec(),
        administrator: Some(Box::new(administrator_to_proto(&c.administrator))),
        node: Some(node_to_proto(&c.node)),
    }
}

fn update_user_from_proto(m: store::UpdateUser) -> Result<UpdateUser, DecodeError> {
    Ok(UpdateUser {
        user: UserId(m.user),
        display_name: m.display_name.map(display_name).transpose()?,
        disabled: m.disabled,
        profile: change_from_proto(&m.profile_field, m.profile)?,
        revision: m.revision.map(LogIndex),
    })
}

fn update_user_to_proto(c: &UpdateUser) -> store::UpdateUser {
    store::UpdateUser {
        user: c.user.0,
        display_name: c.display_name.as_ref().map(ToString::to_string),
        disabled: c.disabled,
        profile_field: fields_to_proto(&c.profile.fields),
        profile: profile_to_proto(&c.profile.values),
        revision: c.revision.map(|revision| revision.0),
    }
}

fn enroll_token_from_proto(m: store::EnrollToken) -> Result<EnrollToken, DecodeError> {
    Ok(EnrollToken {
        user: UserId(m.user),
        token: TokenId(m.token),
        parameters: parameters(m.kind, m.algorithm, m.digits, m.period_seconds)?,
        seed: Sealed::new(m.seed),
        serial: serial(m.serial)?,
        mark: m.mark,
        pending: m.pending,
    })
}

fn admit_node_from_proto(m: store::AdmitNode) -> Result<AdmitNode, DecodeError> {
    Ok(AdmitNode {
        join_token: JoinTokenId(m.join_token),
        secret: need(KeyHash::from_slice(&m.secret_hash), "secret_hash")?,
        name: name(m.name, "name")?,
        pin: need(KeyPin::from_slice(&m.pin), "pin")?,
        peer_address: m.peer_address,
        api_address: m.api_address,
    })
}

fn admit_node_to_proto(c: &AdmitNode) -> store::AdmitNode {
    store::AdmitNode {
        join_token: c.join_token.0,
        secret_hash: c.secret.0.to_vec(),
        name: c.name.to_string(),
        pin: c.pin.0.to_vec(),
        peer_address: c.peer_address.clone(),
        api_address: c.api_address.clone(),
    }
}

fn enroll_token_to_proto(c: &EnrollToken) -> store::EnrollToken {
    store::EnrollToken {
        user: c.user.0,
        token: c.token.0,
        algorithm: algorithm_number(c.parameters.algorithm()),
        digits: c.parameters.digits().into(),
        period_seconds: c.parameters.period_seconds().unwrap_or(0),
        seed: c.seed.as_bytes().to_vec(),
        kind: token_kind(c.parameters).into(),
        serial: c.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
        mark: c.mark,
        pending: c.pending,
    }
}

fn create_cluster_from_proto(m: store::CreateCluster) -> Result<CreateCluster, DecodeError> {
    Ok(CreateCluster {
        cluster: need(ClusterId::from_slice(&m.cluster), "cluster")?,
        name: name(m.name, "name")?,
        lineage: need(LineageId::from_slice(&m.lineage), "lineage")?,
        ca_certificate: m.ca_certificate,
        ca_key: Sealed::new(m.ca_key),
        administrator: Box::new(administrator_from_proto(*need(
            m.administrator,
            "administrator",
        )?)?),
        node: node_from_proto(need(m.node, "node")?)?,
    })
}

pub(super) const fn match_to_proto(m: &Match) -> store::Match {
    store::Match { token: m.token.0, step: m.step }
}

pub(super) const fn match_from_proto(m: store::Match) -> Match {
    Match { token: TokenId(m.token), step: m.step }
}

fn outcome_to_proto(outcome: &Outcome) -> store::Outcome {
    let matches = outcome.matches.iter();
    store::Outcome {
        user_name: outcome.user_name.to_string(),
        user: Some(outcome.user.map_or(0, |user| user.0)),
        application: Some(outcome.application.0),
        method: Some(method_number(outcome.method)),
        client_ip: outcome.client_ip.clone().into_bytes(),
        r#match: matches.map(match_to_proto).collect(),
        wrong_pin: outcome.wrong_pin.iter().map(match_to_proto).collect(),
        recovery_code: outcome.recovery_code.map_or(0, u32::from),
        challenge: challenge::challenge_bytes(outcome.challenge),
        answer: outcome.answer.as_ref().map(challenge::answer_to_proto),
        first_factor: outcome.first_factor.number(),
    }
}

fn outcome_from_proto(m: store::Outcome) -> Result<Outcome, DecodeError> {
    let user = need(m.user, "user")?;
    let matches = m.r#match.into_iter();
    Ok(Outcome {
        user_name: user_name(m.user_name)?,
        user: (user != 0).then_some(UserId(user)),
        application: ApplicationId(need(m.application, "application")?),
        method: method(need(m.method, "method")?)?,
        client_ip: String::from_utf8(m.client_ip).map_err(|_| DecodeError::Field("client_ip"))?,
        matches: matches.map(match_from_proto).collect(),
        wrong_pin: m.wrong_pin.into_iter().map(match_from_proto).collect(),
        recovery_code: bypass::number(m.recovery_code)?,
        challenge: challenge::challenge_or_none(&m.challenge)?,
        answer: m.answer.map(challenge::answer_from_proto).transpose()?,
        first_factor: need(FirstFactor::from_number(m.first_factor), "first_factor")?,
    })
}
