//! Files and directories: the few steps that make them survive a power loss.
#![expect(clippy::disallowed_methods, reason = "this crate owns the disk")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Creates a directory, and those above it, that only this user can enter.
pub(crate) fn create_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StoreError::file("create", path, source))
}

/// Makes a file's or directory's own name durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        // The parent of a relative path of one name.
        Some(parent) if parent.as_os_str().is_empty() => sync_dir(Path::new(".")),
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| StoreError::file("sync", path, source))
}

/// Makes a directory durable with the files and directories in it, and its own name.
pub(crate) fn sync_tree(path: &Path) -> Result<(), StoreError> {
    for entry in list(path)? {
        File::open(&entry)
            .and_then(|file| file.sync_all())
            .map_err(|source| StoreError::file("sync", &entry, source))?;
    }
    sync_dir(path)?;
    sync_parent(path)
}

/// What stands in a directory.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|source| StoreError::file("list", path, source))
}

/// Creates a file that is not there yet and that only this user can read.
pub(crate) fn create_new(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| StoreError::file("create", path, source))
}

/// Opens a file for writing, or creates it; what is in it stays. Only this user can read a new one.
pub(crate) fn open_writable(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| StoreError::file("open", path, source))
}

/// Makes a file's bytes durable.
pub(crate) fn sync_file(file: &File, path: &Path) -> Result<(), StoreError> {
    file.sync_all().map_err(|source| StoreError::file("sync", path, source))
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File, StoreError> {
    File::open(path).map_err(|source| StoreError::file("open", path, source))
}

/// Opens a file that is there for reading and writing.
pub(crate) fn open_for_update(path: &Path) -> Result<File, StoreError> {
    let options = OpenOptions::new().read(true).write(true).open(path);
    options.map_err(|source| StoreError::file("open", path, source))
}

/// Writes into a file without making it longer. Not durable yet.
pub(crate) fn write_at(file: &File, path: &Path, bytes: &[u8], at: u64) -> Result<(), StoreError> {
    file.write_all_at(bytes, at).map_err(|source| StoreError::file("write", path, source))
}

/// Makes the bytes of a file durable that was not made longer.
pub(crate) fn sync_bytes(file: &File, path: &Path) -> Result<(), StoreError> {
    file.sync_data().map_err(|source| StoreError::file("sync", path, source))
}

/// Length of a file in bytes; `None` if there is none.
pub(crate) fn length(path: &Path) -> Result<Option<u64>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::file("look at", path, source)),
    }
}

/// Whether there is such a file.
pub(crate) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|source| StoreError::file("look at", path, source))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(|source| StoreError::file("remove", path, source))
}

/// Removes a file that may be gone already.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::file("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Gives a file another name, and makes that durable.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|source| StoreError::file("rename", from, source))?;
    sync_parent(to)
}

/// All bytes of a file; `None` if it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::file("read", path, source)),
    }
}

/// Replaces a file, or creates it, so that a crash leaves either the old bytes or the new ones. Only
/// this user can read it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let tmp = path.with_added_extension("tmp");
    remove_if_there(&tmp)?;
    let mut file = create_new(&tmp)?;
    file.write_all(bytes).map_err(|source| StoreError::file("write", &tmp, source))?;
    sync_file(&file, &tmp)?;
    rename(&tmp, path)
}

/// Bytes of the disk under `path` that are free for this user.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let about = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::file("look at the disk of", path, error.into()))?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

/// Copies a directory with what is in it to a place where nothing is.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<(), StoreError> {
    create_dir(to)?;
    for path in list(from)? {
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(|source| StoreError::file("copy", &path, source))?;
        }
    }
    Ok(())
}

/// Removes a directory with what is in it, which may be gone already.
pub(crate) fn remove_tree_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::file("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Permission bits.
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

/// At most `bytes_max` bytes of a file, and who may read it, looked up on the open file so that both
/// are of the same one.
pub(crate) fn read_guarded(
    path: &Path,
    bytes_max: u64,
    check: impl FnOnce(Access) -> bool,
    into: &mut Vec<u8>,
) -> io::Result<bool> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let access =
        Access { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() };
    if !check(access) {
        return Ok(false);
    }
    file.take(bytes_max).read_to_end(into)?;
    Ok(true)
}
