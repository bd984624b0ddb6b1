//! openraft's log on the store's log.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;

use bytes::Bytes;
use openraft::OptionalSend;
use openraft::entry::RaftEntry as _;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use symbolon_store::{Image, Log, Store, StoreError, SyncDone};
use tokio::sync::oneshot;

use crate::convert::{
    damaged, entry_decode, entry_encode, log_id_decode, log_id_encode, vote_decode, vote_encode,
};
use crate::raft_types::{Entry, LogId, TypeConfig, Vote};

/// Bytes of entries that one read for replication returns at most, so that an append fits into a
/// message of the peer port.
pub(crate) const READ_BYTES_MAX: usize = 256 << 10;

/// The Raft log of a node. Clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    log: Log,
    /// What stands for entries that are purged.
    image: Image,
}

impl Debug for LogStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStore").field("last", &self.log.last_index()).finish_non_exhaustive()
    }
}

impl LogStore {
    /// The Raft log in a store.
    #[must_use]
    pub(crate) fn new(store: &Store) -> Self {
        Self { log: store.log.clone(), image: store.image.clone() }
    }

    /// Waits until the log and all that was applied of it are durable.
    pub(crate) async fn settle(&self) -> io::Result<()> {
        settle(&self.image).await
    }

    fn read(&self, range: impl RangeBounds<u64>, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let entries = self.log.read_bounded(range, bytes_max).map_err(io_error)?;
        entries
            .into_iter()
            .map(|(index, bytes)| {
                let entry = entry_decode(Bytes::from(bytes))?;
                if entry.log_id.index == index {
                    Ok(entry)
                } else {
                    Err(damaged("log entry under another's index"))
                }
            })
            .collect()
    }
}

/// Waits for a sync.
async fn durable(sync: impl FnOnce(SyncDone)) -> io::Result<()> {
    let (sender, receiver) = oneshot::channel();
    sync(Box::new(move |result| {
        // Nobody waits any more when the node is stopping.
        let _ = sender.send(result);
    }));
    match receiver.await {
        Ok(result) => result.map_err(io_error),
        Err(_) => Err(io_error(StoreError::Closed)),
    }
}

/// What the store says, as openraft wants it.
pub(crate) fn io_error(error: StoreError) -> io::Error {
    io::Error::other(error)
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(range, usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, READ_BYTES_MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.log.vote().map_err(io_error)?.as_deref().map(vote_decode).transpose()
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let purged = self.log.purged().map_err(io_error)?;
        let last_purged_log_id = purged.map(|(_, log_id)| log_id_decode(&log_id)).transpose()?;
        let last = match self.log.last_index() {
            Some(index) => self.read(index..=index, usize::MAX)?.pop().map(|entry| entry.log_id()),
            None => None,
        };
        Ok(LogState { last_purged_log_id, last_log_id: last.or(last_purged_log_id) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.log.put_vote(vote_encode(vote)).map_err(io_error)?;
        #[cfg(feature = "planted")]
        if symbolon_core::planted::is("vote-not-synced") {
            return Ok(());
        }
        durable(|done| self.log.sync(done)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        // Not synced: after a crash an older one only means that less is applied before the master
        // says how far it is.
        match committed {
            Some(log_id) => self.log.put_committed(log_id_encode(&log_id)).map_err(io_error),
            None => Ok(()),
        }
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.log.committed().map_err(io_error)?.as_deref().map(log_id_decode).transpose()
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(|entry| (entry.log_id.index, entry_encode(&entry)));
        self.log.append(entries).map_err(io_error)?;
        #[cfg(feature = "planted")]
        if symbolon_core::planted::is("append-not-synced") {
            callback.io_completed(Ok(()));
            return Ok(());
        }
        self.log.sync(Box::new(move |result| callback.io_completed(result.map_err(io_error))));
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let from = last_log_id.map_or(0, |log_id| log_id.index + 1);
        self.log.truncate_from(from).map_err(io_error)
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        // The image stands for these entries from now on.
        self.settle().await?;
        self.log.purge_to(log_id.index, &log_id_encode(&log_id)).map_err(io_error)
    }
}

/// Waits until all that was applied is durable, and the log that it came of.
pub(crate) async fn settle(image: &Image) -> io::Result<()> {
    image.write_out().map_err(io_error)?;
    durable(|done| image.sync(done)).await
}

#[cfg(test)]
mod tests {
    use openraft::vote::RaftLeaderId as _;
    use symbolon_store::{ImageBatch, SimDisk};

    use super::*;
    use crate::damage::build::header;
    use crate::raft_types::LeaderId;

    #[tokio::test]
    async fn what_is_purged_is_in_the_image_that_is_durable() {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        store.log.append((0..10).map(|index| (index, [1]))).unwrap();
        let rows = vec![(b"row".to_vec(), Some(b"value".to_vec()))];
        let scalars = b"after entry 9".to_vec();
        store.image.write(ImageBatch { rows, scalars, ..ImageBatch::default() }).unwrap();
        let to = LogId { leader_id: LeaderId::new(1, 1), index: 9 };
        LogStore::new(&store).purge(to).await.unwrap();
        disk.crash();
        let store = Store::simulated(&disk).unwrap();
        assert_eq!(store.image.scalars().unwrap().as_deref(), Some(&b"after entry 9"[..]));
    }
}
