//! The durable image of the applied state.
//!
//! Rows lie in frames ([`frames`] tells how): a *base* with all of them, and after it what each write
//! changed, under the number of the write, its *version*. A start reads changes from the newest, then the
//! base, and takes each row once. When the changes have become long against the base, a new base is
//! written beside them ([`Rebase`]). A snapshot is installed as a new base ([`Install`]). What a base
//! replaces is removed once it is durable, so that a crash at any point leaves the old image or the new
//! one, each whole.
//!
//! A write goes to two sides of the store, which a crash may cut off at different places: rows and scalars
//! to one, then audit rows and the version to the other. The image is what the lower of both versions
//! tells. Audit rows that are there beyond that are right, and not yet due.
//!
//! What entries change is gathered in memory and goes into the store a little later, many entries at once
//! ([`Image::write_out`]): a crash costs nothing that the log does not have. Whoever reads the image reads
//! what was gathered too.

mod base;
mod frames;

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeBounds;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::base::{Install, Rebase};
use self::frames::{
    Frames, Framing, Head, RowChange, base_bounds, change_bounds, head_bounds, head_key, version_of,
};
use crate::keyspace::{index_bounds, index_of};
use crate::kv::Pair;
use crate::log::half_open;
use crate::{Batch, Finding, Framed, Loss, Op, Space, StoreError, SyncDone, files};

/// Bytes that are gathered at most before they are written.
const GATHERED_BYTES_MAX: usize = 16 << 20;

/// Changes are long when they are longer than this, and than half of the base.
const CHANGES_BYTES_MIN: u64 = 64 << 20;
/// Bytes that must be free besides a new base.
const ROOM_BYTES: u64 = 64 << 20;

const VERSION: &[u8] = b"image/version";
const AUDIT_EXTENT: &[u8] = b"image/audit";

/// Rows, each once, in no order.
pub type ImageRows<'a> = Box<dyn Iterator<Item = Result<Pair, StoreError>> + Send + 'a>;

/// Audit rows in the order of their log entries; from the newest with `rev`.
pub type AuditRows<'a> =
    Box<dyn DoubleEndedIterator<Item = Result<(u64, Vec<u8>), StoreError>> + Send + 'a>;

/// The image in a store. Clones share it.
#[derive(Clone)]
pub struct Image {
    shared: Arc<Shared>,
}

struct Shared {
    store: Framed,
    installing: AtomicBool,
    gathered: Mutex<Gathered>,
    /// Held while what was gathered is on its way into the store, and before `gathered`: an image must
    /// not be overtaken by an older one.
    written: Mutex<Written>,
}

/// What is in the store.
struct Written {
    /// Of the last write.
    version: u64,
    head: Head,
    /// Log index of the last entry of the last write; `None` before the first since it was opened.
    applied: Option<u64>,
    /// Of the next base.
    next_generation: u32,
}

/// What was written to the image and is not in the store yet.
#[derive(Default)]
struct Gathered {
    /// By row key; `None` to remove it.
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    audit: Vec<(u64, Vec<u8>)>,
    bytes: usize,
    applied: u64,
    /// After the last of these entries; `None` when there are none.
    scalars: Option<Vec<u8>>,
}

/// What one batch of applied entries changed.
#[derive(Default)]
pub struct ImageBatch {
    /// Keys of rows, and what is to stand there; `None`: nothing. The last one of a key counts.
    pub rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Audit rows, by index of the log entry that made them.
    pub audit: Vec<(u64, Vec<u8>)>,
    /// Log index of the last of these entries.
    pub applied: u64,
    /// The scalars, last applied log id among them, after these entries.
    pub scalars: Vec<u8>,
}

impl Image {
    /// Opens the image in `store`, and removes what an interrupted write or install left behind. To be
    /// synced before anything is written to it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Lost`] when it is older than the store's anchor tells, or when reading or removing
    /// fails.
    pub fn open(store: Framed) -> Result<Self, StoreError> {
        let (version, head) = newest(&store)?;
        let expected = store.anchor().found().image;
        if version < expected {
            return Err(store.anchor().lost(Loss::Image { found: version, expected }));
        }
        let generation = head.generation;
        let left = [
            base_bounds(0, Some(generation)),
            base_bounds(generation + 1, None),
            change_bounds(0, Some(head.from + 1)),
            change_bounds(version + 1, None),
            head_bounds(0, Some(version)),
            head_bounds(version + 1, None),
        ];
        for (from, to) in left {
            store.delete_range(&from, &to)?;
        }
        if committed(&store)? != version {
            store.write(std::iter::once(version_pair(version)).collect())?;
        }
        store.anchor().image_written(version);
        let next_generation = generation + 1;
        let written = Mutex::new(Written { version, head, applied: None, next_generation });
        let (installing, gathered) = (AtomicBool::default(), Mutex::default());
        Ok(Self { shared: Arc::new(Shared { store, installing, gathered, written }) })
    }

    /// The directory of the store that it is in, for errors.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.shared.store.anchor().store_path()
    }

    /// Adds what applied entries changed: the image is never between two of them. It goes into the store
    /// with [`write_out`](Self::write_out), or as soon as much has gathered, and is not durable until the
    /// store is synced after that, and then only together with the log entries written before it. Not to
    /// be called while an install is under way: it would change the old image.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write(&self, changes: ImageBatch) -> Result<(), StoreError> {
        let is_much = {
            let mut gathered = lock(&self.shared.gathered);
            for (key, value) in changes.rows {
                gathered.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                gathered.rows.insert(key, value);
            }
            for (index, rows) in changes.audit {
                gathered.bytes += rows.len();
                gathered.audit.push((index, rows));
            }
            gathered.applied = changes.applied;
            gathered.scalars = Some(changes.scalars);
            gathered.bytes >= GATHERED_BYTES_MAX
        };
        if is_much { self.write_out() } else { Ok(()) }
    }

    /// Puts what was gathered into the store, at once.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write_out(&self) -> Result<(), StoreError> {
        self.shared.write_out()
    }

    /// Whether changes have become long against the base, and the disk has room for another.
    #[must_use]
    pub fn wants_rebase(&self) -> bool {
        let head = lock(&self.shared.written).head.clone();
        head.is_long() && self.has_room(head.base_bytes)
    }

    /// Begins a new base; `None` before the first write since the image was opened.
    #[must_use]
    pub fn begin_rebase(&self) -> Option<Rebase> {
        Rebase::begin(self)
    }

    /// Calls `done` once what is in the store is durable. See [`Kv::sync`](crate::Kv::sync).
    pub fn sync(&self, done: SyncDone) {
        self.shared.store.sync(done);
    }

    /// The scalars of the last write or install; `None` for an image that was never written.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub fn scalars(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.write_out()?;
        let version = lock(&self.shared.written).version;
        self.shared.scalars(version)
    }

    /// All rows, as key and value. Not a snapshot: for reading the image when a node starts.
    #[must_use]
    pub fn rows(&self) -> ImageRows<'_> {
        if let Err(error) = self.write_out() {
            return Box::new(std::iter::once(Err(error)));
        }
        let (version, head) = {
            let written = lock(&self.shared.written);
            (written.version, written.head.clone())
        };
        let store = &self.shared.store;
        let (from, to) = change_bounds(head.from + 1, Some(version + 1));
        let changes = store.scan(&from, &to).rev();
        let (from, to) = base_bounds(head.generation, Some(head.generation + 1));
        let frames = changes.map(|frame| (true, frame));
        let frames = frames.chain(store.scan(&from, &to).map(|frame| (false, frame)));
        // Keys of changed rows that came already.
        let mut seen = HashSet::new();
        Box::new(frames.flat_map(move |(is_change, frame)| {
            let rows = match frame.and_then(|frame| frames::rows(&frame)) {
                Ok(rows) => rows,
                Err(error) => return vec![Err(error)],
            };
            let new = rows.into_iter().filter(|(key, _)| match is_change {
                true => seen.insert(key.clone()),
                false => !seen.contains(key),
            });
            new.filter_map(|(key, value)| Some(Ok((key, value?)))).collect()
        }))
    }

    /// The audit rows that log entries in `range` made. Bound it by what is applied: an interrupted
    /// install may have left later ones, which are right and not yet due.
    #[must_use]
    pub fn audit(&self, range: impl RangeBounds<u64>) -> AuditRows<'_> {
        let Some((start, end)) = half_open(&range) else {
            return Box::new(std::iter::empty());
        };
        if let Err(error) = self.write_out() {
            return Box::new(std::iter::once(Err(error)));
        }
        let (from, to) = index_bounds(Space::Audit, start, end);
        Box::new(self.shared.store.scan(&from, &to).map(|pair| {
            let (key, rows) = pair?;
            let index =
                index_of(&key).ok_or_else(|| StoreError::corrupt(&key, Finding::KeyLength))?;
            Ok((index, rows))
        }))
    }

    /// What [`write_audit`](Self::write_audit) said last of the audit rows that are there.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub fn audit_extent(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.store.get(&Space::Meta.key(AUDIT_EXTENT))
    }

    /// Writes audit rows that did not come with an entry of the log, and which part of the audit is
    /// there then, in one batch.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write_audit(&self, rows: Vec<(u64, Vec<u8>)>, extent: &[u8]) -> Result<(), StoreError> {
        self.write_out()?;
        let mut batch = Batch::new();
        for (index, rows) in rows {
            batch.insert(audit_key(index), rows);
        }
        batch.insert(Space::Meta.key(AUDIT_EXTENT), extent);
        self.shared.store.write(batch)
    }

    /// Removes the audit rows of a range, a thousand at a time and from the low end.
    ///
    /// # Errors
    ///
    /// When reading or writing fails.
    pub fn remove_audit(&self, range: impl RangeBounds<u64>) -> Result<(), StoreError> {
        let Some((start, end)) = half_open(&range) else {
            return Ok(());
        };
        self.write_out()?;
        let (from, to) = index_bounds(Space::Audit, start, end);
        self.shared.store.delete_range(&from, &to)
    }

    /// Starts replacing the image by a snapshot's. Until [`Install::commit`] nothing of it shows.
    ///
    /// # Errors
    ///
    /// [`StoreError::InstallUnderWay`] while another one lives.
    pub fn begin_install(&self) -> Result<Install, StoreError> {
        let install = Install::begin(self)?;
        self.write_out()?;
        Ok(install)
    }

    /// Whether the disk has room for a base of about `bytes`. A simulated one has.
    fn has_room(&self, bytes: u64) -> bool {
        let free = files::free_bytes(&self.path());
        free.map_or(true, |free| free / 2 >= bytes.saturating_add(ROOM_BYTES))
    }
}

impl Shared {
    fn write_out(&self) -> Result<(), StoreError> {
        let mut written = lock(&self.written);
        if lock(&self.gathered).scalars.is_none() {
            return Ok(());
        }
        self.write_gathered(&mut written)
    }

    fn write_gathered(&self, written: &mut Written) -> Result<(), StoreError> {
        let Gathered { rows, audit, applied, scalars, .. } =
            std::mem::take(&mut *lock(&self.gathered));
        let scalars = match scalars {
            Some(scalars) => {
                written.applied = Some(applied);
                scalars
            }
            None => self.scalars(written.version)?.unwrap_or_default(),
        };
        let mut rest = Batch::new();
        for (index, rows) in audit {
            rest.insert(audit_key(index), rows);
        }
        self.put(written, rows, rest, &scalars)
    }

    /// One write of the image: rows, then the rest with the version.
    fn put(
        &self,
        written: &mut Written,
        rows: impl IntoIterator<Item = RowChange>,
        mut rest: Batch,
        scalars: &[u8],
    ) -> Result<(), StoreError> {
        // A follower may have applied what its own log does not hold durably yet.
        self.store.sync_log_blocking()?;
        let version = written.version + 1;
        let mut batch = Batch::new();
        let mut framing = Framing::new(Frames::Changes(version));
        for (key, value) in rows {
            framing.row(&mut batch, &key, value.as_deref())?;
        }
        written.head.change_bytes += framing.finish(&mut batch);
        let head = written.head.encode(scalars);
        written.head.change_bytes += head.len() as u64;
        batch.insert(head_key(version), head);
        self.store.write(batch)?;
        rest.push(version_pair(version));
        self.store.write(rest)?;
        written.version = version;
        self.store.anchor().image_written(version);
        Ok(())
    }

    fn scalars(&self, version: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let key = head_key(version);
        let Some(head) = self.store.get(&key)? else { return Ok(None) };
        Head::decode(&key, &head).map(|(_, scalars)| Some(scalars))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Whoever closes a store leaves it whole; if it fails, the log has it all.
        let _ = self.write_out();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Head {
    fn is_long(&self) -> bool {
        self.change_bytes > CHANGES_BYTES_MIN.max(self.base_bytes / 2)
    }
}

/// The version and head of what both sides hold.
fn newest(store: &Framed) -> Result<(u64, Head), StoreError> {
    let committed = committed(store)?;
    let (from, to) = head_bounds(0, Some(committed + 1));
    let found = store.scan(&from, &to).next_back().transpose()?;
    let (version, head) = match found {
        None => (0, Head::default()),
        Some((key, head)) => (version_of(&key)?, Head::decode(&key, &head)?.0),
    };
    let (from, to) = head_bounds(committed + 1, None);
    if version < committed && store.scan(&from, &to).next().is_some() {
        return Err(StoreError::corrupt(&head_key(committed), Finding::Missing));
    }
    Ok((version, head))
}

/// The version up to which audit rows are there.
fn committed(store: &Framed) -> Result<u64, StoreError> {
    let key = Space::Meta.key(VERSION);
    let Some(value) = store.get(&key)? else { return Ok(0) };
    let version = (&*value).try_into().map(u64::from_be_bytes);
    version.map_err(|_| StoreError::corrupt(&key, Finding::ValueLength))
}

fn version_pair(version: u64) -> Op {
    Op::Insert(Space::Meta.key(VERSION), version.to_be_bytes().to_vec())
}

fn audit_key(index: u64) -> Vec<u8> {
    Space::Audit.key(&index.to_be_bytes())
}

/// Reads bytes as a frame and as a head.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    if let Ok((head, scalars)) = Head::decode(b"", bytes) {
        assert_eq!(head.encode(&scalars), bytes);
    }
    let Ok(rows) = frames::rows(&(Vec::new(), bytes.to_vec())) else { return };
    let mut batch = Batch::new();
    let mut framing = Framing::new(Frames::Changes(1));
    for (key, value) in &rows {
        assert!(framing.row(&mut batch, key, value.as_deref()).is_ok());
    }
    framing.finish(&mut batch);
    let frames = batch.into_ops().into_iter().filter_map(|op| match op {
        Op::Insert(_, frame) => Some(frame),
        Op::Remove(_) => None,
    });
    assert_eq!(frames.flatten().collect::<Vec<_>>(), bytes);
}
