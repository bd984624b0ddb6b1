//! Looking at a data directory whose server is stopped, without changing it.
//!
//! sled has no way of opening a store for reading alone: it writes while it opens, and cuts off an end
//! that it takes for damaged. So the store is looked at in a copy. The lock of the original is held
//! meanwhile, in the way of sled itself, so that no server starts on what is being copied. Where the file
//! system can share blocks between files, the copy takes no room.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::anchor::Anchor;
use crate::{DataDir, DiskKv, Snapshots, Store, StoreError, Tip, files};

/// A data directory that nobody else can open.
pub struct Look {
    directory: DataDir,
    /// Removed when dropped.
    copy: PathBuf,
    _lock: File,
}

/// A file and its length in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSize {
    /// Its path in the data directory.
    pub path: PathBuf,
    /// Its length, in bytes.
    pub bytes: u64,
}

impl DataDir {
    /// Locks the directory for looking at it. The copy of its store will be made in `scratch`, which
    /// is created if it is not there and should be on the same file system.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] while a server runs, [`StoreError::StoreMissing`] where there is none.
    pub fn look(&self, scratch: &Path) -> Result<Look, StoreError> {
        let path = self.store_path();
        let db = path.join("db");
        if !files::exists(&db)? {
            return Err(StoreError::StoreMissing { path });
        }
        let lock = files::open(&db)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StoreError::Locked { path })?;
        let copy = scratch.join("look");
        // Left by a look that was killed; whoever has the lock is the only one.
        files::remove_tree_if_there(&copy)?;
        Ok(Look { directory: self.clone(), copy, _lock: lock })
    }
}

impl Look {
    /// Copies the store and opens the copy.
    ///
    /// # Errors
    ///
    /// As [`DataDir::open`], but only what opening needs is read: see [`Store::check`].
    pub fn store(&self) -> Result<Store, StoreError> {
        let header = self.directory.header()?;
        let original = self.directory.store_path();
        let open = || {
            files::copy_tree(&original, &self.copy)?;
            let anchor = || Anchor::open_detached(&self.directory.tip_path());
            let kv = DiskKv::open_with(&self.copy, anchor)?;
            Store::over(header, kv, self.snapshots(), &self.directory)
        };
        open().map_err(|error: StoreError| error.in_store(&self.copy).moved(&self.copy, &original))
    }

    /// The anchor, which need not fit the store.
    ///
    /// # Errors
    ///
    /// When the file is missing or damaged.
    pub fn tip(&self) -> Result<Tip, StoreError> {
        Anchor::open_detached(&self.directory.tip_path()).map(|anchor| anchor.tip())
    }

    /// The snapshots. An unfinished one, which is no snapshot, is left where it is.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        Snapshots::look(&self.directory.snapshots_path())
    }

    /// All files, in the order of their paths.
    ///
    /// # Errors
    ///
    /// When a directory cannot be read.
    pub fn sizes(&self) -> Result<Vec<FileSize>, StoreError> {
        let root = self.directory.path();
        let mut waiting = vec![root.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = waiting.pop() {
            for path in files::list(&folder)? {
                if path == self.copy {
                    continue;
                }
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let bytes = files::length(&path)?.unwrap_or_default();
                    let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
                    found.push(FileSize { path, bytes });
                }
            }
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Err(error) = files::remove_tree_if_there(&self.copy) {
            tracing::warn!(%error, "a copy of the store stays");
        }
    }
}
