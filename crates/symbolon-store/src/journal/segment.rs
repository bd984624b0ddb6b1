//! A file of the journal.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{HEAD_BYTES, Head};
use super::{ZEROS_BYTES, corrupt};
use crate::{FileFinding, StoreError, files};

/// A segment with so many bytes of records is followed by another.
const SEGMENT_BYTES: u64 = 8 << 20;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A segment, and what is known of it.
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// Where the next record goes.
    pub(super) end: u64,
    /// Up to where there are zeros.
    pub(super) zeroed: u64,
    /// Keys whose value lies in it.
    pub(super) values: usize,
    /// Whether it was written since it was synced.
    pub(super) is_changed: bool,
}

/// A value that was found.
pub(super) struct Found {
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    pub(super) at: u64,
    pub(super) bytes: usize,
}

impl Segment {
    /// One that is there, not read yet.
    pub(super) fn found(path: &Path, number: u64) -> Result<Self, StoreError> {
        let file = files::open_for_update(path)?;
        Ok(Self::of(path.to_owned(), number, file))
    }

    fn of(path: PathBuf, number: u64, file: File) -> Self {
        let (end, zeroed) = (HEAD_BYTES as u64, HEAD_BYTES as u64);
        Self { number, path, file: Arc::new(file), end, zeroed, values: 0, is_changed: false }
    }

    /// A new one, in place of what a crash may have left under its name. Neither it nor its name is
    /// durable yet.
    pub(super) fn create(folder: &Path, head: Head) -> Result<Self, StoreError> {
        let path = folder.join(format!("{:016x}.log", head.number));
        files::remove_if_there(&path)?;
        drop(files::create_new(&path)?);
        let mut segment = Self::of(path.clone(), head.number, files::open_for_update(&path)?);
        segment.write_at(&head.encode(), 0)?;
        Ok(segment)
    }

    pub(super) const fn is_full(&self) -> bool {
        self.end >= SEGMENT_BYTES
    }

    /// Bytes of zeros behind the last record.
    pub(super) const fn ahead(&self) -> u64 {
        self.zeroed.saturating_sub(self.end)
    }

    /// Writes a record to the end, and zeros behind it when there are none left.
    pub(super) fn append(&mut self, record: &[u8]) -> Result<(), StoreError> {
        let end = self.end + record.len() as u64;
        if end > self.zeroed {
            self.extend(end + ZEROS_BYTES)?;
        }
        self.write_at(record, self.end)?;
        self.end = end;
        Ok(())
    }

    /// Writes zeros up to `to`.
    pub(super) fn extend(&mut self, to: u64) -> Result<(), StoreError> {
        while self.zeroed < to {
            let bytes = usize::try_from(to - self.zeroed).unwrap_or(usize::MAX);
            let zeros = ZEROS.get(..bytes).unwrap_or(&ZEROS);
            self.write_at(zeros, self.zeroed)?;
            self.zeroed += zeros.len() as u64;
        }
        Ok(())
    }

    /// Removes what stands behind the last record.
    pub(super) fn cut(&mut self) -> Result<(), StoreError> {
        let cut = self.file.set_len(self.end);
        cut.map_err(|source| StoreError::file("shorten", &self.path, source))?;
        self.zeroed = self.end;
        self.is_changed = true;
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], at: u64) -> Result<(), StoreError> {
        self.is_changed = true;
        files::write_at(&self.file, &self.path, bytes, at)
    }
}

/// The segments in a directory, oldest first.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    for path in files::list(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name
            .strip_suffix(".log")
            .filter(|number| number.len() == 16)
            .and_then(|number| u64::from_str_radix(number, 16).ok())
            .ok_or_else(|| corrupt(&path, FileFinding::Magic))?;
        found.push((number, path));
    }
    found.sort_unstable();
    Ok(found)
}

pub(super) fn read_at(
    file: &File,
    path: &Path,
    at: u64,
    bytes: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut value = vec![0; bytes];
    let read = file.read_exact_at(&mut value, at);
    read.map_err(|source| StoreError::file("read", path, source))?;
    Ok(value)
}
