//! The snapshots of a node: files in a directory, or bytes in memory for the simulator.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{SnapshotReader, SnapshotWriter, StoreError, files};

const EXTENSION: &str = "snap";
/// Longest name, in bytes: file systems allow 255 with the extensions.
const NAME_BYTES_MAX: usize = 200;

/// Where a node keeps its snapshots. Clones are the same place; the default is an empty one in
/// memory.
///
/// Names sort by age: start them with the index of the last applied entry in 20 digits.
#[derive(Clone, Default)]
pub struct Snapshots {
    place: Place,
}

#[derive(Clone)]
enum Place {
    Directory(PathBuf),
    Memory(Memory),
}

type Memory = Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>;

impl Default for Place {
    fn default() -> Self {
        Self::Memory(Memory::default())
    }
}

/// A finished snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its name.
    pub name: String,
    /// Its size in bytes, checksums included.
    pub bytes: u64,
}

impl Snapshots {
    /// The snapshots in `path`, which exists. Removes what an interrupted write left there.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        for file in files::list(path)? {
            if file.extension().is_some_and(|extension| extension == "tmp") {
                files::remove(&file)?;
            }
        }
        Ok(Self { place: Place::Directory(path.to_owned()) })
    }

    /// [`open`](Self::open) that removes nothing: for looking at those of a node that runs.
    #[must_use]
    pub fn look(path: &Path) -> Self {
        Self { place: Place::Directory(path.to_owned()) }
    }

    /// Starts a snapshot. A finished one of the same name is replaced when it is finished.
    ///
    /// # Errors
    ///
    /// [`StoreError::SnapshotName`], or when the file cannot be created.
    pub fn create(&self, name: &str) -> Result<SnapshotWriter, StoreError> {
        let path = self.path(name)?;
        let target = match &self.place {
            Place::Directory(_) => {
                let tmp = path.with_extension("tmp");
                files::remove_if_there(&tmp)?;
                Target::File { file: BufWriter::new(files::create_new(&tmp)?), tmp, path }
            }
            Place::Memory(memory) => {
                Target::Memory { bytes: Vec::new(), memory: Arc::clone(memory) }
            }
        };
        SnapshotWriter::new(Draft { name: name.to_owned(), bytes: 0, target: Some(target) })
    }

    /// Opens a finished snapshot.
    ///
    /// # Errors
    ///
    /// [`StoreError::SnapshotMissing`], or [`StoreError::CorruptFile`] when it is no snapshot.
    pub fn read(&self, name: &str) -> Result<SnapshotReader, StoreError> {
        let path = self.path(name)?;
        let missing = || StoreError::SnapshotMissing { name: name.to_owned() };
        match &self.place {
            Place::Directory(_) => match files::open(&path) {
                Ok(file) => SnapshotReader::new(Box::new(BufReader::new(file)), &path),
                Err(StoreError::File { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    Err(missing())
                }
                Err(error) => Err(error),
            },
            Place::Memory(memory) => {
                let bytes = lock(memory).get(name).cloned().ok_or_else(missing)?;
                SnapshotReader::new(Box::new(Cursor::new(bytes)), &path)
            }
        }
    }

    /// Reads a finished snapshot once.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and as reading each of its chunks.
    pub fn check(&self, name: &str) -> Result<(), StoreError> {
        let mut reader = self.read(name)?;
        while reader.next_chunk()?.is_some() {}
        Ok(())
    }

    /// The finished snapshots, oldest first.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, StoreError> {
        let path = match &self.place {
            Place::Directory(path) => path,
            Place::Memory(memory) => {
                let info = |(name, bytes): (&String, &Arc<[u8]>)| SnapshotInfo {
                    name: name.clone(),
                    bytes: bytes.len() as u64,
                };
                return Ok(lock(memory).iter().map(info).collect());
            }
        };
        let mut found = Vec::new();
        for file in files::list(path)? {
            let name = file.file_name().and_then(|name| name.to_str());
            let name = name.and_then(|name| name.strip_suffix(".snap"));
            if let Some(name) = name.filter(|name| is_name(name)) {
                // It may have given way to a newer one since.
                if let Some(bytes) = files::length(&file)? {
                    found.push(SnapshotInfo { name: name.to_owned(), bytes });
                }
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The newest finished snapshot.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub fn latest(&self) -> Result<Option<SnapshotInfo>, StoreError> {
        Ok(self.list()?.pop())
    }

    /// Removes the snapshots that are older than `name`.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read, or a file cannot be removed.
    pub fn remove_older(&self, name: &str) -> Result<(), StoreError> {
        for info in self.list()? {
            if *info.name < *name {
                self.remove(&info.name)?;
            }
        }
        Ok(())
    }

    /// Removes a snapshot; nothing if it is not there.
    ///
    /// # Errors
    ///
    /// When the file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name)?;
        match &self.place {
            Place::Directory(_) => files::remove_if_there(&path),
            Place::Memory(memory) => {
                lock(memory).remove(name);
                Ok(())
            }
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        if !is_name(name) {
            return Err(StoreError::SnapshotName { name: name.to_owned() });
        }
        let file = format!("{name}.{EXTENSION}");
        Ok(match &self.place {
            Place::Directory(path) => path.join(file),
            Place::Memory(_) => file.into(),
        })
    }
}

/// Bytes on their way to become a snapshot.
pub(crate) struct Draft {
    name: String,
    bytes: u64,
    /// Taken when published; what is left when dropped is removed.
    target: Option<Target>,
}

enum Target {
    File { file: BufWriter<File>, tmp: PathBuf, path: PathBuf },
    Memory { bytes: Vec<u8>, memory: Memory },
}

impl Draft {
    pub(crate) fn write(&mut self, more: &[u8]) -> Result<(), StoreError> {
        self.bytes += more.len() as u64;
        match &mut self.target {
            Some(Target::File { file, tmp, .. }) => {
                file.write_all(more).map_err(|source| StoreError::file("write", tmp, source))
            }
            Some(Target::Memory { bytes, .. }) => {
                bytes.extend_from_slice(more);
                Ok(())
            }
            None => Err(StoreError::Closed),
        }
    }

    /// Makes it durable, then gives it its name.
    pub(crate) fn publish(mut self) -> Result<SnapshotInfo, StoreError> {
        match &mut self.target {
            Some(Target::File { file, tmp, path }) => {
                file.flush().map_err(|source| StoreError::file("write", tmp, source))?;
                files::sync_file(file.get_ref(), tmp)?;
                files::rename(tmp, path)?;
            }
            Some(Target::Memory { bytes, memory }) => {
                lock(memory).insert(self.name.clone(), std::mem::take(bytes).into());
            }
            None => return Err(StoreError::Closed),
        }
        self.target = None;
        Ok(SnapshotInfo { name: std::mem::take(&mut self.name), bytes: self.bytes })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(Target::File { tmp, .. }) = &self.target
            && let Err(error) = files::remove_if_there(tmp)
        {
            tracing::warn!(%error, "an unfinished snapshot stays until the next start");
        }
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(allowed)
}

fn lock(memory: &Memory) -> MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
