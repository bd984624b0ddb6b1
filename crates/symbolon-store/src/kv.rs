//! The seam between the store and whatever holds its bytes.

use std::sync::mpsc;

use crate::keyspace::Side;
use crate::{Anchor, StoreError};

/// Key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A scan in key order; from the other end with `rev` or `next_back`.
pub type Scan<'a> = Box<dyn DoubleEndedIterator<Item = Result<Pair, StoreError>> + Send + 'a>;

/// What a sync calls when it is through. It runs on the flusher's thread, so it must be short and
/// must not wait: complete a channel, wake a task.
pub type SyncDone = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// An ordered key-value store.
///
/// A batch is of the Raft log, which is [`Space::Log`](crate::Space::Log) and what is kept beside it, of the image's
/// [rows](crate::Space::Rows), or of the rest. The batches of each become durable in the order they were written:
/// after a crash some first part of them is there, each whole, and everything that a completed
/// [`sync`](Self::sync) or [`sync_log`](Self::sync_log) covered.
///
/// The first failed write or sync is final. The data that a failed fsync was about may be gone from
/// the page cache, so that a second one would succeed without it: every later write and sync
/// returns the same error, reads go on, and the process is expected to stop.
pub trait Kv: Send + Sync + 'static {
    /// Value of `key`, as of the last write.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The pairs with `from <= key < to`. Not a snapshot: a write during the scan may or may not be
    /// seen.
    fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_>;

    /// Applies all of `batch` or nothing. Readers see it on return; it is not durable yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::MixedBatch`], with nothing written; any other error is final.
    fn write(&self, batch: Batch) -> Result<(), StoreError>;

    /// Calls `done` once everything written before this call is durable. Never blocks; syncs that
    /// wait at the same time share one trip to the disk. How many may wait is the caller's to bound.
    fn sync(&self, done: SyncDone);

    /// [`sync`](Self::sync) of the Raft log alone, which is quick.
    fn sync_log(&self, done: SyncDone);

    /// Counters since the store was opened.
    fn stats(&self) -> SyncStats;

    /// The first write or sync that failed: since then all fail.
    fn failure(&self) -> Option<StoreError>;

    /// What each sync leaves behind, so that a loss is noticed.
    fn anchor(&self) -> &Anchor;

    /// [`sync`](Self::sync) that waits. Not for async code.
    fn sync_blocking(&self) -> Result<(), StoreError> {
        wait(|done| self.sync(done))
    }

    /// [`sync_log`](Self::sync_log) that waits. Not for async code.
    fn sync_log_blocking(&self) -> Result<(), StoreError> {
        wait(|done| self.sync_log(done))
    }
}

fn wait(sync: impl FnOnce(SyncDone)) -> Result<(), StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    sync(Box::new(move |result| {
        // The receiver lives until this is called: nothing to do about a failed send.
        let _ = sender.send(result);
    }));
    receiver.recv().unwrap_or(Err(StoreError::Closed))
}

/// Changes that happen together or not at all. Later ones win over earlier ones of the same key.
#[derive(Clone, Default)]
pub struct Batch {
    ops: Vec<Op>,
}

/// One change of a [`Batch`].
#[derive(Clone)]
pub enum Op {
    /// Sets the value of a key.
    Insert(Vec<u8>, Vec<u8>),
    /// Removes a key; nothing if it is not there.
    Remove(Vec<u8>),
}

impl Batch {
    /// A batch that changes nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { ops: Vec::new() }
    }

    /// Sets `key` to `value`.
    pub fn insert(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.push(Op::Insert(key.into(), value.into()));
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.ops.push(Op::Remove(key.into()));
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Adds a change.
    pub(crate) fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// Number of changes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ops.len()
    }

    /// Where it goes.
    pub(crate) fn side(&self) -> Result<Side, StoreError> {
        let mut sides = self.ops.iter().map(|op| Side::of(op.key()));
        let first = sides.next().unwrap_or(Side::Rest);
        if sides.all(|side| side == first) { Ok(first) } else { Err(StoreError::MixedBatch) }
    }

    /// The changes in order.
    #[must_use]
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }
}

impl FromIterator<Op> for Batch {
    fn from_iter<T: IntoIterator<Item = Op>>(ops: T) -> Self {
        Self { ops: ops.into_iter().collect() }
    }
}

impl Op {
    /// What it changes.
    pub(crate) fn key(&self) -> &[u8] {
        let (Self::Insert(key, _) | Self::Remove(key)) = self;
        key
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys hold names and values hold rows: neither belongs into a log line.
        write!(f, "Batch({} ops)", self.ops.len())
    }
}

impl std::fmt::Debug for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Insert(key, value) => {
                write!(f, "Insert({} byte key, {} byte value)", key.len(), value.len())
            }
            Self::Remove(key) => write!(f, "Remove({} byte key)", key.len()),
        }
    }
}

/// How well group commit works: `callbacks / syncs` is the number of waiters one trip to the disk
/// served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncStats {
    /// Batches written.
    pub batches: u64,
    /// Trips to the disk, failed ones included.
    pub syncs: u64,
    /// Callbacks that these trips completed.
    pub callbacks: u64,
}
