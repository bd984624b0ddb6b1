//! Between openraft's types and messages. openraft's own serde forms are not stable and are used
//! nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use symbolon_proto::store::v1 as store;

use crate::raft_types::{
    Entry, EntryPayload, LeaderId, LogId, Membership, Payload, StoredMembership, Vote,
};

/// Bytes that are no message of ours, or lack a part.
pub(crate) fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged {what}"))
}

pub(crate) const fn log_id_to_proto(id: &LogId) -> store::LogId {
    store::LogId { term: id.leader_id.term, leader_node: id.leader_id.node_id, index: id.index }
}

pub(crate) fn log_id_from_proto(message: &store::LogId) -> LogId {
    LogId { leader_id: LeaderId::new(message.term, message.leader_node), index: message.index }
}

pub(crate) fn log_id_encode(id: &LogId) -> Vec<u8> {
    log_id_to_proto(id).encode_to_vec()
}

pub(crate) fn log_id_decode(bytes: &[u8]) -> io::Result<LogId> {
    let message = store::LogId::decode(bytes).map_err(|_| damaged("log id"))?;
    Ok(log_id_from_proto(&message))
}

pub(crate) const fn vote_to_proto(vote: &Vote) -> store::Vote {
    store::Vote {
        term: vote.leader_id.term,
        node: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_proto(message: &store::Vote) -> Vote {
    if message.committed {
        Vote::new_committed(message.term, message.node)
    } else {
        Vote::new(message.term, message.node)
    }
}

pub(crate) fn vote_encode(vote: &Vote) -> Vec<u8> {
    vote_to_proto(vote).encode_to_vec()
}

pub(crate) fn vote_decode(bytes: &[u8]) -> io::Result<Vote> {
    let message = store::Vote::decode(bytes).map_err(|_| damaged("vote"))?;
    Ok(vote_from_proto(&message))
}

fn membership_to_proto(membership: &Membership) -> store::Membership {
    let configs = membership.get_joint_config().iter();
    store::Membership {
        config: configs
            .map(|voters| store::membership::Voters { node: voters.iter().copied().collect() })
            .collect(),
        node: membership.nodes().map(|(id, ())| *id).collect(),
    }
}

fn membership_from_proto(message: store::Membership) -> io::Result<Membership> {
    let configs: Vec<BTreeSet<u64>> =
        message.config.into_iter().map(|voters| voters.node.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, ()> = message.node.into_iter().map(|id| (id, ())).collect();
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, nodes).map_err(|_| damaged("membership"))
}

pub(crate) fn stored_membership_to_proto(stored: &StoredMembership) -> store::StoredMembership {
    store::StoredMembership {
        log_id: stored.log_id().as_ref().map(log_id_to_proto),
        membership: Some(membership_to_proto(stored.membership())),
    }
}

pub(crate) fn stored_membership_from_proto(
    message: store::StoredMembership,
) -> io::Result<StoredMembership> {
    let membership = membership_from_proto(message.membership.unwrap_or_default())?;
    Ok(StoredMembership::new(message.log_id.as_ref().map(log_id_from_proto), membership))
}

pub(crate) fn stored_membership_decode(bytes: &[u8]) -> io::Result<StoredMembership> {
    let message =
        store::StoredMembership::decode(bytes).map_err(|_| damaged("stored membership"))?;
    stored_membership_from_proto(message)
}

pub(crate) fn entry_encode(entry: &Entry) -> Vec<u8> {
    use store::log_entry::Payload as Message;
    let payload = match &entry.payload {
        EntryPayload::Blank => Message::Blank(true),
        EntryPayload::Normal(payload) => Message::Batch(payload.0.clone()),
        EntryPayload::Membership(membership) => {
            Message::Membership(membership_to_proto(membership))
        }
    };
    store::LogEntry { log_id: Some(log_id_to_proto(&entry.log_id)), payload: Some(payload) }
        .encode_to_vec()
}

pub(crate) fn entry_decode(bytes: Bytes) -> io::Result<Entry> {
    use store::log_entry::Payload as Message;
    let message = store::LogEntry::decode(bytes).map_err(|_| damaged("log entry"))?;
    let log_id = message.log_id.as_ref().ok_or_else(|| damaged("log entry without an id"))?;
    let payload = match message.payload.ok_or_else(|| damaged("log entry without a payload"))? {
        Message::Blank(_) => EntryPayload::Blank,
        Message::Batch(bytes) => EntryPayload::Normal(Payload(bytes)),
        Message::Membership(membership) => {
            EntryPayload::Membership(membership_from_proto(membership)?)
        }
    };
    Ok(Entry { log_id: log_id_from_proto(log_id), payload })
}
