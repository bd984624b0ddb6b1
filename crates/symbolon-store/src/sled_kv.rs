//! [`Kv`] over sled 0.34.
//!
//! sled's `flush` writes with `sync_file_range`, which reaches neither the disk's cache nor the
//! file's metadata: durable means `flush` and then `fdatasync` of the database file. One thread does
//! that for all who wait, and moves the anchor after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::EngineFault;
use crate::files;
use crate::kv::{Batch, Kv, Op, Pair, Scan, SyncDone, SyncStats};
use crate::{Anchor, StoreError};

/// Memory for pages, in bytes. What decides is held in memory elsewhere, so sled is read at start
/// and for audit, and a large cache would only be spent twice.
const CACHE_BYTES: u64 = 32 << 20;
/// How often, and how far apart, closing looks whether sled has let go: 10 s in all.
const CLOSE_TRIES: u32 = 2000;
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

/// A store in a directory.
pub struct SledKv {
    // Dropped in this order: the flusher closes what it alone holds then.
    db: sled::Db,
    path: PathBuf,
    anchor: Anchor,
    flusher: FlusherHandle,
    shared: Arc<Shared>,
}

/// The way to the flusher. Dropped, it waits until the flusher has closed the store.
struct FlusherHandle {
    /// Taken when dropped, which ends the flusher.
    queue: Option<mpsc::Sender<SyncDone>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The first failed write or sync.
    poison: OnceLock<StoreError>,
    batches: AtomicU64,
    syncs: AtomicU64,
    callbacks: AtomicU64,
}

impl SledKv {
    /// Creates the store in `path`, with its anchor in the file `tip`, and opens it. Can be repeated
    /// when it was interrupted.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), or when a file cannot be made.
    pub fn create(path: &Path, tip: &Path) -> Result<Self, StoreError> {
        files::create_dir(path)?;
        Anchor::create(tip)?;
        Self::open(path, tip)
    }

    /// Opens the store in `path`, whose anchor is in the file `tip`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] while someone else has it open, [`StoreError::Damaged`] when sled gives
    /// up on it, [`StoreError::Lost`] when it does not hold what the anchor tells of.
    pub fn open(path: &Path, tip: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, || Anchor::open(tip))
    }

    /// [`open`](Self::open) with an anchor that is read while nobody else can change it.
    pub(crate) fn open_with(
        path: &Path,
        anchor: impl FnOnce() -> Result<Anchor, StoreError>,
    ) -> Result<Self, StoreError> {
        let db = open_sled(path)?;
        // sled syncs neither the names of its files nor its configuration.
        files::sync_tree(path)?;
        let anchor = anchor()?;
        let file_path = path.join("db");
        let flusher = Flusher {
            db: db.clone(),
            file: files::open(&file_path)?,
            path: path.to_owned(),
            file_path,
            anchor: anchor.clone(),
            shared: Arc::default(),
        };
        let attached = anchor.attach(path, |key| {
            let value = guard(path, "reading", || db.get(key));
            value.map(|value| value.map(|value| value.to_vec()))
        });
        if let Err(error) = attached {
            drop(db);
            flusher.close();
            return Err(error);
        }
        let shared = Arc::clone(&flusher.shared);
        let (queue, waiting) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("symbolon-flush".to_owned())
            .spawn(move || flusher.run(&waiting))
            .map_err(|source| StoreError::file("start the flusher of", path, source))?;
        let flusher = FlusherHandle { queue: Some(queue), thread: Some(thread) };
        Ok(Self { db, path: path.to_owned(), anchor, flusher, shared })
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guard(&self.path, "reading", || self.db.get(key))
            .map(|value| value.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_> {
        // sled panics on a range that ends before it starts.
        let to = to.max(from);
        let pairs = self.db.range(from.to_vec()..to.to_vec());
        Box::new(SledScan { path: &self.path, pairs, failed: false })
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.len() <= 1 {
            return self.write_each(batch);
        }
        self.shared.refuse_if_poisoned()?;
        let mut out = sled::Batch::default();
        for op in batch.into_ops() {
            match op {
                Op::Insert(key, value) => out.insert(key, value),
                Op::Remove(key) => out.remove(key),
            }
        }
        guard(&self.path, "writing", || self.db.apply_batch(out))
            .map_err(|error| self.shared.poison(error))?;
        self.shared.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// sled begins each batch by writing out its buffer, twice, and waits for the disk to take it. A
    /// single change goes into the buffer and no further.
    fn write_each(&self, batch: Batch) -> Result<(), StoreError> {
        self.shared.refuse_if_poisoned()?;
        for op in batch.into_ops() {
            guard(&self.path, "writing", || match op {
                Op::Insert(key, value) => self.db.insert(key, value).map(drop),
                Op::Remove(key) => self.db.remove(key).map(drop),
            })
            .map_err(|error| self.shared.poison(error))?;
            self.shared.batches.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn sync(&self, done: SyncDone) {
        let refused = match &self.flusher.queue {
            Some(queue) => queue.send(done).map_err(|mpsc::SendError(done)| done),
            None => Err(done),
        };
        if let Err(done) = refused {
            done(Err(self.failure().unwrap_or(StoreError::Closed)));
        }
    }

    fn stats(&self) -> SyncStats {
        SyncStats {
            batches: self.shared.batches.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            callbacks: self.shared.callbacks.load(Ordering::Relaxed),
        }
    }

    fn failure(&self) -> Option<StoreError> {
        self.shared.poison.get().cloned()
    }

    fn anchor(&self) -> &Anchor {
        &self.anchor
    }
}

impl Drop for FlusherHandle {
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The last handle may be dropped by a callback, on the flusher's own thread.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the flusher of the store panicked");
        }
    }
}

impl Shared {
    fn refuse_if_poisoned(&self) -> Result<(), StoreError> {
        self.poison.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Keeps the first error, and returns it.
    fn poison(&self, error: StoreError) -> StoreError {
        self.poison.get_or_init(|| error).clone()
    }
}

/// What the thread `symbolon-flush` owns.
struct Flusher {
    db: sled::Db,
    /// Our own descriptor of sled's file: syncing any of them syncs the file.
    file: std::fs::File,
    path: PathBuf,
    file_path: PathBuf,
    anchor: Anchor,
    shared: Arc<Shared>,
}

impl Flusher {
    fn run(self, waiting: &mpsc::Receiver<SyncDone>) {
        // Group commit: whoever came while the last sync was under way shares the next one.
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            group.extend(waiting.try_iter());
            let result = self.sync();
            // Counted before the callbacks, so that whoever was called back sees itself counted.
            self.shared.syncs.fetch_add(1, Ordering::Relaxed);
            self.shared.callbacks.fetch_add(group.len() as u64, Ordering::Relaxed);
            for done in group {
                let result = result.clone();
                if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
                    // The others still wait: a panic in one callback must not strand them.
                    tracing::error!("a callback of a sync panicked");
                }
            }
        }
        self.close();
    }

    /// Closes the store, and waits until nothing of sled's is at work on its file: tasks of its
    /// thread pool go on holding the file, and its lock, for a while.
    #[expect(clippy::disallowed_methods, reason = "sled gives nothing to wait for")]
    fn close(self) {
        // On a disk that fails sled panics here, and what failed has been told.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.db)));
        for _ in 0..CLOSE_TRIES {
            let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
            // Unlocked again when the file is closed, at the end of this function.
            if rustix::fs::flock(&self.file, lock).is_ok() {
                return;
            }
            thread::sleep(CLOSE_PAUSE);
        }
        tracing::warn!(path = %self.file_path.display(), "sled did not let go of its file");
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.shared.refuse_if_poisoned()?;
        let marks = self.anchor.marks();
        self.anchor
            .trip(marks, |record| self.make_durable(record))
            .map_err(|error| self.shared.poison(error))
    }

    fn make_durable(&self, record: Option<Pair>) -> Result<(), StoreError> {
        if let Some((key, value)) = record {
            guard(&self.path, "writing", || self.db.insert(key, value))?;
        }
        guard(&self.path, "flushing", || self.db.flush())?;
        self.file.sync_data().map_err(|source| StoreError::file("sync", &self.file_path, source))
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

fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        // A periodic flush makes nothing durable and stalls writers; our flusher does both jobs.
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
