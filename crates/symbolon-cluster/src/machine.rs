//! openraft's state machine: applies entries to the state, writes the image, publishes the view.

use std::io;
use std::sync::{Arc, mpsc};

use futures_util::{Stream, StreamExt as _};
use openraft::OptionalSend;
use openraft::entry::RaftEntry as _;
use openraft::storage::{EntryResponder, RaftStateMachine};
use prost::Message as _;
use symbolon_core::{
    Answer, AuditRow, Change, Digest, LogIndex, Output, Proposal, Reply, RestoreError, Row, Stamp,
    State, Timestamp,
};
use symbolon_proto::store::v1 as store;
use symbolon_proto::{
    audit_encode, batch_decode, row_decode, row_encode, row_key_encode, scalars_from_proto,
    scalars_to_proto,
};
use symbolon_store::{Image, ImageBatch, Snapshots};
use tokio::time::Instant;

use crate::audit_log::AuditLog;
use crate::convert::{
    log_id_decode, log_id_encode, stored_membership_decode, stored_membership_to_proto,
};
use crate::error::ClusterError;
use crate::log_store::io_error;
use crate::pair::Pair;
use crate::published::Published;
use crate::raft_types::{
    Entry, EntryPayload, LogId, Replies, Snapshot, SnapshotMeta, StoredMembership, TypeConfig,
};
use crate::snapshot::{self, SnapshotBuilder, SnapshotFile};

/// Rows that are read at once when a state is loaded, and how often so many wait.
const CHUNK_ROWS: usize = 1_000;
const CHUNKS_MAX: usize = 16;

/// The one owner of the state of a node.
pub(crate) struct Machine {
    pub(crate) image: Image,
    pub(crate) snapshots: Snapshots,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) state: State,
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
    pub(crate) published: Arc<Published>,
    /// What entries wait for; `None` where nobody leads.
    pub(crate) pair: Option<Arc<Pair>>,
}

impl Machine {
    /// Loads the image and checks it against digest and audit chain that were stored with it.
    ///
    /// # Errors
    /// [`ClusterError::Image`] when it is damaged.
    pub(crate) fn load(image: Image, snapshots: Snapshots) -> Result<Self, ClusterError> {
        let wrong = |error: BoxedError| damaged(&image, &*error);
        let loaded = match image.scalars()? {
            None => Loaded::default(),
            Some(bytes) => Loaded::read(&image, &bytes).map_err(wrong)?,
        };
        let index = loaded.applied.map_or(0, |log_id: LogId| log_id.index);
        let chain = loaded.state.audit_chain();
        let audit = std::thread::scope(|scope| {
            // It takes as long as the audit.
            let rows = scope.spawn(|| loaded.state.check());
            let audit = AuditLog::load(&image, index, chain);
            let rows = rows.join().map_err(|_| "the check of the rows panicked")?;
            rows.map_err(RestoreError::Violation)?;
            Ok::<_, BoxedError>(audit?)
        });
        let audit = audit.map_err(wrong)?;
        let recent = audit
            .recent(index, loaded.state.clock(), chain)
            .map_err(|error| wrong(error.into()))?;
        let state = loaded.state.with_recent(recent);
        let published = Arc::new(Published::new(state.clone(), LogIndex(index)));
        let Loaded { applied, membership, .. } = loaded;
        let audit = Arc::new(audit);
        Ok(Self { image, snapshots, audit, state, applied, membership, published, pair: None })
    }

    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    fn apply_entry(&mut self, entry: Entry) -> io::Result<Replies> {
        let log_id = entry.log_id();
        let audit_chain = self.state.audit_chain();
        self.applied = Some(log_id);
        let mut output = Output::default();
        let replies = match entry.payload {
            EntryPayload::Blank => Replies::default(),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Replies::default()
            }
            EntryPayload::Normal(payload) => {
                let (at, proposals) = batch_decode(&payload.0)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                self.apply_batch(log_id.index, at, &proposals, &mut output)
            }
        };
        self.write(log_id.index, audit_chain, output)?;
        self.published.publish(self.state.clone(), LogIndex(log_id.index));
        Ok(replies)
    }

    fn apply_batch(
        &mut self,
        index: u64,
        at: Timestamp,
        proposals: &[Proposal],
        output: &mut Output,
    ) -> Replies {
        let stamp = Stamp { index: LogIndex(index), at };
        let answers = proposals.iter().map(|proposal| {
            let answer = self.state.apply(stamp, proposal, output);
            trace(proposal, &answer);
            answer
        });
        Replies(answers.collect())
    }

    /// One atomic batch: rows, audit, scalars with the last applied log id.
    fn write(&self, index: u64, audit_chain: Digest, output: Output) -> io::Result<()> {
        let scalars = self.scalars().encode_to_vec();
        let rows = output.changes.iter().map(|change| match change {
            Change::Put(row) => (row_key_encode(row.key()), Some(row_encode(row))),
            Change::Delete(key) => (row_key_encode(*key), None),
        });
        let rows = rows.collect();
        let mut batch = ImageBatch { applied: index, rows, scalars, ..Default::default() };
        let twice = output.events.iter().filter(|it| matches!(it.row, AuditRow::AcceptedTwice(_)));
        metrics::counter!("symbolon_accepted_twice_total").increment(twice.count() as u64);
        if !output.events.is_empty() {
            let rows = audit_encode(Some(audit_chain), self.state.clock(), &output.events);
            batch.audit.push((index, rows));
        }
        self.image.write(batch).map_err(io_error)?;
        self.audit.added(index, &output.events);
        Ok(())
    }

    pub(crate) fn scalars(&self) -> store::Scalars {
        let mut scalars = scalars_to_proto(self.state.scalars());
        scalars.applied_log_id = self.applied.as_ref().map(log_id_encode).unwrap_or_default();
        scalars.membership = stored_membership_to_proto(&self.membership).encode_to_vec();
        scalars
    }
}

fn trace(proposal: &Proposal, answer: &Answer) {
    let outcome = match answer.reply {
        Reply::Verified(verdict) => verdict.decision.name(),
        Reply::Refused(_) => "refused",
        _ => "done",
    };
    tracing::debug!(
        request_id = %proposal.request_id,
        command = proposal.command.name(),
        index = answer.index.0,
        served_by = proposal.node.0,
        outcome,
        "applied"
    );
}

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// What an image holds, the audit aside.
#[derive(Default)]
struct Loaded {
    state: State,
    applied: Option<LogId>,
    membership: StoredMembership,
}

impl Loaded {
    fn read(image: &Image, scalars: &[u8]) -> Result<Self, BoxedError> {
        let message = store::Scalars::decode(scalars)?;
        let scalars = scalars_from_proto(&message)?;
        let applied = match &message.applied_log_id[..] {
            [] => None,
            bytes => Some(log_id_decode(bytes)?),
        };
        let membership = stored_membership_decode(&message.membership)?;
        let state = std::thread::scope(|scope| {
            // Reading and decoding on one processor, maps and digest on another.
            let (sender, chunks) = mpsc::sync_channel(CHUNKS_MAX);
            let read = scope.spawn(move || read_rows(image, &sender));
            let state = State::rebuild(chunks.into_iter().flatten(), scalars);
            read.join().map_err(|_| "reading the rows panicked")??;
            Ok::<_, BoxedError>(state?)
        })?;
        Ok(Self { state, applied, membership })
    }
}

/// Sends all rows, some at a time. Nobody takes them any more when that has failed.
fn read_rows(image: &Image, sender: &mpsc::SyncSender<Vec<Row>>) -> Result<(), BoxedError> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    for row in image.rows() {
        chunk.push(row_decode(&row?.1)?);
        if chunk.len() == CHUNK_ROWS {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ROWS));
            if sender.send(full).is_err() {
                return Ok(());
            }
        }
    }
    let _ = sender.send(chunk);
    Ok(())
}

/// What is wrong with an image, without what the disk says to do about it.
fn damaged(image: &Image, error: &(dyn std::error::Error + 'static)) -> ClusterError {
    let text = error.to_string();
    let cause = text.split_once("; ").map_or(&*text, |(cause, _)| cause);
    ClusterError::Image { path: image.path(), cause: cause.to_owned() }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            if let Some(pair) = &self.pair {
                pair.hold(entry.log_id().index).await;
            }
            let start = Instant::now();
            let replies = self.apply_entry(entry)?;
            metrics::histogram!("symbolon_apply_seconds").record(start.elapsed());
            if let Some(responder) = responder {
                responder.send(replies);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder::new(self)
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        file: SnapshotFile,
    ) -> io::Result<()> {
        snapshot::install(self, meta, file).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        snapshot::current(self)
    }
}

#[cfg(test)]
mod tests {
    use symbolon_core::{Command, DeleteUser, UserId};
    use symbolon_store::{SimDisk, Store};

    use super::*;
    use crate::damage::build::{command, entry_of, header};

    /// Somebody is deleted while they sign in, and both come to stand in one entry.
    #[test]
    fn what_one_entry_writes_and_removes_is_gone_from_the_disk_too() {
        let store = Store::create_simulated(&SimDisk::new(), header()).unwrap();
        let load = || Machine::load(store.image.clone(), store.snapshots.clone());
        let mut machine = load().unwrap();
        machine.apply_entry(entry_of(1, 1, [command(1)])).unwrap();
        let delete = Command::DeleteUser(DeleteUser { user: UserId(2), revision: None });
        let replies = machine.apply_entry(entry_of(2, 1, [command(2), delete])).unwrap();
        let refused = |answer: &Answer| matches!(answer.reply, Reply::Refused(_));
        assert!(!replies.0.iter().any(refused), "{replies:?}");
        store.image.write_out().unwrap();
        assert_eq!(load().unwrap().state.digest(), machine.state.digest());
    }
}
