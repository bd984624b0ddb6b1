//! The few files that a test writes and reads.

#![expect(
    clippy::disallowed_methods,
    reason = "what a test leaves on the disk is not the product's store"
)]

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn create_directory(path: &Path) {
    fs::create_dir_all(path)
        .unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()));
}

/// Replaces a file that only its owner may read.
pub(crate) fn write(path: &Path, text: &str) {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
}

/// As [`write`](write()), so that whoever reads it meanwhile reads all of the one or all of the other.
pub(crate) fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    write(&next, text);
    fs::rename(&next, path)
        .unwrap_or_else(|error| panic!("{} cannot be replaced: {error}", path.display()));
}

/// What a process has open, as `/proc` names it; nothing of one that has ended.
pub(crate) fn open_by(pid: u32) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).collect()
}

pub(crate) fn append(path: &Path) -> File {
    let mut options = File::options();
    options.append(true).create(true);
    options
        .open(path)
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()))
}

/// A file or a folder, with its rights.
pub(crate) fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    let copied = copied.is_ok_and(|status| status.success());
    assert!(copied, "{} cannot be copied to {}", from.display(), to.display());
}

/// Removes a folder.
pub(crate) fn remove(path: &Path) {
    fs::remove_dir_all(path)
        .unwrap_or_else(|error| panic!("{} cannot be removed: {error}", path.display()));
}

/// The text of a file that must be there.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// The text of a file that may not be there yet. What is no UTF-8 is replaced.
pub(crate) fn read_if_there(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
