//! What lies in sled 0.34.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::StoreError;
use crate::error::EngineFault;
use crate::files;
use crate::kv::{Batch, Op, Pair, Scan};

/// Memory for pages, in bytes. What decides is held in memory elsewhere, so sled is read at start
/// and for audit, and a large cache would only be spent twice.
const CACHE_BYTES: u64 = 8 << 20;
/// How often, and how far apart, closing looks whether sled has let go: 10 s in all.
const CLOSE_TRIES: u32 = 2000;
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

/// sled in a directory.
pub(crate) struct SledPart {
    db: sled::Db,
    path: PathBuf,
    /// Our own descriptor of sled's file: syncing any of them syncs the file.
    file: File,
    file_path: PathBuf,
    /// Whether something was written that sled has not been asked to write out.
    is_dirty: AtomicBool,
}

impl SledPart {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let db = open_sled(path)?;
        let file_path = path.join("db");
        let file = files::open(&file_path)?;
        Ok(Self { db, path: path.to_owned(), file, file_path, is_dirty: AtomicBool::new(false) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guard(&self.path, "reading", || self.db.get(key))
            .map(|value| value.map(|value| value.to_vec()))
    }

    pub(crate) fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_> {
        // sled panics on a range that ends before it starts.
        let to = to.max(from);
        let pairs = self.db.range(from.to_vec()..to.to_vec());
        Box::new(SledScan { path: &self.path, pairs, failed: false })
    }

    /// All of it or nothing.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let ops = batch.into_ops();
        if let [_] = &*ops {
            return ops.into_iter().try_for_each(|op| self.put(op));
        }
        let count = ops.len();
        let mut out = sled::Batch::default();
        for op in ops {
            match op {
                Op::Insert(key, value) => out.insert(key, value),
                Op::Remove(key) => out.remove(key),
            }
        }
        self.is_dirty.store(true, Ordering::Release);
        guard(&self.path, "writing", || self.db.apply_batch(out))?;
        self.let_go(count)
    }

    /// sled frees what it has replaced a little at a time, at every 128th call, and a batch is one call
    /// however much it replaces: without others its memory grows for as long as there are only batches.
    fn let_go(&self, replaced: usize) -> Result<(), StoreError> {
        for _ in 0..replaced {
            guard(&self.path, "reading", || self.db.contains_key([]))?;
        }
        Ok(())
    }

    /// sled begins each batch by writing out its buffer, twice, and waits for the disk to take it. A
    /// single change goes into the buffer and no further.
    pub(crate) fn put(&self, op: Op) -> Result<(), StoreError> {
        self.is_dirty.store(true, Ordering::Release);
        guard(&self.path, "writing", || match op {
            Op::Insert(key, value) => self.db.insert(key, value).map(drop),
            Op::Remove(key) => self.db.remove(key).map(drop),
        })
    }

    /// Has sled write out what it holds back: it keeps pages in memory until it is asked, beyond the size
    /// of its cache.
    pub(crate) fn write_out(&self) -> Result<(), StoreError> {
        if !self.is_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        guard(&self.path, "flushing", || self.db.flush()).map(drop)
    }

    /// Makes durable what was written before this call.
    pub(crate) fn make_durable(&self) -> Result<(), StoreError> {
        self.is_dirty.store(false, Ordering::Release);
        guard(&self.path, "flushing", || self.db.flush())?;
        files::sync_bytes(&self.file, &self.file_path)
    }

    /// Closes sled if nobody else has it, and waits until nothing of it is at work on its file: tasks of
    /// its thread pool go on holding the file, and its lock, for a while.
    #[expect(clippy::disallowed_methods, reason = "sled gives nothing to wait for")]
    pub(crate) fn close(self: Arc<Self>) {
        let Some(Self { db, file, file_path, .. }) = Arc::into_inner(self) else { return };
        // On a disk that fails sled panics here, and what failed has been told.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
        for _ in 0..CLOSE_TRIES {
            let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
            // Unlocked again when the file is closed, at the end of this function.
            if rustix::fs::flock(&file, lock).is_ok() {
                return;
            }
            thread::sleep(CLOSE_PAUSE);
        }
        tracing::warn!(path = %file_path.display(), "sled did not let go of its file");
    }
}

struct SledScan<'a> {
    path: &'a Path,
    pairs: sled::Iter,
    /// An error ends a scan: what would follow is not to be trusted.
    failed: bool,
}

impl SledScan<'_> {
    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Option<Result<Pair, StoreError>> {
        if self.failed {
            return None;
        }
        let pair = guard(self.path, "scanning", || step(&mut self.pairs).transpose());
        self.failed = pair.is_err();
        pair.map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec()))).transpose()
    }
}

impl Iterator for SledScan<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(sled::Iter::next)
    }
}

impl DoubleEndedIterator for SledScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(sled::Iter::next_back)
    }
}

/// sled writes down where its pages are whenever it is opened, and reads what it had not finished of that,
/// under this end of a name, as if it had. All of it is in the log of `db` as well.
const UNFINISHED: &str = ".generating";

/// Removes what an opening has left that found no space, or died.
fn remove_unfinished(path: &Path) -> Result<(), StoreError> {
    let db = path.join("db");
    if !files::exists(&db)? {
        return Ok(());
    }
    let file = files::open(&db)?;
    let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    if rustix::fs::flock(&file, lock).is_err() {
        // Somebody else has it, and sled says so.
        return Ok(());
    }
    let is_unfinished = |file: &PathBuf| file.to_string_lossy().ends_with(UNFINISHED);
    let left = files::list(path)?;
    left.iter().filter(|file| is_unfinished(file)).try_for_each(|file| files::remove(file))
}

fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    remove_unfinished(path)?;
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        // A periodic flush makes nothing durable and stalls writers.
        .flush_every_ms(None)
        // LowSpace only collects garbage more eagerly: the same disk use was measured, and up to
        // half the throughput on large batches.
        .mode(sled::Mode::HighThroughput);
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) if is_locked(&error) => Err(StoreError::Locked { path: path.to_owned() }),
        Ok(Err(error)) => Err(engine(path, "opening", error)),
        Err(_) => Err(StoreError::Damaged { path: path.to_owned(), doing: "opening" }),
    }
}

/// sled says this only in words.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

/// Runs a call into sled, which panics on damage that it meets.
fn guard<T>(
    path: &Path,
    doing: &'static str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| engine(path, doing, error)),
        Err(_) => Err(StoreError::Damaged { path: path.to_owned(), doing }),
    }
}

fn engine(path: &Path, doing: &'static str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(_) => {
            StoreError::Engine { path: path.to_owned(), doing, source: EngineFault::new(error) }
        }
        // The rest says that what was read makes no sense.
        _ => StoreError::Damaged { path: path.to_owned(), doing },
    }
}
