//! [`Kv`] in memory that forgets what was not synced: the disk of a simulated node.
//!
//! No threads, no clock, no randomness: whoever holds the [`SimDisk`] decides when a sync completes,
//! when the power fails, and how much of what was not synced is there afterwards.

mod disks;
mod scan;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::disks::SimDisks;
use self::scan::SimScan;
use crate::anchor::SimTip;
use crate::keyspace::Side;
use crate::kv::{Batch, Kv, Op, Scan, SyncDone, SyncStats};
use crate::{Anchor, Header, Marks, Snapshots, StoreError, Tip};

/// A node's disk. It outlives the simulated processes that open it; clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// A simulated process's handle of a [`SimDisk`].
pub struct SimKv {
    state: Arc<Mutex<State>>,
    life: u64,
    anchor: Anchor,
}

#[derive(Default)]
struct State {
    /// Which opening is alive; handles of others are dead.
    life: u64,
    is_open: bool,
    /// Of the handle that is alive.
    anchor: Option<Anchor>,
    /// What survives a crash.
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What readers see.
    visible: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What lies between: batches in order, by their number.
    unsynced: VecDeque<(u64, Batch)>,
    /// Batches that were ever written.
    written: u64,
    defer_syncs: bool,
    /// Syncs under way.
    waiting: VecDeque<Waiting>,
    fail_next_sync: bool,
    tear_next_tip: bool,
    writes_until_fault: Option<u64>,
    poison: Option<StoreError>,
    stats: SyncStats,
    header: Option<Header>,
    succession: Option<Vec<u8>>,
    snapshots: Snapshots,
    /// The file `tip`. Writes of it are durable on return.
    tip: SimTip,
}

struct Waiting {
    what: Trip,
    done: SyncDone,
}

/// What a sync makes durable.
#[derive(Clone)]
struct Trip {
    /// Batches with a lower number.
    until: u64,
    /// How often the image was written in them; `None`: only those of the log.
    image: Option<u64>,
    /// What log and image hold in them.
    marks: Marks,
}

/// What a [`SimDisk`] held at some time, without its tip: how a disk looks that has lost its end.
#[derive(Clone)]
pub struct SimCopy(BTreeMap<Vec<u8>, Vec<u8>>);

impl SimDisk {
    /// An empty disk, whose syncs complete at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the disk as a new process. A handle that was dropped without a crash leaves behind all
    /// that it wrote, as a killed process leaves it to the system's cache.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] while another handle is alive.
    pub fn open(&self) -> Result<SimKv, StoreError> {
        let mut state = lock(&self.state);
        if state.is_open {
            return Err(StoreError::Locked { path: "simulated disk".into() });
        }
        {
            let mut tip = state.tip.lock().unwrap_or_else(PoisonError::into_inner);
            if tip.is_empty() {
                *tip = Tip::default().encode_file()?;
            }
        }
        let anchor = Anchor::simulated(&state.tip)?;
        let stored = |key: &[u8]| Ok(state.visible.get(key).cloned());
        anchor.attach(Path::new("simulated disk"), stored)?;
        state.is_open = true;
        state.life += 1;
        state.poison = None;
        state.stats = SyncStats::default();
        state.anchor = Some(anchor.clone());
        Ok(SimKv { state: Arc::clone(&self.state), life: state.life, anchor })
    }

    /// The power fails: everything that was not synced is gone, whoever waits for a sync is never
    /// called back, the handle is dead.
    pub fn crash(&self) {
        self.crash_keeping(0);
    }

    /// [`crash`](Self::crash) that leaves the first `batches` of those that were not synced: what
    /// the system had written out by itself.
    pub fn crash_keeping(&self, mut batches: usize) {
        self.crash_as(|_| {
            let is_kept = batches > 0;
            batches = batches.saturating_sub(1);
            is_kept
        });
    }

    /// [`crash`](Self::crash) that leaves the first batches of each side of the store, how many of each
    /// `seed` chooses: numbers from 0 on choose each possibility in turn.
    pub fn crash_seeded(&self, mut seed: u64) {
        let mut kept = BTreeMap::new();
        for (_, batch) in &lock(&self.state).unsynced {
            *kept.entry(batch.side().ok()).or_insert(0) += 1;
        }
        for count in kept.values_mut() {
            let choices = *count + 1;
            *count = seed % choices;
            seed /= choices;
        }
        self.crash_as(|batch| {
            let left = kept.entry(batch.side().ok()).or_default();
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            is_kept
        });
    }

    fn crash_as(&self, mut is_kept: impl FnMut(&Batch) -> bool) {
        let mut state = lock(&self.state);
        for (_, batch) in std::mem::take(&mut state.unsynced) {
            if is_kept(&batch) {
                apply(&mut state.durable, batch);
            }
        }
        state.visible = state.durable.clone();
        state.end_life();
        let waiting = std::mem::take(&mut state.waiting);
        // Unlocked first: dropping what a callback owns may come back here.
        drop(state);
        drop(waiting);
    }

    /// Batches that a crash would forget.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        lock(&self.state).unsynced.len()
    }

    /// From now on syncs wait for [`complete_syncs`](Self::complete_syncs), or no longer do; those
    /// that wait already go on waiting. [`Kv::sync_blocking`] never waits.
    pub fn defer_syncs(&self, defer: bool) {
        lock(&self.state).defer_syncs = defer;
    }

    /// Syncs that wait.
    #[must_use]
    pub fn waiting_syncs(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// Completes all syncs that wait, in one trip to the disk, on this thread. Returns how many.
    pub fn complete_syncs(&self) -> usize {
        self.complete(usize::MAX)
    }

    /// Completes the sync that waits longest. Returns whether there was one.
    pub fn complete_one_sync(&self) -> bool {
        self.complete(1) == 1
    }

    /// Makes the next sync that completes fail, and with it everything after it until the disk is
    /// opened anew.
    pub fn fail_next_sync(&self) {
        lock(&self.state).fail_next_sync = true;
    }

    /// Makes the power fail in the middle of the next write of the tip: what was to be synced is, the
    /// slot is torn, and whoever waits is told of a fault, like everyone after.
    pub fn tear_next_tip(&self) {
        lock(&self.state).tear_next_tip = true;
    }

    /// Lets `writes` more writes through and makes the one after fail, and everything after it until
    /// the disk is opened anew.
    pub fn fail_after_writes(&self, writes: u64) {
        lock(&self.state).writes_until_fault = Some(writes);
    }

    /// The keys on the disk as readers see them, raw.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<u8>> {
        lock(&self.state).visible.keys().cloned().collect()
    }

    /// Changes a stored value, raw and durable, as a failing disk would. Returns whether it is there.
    pub fn damage(&self, key: &[u8], change: impl Fn(&mut Vec<u8>)) -> bool {
        let state = &mut *lock(&self.state);
        state.durable.get_mut(key).into_iter().for_each(&change);
        state.visible.get_mut(key).map(change).is_some()
    }

    pub(crate) fn header(&self) -> Option<Header> {
        lock(&self.state).header.clone()
    }

    /// Header writes are durable on return, as they are on a real disk.
    pub(crate) fn put_header(&self, header: Header) {
        lock(&self.state).header = Some(header);
    }

    /// The file `succession`, to read or to replace.
    pub(crate) fn succession(&self, put: Option<&[u8]>) -> Option<Vec<u8>> {
        let held = &mut lock(&self.state).succession;
        *held = put.map(<[u8]>::to_vec).or_else(|| held.take());
        held.clone()
    }

    /// The snapshots on this disk. Finished ones survive a crash.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        lock(&self.state).snapshots.clone()
    }

    fn complete(&self, syncs_max: usize) -> usize {
        let mut state = lock(&self.state);
        let count = syncs_max.min(state.waiting.len());
        let group: Vec<_> = state.waiting.drain(..count).collect();
        let Some(anchor) = state.anchor.clone().filter(|_| count > 0) else {
            return 0;
        };
        // In one trip: the last one that waits for everything, and the last one.
        let all = group.iter().rev().find(|waiting| waiting.what.image.is_some());
        let trips = all.into_iter().chain(group.last()).map(|waiting| waiting.what.clone());
        let result = state.trip(trips.collect(), &anchor);
        state.stats.callbacks += group.len() as u64;
        drop(state);
        for waiting in group {
            (waiting.done)(result.clone());
        }
        count
    }
}

impl State {
    fn trip(&mut self, trips: Vec<Trip>, anchor: &Anchor) -> Result<(), StoreError> {
        self.stats.syncs += 1;
        if let Some(error) = &self.poison {
            return Err(error.clone());
        }
        let Some(last) = trips.last() else { return Ok(()) };
        let mut marks = last.marks.clone();
        marks.image = trips.iter().filter_map(|trip| trip.image).fold(marks.image, u64::max);
        anchor.note(|now| now.image = now.image.max(marks.image));
        let torn = std::mem::take(&mut self.tear_next_tip);
        let mut before = Vec::new();
        let fails = std::mem::take(&mut self.fail_next_sync);
        let tripped = anchor.trip(marks, true, |record| {
            if fails {
                return Err(StoreError::SimFault);
            }
            trips.iter().for_each(|trip| self.make_durable(trip.until, trip.image.is_none()));
            before.clone_from(&self.tip.lock().unwrap_or_else(PoisonError::into_inner));
            if let Some((key, value)) = record {
                // As if it lay in its place, before the batches that are not waited for.
                self.durable.insert(key.clone(), value.clone());
                self.visible.insert(key, value);
            }
            Ok(())
        });
        if let Err(error) = tripped {
            return Err(self.poison.insert(error).clone());
        }
        if torn {
            let mut tip = self.tip.lock().unwrap_or_else(PoisonError::into_inner);
            tear(&mut tip, &before);
            return Err(self.poison.insert(StoreError::SimFault).clone());
        }
        Ok(())
    }

    /// The batches with a lower number, or those of the log among them.
    fn make_durable(&mut self, until: u64, log_only: bool) {
        let (durable, left) = std::mem::take(&mut self.unsynced).into_iter().partition(
            |(number, batch): &(u64, Batch)| {
                *number < until && (!log_only || batch.side().is_ok_and(|side| side == Side::Log))
            },
        );
        self.unsynced = left;
        for (_, batch) in durable as VecDeque<_> {
            apply(&mut self.durable, batch);
        }
    }

    fn end_life(&mut self) {
        self.is_open = false;
        self.anchor = None;
        self.life += 1;
        self.fail_next_sync = false;
        self.tear_next_tip = false;
        self.writes_until_fault = None;
    }
}

impl SimKv {
    /// The disk's state, if this handle is of the process that lives.
    fn live(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = lock(&self.state);
        if state.life == self.life { Ok(state) } else { Err(StoreError::SimDead) }
    }

    fn what(&self, state: &State, log_only: bool) -> Trip {
        let image = (!log_only).then(|| self.anchor.image());
        Trip { until: state.written, image, marks: self.anchor.marks() }
    }

    fn sync_what(&self, log_only: bool, done: SyncDone) {
        let mut state = match self.live() {
            Ok(state) => state,
            Err(error) => return done(Err(error)),
        };
        let what = self.what(&state, log_only);
        if state.defer_syncs {
            state.waiting.push_back(Waiting { what, done });
            return;
        }
        let result = state.trip(vec![what], &self.anchor);
        state.stats.callbacks += 1;
        drop(state);
        done(result);
    }
}

impl Kv for SimKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.live()?.visible.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_> {
        Box::new(SimScan::new(self, from, to))
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.live()?;
        if let Some(error) = &state.poison {
            return Err(error.clone());
        }
        match &mut state.writes_until_fault {
            Some(0) => return Err(state.poison.insert(StoreError::SimFault).clone()),
            Some(writes) => *writes -= 1,
            None => {}
        }
        batch.side()?;
        apply(&mut state.visible, batch.clone());
        let number = state.written;
        state.written += 1;
        state.unsynced.push_back((number, batch));
        state.stats.batches += 1;
        Ok(())
    }

    fn sync(&self, done: SyncDone) {
        self.sync_what(false, done);
    }

    fn sync_log(&self, done: SyncDone) {
        self.sync_what(true, done);
    }

    fn stats(&self) -> SyncStats {
        self.live().map(|state| state.stats).unwrap_or_default()
    }

    /// Completes at once, deferred syncs or not: a caller that blocks the only thread would never
    /// let anyone complete it.
    fn sync_blocking(&self) -> Result<(), StoreError> {
        let mut state = self.live()?;
        let what = self.what(&state, false);
        state.trip(vec![what], &self.anchor)
    }

    /// [`sync_blocking`](Self::sync_blocking)
    fn sync_log_blocking(&self) -> Result<(), StoreError> {
        let mut state = self.live()?;
        let what = self.what(&state, true);
        state.trip(vec![what], &self.anchor)
    }

    fn failure(&self) -> Option<StoreError> {
        self.live().ok()?.poison.clone()
    }

    fn anchor(&self) -> &Anchor {
        &self.anchor
    }
}

impl Drop for SimKv {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if state.life == self.life {
            state.end_life();
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            drop(waiting);
        }
    }
}

fn apply(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: Batch) {
    for op in batch.into_ops() {
        match op {
            Op::Insert(key, value) => map.insert(key, value),
            Op::Remove(key) => map.remove(&key),
        };
    }
}

/// Puts the second half of what has changed in a file back.
fn tear(now: &mut [u8], before: &[u8]) {
    let changed: Vec<_> =
        now.iter().zip(before).enumerate().filter(|(_, (new, old))| new != old).collect();
    let places: Vec<_> = changed.iter().map(|(place, _)| *place).collect();
    for place in places.iter().skip(places.len() / 2) {
        if let (Some(new), Some(old)) = (now.get_mut(*place), before.get(*place)) {
            *new = *old;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
