//! Keys whose changes are appended to files: the Raft log, and what a node must not forget beside it; and
//! the rows of the image.
//!
//! Both are written for every decision, read little and removed soon. A tree on disk pays for each of
//! these; here a change is one write to the end of a file and one sync of it. Where the value of a key
//! lies is kept in memory, and read from there.
//!
//! The files are segments, `<number>.log`, the newest of which is written ([`record`] tells how).
//! Space in it is filled with zeros ahead, so that a sync finds no changed metadata. A segment that holds
//! no value any more is removed, oldest first, so that what removed a key never goes before the key. The
//! few keys that live long are written again at the start of each segment.
//!
//! After a crash the records end where one is not whole. Whether what was acknowledged is gone, too, the
//! anchor tells. The first write afterwards cuts off what follows.

mod record;
mod segment;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::record::take;
use self::record::{Encoded, HEAD_BYTES, Head};
use self::segment::{Found, Segment};
use crate::kv::{Op, Pair};
use crate::{FileFinding, Space, StoreError, files, framed};

/// Zeros that are written ahead at once.
const ZEROS_BYTES: u64 = 1 << 20;
/// Number of the oldest segment that must be there; the first one while it is absent.
const FIRST: &[u8] = b"log/first";
const REMEDY: &str = "move the data directory away and join again under a new node name";

/// The journal in a directory.
pub(crate) struct Journal {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    places: BTreeMap<Vec<u8>, Place>,
    /// Oldest first; the newest is written.
    segments: VecDeque<Segment>,
    /// Checksum of the last record.
    chain: u32,
    /// Whether something stands behind the last record.
    is_torn: bool,
    /// Whether the name of a segment is not durable yet.
    has_new_name: bool,
}

/// Where a value lies.
#[derive(Clone, Copy)]
struct Place {
    segment: u64,
    at: u64,
    bytes: usize,
}

impl Journal {
    /// Opens the journal in `folder`, which is there, and reads all of it. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`StoreError::CorruptFile`] when a segment before the newest is damaged or missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut inner = Inner {
            places: BTreeMap::new(),
            segments: VecDeque::new(),
            chain: 0,
            is_torn: false,
            has_new_name: false,
        };
        let found = segment::list(folder)?;
        for (place, (number, path)) in found.iter().enumerate() {
            let bytes = files::read(path)?.unwrap_or_default();
            let corrupt = |finding| corrupt(path, finding);
            let Some(head) = Head::decode(&bytes) else {
                // The system may not have come to write it; the anchor tells whether it had.
                if place + 1 == found.len() {
                    break;
                }
                return Err(corrupt(FileFinding::Magic));
            };
            if head.min_compatible > record::VERSION {
                let (found, readable) = (head.min_compatible, record::VERSION);
                return Err(StoreError::NewerVersion { path: path.clone(), found, readable });
            }
            let expected = inner.segments.back().map_or(*number, |before| before.number + 1);
            if head.number != expected || *number != expected {
                return Err(corrupt(FileFinding::Content));
            }
            if !inner.segments.is_empty() && head.chain != inner.chain {
                // Begun and given up, and the one before it was written on; the system had not come to
                // remove it.
                if place + 1 == found.len()
                    && record::read(&bytes, HEAD_BYTES, head.chain).is_none()
                {
                    break;
                }
                return Err(corrupt(FileFinding::Checksum));
            }
            inner.chain = head.chain;
            inner.read(Segment::found(path, *number)?, &bytes);
        }
        let journal = Self { folder: folder.to_owned(), inner: Mutex::new(inner) };
        let first = journal.first()?;
        if let Some(oldest) = found.first().filter(|(number, _)| *number > first) {
            return Err(corrupt(&oldest.1, FileFinding::Follows));
        }
        Ok(journal)
    }

    fn first(&self) -> Result<u64, StoreError> {
        let key = Space::Meta.key(FIRST);
        self.get(&key)?.map_or(Ok(1), |stored| framed::open_number(&key, stored))
    }

    /// Value of `key`, as of the last write.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(Found { file, path, at, bytes }) = self.lock().find(key) else {
            return Ok(None);
        };
        segment::read_at(&file, &path, at, bytes).map(Some)
    }

    /// The first pair within the bounds, or the last one.
    pub(crate) fn step(
        &self,
        from: Bound<&[u8]>,
        to: &[u8],
        backwards: bool,
    ) -> Result<Option<Pair>, StoreError> {
        let (key, Found { file, path, at, bytes }) = {
            let inner = self.lock();
            let mut range = inner.places.range::<[u8], _>((from, Bound::Excluded(to)));
            let next = if backwards { range.next_back() } else { range.next() };
            let Some((key, place)) = next else { return Ok(None) };
            let Some(found) = inner.found(*place) else { return Ok(None) };
            (key.clone(), found)
        };
        let value = segment::read_at(&file, &path, at, bytes)?;
        Ok(Some((key, value)))
    }

    /// Applies all changes or none. Readers see them on return; they are not durable yet.
    pub(crate) fn write(&self, ops: &[Op]) -> Result<(), StoreError> {
        if ops.is_empty() {
            return Ok(());
        }
        let mut inner = self.lock();
        inner.repair()?;
        // What is written ahead in a full segment is used up first: a new one needs space on the disk.
        let needed = record::encoded_bytes(ops);
        if inner.segments.back().is_none_or(|last| last.is_full() && last.ahead() < needed) {
            self.begin_segment(&mut inner)?;
        }
        inner.append(ops)
    }

    /// Makes durable what was written before this call, and then removes what nobody needs any more.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let (changed, has_new_name, dead) = {
            let mut inner = self.lock();
            let has_new_name = std::mem::take(&mut inner.has_new_name);
            let dead = inner.dead();
            if let Some((number, _)) = &dead {
                let key = Space::Meta.key(FIRST);
                let first = framed::whole(&key, &(number + 1).to_be_bytes());
                inner.repair()?;
                inner.append(&[Op::Insert(key, first)])?;
            }
            (inner.take_changed(), has_new_name, dead)
        };
        for (file, path) in changed {
            files::sync_bytes(&file, &path)?;
        }
        if has_new_name {
            files::sync_dir(&self.folder)?;
        }
        let Some((_, dead)) = dead else { return Ok(()) };
        // One at a time, each durably, so that a crash leaves no hole.
        files::remove_if_there(&dead)?;
        files::sync_dir(&self.folder)?;
        self.lock().segments.pop_front();
        Ok(())
    }

    /// [`sync`](Self::sync) that goes on until everything is removed that nobody needs any more.
    pub(crate) fn sync_and_trim(&self) -> Result<(), StoreError> {
        loop {
            self.sync()?;
            if self.lock().dead().is_none() {
                return Ok(());
            }
        }
    }

    /// Writes zeros where records will stand until there are so many bytes of them, in a new segment if
    /// this one is full. Blocks.
    ///
    /// # Errors
    ///
    /// When the disk gives no space, which harms nothing.
    pub(crate) fn keep_ahead(&self, bytes: u64) -> Result<(), StoreError> {
        loop {
            let (file, path) = {
                let mut inner = self.lock();
                inner.repair()?;
                if inner.segments.back().is_none_or(Segment::is_full) {
                    self.begin_segment(&mut inner)?;
                }
                let Some(segment) = inner.segments.back_mut() else { return Ok(()) };
                if segment.ahead() >= bytes {
                    return Ok(());
                }
                segment.extend(segment.zeroed + ZEROS_BYTES)?;
                (Arc::clone(&segment.file), segment.path.clone())
            };
            // Piece by piece: whoever syncs meanwhile waits for no more than one.
            files::sync_bytes(&file, &path)?;
        }
    }

    /// Bytes of zeros that records can be written over.
    pub(crate) fn ahead(&self) -> u64 {
        self.lock().segments.back().map_or(0, Segment::ahead)
    }

    fn begin_segment(&self, inner: &mut Inner) -> Result<(), StoreError> {
        let number = inner.segments.back().map_or(1, |segment| segment.number + 1);
        let mut segment = Segment::create(&self.folder, Head::new(number, inner.chain))?;
        if let Err(error) = segment.extend(segment.zeroed + ZEROS_BYTES) {
            // The segment before it may be written on.
            files::remove_if_there(&segment.path)?;
            return Err(error);
        }
        inner.has_new_name = true;
        inner.segments.push_back(segment);
        let mut lasting = Vec::new();
        let (from, to) = Space::Meta.bounds();
        for (key, place) in inner.places.range(from..to) {
            if let Some(Found { file, path, at, bytes }) = inner.found(*place) {
                lasting.push(Op::Insert(key.clone(), segment::read_at(&file, &path, at, bytes)?));
            }
        }
        if lasting.is_empty() { Ok(()) } else { inner.append(&lasting) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Takes a segment in, as far as its records are sound.
    fn read(&mut self, segment: Segment, bytes: &[u8]) {
        let (mut at, number) = (HEAD_BYTES, segment.number);
        self.segments.push_back(segment);
        while let Some((changes, chain, next)) = record::read(bytes, at, self.chain) {
            for change in changes {
                let place = change.value.map(|value| Place {
                    segment: number,
                    at: value.start as u64,
                    bytes: value.len(),
                });
                self.set(change.key, place);
            }
            (at, self.chain) = (next, chain);
        }
        self.is_torn = bytes.iter().skip(at).any(|byte| *byte != 0);
        if let Some(segment) = self.segments.back_mut() {
            segment.end = at as u64;
            segment.zeroed = bytes.len() as u64;
        }
    }

    /// Cuts off what a crash has left behind the last record.
    fn repair(&mut self) -> Result<(), StoreError> {
        if let Some(segment) = self.segments.back_mut().filter(|_| self.is_torn) {
            segment.cut()?;
        }
        self.is_torn = false;
        Ok(())
    }

    fn append(&mut self, ops: &[Op]) -> Result<(), StoreError> {
        let Encoded { bytes, chain, values } = record::encode(self.chain, ops);
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        let (begin, number) = (segment.end, segment.number);
        segment.append(&bytes)?;
        self.chain = chain;
        for (op, value) in ops.iter().zip(values) {
            let key = op.key();
            let place = value.map(|value| Place {
                segment: number,
                at: begin + value.start as u64,
                bytes: value.len(),
            });
            self.set(key, place);
        }
        Ok(())
    }

    /// Says where the value of a key lies now.
    fn set(&mut self, key: &[u8], place: Option<Place>) {
        let before = match place {
            Some(place) => {
                if let Some(segment) = self.segment_mut(place.segment) {
                    segment.values += 1;
                }
                self.places.insert(key.to_vec(), place)
            }
            None => self.places.remove(key),
        };
        if let Some(segment) = before.and_then(|before| self.segment_mut(before.segment)) {
            segment.values -= 1;
        }
    }

    fn segment_mut(&mut self, number: u64) -> Option<&mut Segment> {
        let first = self.segments.front()?.number;
        self.segments.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    fn find(&self, key: &[u8]) -> Option<Found> {
        self.found(*self.places.get(key)?)
    }

    fn found(&self, place: Place) -> Option<Found> {
        let first = self.segments.front()?.number;
        let segment =
            self.segments.get(usize::try_from(place.segment.checked_sub(first)?).ok()?)?;
        let (file, path) = (Arc::clone(&segment.file), segment.path.clone());
        Some(Found { file, path, at: place.at, bytes: place.bytes })
    }

    /// Segments that were written since they were synced.
    fn take_changed(&mut self) -> Vec<(Arc<File>, PathBuf)> {
        let changed = self.segments.iter_mut().filter(|segment| segment.is_changed);
        changed
            .map(|segment| {
                segment.is_changed = false;
                (Arc::clone(&segment.file), segment.path.clone())
            })
            .collect()
    }

    /// The oldest segment if it holds nothing and is not written any more.
    fn dead(&self) -> Option<(u64, PathBuf)> {
        let oldest = self.segments.front().filter(|oldest| oldest.values == 0)?;
        (self.segments.len() > 1).then(|| (oldest.number, oldest.path.clone()))
    }
}

fn corrupt(path: &Path, finding: FileFinding) -> StoreError {
    StoreError::CorruptFile { path: path.to_owned(), finding, remedy: REMEDY }
}

/// Reads bytes as a segment, and as a record behind checksums that fit.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let read = |segment: &[u8], mut chain| {
        let mut at = HEAD_BYTES;
        while let Some((changes, next_chain, next)) = record::read(segment, at, chain) {
            assert!(at < next && next <= segment.len(), "records go forward");
            let values = changes.iter().filter_map(|change| change.value.clone());
            assert!(
                values.into_iter().all(|value| value.end <= next),
                "values lie in their record"
            );
            (at, chain) = (next, next_chain);
        }
    };
    if let Some(head) = Head::decode(bytes) {
        read(bytes, head.chain);
    }
    let mut segment = Head::new(1, 0).encode();
    segment.extend_from_slice(&record::seal(0, bytes));
    read(&segment, 0);
}

/// What is written is read.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_written(ops: &[Op]) {
    let mut segment = Head::new(1, 0).encode();
    segment.extend_from_slice(&record::encode(0, ops).bytes);
    let found = record::read(&segment, HEAD_BYTES, 0).map(|(changes, ..)| changes.len());
    assert_eq!(found.unwrap_or(0), ops.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_was_given_up_is_nothing() {
        let place = tempfile::TempDir::new().unwrap();
        let put = |name: &[u8]| Op::Insert(name.to_vec(), b"value".to_vec());
        let journal = Journal::open(place.path()).unwrap();
        journal.write(&[put(b"one")]).unwrap();
        let given_up = Head::new(2, journal.lock().chain);
        journal.write(&[put(b"two")]).unwrap();
        drop(journal);
        drop(Segment::create(place.path(), given_up).unwrap());

        let journal = Journal::open(place.path()).unwrap();
        for name in [b"one", b"two"] {
            assert_eq!(journal.get(name).unwrap().as_deref(), Some(&b"value"[..]));
        }
        for number in 0..10_u8 {
            journal.write(&[Op::Insert(vec![number], vec![number; 1_500_000])]).unwrap();
        }
        drop(journal);
        let journal = Journal::open(place.path()).unwrap();
        assert_eq!(journal.lock().segments.len(), 2);
        assert_eq!(journal.get(&[9]).unwrap(), Some(vec![9; 1_500_000]));
    }
}
