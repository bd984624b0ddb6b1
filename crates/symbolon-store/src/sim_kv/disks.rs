//! The disks of several nodes, and what is saved of one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{SimCopy, SimDisk, State, lock};

/// The disks of the simulated nodes of a process, by their data directories. Clones are the same disks.
#[derive(Clone, Default)]
pub struct SimDisks(Arc<Mutex<BTreeMap<PathBuf, SimDisk>>>);

impl SimDisks {
    /// The disk of a data directory; an empty one, if there was none.
    #[must_use]
    pub fn of(&self, directory: &Path) -> SimDisk {
        let mut disks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        disks.entry(directory.to_owned()).or_default().clone()
    }

    /// Puts an empty disk in place of that of a data directory.
    pub(crate) fn replace(&self, directory: &Path) {
        let mut disks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = disks.get(directory).map(SimDisk::like).unwrap_or_default();
        disks.insert(directory.to_owned(), new);
    }
}

impl PartialEq for SimDisks {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SimDisks {}

impl std::fmt::Debug for SimDisks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimDisks")
    }
}

impl SimDisk {
    /// An empty disk that is as fast as this one.
    fn like(&self) -> Self {
        let new = Self::new();
        new.defer_syncs(lock(&self.state).defer_syncs);
        new
    }

    /// All that is durable, as a disk of its own: a machine's disk as it was saved at some time.
    #[must_use]
    pub fn saved(&self) -> Self {
        let state = lock(&self.state);
        let tip = state.tip.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let saved = State {
            durable: state.durable.clone(),
            visible: state.durable.clone(),
            tip: Arc::new(Mutex::new(tip)),
            defer_syncs: state.defer_syncs,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(saved)) }
    }

    /// Puts what was saved in place of what is there, as a virtual machine's snapshot is put back. Nobody may
    /// have the disk open.
    pub fn restore(&self, saved: &Self) {
        let Self { state } = saved.saved();
        let saved = std::mem::take(&mut *lock(&state));
        let mut state = lock(&self.state);
        let life = state.life;
        *state = State { life, ..saved };
    }

    /// What is durable.
    #[must_use]
    pub fn copy(&self) -> SimCopy {
        SimCopy(lock(&self.state).durable.clone())
    }

    /// Puts a copy in place of what is there, unsynced batches included, and leaves the tip.
    pub fn put_back(&self, copy: SimCopy) {
        let mut state = lock(&self.state);
        state.unsynced.clear();
        state.visible.clone_from(&copy.0);
        state.durable = copy.0;
    }
}
