//! What a node took that its cluster does not hold: written beside its store when it is left behind, read
//! from the quarantine once it is back.
//!
//! The audit from the fork on tells what happened. The log, as far as it is not purged, has what
//! administrators wanted, so that it can be wanted again. Secrets in it are sealed, as they are in the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use prost::Message as _;
use symbolon_core::{
    AuditEvent, AuditRow, Caller, Command, JournalId, LogIndex, Output, Proposal, RequestId, Stamp,
    State, Timestamp,
};
use symbolon_proto::store::v1 as store;
use symbolon_proto::{audit_decode, audit_encode, batch_decode};
use symbolon_service::{
    LeftJournal, LeftWrite, Quarantine, QuarantineUnreadable, Settled, View, WriteId,
};
use symbolon_store::{CHUNK_BYTES_MAX, DataDir, SnapshotReader, SnapshotWriter, Store};
use tokio::sync::{Mutex, Notify};

use crate::convert::entry_decode;
use crate::epochs::{Fork, Statement};
use crate::error::ClusterError;
use crate::island;
use crate::merger::{is_record, journal};
use crate::off_thread::off_thread;
use crate::peer_header::Standing;
use crate::raft_types::EntryPayload;

/// The one file.
const NAME: &str = "left";
const VERSION: u32 = 1;
/// Entries that are read at once.
const STEP: u64 = 1_000;
/// A part is written when it has so many bytes: an entry more still fits into a chunk.
const PART_BYTES: usize = CHUNK_BYTES_MAX / 4;

/// Writes what the node of a store holds from the fork on. `view`: what it has applied. What came after
/// that is applied here to a state of its own: it may not have been acknowledged, and it may. `by`: what
/// has gone on without the node; a disk that went back in time holds nothing that its cluster does not.
///
/// # Errors
/// [`ClusterError`]; the store has it all the same.
pub(crate) fn write(
    store: &Store,
    standing: &Standing,
    by: Option<&store::SignedStatement>,
    (view, now): (&View, Timestamp),
) -> Result<(), ClusterError> {
    let applied = view.applied.0;
    let last = store.log.last_index().unwrap_or(applied);
    let fork = match by {
        Some(by) => {
            let statement =
                Statement::decode(&by.statement).map_err(|_| ClusterError::Succession)?;
            let common = statement.common_with(standing).ok_or(ClusterError::Succession)?;
            last_shared(store, common)?
        }
        None => last.max(applied),
    };
    let first = store.log.first_index().unwrap_or(applied + 1).max(fork + 1);
    let header = store::LeftHeader {
        version: VERSION,
        cluster: standing.cluster.0.to_vec(),
        node: standing.node.0,
        from: Some(store::Ancestor {
            epoch: standing.epoch,
            lineage: standing.lineage.0.to_vec(),
            fork_index: fork,
            fork_term: 0,
        }),
        by: by.cloned(),
        first_index: first,
        last_index: last,
        applied_index: applied,
        written_at: now.0,
    };
    let mut parts =
        Parts { writer: store.left()?.create(NAME)?, part: Default::default(), bytes: 0 };
    parts.writer.chunk(&header.encode_to_vec())?;
    for row in store.image.audit(fork + 1..=applied) {
        let (index, batch) = row?;
        parts.push(None, Some(store::LeftEntry { index, batch }))?;
    }
    let mut state = State::clone(&view.state);
    // Also what both sides hold, if this one has not applied it yet.
    let mut from = first.min(applied + 1);
    while from <= last {
        let to = from.saturating_add(STEP).min(last + 1);
        for (index, bytes) in store.log.read(from..to)? {
            let Some((batch, at, proposals)) = batch_of(bytes) else { continue };
            if index > applied {
                let stamp = Stamp { index: LogIndex(index), at };
                let batch = audit_of(&mut state, stamp, &proposals).filter(|_| index > fork);
                parts.push(None, batch.map(|batch| store::LeftEntry { index, batch }))?;
            }
            if index > fork && proposals.iter().any(is_write) {
                parts.push(Some(store::LeftEntry { index, batch }), None)?;
            }
        }
        from = to;
    }
    for record in island::left(store)? {
        parts.push_record(record)?;
    }
    parts.finish()
}

/// That a node was left behind at that entry, and holds nothing more.
#[cfg(test)]
pub(crate) fn write_fork(store: &Store, fork: u64) {
    let from = store::Ancestor { fork_index: fork, ..Default::default() };
    let header = store::LeftHeader { version: VERSION, from: Some(from), ..Default::default() };
    let mut writer = store.left().unwrap().create(NAME).unwrap();
    writer.chunk(&header.encode_to_vec()).unwrap();
    writer.finish().unwrap();
}

/// The last entry that both sides hold. The log of whoever has gone on may have held other entries at the
/// last indexes, of a master that no quorum followed. What was committed here up to the term of its last
/// entry is there too (Raft, section 5.4), and nothing of a later term is. Of entries that are purged it is
/// not known, and they are taken for common.
fn last_shared(store: &Store, common: Fork) -> Result<u64, ClusterError> {
    let unread = |error: std::io::Error| ClusterError::Raft(error.to_string());
    let (Some(first), Some(end)) = (store.log.first_index(), store.log.last_index()) else {
        return Ok(common.index);
    };
    let mut shared = common.index;
    for index in (first..=end.min(common.index)).rev() {
        let Some((_, bytes)) = store.log.read(index..=index)?.pop() else { break };
        if entry_decode(bytes.into()).map_err(unread)?.log_id.leader_id.term <= common.term {
            break;
        }
        shared = index.saturating_sub(1);
    }
    Ok(shared)
}

/// What the audit tells of an entry that was not applied before.
fn audit_of(state: &mut State, stamp: Stamp, proposals: &[Proposal]) -> Option<Vec<u8>> {
    let chain = state.audit_chain();
    let mut output = Output::default();
    for proposal in proposals {
        state.apply(stamp, proposal, &mut output);
    }
    let rows = || audit_encode(Some(chain), state.clock(), &output.events);
    (!output.events.is_empty()).then(rows)
}

struct Parts {
    writer: SnapshotWriter,
    part: store::LeftPart,
    bytes: usize,
}

impl Parts {
    fn push(
        &mut self,
        entry: Option<store::LeftEntry>,
        audit: Option<store::LeftEntry>,
    ) -> Result<(), ClusterError> {
        self.bytes += entry.iter().chain(&audit).map(|it| it.batch.len()).sum::<usize>();
        self.part.entry.extend(entry);
        self.part.audit.extend(audit);
        if self.bytes >= PART_BYTES { self.flush() } else { Ok(()) }
    }

    fn push_record(&mut self, record: store::LeftRecord) -> Result<(), ClusterError> {
        self.bytes += record.record.len();
        self.part.record.push(record);
        if self.bytes >= PART_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ClusterError> {
        let part = std::mem::take(&mut self.part);
        self.bytes = 0;
        if part != store::LeftPart::default() {
            self.writer.chunk(&part.encode_to_vec())?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), ClusterError> {
        self.flush()?;
        self.writer.finish()?;
        Ok(())
    }
}

/// The batch of an entry, as it is stored and as it reads.
fn batch_of(entry: Vec<u8>) -> Option<(Vec<u8>, Timestamp, Vec<Proposal>)> {
    let EntryPayload::Normal(payload) = entry_decode(Bytes::from(entry)).ok()?.payload else {
        return None;
    };
    let (at, proposals) = batch_decode(&payload.0).ok()?;
    Some((payload.0.to_vec(), at, proposals))
}

/// Whether somebody wanted it, and not a node, and it is no verification and nothing that a device told: there
/// are many of those.
fn is_write(proposal: &Proposal) -> bool {
    let of_devices = matches!(proposal.command, Command::Verify(_) | Command::TellSession(_));
    !matches!(proposal.caller, Caller::Node(_)) && !of_devices
}

pub(crate) type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// What is wrong with a quarantine, without what the disk says to do about it: it means another place.
pub(crate) fn unreadable(error: &dyn std::error::Error) -> QuarantineUnreadable {
    let text = error.to_string();
    QuarantineUnreadable(text.split_once("; ").map_or(&*text, |(cause, _)| cause).to_owned())
}

/// Reads all quarantines of a data directory. Not for async code.
pub(crate) fn read_all(directory: &DataDir) -> Result<Vec<Quarantine>, QuarantineUnreadable> {
    let all = directory.quarantines().map_err(|error| unreadable(&error))?;
    let read = all.into_iter().map(|(name, place)| {
        read(&name, &place).map_err(|error| {
            let QuarantineUnreadable(cause) = unreadable(&*error);
            QuarantineUnreadable(format!("{}: {cause}", place.path().display()))
        })
    });
    read.collect()
}

/// What a quarantine holds, its header first.
pub(crate) fn open(place: &DataDir) -> Result<(SnapshotReader, store::LeftHeader), BoxedError> {
    let mut reader = place.left().read(NAME)?;
    let header = store::LeftHeader::decode(&*reader.next_chunk()?.unwrap_or_default())?;
    Ok((reader, header))
}

fn read(name: &str, place: &DataDir) -> Result<Quarantine, BoxedError> {
    let (mut reader, header) = open(place)?;
    let own = journal(&header);
    let mut read = Read::default();
    while let Some(part) = reader.next_chunk()? {
        read.take(&store::LeftPart::decode(&*part)?)?;
    }
    let settled = settled(place)?;
    let from = header.from.unwrap_or_default();
    // Of a disk that went back, the same epoch.
    let by = header.by.map(|by| Statement::decode(&by.statement)).transpose()?;
    let by = by.map_or(from.epoch, |by| by.name.epoch);
    let writes = read.writes.into_iter().filter_map(|((index, ordinal), (at, proposal))| {
        let id = WriteId { index: LogIndex(index), ordinal };
        let key = (index, proposal.request_id);
        let events = read.events.remove(&key).unwrap_or_default();
        let settled = settled.get(&id).copied();
        // What the state of then refused did nothing.
        (!events.is_empty()).then_some(LeftWrite { id, at, proposal, events, settled })
    });
    let own = LeftJournal { id: own, first: 1, records: read.verifications };
    Ok(Quarantine {
        name: name.to_owned(),
        epoch: from.epoch,
        by,
        fork: LogIndex(from.fork_index),
        first: LogIndex(header.first_index),
        last: LogIndex(header.last_index),
        written_at: Timestamp(header.written_at),
        journals: [own].into_iter().chain(read.islands).collect(),
        writes: writes.collect(),
    })
}

/// What was read of a quarantine.
#[derive(Default)]
struct Read {
    writes: BTreeMap<(u64, u32), (Timestamp, Proposal)>,
    events: BTreeMap<(u64, RequestId), Vec<AuditEvent>>,
    verifications: u64,
    /// Journals of islands.
    islands: Vec<LeftJournal>,
}

impl Read {
    fn take(&mut self, part: &store::LeftPart) -> Result<(), BoxedError> {
        for entry in &part.entry {
            let (at, proposals) = batch_decode(&entry.batch)?;
            for (ordinal, proposal) in (0_u32..).zip(proposals).filter(|(_, it)| is_write(it)) {
                self.writes.insert((entry.index, ordinal), (at, proposal));
            }
        }
        for row in &part.audit {
            for event in audit_decode(LogIndex(row.index), &row.batch)? {
                self.verifications += u64::from(is_record(&event));
                if !matches!(event.row, AuditRow::Verified(_) | AuditRow::SessionTold { .. }) {
                    let key = (row.index, event.request_id);
                    self.events.entry(key).or_default().push(event);
                }
            }
        }
        for record in &part.record {
            let id = JournalId::from_slice(&record.journal).ok_or("a journal without an id")?;
            match self.islands.last_mut().filter(|last| last.id == id) {
                Some(last) => last.records += 1,
                None => self.islands.push(LeftJournal { id, first: record.number, records: 1 }),
            }
        }
        Ok(())
    }
}

fn settled(place: &DataDir) -> Result<BTreeMap<WriteId, Settled>, BoxedError> {
    let settled = store::Settled::decode(&*place.settled()?.unwrap_or_default())?;
    let one = |write: &store::SettledWrite| {
        let id = WriteId { index: LogIndex(write.index), ordinal: write.ordinal };
        let settled = match write.applied_at {
            0 => Settled::GivenUp,
            index => Settled::AppliedAt(LogIndex(index)),
        };
        (id, settled)
    };
    Ok(settled.write.iter().map(one).collect())
}

/// Keeps what has become of writes. Not for async code.
pub(crate) fn settle(
    directory: &DataDir,
    name: &str,
    more: &[(WriteId, Settled)],
) -> Result<(), QuarantineUnreadable> {
    let all = directory.quarantines().map_err(|error| unreadable(&error))?;
    let Some((_, place)) = all.into_iter().find(|(known, _)| known == name) else {
        return Err(QuarantineUnreadable(format!("{name} is gone")));
    };
    let mut known = settled(&place).map_err(|error| unreadable(&*error))?;
    known.extend(more.iter().copied());
    let write = known.iter().map(|(id, settled)| store::SettledWrite {
        index: id.index.0,
        ordinal: id.ordinal,
        applied_at: match settled {
            Settled::AppliedAt(index) => index.0,
            Settled::GivenUp => 0,
        },
    });
    let body = store::Settled { write: write.collect() }.encode_to_vec();
    place.put_settled(&body).map_err(|error| unreadable(&error))
}

/// What lies in quarantine at this node, and who works on it: one at a time, where waiting for the disk
/// holds up nobody.
#[derive(Debug, Default)]
pub(crate) struct Quarantines {
    directory: Option<DataDir>,
    turn: Mutex<()>,
    /// Writes that nobody has settled.
    open_writes: AtomicU64,
    changed: Notify,
}

impl Quarantines {
    /// Below the data directory of a node; `None`: it has none.
    pub(crate) fn new(directory: Option<&DataDir>) -> Arc<Self> {
        Arc::new(Self { directory: directory.cloned(), ..Self::default() })
    }

    pub(crate) async fn work<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&DataDir) -> Result<T, QuarantineUnreadable> + Send + 'static,
    ) -> Result<T, QuarantineUnreadable> {
        let _turn = self.turn.lock().await;
        let Some(directory) = self.directory.clone() else {
            return Ok(T::default());
        };
        let worked = off_thread(move || work(&directory)).await;
        worked.unwrap_or_else(|error| Err(QuarantineUnreadable(error.to_string())))
    }

    /// Works on it so that other writes are open than before.
    pub(crate) async fn change<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&DataDir) -> Result<T, QuarantineUnreadable> + Send + 'static,
    ) -> Result<T, QuarantineUnreadable> {
        let done = self.work(work).await;
        self.changed.notify_one();
        done
    }

    /// Waits until other writes are open.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Each by its name.
    pub(crate) async fn places(&self) -> Vec<(String, DataDir)> {
        let list =
            |directory: &DataDir| directory.quarantines().map_err(|error| unreadable(&error));
        // Whoever lists them is told what is wrong.
        self.work(list).await.unwrap_or_default()
    }

    /// Counts the open writes anew.
    pub(crate) async fn count_open(&self) {
        if let Ok(all) = self.work(read_all).await {
            let open = all.iter().map(Quarantine::open).sum();
            self.open_writes.store(open, Ordering::Release);
        }
    }

    /// Writes that nobody has settled, as they were counted last.
    pub(crate) fn open_writes(&self) -> u64 {
        self.open_writes.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use symbolon_core::{ApplicationId, Fingerprint, NodeId, SessionReport, SessionStatus};

    use super::*;

    #[test]
    fn what_devices_told_is_no_write_that_somebody_wants_back() {
        let proposal = |command| Proposal {
            caller: Caller::Application(ApplicationId(1)),
            request_id: RequestId([1; 16]),
            fingerprint: Fingerprint::default(),
            seen: LogIndex(1),
            made_at: Timestamp(1),
            node: NodeId(1),
            command,
        };
        let told = SessionReport {
            application: ApplicationId(1),
            device: [192, 0, 2, 1].into(),
            status: SessionStatus::Start,
            user_name: "alice".to_owned(),
            name: None,
            session: String::new(),
            station: String::new(),
            seconds: 0,
            octets_in: 0,
            octets_out: 0,
            cause: 0,
        };
        assert!(!is_write(&proposal(Command::TellSession(told.into()))));
        assert!(is_write(&proposal(Command::ConfirmClock)));
    }
}
