//! The Raft log, and what a node must not forget beside it.
//!
//! An entry stands behind a checksum (CRC-32, 4, little-endian) over the one of the entry before it and
//! itself. So it runs through the whole log, and an entry that damage has put back to an earlier one of
//! the same index is found. That of the first entry cannot be checked against what is gone.
//!
//! No method syncs: the caller does, before anything is answered that depends on what it wrote.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::keyspace::{index_bounds, index_of};
use crate::{Batch, Finding, Framed, Loss, Space, StoreError, SyncDone};

/// Entries that one batch removes: bounds the pause.
const REMOVE_BATCH_ENTRIES: u64 = 1000;
/// The purged index before the log id.
const INDEX_BYTES: usize = 8;
/// The checksum before an entry.
const CHAIN_BYTES: usize = 4;

const VOTE: &[u8] = b"log/vote";
const COMMITTED: &[u8] = b"log/committed";
const PURGED: &[u8] = b"log/purged";
/// Votes and truncations so far (u64, big-endian). Each of them counts it up in its own batch.
const REVISION: &[u8] = b"log/revision";

/// The log in a store. Clones share it.
#[derive(Clone)]
pub struct Log {
    store: Framed,
    bounds: Arc<Mutex<Bounds>>,
}

/// What is known of the log without reading it. Locked while the log is written.
#[derive(Clone, Copy, Default)]
struct Bounds {
    /// First and last index; `None` when the log is empty.
    entries: Option<(u64, u64)>,
    purged: Option<u64>,
    /// The checksum of the last entry; 0 when the log is empty.
    chain: u32,
    /// Votes and truncations so far.
    revision: u64,
}

impl Bounds {
    /// The only index that may be appended; `None` when any may.
    const fn next(self) -> Option<u64> {
        match (self.entries, self.purged) {
            (Some((_, last)), _) => Some(last.saturating_add(1)),
            (None, Some(purged)) => Some(purged.saturating_add(1)),
            (None, None) => None,
        }
    }

    /// The last entry, or the last purged one when there is none.
    const fn end(self) -> Option<u64> {
        match self.entries {
            Some((_, last)) => Some(last),
            None => self.purged,
        }
    }
}

impl Log {
    /// Opens the log in `store`: reads every entry once, and removes what a purge left behind when
    /// it was interrupted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when an entry is damaged or missing, [`StoreError::Lost`] when the log
    /// or the vote is not what the store's anchor tells of.
    pub fn open(store: Framed) -> Result<Self, StoreError> {
        let purged = purged_marker(&store)?.map(|(index, _)| index);
        let expected = store.anchor().found().purged;
        if let Some(expected) = expected.filter(|expected| purged < Some(*expected)) {
            return Err(store.anchor().lost(Loss::Purged { found: purged, expected }));
        }
        let revision = revision(&store)?;
        let log = Self { store, bounds: Arc::default() };
        if let Some(purged) = purged {
            log.remove_up_to(purged)?;
        }
        let (from, to) = Space::Log.bounds();
        let mut bounds = Bounds { purged, revision, ..Bounds::default() };
        let mark = log.store.anchor().found().last;
        let mut chain_at_mark = None;
        for pair in log.store.scan(&from, &to) {
            let (key, stored) = pair?;
            let index = entry_index(&key)?;
            let expected = bounds.next().unwrap_or(index);
            if index != expected {
                return Err(StoreError::corrupt(&key, Finding::Hole(expected)));
            }
            let (chain, entry) = unchain(&key, &stored)?;
            if bounds.entries.is_some() && chain != link(bounds.chain, entry) {
                return Err(StoreError::corrupt(&key, Finding::Chain));
            }
            bounds.chain = chain;
            bounds.entries = Some((bounds.entries.map_or(index, |(first, _)| first), index));
            if mark == Some(index) {
                chain_at_mark = Some(chain);
            }
        }
        let vote = log.vote()?;
        log.compare(bounds, chain_at_mark, vote.as_deref())?;
        *log.bounds() = bounds;
        // It may be ahead of what was found.
        log.note(&bounds);
        log.store.anchor().note(|marks| marks.vote = vote);
        Ok(log)
    }

    /// Refuses what has not reached the marks of the anchor.
    fn compare(
        &self,
        bounds: Bounds,
        chain_at_mark: Option<u32>,
        vote: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let anchor = self.store.anchor();
        let marks = anchor.found();
        let (found, expected) = (bounds.revision, marks.revision);
        match found.cmp(&expected) {
            Ordering::Less => return Err(anchor.lost(Loss::Revision { found, expected })),
            // Whatever was voted or truncated since may have taken back what the marks tell of.
            Ordering::Greater => return Ok(()),
            Ordering::Equal => {}
        }
        if vote != marks.vote.as_deref() {
            return Err(anchor.lost(Loss::Vote));
        }
        match marks.last {
            Some(expected) if bounds.end() < Some(expected) => {
                Err(anchor.lost(Loss::LogEnd { found: bounds.end(), expected }))
            }
            Some(index) if chain_at_mark.is_some_and(|chain| chain != marks.chain) => {
                Err(anchor.lost(Loss::LogEntry(index)))
            }
            _ => Ok(()),
        }
    }

    /// Tells the anchor what was written.
    fn note(&self, bounds: &Bounds) {
        self.store.anchor().note(|marks| {
            marks.revision = bounds.revision;
            marks.last = bounds.end();
            marks.chain = bounds.chain;
            marks.purged = bounds.purged;
        });
    }

    /// Appends entries. They can be read on return, and are durable after the next
    /// [`sync`](Self::sync); a crash before it leaves all of them or none.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotConsecutive`], with nothing written, unless each index is one more than the
    /// one before it. Only the first entry of a log that was never purged may have any index.
    pub fn append<B: AsRef<[u8]>>(
        &self,
        entries: impl IntoIterator<Item = (u64, B)>,
    ) -> Result<(), StoreError> {
        let mut bounds = self.bounds();
        let mut after = *bounds;
        let mut batch = Batch::new();
        for (index, entry) in entries {
            let expected = after.next().unwrap_or(index);
            if index != expected {
                return Err(StoreError::NotConsecutive { expected, found: index });
            }
            let entry = entry.as_ref();
            after.chain = link(after.chain, entry);
            let mut stored = Vec::with_capacity(CHAIN_BYTES + entry.len());
            stored.extend_from_slice(&after.chain.to_le_bytes());
            stored.extend_from_slice(entry);
            batch.insert(entry_key(index), stored);
            after.entries = Some((after.entries.map_or(index, |(first, _)| first), index));
        }
        self.store.write(batch)?;
        *bounds = after;
        self.note(&bounds);
        Ok(())
    }

    /// The entries of `range` that are there, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when one is damaged, or missing between the log's ends.
    pub fn read(&self, range: impl RangeBounds<u64>) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.read_bounded(range, usize::MAX)
    }

    /// [`read`](Self::read) that stops before the entry that would make more than `bytes_max` bytes
    /// of entries, but never before the first.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_bounded(
        &self,
        range: impl RangeBounds<u64>,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let Some((start, end)) = half_open(&range) else {
            return Ok(Vec::new());
        };
        let Some((first, last)) = self.bounds().entries else {
            return Ok(Vec::new());
        };
        let mut expected = start.max(first);
        let end = end.unwrap_or(u64::MAX).min(last.saturating_add(1));
        let (from, to) = index_bounds(Space::Log, expected, Some(end));

        let mut entries = Vec::new();
        let mut bytes = 0_usize;
        for pair in self.store.scan(&from, &to) {
            let (key, mut entry) = pair?;
            unchain(&key, &entry)?;
            entry.drain(..CHAIN_BYTES);
            let index = entry_index(&key)?;
            if index != expected {
                // A purge that ran meanwhile has taken all before its mark, so that what was read
                // until here is purged too. Any other hole is damage.
                if self.first_kept() < index {
                    return Err(StoreError::corrupt(&key, Finding::Hole(expected)));
                }
                entries.clear();
                bytes = 0;
            }
            bytes = bytes.saturating_add(entry.len());
            if bytes > bytes_max && !entries.is_empty() {
                return Ok(entries);
            }
            entries.push((index, entry));
            expected = index.saturating_add(1);
        }
        // What is missing at the end was truncated or purged meanwhile, or is damage.
        let still_there = self
            .bounds()
            .entries
            .is_some_and(|(first, last)| (first..=last).contains(&expected) && expected < end);
        if still_there {
            return Err(StoreError::corrupt(&entry_key(expected), Finding::Hole(expected)));
        }
        Ok(entries)
    }

    /// Index of the first entry; `None` when the log is empty.
    #[must_use]
    pub fn first_index(&self) -> Option<u64> {
        self.bounds().entries.map(|(first, _)| first)
    }

    /// Index of the last entry; `None` when the log is empty, even if entries were purged.
    #[must_use]
    pub fn last_index(&self) -> Option<u64> {
        self.bounds().entries.map(|(_, last)| last)
    }

    /// Removes the entries from `from` on, from the last downwards, so that a crash leaves no hole.
    ///
    /// # Errors
    ///
    /// [`StoreError::TruncatesPurged`] when entry `from` was purged.
    pub fn truncate_from(&self, from: u64) -> Result<(), StoreError> {
        let mut bounds = self.bounds();
        if let Some(purged) = bounds.purged.filter(|purged| from <= *purged) {
            return Err(StoreError::TruncatesPurged { from, purged });
        }
        if bounds.entries.is_none_or(|(_, last)| last < from) {
            return Ok(());
        }
        let revision = bounds.revision.saturating_add(1);
        while let Some((first, last)) = bounds.entries.filter(|(_, last)| from <= *last) {
            let until = from.max(first).max(last.saturating_sub(REMOVE_BATCH_ENTRIES - 1));
            let mut batch = Batch::new();
            // With the first entries that go: whoever finds fewer finds that there was a truncation.
            batch.insert(Space::Meta.key(REVISION), revision.to_be_bytes());
            (until..=last).for_each(|index| batch.remove(entry_key(index)));
            self.store.write(batch)?;
            bounds.revision = revision;
            bounds.entries = (first < until).then(|| (first, until - 1));
        }
        bounds.chain = match bounds.entries {
            Some((_, last)) => self.chain_of(last)?,
            None => 0,
        };
        self.note(&bounds);
        Ok(())
    }

    /// Removes the entries up to and with `index`, whose log id is `log_id`, and remembers both. The
    /// log may end before `index`, as it does when a snapshot came. What the entries did must be in
    /// the image, or in a snapshot that is durable, before this is called.
    ///
    /// # Errors
    ///
    /// When writing fails. Nothing happens when as much was purged before.
    pub fn purge_to(&self, index: u64, log_id: &[u8]) -> Result<(), StoreError> {
        {
            let mut bounds = self.bounds();
            if bounds.purged.is_some_and(|purged| index <= purged) {
                return Ok(());
            }
            let mut marker = index.to_be_bytes().to_vec();
            marker.extend_from_slice(log_id);
            // The mark goes first: an interrupted purge is then finished when the log is opened,
            // where the other order would leave a log that starts nobody knows where.
            self.put(PURGED, marker)?;
            bounds.purged = Some(index);
            bounds.entries = bounds.entries.and_then(|(first, last)| {
                (index < last).then(|| (first.max(index.saturating_add(1)), last))
            });
            if bounds.entries.is_none() {
                bounds.chain = 0;
            }
            self.note(&bounds);
        }
        self.remove_up_to(index)
    }

    /// The last purged index, and the log id that [`purge_to`](Self::purge_to) was given with it.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub fn purged(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        purged_marker(&self.store)
    }

    /// The vote that was put last.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub fn vote(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(&Space::Meta.key(VOTE))
    }

    /// Replaces the vote. It binds once it is synced.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_vote(&self, vote: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        let vote = vote.into();
        let mut bounds = self.bounds();
        let revision = bounds.revision.saturating_add(1);
        let mut batch = Batch::new();
        batch.insert(Space::Meta.key(VOTE), &*vote);
        batch.insert(Space::Meta.key(REVISION), revision.to_be_bytes());
        self.store.write(batch)?;
        bounds.revision = revision;
        self.store.anchor().note(|marks| {
            marks.vote = Some(vote);
            marks.revision = revision;
        });
        Ok(())
    }

    /// The committed log id that was put last.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub fn committed(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(&Space::Meta.key(COMMITTED))
    }

    /// Replaces the committed log id.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_committed(&self, log_id: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        self.put(COMMITTED, log_id.into())
    }

    /// Calls `done` once what was written to the log before this call is durable. See
    /// [`Kv::sync_log`](crate::Kv::sync_log).
    pub fn sync(&self, done: SyncDone) {
        self.store.sync_log(done);
    }

    /// [`sync`](Self::sync) that waits. Not for async code.
    ///
    /// # Errors
    ///
    /// When the sync failed, which is final for the store.
    pub fn sync_blocking(&self) -> Result<(), StoreError> {
        self.store.sync_log_blocking()
    }

    fn bounds(&self) -> MutexGuard<'_, Bounds> {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first index that no purge has taken.
    fn first_kept(&self) -> u64 {
        self.bounds().purged.map_or(0, |purged| purged.saturating_add(1))
    }

    fn put(&self, name: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.insert(Space::Meta.key(name), value);
        self.store.write(batch)
    }

    /// The checksum of an entry that is there.
    fn chain_of(&self, index: u64) -> Result<u32, StoreError> {
        let key = entry_key(index);
        let missing = || StoreError::corrupt(&key, Finding::Hole(index));
        let stored = self.store.get(&key)?.ok_or_else(missing)?;
        unchain(&key, &stored).map(|(chain, _)| chain)
    }

    fn remove_up_to(&self, index: u64) -> Result<(), StoreError> {
        let (from, to) = index_bounds(Space::Log, 0, index.checked_add(1));
        self.store.delete_range(&from, &to)
    }
}

fn revision(store: &Framed) -> Result<u64, StoreError> {
    let key = Space::Meta.key(REVISION);
    let Some(revision) = store.get(&key)? else {
        return Ok(0);
    };
    let revision = (&*revision).try_into().map(u64::from_be_bytes);
    revision.map_err(|_| StoreError::corrupt(&key, Finding::ValueLength))
}

/// The checksum of an entry that follows one with the checksum `before`.
fn link(before: u32, entry: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&before.to_le_bytes());
    hasher.update(entry);
    hasher.finalize()
}

/// Checksum and entry.
fn unchain<'a>(key: &[u8], stored: &'a [u8]) -> Result<(u32, &'a [u8]), StoreError> {
    let (chain, entry) = stored
        .split_first_chunk::<CHAIN_BYTES>()
        .ok_or_else(|| StoreError::corrupt(key, Finding::ValueLength))?;
    Ok((u32::from_le_bytes(*chain), entry))
}

fn purged_marker(store: &Framed) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let key = Space::Meta.key(PURGED);
    let Some(marker) = store.get(&key)? else {
        return Ok(None);
    };
    let (index, log_id) = marker
        .split_first_chunk::<INDEX_BYTES>()
        .ok_or_else(|| StoreError::corrupt(&key, Finding::ValueLength))?;
    Ok(Some((u64::from_be_bytes(*index), log_id.to_vec())))
}

fn entry_key(index: u64) -> Vec<u8> {
    Space::Log.key(&index.to_be_bytes())
}

fn entry_index(key: &[u8]) -> Result<u64, StoreError> {
    index_of(key).ok_or_else(|| StoreError::corrupt(key, Finding::KeyLength))
}

/// First index, and the first after; `None` for the end when there is no bound, and for the whole
/// when nothing is in it.
pub(crate) fn half_open(range: &impl RangeBounds<u64>) -> Option<(u64, Option<u64>)> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.checked_add(1),
        Bound::Excluded(end) => Some(*end),
        Bound::Unbounded => None,
    };
    (end.is_none_or(|end| start < end)).then_some((start, end))
}
