//! What a store holds, in numbers, and whether it holds together. No content: neither names nor keys.

use symbolon_core::{Row, State};
use symbolon_proto::audit_head;
use symbolon_store::{Snapshots, Store, StoreError};

use bytes::Bytes;
use openraft::entry::RaftEntry as _;

use crate::convert::{entry_decode, log_id_decode, vote_decode};
use crate::error::ClusterError;
use crate::opening;
use crate::raft_types::{EntryPayload, LogId, Vote};
use crate::snapshot::{Contents, SnapshotFile};

/// Entries that are read at once.
const STEP: u64 = 1000;

/// A place in the replicated log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Index of the entry.
    pub index: u64,
    /// Term of the master that made it.
    pub term: u64,
    /// That master.
    pub node: u64,
}

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteGiven {
    /// The term.
    pub term: u64,
    /// Who it was given to.
    pub node: u64,
    /// Whether that node became the master.
    pub committed: bool,
}

/// Where log and state are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// The last vote.
    pub vote: Option<VoteGiven>,
    /// The last entry that was purged.
    pub purged: Option<Position>,
    /// The first entry of the log.
    pub first: Option<u64>,
    /// The last entry of the log, or the last purged one when there is none.
    pub last: Option<Position>,
    /// The last entry that is known to count.
    pub committed: Option<Position>,
    /// The last entry that the state holds.
    pub applied: Option<Position>,
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Rows by kind.
    pub rows: Vec<(&'static str, u64)>,
    /// Log entries that left something in the audit.
    pub audit_entries: u64,
    /// Audit events.
    pub audit_events: u64,
    /// The first log entry whose audit is kept.
    pub audit_from: u64,
    /// Log entries of later ones whose audit peers have yet to give.
    pub audit_missing: u64,
    /// Entries of the log.
    pub log_entries: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Where log and state are.
    pub positions: Positions,
    /// How much there is.
    pub counts: Counts,
    /// Digest of the state, as `cluster status` shows it.
    pub digest: String,
    /// State time, in milliseconds since 1970.
    pub clock: u64,
}

/// Loads the state of a store as a server does, and counts what is there.
///
/// # Errors
/// [`ClusterError::Image`] and [`ClusterError::Store`] when it is damaged.
pub fn inspect(store: &Store) -> Result<Inspection, ClusterError> {
    let machine = opening::load(store)?;
    let state = &machine.state;
    let damaged = |error: std::io::Error| damaged(store, &error);
    let decode = |bytes: Option<Vec<u8>>| bytes.as_deref().map(log_id_decode).transpose();
    let purged = store.log.purged()?.map(|(_, log_id)| log_id);
    let purged = decode(purged).map_err(damaged)?;
    let vote = store.log.vote()?.as_deref().map(vote_decode).transpose().map_err(damaged)?;
    let last = match store.log.last_index() {
        None => purged,
        Some(index) => store
            .log
            .read(index..=index)?
            .pop()
            .map(|(_, entry)| entry_decode(Bytes::from(entry)).map(|entry| entry.log_id()))
            .transpose()
            .map_err(damaged)?,
    };
    let committed = decode(store.log.committed()?).map_err(damaged)?;
    let ends = store.log.first_index().zip(store.log.last_index());
    let extent = machine.audit.extent();
    let (audit_entries, audit_events) = audit(store, machine.applied)?;
    Ok(Inspection {
        positions: Positions {
            vote: vote.as_ref().map(vote_given),
            purged: purged.as_ref().map(position),
            first: store.log.first_index(),
            last: last.as_ref().map(position),
            committed: committed.as_ref().map(position),
            applied: machine.applied.as_ref().map(position),
        },
        counts: Counts {
            rows: rows(state),
            audit_entries,
            audit_events,
            audit_from: extent.floor.index,
            audit_missing: extent.missing(),
            log_entries: ends.map_or(0, |(first, last)| last - first + 1),
        },
        digest: state.digest().to_string(),
        clock: state.scalars().clock.0,
    })
}

/// Reads every entry of the log, which must decode and stand under its own index, in terms that do
/// not fall. Returns how many there are.
///
/// # Errors
/// [`ClusterError::Log`] with the entry.
pub fn check_log(store: &Store) -> Result<u64, ClusterError> {
    let Some((first, last)) = store.log.first_index().zip(store.log.last_index()) else {
        return Ok(0);
    };
    let path = store.image.path();
    let wrong = |index, cause: &str| ClusterError::Log {
        path: path.clone(),
        index,
        cause: cause.to_owned(),
    };
    let mut term = 0;
    for start in (first..=last).step_by(STEP as usize) {
        for (index, bytes) in store.log.read(start..=last.min(start.saturating_add(STEP - 1)))? {
            let entry = entry_decode(Bytes::from(bytes))
                .map_err(|error| wrong(index, &error.to_string()))?;
            if entry.log_id.index != index {
                return Err(wrong(index, "it says that it has another index"));
            }
            if entry.log_id.leader_id.term < term {
                return Err(wrong(index, "it is of an earlier term than the one before it"));
            }
            term = entry.log_id.leader_id.term;
            if let EntryPayload::Normal(payload) = entry.payload {
                symbolon_proto::batch_decode(&payload.0)
                    .map_err(|error| wrong(index, &error.to_string()))?;
            }
        }
    }
    Ok(last - first + 1)
}

/// Reads a snapshot as a node does that is given one. Returns where it ends, and its rows.
///
/// # Errors
/// [`ClusterError::Snapshot`] or [`ClusterError::Store`].
pub fn check_snapshot(
    snapshots: &Snapshots,
    name: &str,
) -> Result<(Option<Position>, u64), ClusterError> {
    let contents = Contents::read(&SnapshotFile::own(snapshots, name.to_owned()));
    let found = contents.and_then(|contents| Ok((contents.applied()?, contents.rows())));
    let (applied, rows) = found.map_err(|error| match error.downcast::<StoreError>() {
        Ok(error) => ClusterError::Store(error),
        Err(error) => ClusterError::Snapshot { name: name.to_owned(), cause: error.to_string() },
    })?;
    Ok((applied.as_ref().map(position), rows))
}

fn damaged(store: &Store, error: &dyn std::fmt::Display) -> ClusterError {
    ClusterError::Image { path: store.image.path(), cause: error.to_string() }
}

fn audit(store: &Store, applied: Option<LogId>) -> Result<(u64, u64), ClusterError> {
    let (mut entries, mut events) = (0, 0);
    for pair in store.image.audit(..=applied.map_or(0, |log_id| log_id.index)) {
        let (_, bytes) = pair?;
        entries += 1;
        events += audit_head(&bytes).map_err(|error| damaged(store, &error))?.events;
    }
    Ok((entries, events))
}

/// Rows by kind, all kinds.
fn rows(state: &State) -> Vec<(&'static str, u64)> {
    let mut counts = [
        ("clusters", 0),
        ("administrators", 0),
        ("applications", 0),
        ("users", 0),
        ("tokens", 0),
        ("nodes", 0),
        ("join_tokens", 0),
        ("data_keys", 0),
        ("challenges", 0),
        ("radius_clients", 0),
    ];
    for row in state.rows() {
        let kind = match row {
            Row::Cluster(_) => "clusters",
            Row::Administrator(_) => "administrators",
            Row::Application(_) => "applications",
            Row::User(_) => "users",
            Row::Token(_) => "tokens",
            Row::Node(_) => "nodes",
            Row::JoinToken(_) => "join_tokens",
            Row::DataKeys(_) => "data_keys",
            Row::Settings(_) => "settings",
            Row::Challenge(_) => "challenges",
            Row::Journal(_) => "journals",
            Row::RadiusClient(_) => "radius_clients",
        };
        counts.iter_mut().filter(|(name, _)| *name == kind).for_each(|(_, count)| *count += 1);
    }
    counts.to_vec()
}

const fn position(log_id: &LogId) -> Position {
    Position { index: log_id.index, term: log_id.leader_id.term, node: log_id.leader_id.node_id }
}

const fn vote_given(vote: &Vote) -> VoteGiven {
    VoteGiven { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
}
