//! [`Kv`] on a disk: the Raft log in a [`Journal`], the rows of the image in another, and everything else in sled.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use crate::flusher::{Flusher, Shared};
use crate::journal::Journal;
use crate::keyspace::Side;
use crate::kv::{Batch, Kv, Op, Pair, Scan, SyncDone, SyncStats};
use crate::sled_part::SledPart;
use crate::{Anchor, Space, StoreError, files, framed, keyspace, reserve};

/// Folders of the journals.
const LOG: &str = "log";
const ROWS: &str = "rows";

/// Where sled's part holds the number of its last trip to the disk.
const STORED: &[u8] = b"stored/round";

/// A store in a directory: sled's files, and the journals in `log/` and `rows/`.
pub struct DiskKv {
    // Dropped in this order: the flusher closes what it alone holds then.
    sled: Arc<SledPart>,
    journal: Arc<Journal>,
    rows: Arc<Journal>,
    anchor: Anchor,
    shared: Arc<Shared>,
    flusher: Flusher,
}

impl DiskKv {
    /// Creates the store in `path`, with its anchor in the file `tip`, and opens it. Can be repeated
    /// when it was interrupted.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), or when a file cannot be made.
    pub fn create(path: &Path, tip: &Path) -> Result<Self, StoreError> {
        for folder in [LOG, ROWS] {
            files::create_dir(&path.join(folder))?;
        }
        Anchor::create(tip)?;
        Self::open(path, tip)
    }

    /// Opens the store in `path`, whose anchor is in the file `tip`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] while someone else has it open, [`StoreError::Damaged`] when sled gives
    /// up on it, [`StoreError::CorruptFile`] when a part of the journal is damaged,
    /// [`StoreError::Lost`] when it does not hold what the anchor tells of.
    pub fn open(path: &Path, tip: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, || Anchor::open(tip))
    }

    /// [`open`](Self::open) with an anchor that is read while nobody else can change it.
    pub(crate) fn open_with(
        path: &Path,
        anchor: impl FnOnce() -> Result<Anchor, StoreError>,
    ) -> Result<Self, StoreError> {
        let sled = match SledPart::open(path) {
            Err(error) if reserve::is_no_space(&error) && reserve::give_up(path)? => {
                tracing::warn!("the disk is full: what was kept for that is spent on the start");
                SledPart::open(path)?
            }
            opened => opened?,
        };
        let sled = Arc::new(sled);
        // sled syncs neither the names of its files nor its configuration.
        files::sync_tree(path)?;
        let attached = || {
            let anchor = anchor()?;
            let journal = Arc::new(Journal::open(&path.join(LOG))?);
            anchor.attach(path, |key| journal.get(key))?;
            let stored = stored_round(&sled)?;
            anchor.attach_stored(stored)?;
            let rows = Arc::new(Journal::open(&path.join(ROWS))?);
            Ok((anchor, journal, rows, stored))
        };
        let (anchor, journal, rows, stored) = match attached() {
            Ok(attached) => attached,
            Err(error) => {
                sled.close();
                return Err(error);
            }
        };
        let shared = Arc::<Shared>::default();
        let flusher = Flusher::start((&sled, stored), &journal, &rows, &anchor, &shared)?;
        Ok(Self { sled, journal, rows, anchor, shared, flusher })
    }

    /// The journals: of the log, and of the rows.
    pub(crate) fn journals(&self) -> [Arc<Journal>; 2] {
        [Arc::clone(&self.journal), Arc::clone(&self.rows)]
    }

    /// The journal of a side; `None` for what is in sled.
    const fn journal_of(&self, side: Side) -> Option<&Arc<Journal>> {
        match side {
            Side::Log => Some(&self.journal),
            Side::Rows => Some(&self.rows),
            Side::Rest => None,
        }
    }

    fn piece(&self, side: Side, from: Vec<u8>, to: Vec<u8>) -> Scan<'_> {
        match self.journal_of(side) {
            Some(journal) => Box::new(JournalScan { journal, from: Bound::Included(from), to }),
            None => self.sled.scan(&from, &to),
        }
    }
}

impl Kv for DiskKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.journal_of(Side::of(key)) {
            Some(journal) => journal.get(key),
            None => self.sled.get(key),
        }
    }

    fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_> {
        let pieces = keyspace::pieces(from, to);
        Box::new(pieces.into_iter().flat_map(|(side, from, to)| self.piece(side, from, to)))
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.shared.refuse_if_poisoned()?;
        let written = match self.journal_of(batch.side()?) {
            Some(journal) => journal.write(&batch.into_ops()),
            None => self.sled.write(batch),
        };
        written.map_err(|error| self.shared.poison(error))?;
        self.shared.wrote();
        Ok(())
    }

    fn sync(&self, done: SyncDone) {
        self.flusher.sync(done);
    }

    fn sync_log(&self, done: SyncDone) {
        self.flusher.sync_log(done);
    }

    fn stats(&self) -> SyncStats {
        self.shared.stats()
    }

    fn failure(&self) -> Option<StoreError> {
        self.shared.failure()
    }

    fn anchor(&self) -> &Anchor {
        &self.anchor
    }
}

/// Finds each next pair anew, so that writes during the scan are met as they are in sled.
struct JournalScan<'a> {
    journal: &'a Journal,
    from: Bound<Vec<u8>>,
    to: Vec<u8>,
}

impl JournalScan<'_> {
    fn advance(&mut self, backwards: bool) -> Option<Result<Pair, StoreError>> {
        let (Bound::Included(from) | Bound::Excluded(from)) = &self.from else { return None };
        // An excluded start must stay below the end.
        if *from >= self.to {
            return None;
        }
        let from = self.from.as_ref().map(Vec::as_slice);
        match self.journal.step(from, &self.to, backwards) {
            Ok(Some(pair)) => {
                if backwards {
                    self.to.clone_from(&pair.0);
                } else {
                    self.from = Bound::Excluded(pair.0.clone());
                }
                Some(Ok(pair))
            }
            end => {
                self.from = Bound::Unbounded;
                end.transpose()
            }
        }
    }
}

impl Iterator for JournalScan<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(false)
    }
}

impl DoubleEndedIterator for JournalScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.advance(true)
    }
}

fn stored_round(sled: &SledPart) -> Result<u64, StoreError> {
    let key = Space::Meta.key(STORED);
    sled.get(&key)?.map_or(Ok(0), |stored| framed::open_number(&key, stored))
}

/// The round of sled's part, as it is stored.
pub(crate) fn round_pair(round: u64) -> Op {
    let key = Space::Meta.key(STORED);
    let value = framed::whole(&key, &round.to_be_bytes());
    Op::Insert(key, value)
}
