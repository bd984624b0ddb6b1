//! What a seize does to the disk of the node that carries it out.
//!
//! The plan is durable before anything is done, and says all that will be. Then, each step durable
//! before the next, and each done again after a crash without harm:
//!
//! 1. an entry is appended to the log, of a term above all that the log knows, which makes this node the
//!    only voter: whatever the log held is kept, since some of it may have been acknowledged;
//! 2. this node has voted for itself in that term;
//! 3. the node is in the new epoch, and there is no plan any more.
//!
//! Raft then starts, the only voter elects itself, and the state is told ([`Command::StartEpoch`]).
//!
//! [`Command::StartEpoch`]: symbolon_core::Command::StartEpoch

use std::collections::{BTreeMap, BTreeSet};

use openraft::entry::RaftEntry as _;
use openraft::vote::RaftLeaderId as _;
use symbolon_core::Timestamp;
use symbolon_proto::batch_decode;
use symbolon_store::Store;

use crate::convert::{entry_decode, entry_encode, log_id_decode, vote_decode, vote_encode};
use crate::error::ClusterError;
use crate::raft_types::{Entry, EntryPayload, LeaderId, LogId, Membership, Vote};
use crate::succession::Succession;

/// Entries at the end of the log that may be Raft's own, without a stamp.
const LOOKED_AT: u64 = 20;

/// Carries out the seize that is planned, if one is. Whether one was.
///
/// # Errors
/// [`ClusterError`]; it is tried again at the next start.
pub(crate) fn carry_out(store: &Store) -> Result<bool, ClusterError> {
    let succession = Succession::load(store)?;
    let Some((statement, _)) = succession.plan()? else {
        return Ok(false);
    };
    let (own, planned) = (store.header.node.0, statement.fork_index());
    let found = last_log_id(store)?;
    let misfit = || {
        let found = found.map_or(0, |id| id.index);
        ClusterError::SeizeMisfit { planned, found }
    };
    let last = found.filter(|id| id.index >= planned).ok_or_else(misfit)?;
    let term = if last.index == planned {
        let term = last.leader_id.term.max(voted_term(store)?) + 1;
        append(store, term, planned + 1)?;
        term
    } else if last.index == planned + 1 && last.leader_id.node_id == own {
        // Step 1 was done before.
        last.leader_id.term
    } else {
        return Err(misfit());
    };
    store.log.put_vote(vote_encode(&Vote::new(term, own)))?;
    store.log.sync_blocking()?;
    store.put_succession(&succession.carried_out().encode())?;
    tracing::warn!(
        epoch = statement.name.epoch,
        fork_index = planned,
        "this node has seized the cluster: it is the only voter of a new epoch"
    );
    Ok(true)
}

fn append(store: &Store, term: u64, index: u64) -> Result<(), ClusterError> {
    let own = store.header.node.0;
    let nodes = BTreeMap::from([(own, ())]);
    let membership = Membership::new(vec![BTreeSet::from([own])], nodes)
        .map_err(|error| ClusterError::Raft(error.to_string()))?;
    let log_id = LogId { leader_id: LeaderId::new(term, own), index };
    let entry = Entry::new(log_id, EntryPayload::Membership(membership));
    store.log.append([(index, entry_encode(&entry))])?;
    Ok(store.log.sync_blocking()?)
}

/// The end of a store's log, or the last purged entry.
pub(crate) fn last_log_id(store: &Store) -> Result<Option<LogId>, ClusterError> {
    let unread = |error: std::io::Error| ClusterError::Raft(error.to_string());
    if let Some(index) = store.log.last_index() {
        let entry = store.log.read(index..=index)?.pop();
        let entry = entry.map(|(_, bytes)| entry_decode(bytes.into())).transpose();
        return Ok(entry.map_err(unread)?.map(|entry| entry.log_id()));
    }
    let purged = store.log.purged()?;
    purged.map(|(_, log_id)| log_id_decode(&log_id)).transpose().map_err(unread)
}

/// The stamp of the last entry that has one, among the last ones; else 0. Stamps are in the order of the
/// log, so whatever was acknowledged before, by the clock of its master, is in this log.
pub(crate) fn last_stamp(store: &Store) -> Result<Timestamp, ClusterError> {
    let damaged = |error: &dyn std::fmt::Display| ClusterError::Raft(error.to_string());
    let Some(last) = store.log.last_index() else { return Ok(Timestamp(0)) };
    let entries = store.log.read(last.saturating_sub(LOOKED_AT)..)?;
    for (_, bytes) in entries.into_iter().rev() {
        let entry = entry_decode(bytes.into()).map_err(|error| damaged(&error))?;
        if let EntryPayload::Normal(payload) = entry.payload {
            let (at, _) = batch_decode(&payload.0).map_err(|error| damaged(&error))?;
            return Ok(at);
        }
    }
    Ok(Timestamp(0))
}

pub(crate) fn voted_term(store: &Store) -> Result<u64, ClusterError> {
    let vote = store.log.vote()?.as_deref().map(vote_decode).transpose();
    let vote = vote.map_err(|error| ClusterError::Raft(error.to_string()))?;
    Ok(vote.map_or(0, |vote| vote.leader_id.term))
}

#[cfg(test)]
mod tests {
    use symbolon_core::{AdministratorId, LineageId};
    use symbolon_store::SimDisk;

    use super::*;
    use crate::damage::build::header;
    use crate::epochs::{Ancestor, EpochName, Statement};
    use crate::keys::PrivateKey;
    use crate::raft_types::Payload;
    use symbolon_proto::batch_encode;

    const TERM: u64 = 4;
    const LAST: u64 = 9;
    /// More than a seize makes.
    const WRITES_MAX: u64 = 20;

    /// A disk with a log, and a seize planned at an entry of it.
    fn planned(fork_index: u64) -> SimDisk {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        let entries = (1..=LAST).map(|index| {
            let log_id = LogId { leader_id: LeaderId::new(TERM, 2), index };
            (index, entry_encode(&Entry::new(log_id, EntryPayload::Blank)))
        });
        store.log.append(entries).unwrap();
        store.log.put_vote(vote_encode(&Vote::new_committed(TERM + 3, 2))).unwrap();
        store.log.sync_blocking().unwrap();
        let first = EpochName { epoch: 1, lineage: header().lineage };
        let statement = Statement {
            cluster: header().cluster,
            name: EpochName { epoch: 2, lineage: LineageId([8; 16]) },
            ancestry: vec![Ancestor { name: first, fork_index, fork_term: 1 }],
            node: header().node,
            made_at: Timestamp(1),
            administrator: Some(AdministratorId(5)),
            discarded: Vec::new(),
        };
        let signed = statement.sign(&PrivateKey::generate().unwrap()).unwrap();
        let succession = Succession::load(&store).unwrap().planning(signed);
        store.put_succession(&succession.encode()).unwrap();
        disk
    }

    fn assert_carried_out(store: &Store) {
        let last = last_log_id(store).unwrap().unwrap();
        let own = header().node.0;
        assert_eq!((last.index, last.leader_id.node_id), (LAST + 1, own));
        let vote = vote_decode(&store.log.vote().unwrap().unwrap()).unwrap();
        assert_eq!(vote, Vote::new(last.leader_id.term, own));
        assert!(vote.leader_id.term > TERM + 3, "above every vote that was given");
        let entry = store.log.read(LAST + 1..).unwrap().pop().unwrap().1;
        let EntryPayload::Membership(membership) = entry_decode(entry.into()).unwrap().payload
        else {
            panic!("no membership");
        };
        assert_eq!(membership.voter_ids().collect::<Vec<_>>(), [own]);
        let succession = Succession::load(store).unwrap();
        assert!(succession.plan().unwrap().is_none());
        assert_eq!(succession.current().unwrap().unwrap().0.name.epoch, 2);
    }

    #[test]
    fn a_seize_keeps_the_log_and_makes_the_node_the_only_voter() {
        let disk = planned(LAST);
        let store = Store::simulated(&disk).unwrap();
        assert!(carry_out(&store).unwrap());
        assert_carried_out(&store);
        assert_eq!(store.log.first_index(), Some(1));
        assert!(!carry_out(&store).unwrap(), "there is nothing more to do");
        assert_carried_out(&store);
    }

    #[test]
    fn the_last_stamp_of_a_log_is_found_behind_entries_that_have_none() {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        assert_eq!(last_stamp(&store).unwrap(), Timestamp(0));
        let entries = (1..=LAST).map(|index| {
            let batch = Payload(batch_encode(Timestamp(index * 10), &[]).into());
            let is_blank = index > LAST - 3;
            let payload = if is_blank { EntryPayload::Blank } else { EntryPayload::Normal(batch) };
            let log_id = LogId { leader_id: LeaderId::new(TERM, 2), index };
            (index, entry_encode(&Entry::new(log_id, payload)))
        });
        store.log.append(entries).unwrap();
        assert_eq!(last_stamp(&store).unwrap(), Timestamp((LAST - 3) * 10));
    }

    #[test]
    fn a_seize_that_is_cut_off_anywhere_is_carried_out_by_the_next_start() {
        let mut cut = 0;
        for writes in 0..WRITES_MAX {
            for kept in [false, true] {
                let disk = planned(LAST);
                let store = Store::simulated(&disk).unwrap();
                disk.fail_after_writes(writes);
                cut += u32::from(carry_out(&store).is_err());
                drop(store);
                // What was written and not synced is lost, or is not.
                if kept {
                    disk.crash_keeping(usize::MAX)
                } else {
                    disk.crash()
                }
                let store = Store::simulated(&disk).unwrap();
                carry_out(&store).unwrap();
                assert_carried_out(&store);
            }
        }
        assert!(cut >= 4, "{cut} cuts");
    }

    #[test]
    fn a_seize_of_another_log_is_refused() {
        for fork_index in [LAST - 2, LAST + 1] {
            let store = Store::simulated(&planned(fork_index)).unwrap();
            let error = carry_out(&store).unwrap_err();
            assert!(matches!(error, ClusterError::SeizeMisfit { .. }), "{error}");
        }
    }
}
