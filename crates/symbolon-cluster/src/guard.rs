//! What a peer's Raft message must be before openraft sees it.
//!
//! openraft believes what it is told. A peer that lies in the name of another, in an entry that
//! nobody can read, or about a term that leaves none after it, must not be believed.

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, VoteRequest};
use symbolon_core::NodeId;
use symbolon_proto::batch_decode;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use tonic::Status;

use crate::convert::{entry_decode, log_id_from_proto, vote_from_proto};
use crate::raft_types::{Entry, EntryPayload, TypeConfig, Vote};

/// A term that is further ahead than this is nobody's honest term: elections raise it one by one.
/// It leaves 2^31 such steps before terms are used up.
const TERM_LEAP_MAX: u64 = 1 << 32;

/// Says which part of a message cannot be used.
pub(crate) fn missing(what: &'static str) -> Status {
    Status::invalid_argument(format!("{what} is missing or damaged"))
}

/// The vote that a peer leads or campaigns with: its own.
pub(crate) fn own_vote(
    peer: NodeId,
    vote: Option<&store::Vote>,
    known_term: u64,
) -> Result<Vote, Status> {
    let vote = vote.ok_or_else(|| missing("vote"))?;
    if vote.node != peer.0 {
        tracing::warn!(peer = peer.0, of = vote.node, "a peer speaks with the vote of another");
        return Err(Status::permission_denied("this vote is another node's"));
    }
    plausible(peer, vote, known_term)
}

/// A vote that a peer tells of, which may be anybody's.
pub(crate) fn plausible(peer: NodeId, vote: &store::Vote, known_term: u64) -> Result<Vote, Status> {
    if vote.term > known_term.saturating_add(TERM_LEAP_MAX) {
        tracing::warn!(
            peer = peer.0,
            term = vote.term,
            known_term,
            "a peer tells of an absurd term"
        );
        return Err(Status::invalid_argument("the term is too far ahead"));
    }
    Ok(vote_from_proto(vote))
}

/// Entries of the peer's own leadership, one after the other, each of which can be applied.
pub(crate) fn append(
    peer: NodeId,
    message: peer::AppendEntriesRequest,
    known_term: u64,
) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
    let vote = own_vote(peer, message.vote.as_ref(), known_term)?;
    let prev_log_id = message.prev_log_id.as_ref().map(log_id_from_proto);
    let mut next = prev_log_id.as_ref().map_or(0, |id| id.index.saturating_add(1));
    let mut entries = Vec::with_capacity(message.entry.len());
    for bytes in message.entry {
        let entry = readable(bytes).ok_or_else(|| missing("entry"))?;
        let id = &entry.log_id;
        if id.index != next || id.leader_id.term > vote.leader_id.term {
            return Err(missing("the entry that comes next"));
        }
        next = next.saturating_add(1);
        entries.push(entry);
    }
    let leader_commit = message.leader_commit.as_ref().map(log_id_from_proto);
    Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

/// An entry that cannot be applied would end every node that has it, so it is looked at before it is
/// kept.
fn readable(bytes: Bytes) -> Option<Entry> {
    let entry = entry_decode(bytes).ok()?;
    if let EntryPayload::Normal(payload) = &entry.payload {
        batch_decode(&payload.0).ok()?;
    }
    Some(entry)
}

/// A peer's wish to lead.
pub(crate) fn ballot(
    peer: NodeId,
    message: &peer::VoteRequest,
    known_term: u64,
) -> Result<VoteRequest<TypeConfig>, Status> {
    let vote = own_vote(peer, message.vote.as_ref(), known_term)?;
    let last_log_id = message.last_log_id.as_ref().map(log_id_from_proto);
    if last_log_id.as_ref().is_some_and(|id| id.leader_id.term > vote.leader_id.term) {
        return Err(missing("a last log id of its time"));
    }
    let mut rpc = VoteRequest::new(vote, last_log_id);
    rpc.leadership_transfer = message.leadership_transfer;
    Ok(rpc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use symbolon_core::Timestamp;
    use symbolon_proto::batch_encode;
    use tonic::Code;

    const PEER: NodeId = NodeId(2);

    const fn vote(term: u64, node: u64) -> store::Vote {
        store::Vote { term, node, committed: true }
    }

    fn entry(term: u64, index: u64, batch: Vec<u8>) -> Bytes {
        let log_id = store::LogId { term, leader_node: PEER.0, index };
        let payload = Some(store::log_entry::Payload::Batch(batch.into()));
        store::LogEntry { log_id: Some(log_id), payload }.encode_to_vec().into()
    }

    fn batch() -> Vec<u8> {
        batch_encode(Timestamp(1), &[])
    }

    fn message(vote: store::Vote, entry: Vec<Bytes>) -> peer::AppendEntriesRequest {
        let prev_log_id = Some(store::LogId { term: 3, leader_node: 1, index: 9 });
        peer::AppendEntriesRequest { vote: Some(vote), prev_log_id, entry, leader_commit: None }
    }

    #[test]
    fn a_peer_leads_and_campaigns_in_its_own_name() {
        assert!(append(PEER, message(vote(4, 2), vec![entry(4, 10, batch())]), 4).is_ok());
        let refused = append(PEER, message(vote(4, 1), Vec::new()), 4).unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let campaign = |vote| peer::VoteRequest { vote: Some(vote), ..Default::default() };
        assert!(ballot(PEER, &campaign(vote(5, 2)), 4).is_ok());
        let refused = ballot(PEER, &campaign(vote(5, 3)), 4).unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }

    #[test]
    fn no_term_is_taken_that_leaves_none_after_it() {
        for (term, taken) in
            [(4, true), (4 + TERM_LEAP_MAX, true), (5 + TERM_LEAP_MAX, false), (u64::MAX, false)]
        {
            assert_eq!(own_vote(PEER, Some(&vote(term, 2)), 4).is_ok(), taken, "{term}");
            assert_eq!(plausible(PEER, &vote(term, 1), 4).is_ok(), taken, "{term}");
        }
    }

    #[test]
    fn no_entry_is_kept_that_cannot_be_applied() {
        let refused = |entries: Vec<Bytes>| append(PEER, message(vote(4, 2), entries), 4).is_err();
        assert!(refused(vec![entry(4, 10, b"garbage".to_vec())]), "garbage");
        assert!(refused(vec![entry(4, 11, batch())]), "a gap");
        assert!(refused(vec![entry(4, 10, batch()), entry(4, 10, batch())]), "twice");
        assert!(refused(vec![entry(5, 10, batch())]), "of a later term than the leader's");
        assert!(!refused(vec![entry(3, 10, batch()), entry(4, 11, batch())]));
    }

    #[test]
    fn a_candidate_has_no_log_of_a_later_term_than_its_own() {
        let last_log_id = Some(store::LogId { term: 6, leader_node: 1, index: 9 });
        let campaign =
            peer::VoteRequest { vote: Some(vote(5, 2)), last_log_id, leadership_transfer: false };
        assert!(ballot(PEER, &campaign, 4).is_err());
    }
}
