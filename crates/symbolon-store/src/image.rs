//! The durable image of the applied state.
//!
//! Rows lie under a generation number. A snapshot is installed by writing its rows under the next
//! number and then changing the number and the scalars in one batch, so that a crash at any point
//! leaves the old image or the new one, each whole.
//!
//! Generation and scalars are one value, so that damage cannot part them:
//!
//! ```text
//! number of the write (8), generation of the rows (4), scalars
//! ```
//!
//! with integers big-endian. By the number an image that has fallen back is told from one that has not.
//!
//! What entries change is gathered in memory and goes into the store a little later, many entries in one
//! batch ([`Image::write_out`]): a batch costs the store far more than what is in it, and a crash costs
//! nothing that the log does not have. Whoever reads the image reads what was gathered too.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::keyspace::{index_bounds, index_of};
use crate::kv::Pair;
use crate::log::half_open;
use crate::{Batch, Finding, Framed, Loss, Space, StoreError, SyncDone};

/// Rows and bytes that one batch of an install holds at most, and it may pass the bytes by one row:
/// bounds the memory and the pause for other writers.
const INSTALL_BATCH_ROWS: usize = 1000;
const INSTALL_BATCH_BYTES: usize = 1 << 20;
/// Bytes that are gathered at most before they are written.
const GATHERED_BYTES_MAX: usize = 16 << 20;

const SCALARS: &[u8] = b"image/scalars";
const AUDIT_EXTENT: &[u8] = b"image/audit";
/// Prefix and generation before the row key.
const ROW_KEY_START: usize = 5;

/// Rows in key order.
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
    generation: AtomicU32,
    /// Number of the last write of the scalars.
    version: AtomicU64,
    installing: AtomicBool,
    gathered: Mutex<Gathered>,
    /// Held while what was gathered is on its way into the store, and before `gathered`.
    writing: Mutex<()>,
}

/// What was written to the image and is not in the store yet.
#[derive(Default)]
struct Gathered {
    /// By key in the store; `None` to remove it.
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    /// After the last of these entries; `None` when there are none.
    scalars: Option<Vec<u8>>,
}

impl Gathered {
    fn add(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.changes.insert(key, value);
    }
}

/// What one batch of applied entries changed.
#[derive(Default)]
pub struct ImageBatch {
    /// Rows to set, by row key.
    pub put: Vec<Pair>,
    /// Keys of rows to remove.
    pub delete: Vec<Vec<u8>>,
    /// Audit rows, by index of the log entry that made them.
    pub audit: Vec<(u64, Vec<u8>)>,
    /// The scalars, last applied log id among them, after these entries.
    pub scalars: Vec<u8>,
}

impl Image {
    /// Opens the image in `store`, and removes what an interrupted install left behind.
    ///
    /// # Errors
    ///
    /// [`StoreError::Lost`] when it is older than the store's anchor tells, or when reading or removing
    /// fails.
    pub fn open(store: Framed) -> Result<Self, StoreError> {
        let (version, generation) = match stored(&store)? {
            Some(stored) => (stored.version, stored.generation),
            None => (0, 0),
        };
        let expected = store.anchor().found().image;
        if version < expected {
            return Err(store.anchor().lost(Loss::Image { found: version, expected }));
        }
        // Rows of other generations may be left of an install that was interrupted.
        let (from, to) = generation_bounds(generation);
        if version == 0 && store.scan(&from, &to).next().is_some() {
            return Err(StoreError::corrupt(&Space::Meta.key(SCALARS), Finding::Missing));
        }
        let shared = Shared {
            store,
            generation: generation.into(),
            version: version.into(),
            installing: false.into(),
            gathered: Mutex::default(),
            writing: Mutex::default(),
        };
        let image = Self { shared: Arc::new(shared) };
        image.shared.store.anchor().image_written(version);
        image.remove_other_generations()?;
        Ok(image)
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
        let generation = self.generation();
        let is_much = {
            let mut gathered = lock(&self.shared.gathered);
            for key in changes.delete {
                gathered.add(row_key(generation, &key), None);
            }
            for (key, value) in changes.put {
                gathered.add(row_key(generation, &key), Some(value));
            }
            for (index, rows) in changes.audit {
                gathered.add(audit_key(index), Some(rows));
            }
            gathered.scalars = Some(changes.scalars);
            gathered.bytes >= GATHERED_BYTES_MAX
        };
        if is_much { self.write_out() } else { Ok(()) }
    }

    /// Puts what was gathered into the store, in one batch.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write_out(&self) -> Result<(), StoreError> {
        self.shared.write_out()
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
        Ok(stored(&self.shared.store)?.map(|stored| stored.scalars))
    }

    /// All rows, as key and value. Not a snapshot: for reading the image when a node starts.
    #[must_use]
    pub fn rows(&self) -> ImageRows<'_> {
        if let Err(error) = self.write_out() {
            return Box::new(std::iter::once(Err(error)));
        }
        let (from, to) = generation_bounds(self.generation());
        Box::new(self.shared.store.scan(&from, &to).map(|pair| {
            let (mut key, value) = pair?;
            if key.len() < ROW_KEY_START {
                return Err(StoreError::corrupt(&key, Finding::KeyLength));
            }
            Ok((key.split_off(ROW_KEY_START), value))
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
        if self.shared.installing.swap(true, Ordering::AcqRel) {
            return Err(StoreError::InstallUnderWay);
        }
        // From here on dropping it ends the install.
        let install = Install {
            image: self.clone(),
            generation: self.generation().wrapping_add(1),
            batch: Batch::new(),
            batch_bytes: 0,
        };
        self.write_out()?;
        // Rows of an install that was given up would show up in this one.
        self.remove_other_generations()?;
        Ok(install)
    }

    fn generation(&self) -> u32 {
        self.shared.generation.load(Ordering::Acquire)
    }

    fn remove_other_generations(&self) -> Result<(), StoreError> {
        let (all_from, all_to) = Space::Rows.bounds();
        let (from, to) = generation_bounds(self.generation());
        self.shared.store.delete_range(&all_from, &from)?;
        self.shared.store.delete_range(&to, &all_to)
    }
}

impl Shared {
    fn write_out(&self) -> Result<(), StoreError> {
        let _writing = lock(&self.writing);
        let Gathered { changes, scalars, .. } = std::mem::take(&mut *lock(&self.gathered));
        let Some(scalars) = scalars else {
            return Ok(());
        };
        // A follower may have applied what its own log does not hold durably yet.
        self.store.sync_log_blocking()?;
        let mut batch = Batch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.write_with_scalars(batch, self.generation.load(Ordering::Acquire), &scalars)
    }

    /// With `writing` held: an image must not be overtaken by an older one.
    fn write_with_scalars(
        &self,
        mut batch: Batch,
        generation: u32,
        scalars: &[u8],
    ) -> Result<(), StoreError> {
        let version = self.version.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let mut value = version.to_be_bytes().to_vec();
        value.extend_from_slice(&generation.to_be_bytes());
        value.extend_from_slice(scalars);
        batch.insert(Space::Meta.key(SCALARS), value);
        self.store.write(batch)?;
        self.store.anchor().image_written(version);
        Ok(())
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

/// A snapshot on its way into the image. Dropped without a commit, it leaves the image as it was.
pub struct Install {
    image: Image,
    generation: u32,
    batch: Batch,
    batch_bytes: usize,
}

impl Install {
    /// Adds a row.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn row(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        self.insert(row_key(self.generation, key), value)
    }

    /// Adds the audit rows that log entry `index` made. They show before the commit, which does no
    /// harm: a log entry makes the same audit rows on every node.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn audit(&mut self, index: u64, rows: Vec<u8>) -> Result<(), StoreError> {
        self.insert(audit_key(index), rows)
    }

    /// Makes the new image the image, durably, and removes the old one, which takes a while when it
    /// is large. `audit_extent`: which part of the audit is there then. Not for async code.
    ///
    /// # Errors
    ///
    /// When writing or syncing fails; the image on disk is then the old one or the new one.
    pub fn commit(mut self, scalars: &[u8], audit_extent: &[u8]) -> Result<(), StoreError> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.insert(Space::Meta.key(AUDIT_EXTENT), audit_extent);
        let image = &self.image;
        {
            let _writing = lock(&image.shared.writing);
            image.shared.write_with_scalars(batch, self.generation, scalars)?;
        }
        image.shared.generation.store(self.generation, Ordering::Release);
        image.shared.store.sync_blocking()?;
        image.remove_other_generations()
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.batch_bytes += key.len() + value.len();
        self.batch.insert(key, value);
        if self.batch.len() >= INSTALL_BATCH_ROWS || self.batch_bytes >= INSTALL_BATCH_BYTES {
            self.batch_bytes = 0;
            self.image.shared.store.write(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }
}

impl Drop for Install {
    fn drop(&mut self) {
        self.image.shared.installing.store(false, Ordering::Release);
    }
}

/// What stands under the one key of the image.
struct Stored {
    version: u64,
    generation: u32,
    scalars: Vec<u8>,
}

fn stored(store: &Framed) -> Result<Option<Stored>, StoreError> {
    let key = Space::Meta.key(SCALARS);
    let Some(value) = store.get(&key)? else {
        return Ok(None);
    };
    let parsed = value.split_first_chunk().and_then(|(version, rest)| {
        let (generation, scalars) = rest.split_first_chunk()?;
        Some(Stored {
            version: u64::from_be_bytes(*version),
            generation: u32::from_be_bytes(*generation),
            scalars: scalars.to_vec(),
        })
    });
    parsed.map(Some).ok_or_else(|| StoreError::corrupt(&key, Finding::ValueLength))
}

fn row_key(generation: u32, key: &[u8]) -> Vec<u8> {
    let mut rest = generation.to_be_bytes().to_vec();
    rest.extend_from_slice(key);
    Space::Rows.key(&rest)
}

fn audit_key(index: u64) -> Vec<u8> {
    Space::Audit.key(&index.to_be_bytes())
}

/// First key of a generation, and the first key after it.
fn generation_bounds(generation: u32) -> (Vec<u8>, Vec<u8>) {
    let to =
        generation.checked_add(1).map_or_else(|| Space::Rows.bounds().1, |next| row_key(next, &[]));
    (row_key(generation, &[]), to)
}
