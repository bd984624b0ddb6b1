//! The clock of a node, set by a test: `libfaketime` stands between the process and the system's, and reads
//! in a file how far it is off. What measures how much time has passed is left alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::files;

/// For processes with many threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Where Debian has it, for one architecture or another.
const FOLDERS: [&str; 4] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

/// The clock of one node.
#[derive(Debug)]
pub(crate) struct Clock(PathBuf);

impl Clock {
    /// A clock that is right until it is set, with what it is told in that file.
    pub(crate) fn new(file: PathBuf) -> Self {
        let clock = Self(file);
        clock.set(Duration::ZERO, true);
        clock
    }

    /// From now on it is so far ahead, or behind.
    pub(crate) fn set(&self, off: Duration, ahead: bool) {
        let sign = if ahead { '+' } else { '-' };
        files::replace(&self.0, &format!("{sign}{:.3}\n", off.as_secs_f64()));
    }

    /// What a process needs to go by it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let library = FOLDERS.iter().map(|folder| Path::new(folder).join(LIBRARY));
        let library = library.into_iter().find(|path| path.exists());
        let library = library.unwrap_or_else(|| panic!("no {LIBRARY}: install faketime"));
        let text = |path: &Path| path.to_string_lossy().into_owned();
        [
            ("LD_PRELOAD", text(&library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.0)),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
