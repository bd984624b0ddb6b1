//! Checksums on every value, and large values in parts.
//!
//! A value is stored as
//!
//! ```text
//! 1, CRC-32 of key and value (4), value
//! 2, CRC-32 of key and value (4), length of value (4), number of parts (4)
//! ```
//!
//! with integers little-endian. The second form is for values over 4 KiB: sled puts a leaf with
//! large values into a file of its own that it never syncs. The parts lie in [`Space::Parts`],
//! written in the same batch, and only this module knows of them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::keyspace::Side;
use crate::kv::{Batch, Kv, Op, Scan, SyncDone, SyncStats};
use crate::{Anchor, Finding, KEY_BYTES_MAX, Space, StoreError};

/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// Longest value of the store below, frame included, in bytes.
const STORED_BYTES_MAX: usize = 4096;
/// Keys that one batch deletes when a range is deleted: bounds the memory and the pause.
const DELETE_BATCH_KEYS: usize = 1000;

const WHOLE: u8 = 1;
const IN_PARTS: u8 = 2;
/// Schema byte and checksum.
const FRAME_BYTES: usize = 5;
/// Part number at the end of a part's key.
const PART_NUMBER_BYTES: usize = 4;

/// A [`Kv`] whose values are checked and may be large. Clones share it.
#[derive(Clone)]
pub struct Framed {
    inner: Arc<Inner>,
}

struct Inner {
    kv: Arc<dyn Kv>,
    /// Keys whose values are in parts, and how many. Kept so that overwriting a small value needs no
    /// read. Held for writing while a batch is on its way and for reading while parts are read, so
    /// that nobody puts together parts of two values.
    large: RwLock<BTreeMap<Vec<u8>, u32>>,
}

impl Framed {
    /// Puts the layer over `kv`, which holds only what was written through such a layer.
    ///
    /// # Errors
    ///
    /// When a part belongs to no value, or reading fails.
    pub fn open(kv: Arc<dyn Kv>) -> Result<Self, StoreError> {
        let mut large = BTreeMap::new();
        let (from, to) = Space::Parts.bounds();
        for pair in kv.scan(&from, &to) {
            let (part_key, _) = pair?;
            let (key, part) = split_part_key(&part_key)
                .ok_or_else(|| StoreError::corrupt(&part_key, Finding::KeyLength))?;
            let parts = large.entry(key.to_vec()).or_insert(0);
            if *parts != part {
                return Err(StoreError::corrupt(&part_key, Finding::PartMissing(*parts)));
            }
            *parts += 1;
        }
        for (key, parts) in &large {
            let head = kv.get(key)?;
            if head.and_then(|head| Head::parse(&head)).is_none_or(|head| head.parts != *parts) {
                return Err(StoreError::corrupt(&part_key(key, 0), Finding::PartOrphaned));
            }
        }
        Ok(Self { inner: Arc::new(Inner { kv, large: RwLock::new(large) }) })
    }

    /// Value of `key`, as of the last write.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when the value is not what was written.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(stored) = self.inner.kv.get(key)? else {
            return Ok(None);
        };
        self.inner.unframe(key, stored)
    }

    /// The pairs with `from <= key < to`, both within one space. Not a snapshot.
    #[must_use]
    pub fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_> {
        Box::new(self.inner.kv.scan(from, to).filter_map(|pair| {
            let unframed = pair.and_then(|(key, stored)| {
                let value = self.inner.unframe(&key, stored)?;
                Ok(value.map(|value| (key, value)))
            });
            unframed.transpose()
        }))
    }

    /// Applies all of `batch` or nothing. Readers see it on return; it is not durable yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Key`] and [`StoreError::ValueTooLong`], with nothing written; any other error
    /// is final for the store.
    pub fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let side = batch.side()?;
        let ops = batch.into_ops();
        for op in &ops {
            check_op(op)?;
        }
        if side != Side::Rest {
            // Nothing of a journal is in parts, and it does not wait for what is written beside it.
            return self.inner.kv.write(ops.into_iter().map(Op::framed).collect());
        }
        let mut large = self.inner.large_mut();
        let mut out = Batch::new();
        for op in ops {
            let parts_before = large.remove(op.key()).unwrap_or(0);
            let mut parts = 0;
            match op {
                Op::Insert(key, value) if is_large(&key, &value) => {
                    // Before the head, without which they are nothing.
                    for piece in value.chunks(STORED_BYTES_MAX) {
                        out.insert(part_key(&key, parts), piece);
                        parts += 1;
                    }
                    out.insert(&*key, Head::of(&key, &value, parts).encode());
                    remove_parts(&mut out, &key, parts..parts_before);
                    large.insert(key, parts);
                }
                Op::Insert(ref key, _) => {
                    remove_parts(&mut out, key, 0..parts_before);
                    out.push(op.framed());
                }
                Op::Remove(key) => {
                    remove_parts(&mut out, &key, 0..parts_before);
                    out.remove(key);
                }
            }
        }
        self.inner.kv.write(out)
    }

    /// Removes the keys with `from <= key < to`, a thousand at a time and from the low end, so that
    /// a crash leaves the upper part. Does not read values, so that damaged ones can be removed.
    ///
    /// # Errors
    ///
    /// When reading or writing fails.
    pub fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        let mut from = from.to_vec();
        loop {
            let mut batch = Batch::new();
            let mut last = None;
            for pair in self.inner.kv.scan(&from, to).take(DELETE_BATCH_KEYS) {
                let (key, _) = pair?;
                batch.remove(&*key);
                last = Some(key);
            }
            let Some(last) = last else { return Ok(()) };
            self.write(batch)?;
            from = after(&last);
        }
    }

    /// Reads everything once, so that damage is met now and not in the middle of the work.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when a value is not what was written, or a key is of no space.
    pub fn check(&self) -> Result<(), StoreError> {
        let (parts, after_parts) = Space::Parts.bounds();
        let (rows, after_rows) = Space::Rows.bounds();
        // Rows were read when their journal was opened, and are checked once more when they are loaded.
        self.check_range(&[], &rows)?;
        self.check_range(&after_rows, &parts)?;
        // Parts were met with their values.
        match self.inner.kv.scan(&after_parts, &[u8::MAX; KEY_BYTES_MAX + 1]).next() {
            None => Ok(()),
            Some(pair) => Err(StoreError::corrupt(&pair?.0, Finding::Stray)),
        }
    }

    fn check_range(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        for pair in self.scan(from, to) {
            let (key, _) = pair?;
            if Space::of(&key).is_none() {
                return Err(StoreError::corrupt(&key, Finding::Stray));
            }
        }
        Ok(())
    }

    /// The store's anchor.
    pub(crate) fn anchor(&self) -> &Anchor {
        self.inner.kv.anchor()
    }

    /// Calls `done` once everything written before this call is durable. See [`Kv::sync`].
    pub fn sync(&self, done: SyncDone) {
        self.inner.kv.sync(done);
    }

    /// [`Kv::sync_log`].
    pub fn sync_log(&self, done: SyncDone) {
        self.inner.kv.sync_log(done);
    }

    /// [`Kv::sync_log_blocking`].
    ///
    /// # Errors
    ///
    /// As [`sync_blocking`](Self::sync_blocking).
    pub fn sync_log_blocking(&self) -> Result<(), StoreError> {
        self.inner.kv.sync_log_blocking()
    }

    /// Returns once everything written before this call is durable. Not for async code.
    ///
    /// # Errors
    ///
    /// When the sync failed, which is final for the store.
    pub fn sync_blocking(&self) -> Result<(), StoreError> {
        self.inner.kv.sync_blocking()
    }

    /// [`Kv::failure`].
    #[must_use]
    pub fn failure(&self) -> Option<StoreError> {
        self.inner.kv.failure()
    }

    /// Counters since the store was opened.
    #[must_use]
    pub fn stats(&self) -> SyncStats {
        self.inner.kv.stats()
    }
}

impl Inner {
    fn large(&self) -> RwLockReadGuard<'_, BTreeMap<Vec<u8>, u32>> {
        self.large.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn large_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Vec<u8>, u32>> {
        self.large.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the frame off. `None` when the value was in parts and has been removed meanwhile.
    fn unframe(&self, key: &[u8], stored: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        match stored.first() {
            Some(&IN_PARTS) => self.assemble(key),
            _ => open_whole(key, stored).map(Some),
        }
    }

    /// Puts a value in parts together.
    fn assemble(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let large = self.large();
        // Read again under the lock: what the caller saw may have been overwritten.
        let Some(stored) = self.kv.get(key)? else {
            return Ok(None);
        };
        if stored.first() != Some(&IN_PARTS) {
            drop(large);
            return self.unframe(key, stored);
        }
        let head = Head::parse(&stored)
            .ok_or_else(|| StoreError::corrupt(key, Finding::Short(stored.len())))?;
        // Sized by what the parts hold, never by what the head claims.
        let mut value = Vec::new();
        for part in 0..head.parts {
            let piece = self
                .kv
                .get(&part_key(key, part))?
                .ok_or_else(|| StoreError::corrupt(key, Finding::PartMissing(part)))?;
            value.extend_from_slice(&piece);
        }
        if Head::of(key, &value, head.parts) != head {
            return Err(StoreError::corrupt(key, Finding::Checksum));
        }
        Ok(Some(value))
    }
}

/// Whether a value must be parted. A journal holds large ones as they are.
fn is_large(key: &[u8], value: &[u8]) -> bool {
    value.len() + FRAME_BYTES > STORED_BYTES_MAX && Side::of(key) == Side::Rest
}

/// A small value in its frame.
pub(crate) fn whole(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(FRAME_BYTES + value.len());
    stored.push(WHOLE);
    stored.extend_from_slice(&checksum(key, value).to_le_bytes());
    stored.extend_from_slice(value);
    stored
}

/// Takes the frame off a small value.
pub(crate) fn open_whole(key: &[u8], mut stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    match stored.first() {
        Some(&WHOLE) if stored.len() >= FRAME_BYTES => {
            let value = stored.split_off(FRAME_BYTES);
            if stored.get(1..) != Some(&checksum(key, &value).to_le_bytes()) {
                return Err(StoreError::corrupt(key, Finding::Checksum));
            }
            Ok(value)
        }
        Some(&WHOLE) | None => Err(StoreError::corrupt(key, Finding::Short(stored.len()))),
        Some(&schema) => Err(StoreError::corrupt(key, Finding::Schema(schema))),
    }
}

/// Takes the frame off a number (u64, big-endian).
pub(crate) fn open_number(key: &[u8], stored: Vec<u8>) -> Result<u64, StoreError> {
    let number = (&*open_whole(key, stored)?).try_into().map(u64::from_be_bytes);
    number.map_err(|_| StoreError::corrupt(key, Finding::ValueLength))
}

/// What is stored in place of a large value.
#[derive(PartialEq, Eq)]
struct Head {
    checksum: u32,
    length: u32,
    parts: u32,
}

impl Head {
    fn of(key: &[u8], value: &[u8], parts: u32) -> Self {
        // At most VALUE_BYTES_MAX, so it fits.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        Self { checksum: checksum(key, value), length, parts }
    }

    fn encode(&self) -> Vec<u8> {
        let numbers = [self.checksum, self.length, self.parts].map(u32::to_le_bytes);
        std::iter::once(IN_PARTS).chain(numbers.into_iter().flatten()).collect()
    }

    fn parse(stored: &[u8]) -> Option<Self> {
        let (&[IN_PARTS], rest) = stored.split_first_chunk()? else {
            return None;
        };
        let (checksum, rest) = rest.split_first_chunk()?;
        let (length, parts) = rest.split_first_chunk()?;
        Some(Self {
            checksum: u32::from_le_bytes(*checksum),
            length: u32::from_le_bytes(*length),
            parts: u32::from_le_bytes(parts.try_into().ok()?),
        })
    }
}

impl Op {
    /// With the frame around the value, whole.
    fn framed(self) -> Self {
        match self {
            Self::Insert(key, value) => {
                let stored = whole(&key, &value);
                Self::Insert(key, stored)
            }
            Self::Remove(_) => self,
        }
    }
}

/// Refuses what must not be stored before anything of its batch is.
fn check_op(op: &Op) -> Result<(), StoreError> {
    let key = op.key();
    if key.len() > KEY_BYTES_MAX || Space::of(key).is_none_or(|space| space == Space::Parts) {
        return Err(StoreError::Key { bytes: key.len() });
    }
    match op {
        Op::Insert(_, value) if value.len() > VALUE_BYTES_MAX => {
            Err(StoreError::ValueTooLong { bytes: value.len() })
        }
        _ => Ok(()),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// Keys of equal length and different parts differ, and so do all others: no two values share a part.
fn part_key(key: &[u8], part: u32) -> Vec<u8> {
    let mut out = Space::Parts.key(key);
    out.extend_from_slice(&part.to_be_bytes());
    out
}

fn split_part_key(part_key: &[u8]) -> Option<(&[u8], u32)> {
    let (key, part) = part_key.get(1..)?.split_last_chunk::<PART_NUMBER_BYTES>()?;
    Some((key, u32::from_be_bytes(*part)))
}

fn remove_parts(batch: &mut Batch, key: &[u8], parts: std::ops::Range<u32>) {
    for part in parts {
        batch.remove(part_key(key, part));
    }
}

/// First key after `key`.
fn after(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}
