//! How a store notices that it has lost what it had acknowledged.
//!
//! A damaged end of the log looks as one that a crash has torn; sled drops a damaged end of its file in
//! silence, and damage further on can take single changes with it. So a number, the round, is left in two
//! places: in the log, and with the [`Marks`] in the file `tip`. One trip to the disk is
//!
//! 1. the marks are taken,
//! 2. the round of `tip` plus one, n, is written into the log unless it stands there, and the log is
//!    synced,
//! 3. n and the marks are written into the older slot of `tip`,
//! 4. those who wait are called back.
//!
//! `tip` is synced now and then, at least every 50 ms while there are trips, between 3 and 4. Then n is
//! the round of `tip`, and the next trip begins the next round. Until then each trip writes the same slot
//! again, so that the other one stays whole. The system keeps what was written and not synced if the
//! process ends; if the power fails, the marks are those of up to 50 ms ago.
//!
//! A store is opened if its round is that of `tip` or the next one, and if log and image have reached
//! the marks. Whatever the crash:
//!
//! - Before the log is synced, `tip` says n-1 or, with marks of an earlier trip, n. Of what was written
//!   since that trip all, some or nothing is there; the log's round is n-1 or n, and not below `tip`'s.
//! - Between 2 and 3, or with the slot torn: the log says n, `tip` n-1 from its other slot.
//! - After 3 both say n, or `tip` n-1 if the power fails before it is synced.
//!
//! Changes of the log become durable in the order they were written, so a log that shows round n has all
//! that was written before it: an end that is lost takes the round with it, and the store is refused. It
//! cannot fall to a lower round and rise again, because a round is never begun twice: the first trip
//! after an opening starts by anchoring the round that it found, synced, with a new incarnation, and
//! only then goes on to the next. A crash within that leaves `tip` at the round found or, if that was
//! one ahead, one behind it, as before. A round further ahead than one says that `tip` is older than the
//! store.
//!
//! What lies beside the log has a number of its own, which is one of the marks: it is written into sled
//! before that is made durable, and noted afterwards. The first time after an opening none is written,
//! and the number that was found is noted and anchored. So it is that of `tip` or the next one, too.
//!
//! The marks find what a round cannot: single changes lost in the middle, and in the trips of a round.
//! They are noted after the write that they tell of and taken before the log is synced, so that the disk
//! has them or later ones. Four only rise: the number of votes and truncations, which each of these
//! raises in its own batch; the last purged entry; and, noted only when sled has been made durable, its
//! number and that of image writes. The log's end and the vote may change back, and are
//! compared only while the number of votes and truncations is the same; if it is higher, there was one
//! that nobody was told of yet. The checksum that runs through the log makes the mark of its end one of
//! all its entries. The image needs no more than a number: its rows have a digest, and the log is purged
//! only up to where the image is durable.
//!
//! Neither finds a whole data directory that was put back, `tip` and all.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Loss;
use crate::kv::Pair;
use crate::tip::{Marks, SLOT_BYTES, Tip};
use crate::{Space, StoreError, files, framed};

/// Where the log holds its round.
const ROUND: &[u8] = b"anchor/round";

/// The anchor of an open store: its flusher writes it, log and image say what they hold. Clones are
/// the same one.
#[derive(Clone)]
pub struct Anchor {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    /// What log and image hold now.
    marks: Mutex<Marks>,
    /// What they must hold at least: the marks that were found.
    found: Marks,
    /// Writes of the image so far, durable or not.
    image: AtomicU64,
    state: Mutex<State>,
}

enum Place {
    File {
        file: File,
        path: PathBuf,
    },
    /// Kept by nobody: the anchor of a copy that is only looked at.
    Nowhere {
        path: PathBuf,
    },
    #[cfg(any(test, feature = "sim"))]
    Memory(SimTip),
}

/// The file `tip` of a simulated disk.
#[cfg(any(test, feature = "sim"))]
pub(crate) type SimTip = Arc<Mutex<Vec<u8>>>;

struct State {
    /// The newest that is durable, with the marks that were written last.
    tip: Tip,
    /// Where it is not.
    next_slot: usize,
    /// The round that the log holds.
    round: u64,
    /// Whether this opening has left its incarnation.
    started: bool,
    /// What the anchor is of, for errors.
    store: PathBuf,
}

impl Anchor {
    /// Makes the file for an empty store unless it is there. Durable on return.
    pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
        if files::exists(path)? {
            return Ok(());
        }
        files::replace(path, &Tip::default().encode_file()?)
    }

    /// Reads the file of a store that nobody else has open.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let (tip, slot) = Self::read(path)?;
        let file = files::open_for_update(path)?;
        Ok(Self::of(tip, slot, Place::File { file, path: path.to_owned() }))
    }

    /// [`open`](Self::open) that never writes.
    pub(crate) fn open_detached(path: &Path) -> Result<Self, StoreError> {
        let (tip, slot) = Self::read(path)?;
        Ok(Self::of(tip, slot, Place::Nowhere { path: path.to_owned() }))
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn simulated(sim: &SimTip) -> Result<Self, StoreError> {
        let (tip, slot) = Tip::decode_file(&lock(sim), Path::new("simulated tip"))?;
        Ok(Self::of(tip, slot, Place::Memory(Arc::clone(sim))))
    }

    fn read(path: &Path) -> Result<(Tip, usize), StoreError> {
        let bytes =
            files::read(path)?.ok_or_else(|| StoreError::TipMissing { path: path.to_owned() })?;
        Tip::decode_file(&bytes, path)
    }

    fn of(tip: Tip, slot: usize, place: Place) -> Self {
        let found = tip.marks.clone();
        let (round, store) = (tip.round, PathBuf::new());
        let state = State { tip, next_slot: 1 - slot, round, started: false, store };
        let marks = Mutex::new(found.clone());
        let image = found.image.into();
        Self { inner: Arc::new(Inner { place, marks, found, image, state: Mutex::new(state) }) }
    }

    /// Compares the round in the store at `path` with that of the anchor, and goes on from it.
    pub(crate) fn attach(
        &self,
        path: &Path,
        get: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        let key = Space::Meta.key(ROUND);
        let found = match get(&key)? {
            None => 0,
            Some(stored) => framed::open_number(&key, stored)?,
        };
        let mut state = lock(&self.inner.state);
        path.clone_into(&mut state.store);
        let expected = state.tip.round;
        if found < expected {
            drop(state);
            return Err(self.lost(Loss::Round { found, expected }));
        }
        if found > expected.saturating_add(1) {
            let tip = self.inner.place.path().to_owned();
            return Err(StoreError::TipBehind { path: tip, found: expected, store: found });
        }
        state.tip.round = found;
        state.round = found;
        Ok(())
    }

    /// Compares the round of what lies beside the log with that of the anchor.
    pub(crate) fn attach_stored(&self, found: u64) -> Result<(), StoreError> {
        let expected = self.inner.found.stored;
        if found < expected {
            return Err(self.lost(Loss::Stored { found, expected }));
        }
        if found > expected.saturating_add(1) {
            let tip = self.inner.place.path().to_owned();
            return Err(StoreError::TipBehind { path: tip, found: expected, store: found });
        }
        Ok(())
    }

    /// Whether `key` is the anchor's own, in a store without content.
    pub(crate) fn is_own(key: &[u8]) -> bool {
        key == Space::Meta.key(ROUND)
    }

    /// The newest that is durable.
    pub(crate) fn tip(&self) -> Tip {
        lock(&self.inner.state).tip.clone()
    }

    /// What log and image must have reached when they are opened.
    pub(crate) fn found(&self) -> &Marks {
        &self.inner.found
    }

    /// What log and image hold now. To be taken before the flush that makes it durable.
    pub(crate) fn marks(&self) -> Marks {
        lock(&self.inner.marks).clone()
    }

    /// Says what log or image hold, after it was written and not before.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Marks)) {
        change(&mut lock(&self.inner.marks));
    }

    /// Says how often the image was written, after it was.
    pub(crate) fn image_written(&self, version: u64) {
        self.inner.image.fetch_max(version, Ordering::AcqRel);
    }

    /// How often the image was written. To be taken before what makes it durable, and noted after that.
    pub(crate) fn image(&self) -> u64 {
        self.inner.image.load(Ordering::Acquire)
    }

    /// One trip to the disk. `durable` writes the pair, if it is given one, and makes durable all that
    /// was written to the log; `marks` are of before. `with_tip`: whether the anchor is durable then.
    pub(crate) fn trip(
        &self,
        marks: Marks,
        with_tip: bool,
        mut durable: impl FnMut(Option<Pair>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (mut tip, started, round) = {
            let state = lock(&self.inner.state);
            (state.tip.clone(), state.started, state.round)
        };
        tip.marks = marks;
        if !started {
            durable(None)?;
            tip.incarnation = tip.incarnation.saturating_add(1);
            self.write(&tip, true)?;
            lock(&self.inner.state).started = true;
        }
        tip.round = tip.round.saturating_add(1);
        let is_new = round < tip.round;
        let key = Space::Meta.key(ROUND);
        let record = is_new.then(|| framed::whole(&key, &tip.round.to_be_bytes()));
        durable(record.map(|value| (key, value)))?;
        lock(&self.inner.state).round = tip.round;
        self.write(&tip, with_tip)
    }

    fn write(&self, tip: &Tip, durably: bool) -> Result<(), StoreError> {
        let mut state = lock(&self.inner.state);
        let bytes = tip.encode()?;
        let at = state.next_slot * SLOT_BYTES;
        match &self.inner.place {
            Place::File { file, path } => {
                files::write_at(file, path, &bytes, at as u64)?;
                if durably {
                    files::sync_bytes(file, path)?;
                }
            }
            Place::Nowhere { .. } => {}
            #[cfg(any(test, feature = "sim"))]
            Place::Memory(file) => {
                let mut file = lock(file);
                file.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = new);
            }
        }
        state.tip.marks.clone_from(&tip.marks);
        if durably {
            state.tip = tip.clone();
            state.next_slot = 1 - state.next_slot;
        }
        Ok(())
    }

    /// The store's directory, for errors.
    pub(crate) fn store_path(&self) -> PathBuf {
        lock(&self.inner.state).store.clone()
    }

    /// The refusal of a store that does not hold what the anchor tells of.
    pub(crate) fn lost(&self, loss: Loss) -> StoreError {
        StoreError::Lost { path: self.store_path(), loss }
    }
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::Nowhere { path } => path,
            #[cfg(any(test, feature = "sim"))]
            Self::Memory(_) => Path::new("simulated tip"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
