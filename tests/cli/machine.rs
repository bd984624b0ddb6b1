//! Files and processes, looked at from outside.
#![expect(clippy::disallowed_methods, reason = "none of these files is the product's store")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use symbolon_testkit::Node;

pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn text(path: &Path) -> String {
    String::from_utf8(bytes(path)).unwrap()
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Everything in a directory, by path.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// All files below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let (directories, others): (Vec<_>, Vec<_>) =
        entries(directory).into_iter().partition(|path| path.is_dir());
    // A node that was killed leaves its socket.
    let mut files: Vec<_> = others.into_iter().filter(|path| path.is_file()).collect();
    files.extend(directories.iter().flat_map(|inner| files_below(inner)));
    files
}

/// Sends a signal. That the process has ended meanwhile is no matter.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(numbered(pid), signal);
}

fn numbered(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

/// Takes the limit on core dumps from a process. Where the machine sets one itself it stays.
pub(crate) fn allow_core_dumps(pid: u32) -> bool {
    let all = Rlimit { current: None, maximum: None };
    prlimit(Some(numbered(pid)), Resource::Core, all).is_ok()
}

/// Whom the system lets look at a process: its user, or root alone.
pub(crate) fn owner(pid: u32) -> u32 {
    fs::metadata(format!("/proc/{pid}")).unwrap().uid()
}

/// A node that is stopped keeps its connections and answers nothing.
pub(crate) fn stop(node: &Node) {
    signal(node.pid().unwrap(), Signal::STOP);
}

/// Whether a process runs. One that has ended and that nobody has waited for does not; its first
/// thread may end before the others do.
pub(crate) fn runs(pid: u32) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let line = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let state = line.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    let threads = fs::read_dir(process.join("task")).map_or(0, Iterator::count);
    state.is_some_and(|state| !"ZX".contains(state)) || threads > 1
}

/// The processes on whose command line the path stands.
pub(crate) fn naming(path: &Path) -> Vec<u32> {
    let path = path.to_string_lossy().into_owned();
    let numbered = entries(Path::new("/proc")).into_iter().filter_map(|entry| {
        let pid = entry.file_name()?.to_str()?.parse::<u32>().ok()?;
        // It may end at any moment.
        let line = fs::read(entry.join("cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).into_owned()))
    });
    numbered.filter(|(pid, line)| line.contains(&path) && runs(*pid)).map(|(pid, _)| pid).collect()
}

pub(crate) fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}
