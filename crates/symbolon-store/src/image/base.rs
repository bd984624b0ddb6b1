//! A new base under the image: by a snapshot, or by the rows of the state itself.

use std::sync::atomic::Ordering;

use super::frames::{Frames, Framing, base_bounds, change_bounds, head_bounds};
use super::{AUDIT_EXTENT, Image, audit_key, lock};
use crate::{Batch, Space, StoreError};

/// Audit rows and bytes that one batch of an install holds at most, and it may pass the bytes by one
/// row: bounds the memory and the pause for other writers.
const INSTALL_BATCH_ROWS: usize = 1000;
const INSTALL_BATCH_BYTES: usize = 1 << 20;

/// Writes the frames of a base that nothing refers to yet.
struct Base {
    image: Image,
    generation: u32,
    framing: Framing,
    is_done: bool,
}

impl Base {
    fn begin(image: &Image) -> Self {
        let mut written = lock(&image.shared.written);
        let generation = written.next_generation;
        written.next_generation += 1;
        drop(written);
        let framing = Framing::new(Frames::Base(generation));
        Self { image: image.clone(), generation, framing, is_done: false }
    }

    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.framing.row(&mut batch, key, Some(value))?;
        if batch.is_empty() { Ok(()) } else { self.image.shared.store.write(batch) }
    }

    /// Writes what is left. Returns the length of the base, in bytes.
    fn finish(&mut self) -> Result<u64, StoreError> {
        let mut batch = Batch::new();
        let bytes = self.framing.finish(&mut batch);
        self.image.shared.store.write(batch)?;
        Ok(bytes)
    }

    /// Makes the new base durable together with what refers to it, and removes what it replaces.
    /// `from`: the version up to which changes are in it.
    fn settle(&mut self, from: u64) -> Result<(), StoreError> {
        self.is_done = true;
        let store = &self.image.shared.store;
        store.sync_blocking()?;
        for (from, to) in [
            base_bounds(0, Some(self.generation)),
            change_bounds(0, Some(from + 1)),
            head_bounds(0, Some(from + 1)),
        ] {
            store.delete_range(&from, &to)?;
        }
        Ok(())
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if !self.is_done {
            let (from, to) = base_bounds(self.generation, Some(self.generation + 1));
            // What stays is removed when the image is opened.
            let _ = self.image.shared.store.delete_range(&from, &to);
        }
    }
}

/// A snapshot on its way into the image. Dropped without a commit, it leaves the image as it was.
pub struct Install {
    base: Base,
    audit: Batch,
    audit_bytes: usize,
}

impl Install {
    pub(super) fn begin(image: &Image) -> Result<Self, StoreError> {
        if image.shared.installing.swap(true, Ordering::AcqRel) {
            return Err(StoreError::InstallUnderWay);
        }
        // From here on dropping it ends the install.
        Ok(Self { base: Base::begin(image), audit: Batch::new(), audit_bytes: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.base.row(key, value)
    }

    /// Adds the audit rows that log entry `index` made. They show before the commit, which does no
    /// harm: a log entry makes the same audit rows on every node.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn audit(&mut self, index: u64, rows: Vec<u8>) -> Result<(), StoreError> {
        self.audit_bytes += rows.len();
        self.audit.insert(audit_key(index), rows);
        if self.audit.len() >= INSTALL_BATCH_ROWS || self.audit_bytes >= INSTALL_BATCH_BYTES {
            self.audit_bytes = 0;
            self.base.image.shared.store.write(std::mem::take(&mut self.audit))?;
        }
        Ok(())
    }

    /// Makes the new image the image, durably, and removes the old one, which takes a while when it
    /// is large. `audit_extent`: which part of the audit is there then. Not for async code.
    ///
    /// # Errors
    ///
    /// When writing or syncing fails; the image on disk is then the old one or the new one.
    pub fn commit(mut self, scalars: &[u8], audit_extent: &[u8]) -> Result<(), StoreError> {
        let bytes = self.base.finish()?;
        let mut audit = std::mem::take(&mut self.audit);
        audit.insert(Space::Meta.key(AUDIT_EXTENT), audit_extent);
        let shared = &self.base.image.shared;
        let from = {
            let mut written = lock(&shared.written);
            let from = written.version + 1;
            written.head.generation = self.base.generation;
            written.head.from = from;
            written.head.base_bytes = bytes;
            written.head.change_bytes = 0;
            shared.put(&mut written, [], audit, scalars)?;
            from
        };
        self.base.settle(from - 1)
    }
}

impl Drop for Install {
    fn drop(&mut self) {
        self.base.image.shared.installing.store(false, Ordering::Release);
    }
}

/// A new base from the rows of the state, in place of a long list of changes.
pub struct Rebase {
    base: Base,
    /// Generation of the base that it replaces.
    replaces: u32,
    /// What the image was when it began: version, length of the changes, applied entries.
    from: u64,
    change_bytes: u64,
    applied: u64,
}

impl Rebase {
    pub(super) fn begin(image: &Image) -> Option<Self> {
        let (from, head, applied) = {
            let written = lock(&image.shared.written);
            (written.version, written.head.clone(), written.applied?)
        };
        let (replaces, change_bytes) = (head.generation, head.change_bytes);
        Some(Self { base: Base::begin(image), replaces, from, change_bytes, applied })
    }

    /// Log index that the state must have reached whose rows are added.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.applied
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.base.row(key, value)
    }

    /// Puts the base under the image, durably, and removes what it replaces; nothing of it stays if a
    /// snapshot was installed meanwhile. Not for async code.
    ///
    /// # Errors
    ///
    /// When writing or syncing fails; the image on disk has then the old base or the new one.
    pub fn commit(mut self) -> Result<(), StoreError> {
        let bytes = self.base.finish()?;
        let shared = &self.base.image.shared;
        {
            let mut written = lock(&shared.written);
            if written.head.generation != self.replaces {
                return Ok(());
            }
            written.head.generation = self.base.generation;
            written.head.from = self.from;
            written.head.base_bytes = bytes;
            written.head.change_bytes -= self.change_bytes;
            // What the state had when its rows were read is in the store with this at the latest.
            shared.write_gathered(&mut written)?;
        }
        self.base.settle(self.from)
    }
}
