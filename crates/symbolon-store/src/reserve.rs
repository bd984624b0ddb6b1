//! Space on the disk for what must still be written when it is nearly full.
//!
//! A node ends when a write of its store finds no space, so it must never come to that, however fast
//! somebody else fills the disk. Three things are kept, and all are blocks that the file system has
//! given already:
//!
//! - the *headroom*: blocks behind the end of sled's file, which it grows into. They cover what is
//!   written from one [`Reserve::look`] to the next;
//! - zeros at the end of the log and of the image's rows, for the same;
//! - the *ballast*: a file that holds the rest of the reserve. It shrinks when the headroom can be
//!   had in no other way, and grows again when there is space.
//!
//! Where the file system cannot give blocks ahead, free space is compared with the reserve instead.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::journal::Journal;
use crate::{DataDir, StoreError, files};

/// Bounds of the headroom: an eighth of the reserve within these, in bytes.
const HEADROOM_BYTES_MIN: u64 = 4 << 20;
const HEADROOM_BYTES_MAX: u64 = 64 << 20;

/// The file that can be made smaller.
const BALLAST: &str = "ballast";

/// Zeros at the end of each journal, in bytes: more than is written to it from one look to the next.
const AHEAD_BYTES: u64 = 2 << 20;

/// How it stands with the space of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DiskLevel {
    /// The whole reserve is there.
    #[default]
    Ample,
    /// Part of the reserve is spent: nothing should be written that can wait.
    Low,
    /// The reserve is spent: nothing more can be written.
    Full,
}

/// What a look at the disk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// How it stands.
    pub level: DiskLevel,
    /// Bytes that are free besides the reserve.
    pub free_bytes: u64,
    /// Bytes of the reserve that are left.
    pub reserve_bytes: u64,
}

/// Keeps space for a store. One for each open data directory.
pub struct Reserve {
    journals: [Arc<Journal>; 2],
    db: File,
    db_path: PathBuf,
    ballast: File,
    ballast_path: PathBuf,
    bytes: u64,
    headroom: u64,
    /// End of the blocks behind sled's file.
    kept_to: u64,
    /// Whether the file system gives blocks ahead.
    gives_blocks: bool,
}

impl Reserve {
    /// Keeps `bytes` for the store in a data directory that is open; 0 keeps the headroom alone.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened.
    pub(crate) fn open(
        directory: &DataDir,
        journals: [Arc<Journal>; 2],
        bytes: u64,
    ) -> Result<Self, StoreError> {
        let db_path = directory.path().join("store/db");
        let ballast_path = directory.path().join(BALLAST);
        Ok(Self {
            journals,
            db: files::open_writable(&db_path)?,
            db_path,
            ballast: files::open_writable(&ballast_path)?,
            ballast_path,
            bytes,
            headroom: (bytes / 8).clamp(HEADROOM_BYTES_MIN, HEADROOM_BYTES_MAX),
            kept_to: 0,
            gives_blocks: true,
        })
    }

    /// Looks at the disk, and keeps what can be kept. Blocks; wanted every half second or so.
    ///
    /// # Errors
    ///
    /// When the disk cannot be looked at.
    pub fn look(&mut self) -> Result<DiskSpace, StoreError> {
        let end = length(&self.db, &self.db_path)?;
        let wanted = end + self.headroom;
        // Not at each look: a quarter may be used up first.
        if self.gives_blocks && self.kept_to < end + self.headroom / 4 * 3 {
            self.keep_headroom(wanted)?;
        }
        for journal in &self.journals {
            self.keep_ahead(journal)?;
        }
        self.grow_ballast()?;
        let free_bytes = files::free_bytes(&self.db_path)?;
        let ballast = length(&self.ballast, &self.ballast_path)?;
        let headroom = self.kept_to.saturating_sub(end).min(self.headroom);
        let is_short = |journal: &Arc<Journal>| journal.ahead() < AHEAD_BYTES / 4;
        let level = if self.journals.iter().any(is_short) {
            DiskLevel::Full
        } else if self.gives_blocks {
            level(headroom, self.headroom, free_bytes, ballast, self.bytes)
        } else {
            let ahead = free_bytes.min(self.headroom);
            level(ahead, self.headroom, free_bytes, free_bytes.min(self.bytes), self.bytes)
        };
        Ok(DiskSpace { level, free_bytes, reserve_bytes: ballast + headroom })
    }

    /// Has the blocks up to `to`, from the ballast if need be.
    fn keep_headroom(&mut self, to: u64) -> Result<(), StoreError> {
        match fallocate(&self.db, FallocateFlags::KEEP_SIZE, 0, to) {
            Ok(()) => self.kept_to = to,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.gives_blocks = false,
            Err(Errno::NOSPC | Errno::DQUOT) => {
                let ballast = length(&self.ballast, &self.ballast_path)?;
                if ballast == 0 {
                    return Ok(());
                }
                // No more than is lacking: what is given up may be taken by others.
                let lacking = to.saturating_sub(self.kept_to).min(self.headroom);
                self.set_ballast(ballast.saturating_sub(lacking))?;
                if fallocate(&self.db, FallocateFlags::KEEP_SIZE, 0, to).is_ok() {
                    self.kept_to = to;
                }
            }
            Err(error) => {
                return Err(StoreError::file("reserve space in", &self.db_path, error.into()));
            }
        }
        Ok(())
    }

    /// Has the zeros at the end of a journal, from the ballast if need be.
    fn keep_ahead(&self, journal: &Journal) -> Result<(), StoreError> {
        let kept = match journal.keep_ahead(AHEAD_BYTES) {
            Err(error) if is_no_space(&error) => {
                let ballast = length(&self.ballast, &self.ballast_path)?;
                if ballast == 0 {
                    return Ok(());
                }
                self.set_ballast(ballast.saturating_sub(AHEAD_BYTES))?;
                journal.keep_ahead(AHEAD_BYTES)
            }
            kept => kept,
        };
        match kept {
            // The next look tries again.
            Err(error) if is_no_space(&error) => Ok(()),
            kept => kept,
        }
    }

    /// Fills the ballast up, if that leaves some space to others.
    fn grow_ballast(&mut self) -> Result<(), StoreError> {
        let ballast = length(&self.ballast, &self.ballast_path)?;
        if ballast > self.bytes {
            return self.set_ballast(self.bytes);
        }
        let lacking = self.bytes - ballast;
        if lacking == 0
            || !self.gives_blocks
            || files::free_bytes(&self.db_path)? < lacking + self.headroom
        {
            return Ok(());
        }
        match fallocate(&self.ballast, FallocateFlags::empty(), 0, self.bytes) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.gives_blocks = false;
                Ok(())
            }
            // Somebody was faster: what was had of it is given back.
            Err(Errno::NOSPC | Errno::DQUOT) => self.set_ballast(ballast),
            Err(error) => {
                Err(StoreError::file("reserve space in", &self.ballast_path, error.into()))
            }
        }
    }

    fn set_ballast(&self, bytes: u64) -> Result<(), StoreError> {
        let set = self.ballast.set_len(bytes);
        set.map_err(|source| StoreError::file("shrink", &self.ballast_path, source))
    }
}

/// Gives up the ballast of a data directory whose store has no space to be opened in. Whether there was
/// any. `store`: the directory of the store.
pub(crate) fn give_up(store: &Path) -> Result<bool, StoreError> {
    let path = store.with_file_name(BALLAST);
    if files::length(&path)?.unwrap_or(0) == 0 {
        return Ok(false);
    }
    let ballast = files::open_writable(&path)?;
    ballast.set_len(0).map_err(|source| StoreError::file("shrink", &path, source))?;
    Ok(true)
}

/// Whether a disk that is full is the cause.
pub(crate) fn is_no_space(error: &StoreError) -> bool {
    let source = match error {
        StoreError::File { source, .. } => &**source,
        StoreError::Engine { source, .. } => match source.system() {
            Some(source) => source,
            None => return false,
        },
        _ => return false,
    };
    let codes = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    source.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn length(file: &File, path: &Path) -> Result<u64, StoreError> {
    let about = file.metadata().map_err(|source| StoreError::file("look at", path, source))?;
    Ok(about.len())
}

/// How it stands, by what is there and what is wanted, in bytes.
const fn level(
    headroom: u64,
    headroom_wanted: u64,
    free: u64,
    ballast: u64,
    ballast_wanted: u64,
) -> DiskLevel {
    if headroom < headroom_wanted / 2 {
        DiskLevel::Full
    } else if ballast < ballast_wanted || free < headroom_wanted {
        DiskLevel::Low
    } else {
        DiskLevel::Ample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADROOM: u64 = 8 << 20;
    const RESERVE: u64 = 64 << 20;

    #[test]
    fn the_ballast_goes_first_and_the_headroom_last() {
        let levels = [
            (HEADROOM, RESERVE, RESERVE, DiskLevel::Ample),
            (HEADROOM * 3 / 4, HEADROOM, RESERVE, DiskLevel::Ample),
            (HEADROOM, HEADROOM - 1, RESERVE, DiskLevel::Low),
            (HEADROOM, 0, RESERVE - 1, DiskLevel::Low),
            (HEADROOM, 0, 0, DiskLevel::Low),
            (HEADROOM / 2, 0, 0, DiskLevel::Low),
            (HEADROOM / 2 - 1, 0, 0, DiskLevel::Full),
            (0, 0, 0, DiskLevel::Full),
        ];
        for (headroom, free, ballast, expected) in levels {
            assert_eq!(
                level(headroom, HEADROOM, free, ballast, RESERVE),
                expected,
                "{headroom} {ballast}"
            );
        }
    }
}
