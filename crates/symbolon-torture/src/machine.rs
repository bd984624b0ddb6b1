//! The machines that the nodes run on: each has a small disk of its own, which forgets what was not synced.
//! A fault that touches a machine's process or disk has the machine to itself meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use symbolon_testkit::{Node, Shadow};

use crate::cage;
use crate::run::lock;

/// Size of a disk, MiB: what a node sets aside in half an hour, and as much again while its power fails.
const DISK_MIB: usize = 1024;

/// Makes a small disk and mounts it.
pub(crate) fn mount(place: &Path) {
    fs::create_dir_all(place).unwrap();
    let size = format!("size={DISK_MIB}m,mode=700");
    cage::run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &place.to_string_lossy()]);
}

/// See the module.
pub(crate) struct Machine {
    disk: PathBuf,
    pub(crate) shadow: Shadow,
    busy: Arc<AtomicBool>,
    /// Somebody changed its files.
    pub(crate) damaged: AtomicBool,
    /// Panics that its program was brought to, by a disk that fails or files that somebody changed.
    pub(crate) excused: AtomicU64,
    /// How often it was put back to an earlier time.
    pub(crate) put_back: AtomicU64,
    /// Why its program does not start.
    refusal: Mutex<Option<String>>,
}

/// The machine is somebody's, until this is dropped.
pub(crate) struct Claim(Arc<AtomicBool>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Machine {
    /// The machine of a node that does not run.
    pub(crate) fn below(node: &Node, disk: PathBuf) -> Self {
        let shadow = Shadow::below(node);
        let (busy, damaged, excused, put_back, refusal) = Default::default();
        Self { disk, shadow, busy, damaged, excused, put_back, refusal }
    }

    /// Takes the disk away.
    pub(crate) fn unmount(&self) {
        cage::run("umount", &["--lazy", &self.disk.to_string_lossy()]);
    }

    /// Takes it, unless somebody has it.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let taken = self.busy.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst);
        taken.is_ok().then(|| Claim(Arc::clone(&self.busy)))
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// Somebody else takes all the space there is.
    pub(crate) fn fill(&self) {
        use std::io::Write as _;
        let file = fs::File::options().append(true).create(true).open(self.disk.join("filler"));
        let Ok(mut file) = file else { return };
        for bytes in [vec![1; 1 << 20], vec![1; 4096]] {
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// And gives it back.
    pub(crate) fn give_back(&self) {
        // It is not there where no byte was free.
        let _ = fs::remove_file(self.disk.join("filler"));
    }

    pub(crate) fn refusal(&self) -> Option<String> {
        lock(&self.refusal).clone()
    }

    pub(crate) fn set_refusal(&self, why: Option<String>) {
        *lock(&self.refusal) = why;
    }
}

/// All files of a folder, and of those in it.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(found) if found.is_dir() => all.extend(files_in(&entry.path())),
            Ok(found) if found.is_file() && found.len() > 0 => all.push(entry.path()),
            _ => {}
        }
    }
    all.sort();
    all
}
