//! What a node takes of the machine.
#![expect(clippy::disallowed_methods, reason = "looks at the disk from outside")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::{Node, files};

/// Bytes of a block as `stat` counts them, whatever the file system's are.
const BLOCK_BYTES: u64 = 512;

/// What a node takes of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// What its data directory occupies on the disk, bytes.
    pub disk_bytes: u64,
    /// What of its process is in memory, bytes; 0 when it does not run.
    pub resident_bytes: u64,
}

impl Node {
    /// What it takes now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let resident = self.pid().and_then(|pid| {
            let status = files::read_if_there(format!("/proc/{pid}/status").as_ref())?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        });
        Usage {
            disk_bytes: occupied(&self.data_dir()),
            resident_bytes: resident.unwrap_or(0) << 10,
        }
    }
}

/// A file that is gone meanwhile occupies nothing.
fn occupied(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => occupied(&entry.path()),
        Ok(found) => found.blocks() * BLOCK_BYTES,
        Err(_) => 0,
    });
    each.sum()
}
