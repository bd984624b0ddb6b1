//! The audit of a node. Its rows are the node's own copy: entries that it applies leave them, peers give
//! those that it was not there for, and it prunes the oldest by itself.

use std::io;
use std::ops::{RangeBounds, RangeInclusive};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use symbolon_core::limits::RETRANSMISSION_MILLISECONDS;
use symbolon_core::{AuditEvent, Digest, LogIndex, Retention, Timestamp};
use symbolon_proto::{AuditHead, audit_encode, audit_head, audit_read};
use symbolon_store::Image;

use crate::audit_extent::{Extent, Gap, Point};
use crate::audit_index::{AuditIndex, Limits};
use crate::log_store::io_error;

/// Log entries that are pruned at once.
const PRUNE_ENTRIES: usize = 500;
/// Bytes after which a part for a peer ends.
const PART_BYTES: usize = 1 << 20;
/// Log entries whose rows a part holds at most: it is written in one batch.
const PART_ENTRIES: usize = 4_096;

/// Encoded rows by log entry.
pub(crate) type Rows = Vec<(u64, Vec<u8>)>;

/// See the module.
pub(crate) struct AuditLog {
    image: Image,
    /// Locked while what is on disk is made to differ from what it says, which may take a while.
    extent: Mutex<Extent>,
    /// As it was last.
    shown: Mutex<Extent>,
    /// Events on disk, those that peers have given for the gap aside.
    events: AtomicU64,
    /// Of the same events.
    index: Mutex<AuditIndex>,
}

/// What a peer is given.
pub(crate) struct Part {
    pub(crate) from: Point,
    /// The log entry before which the rows end.
    pub(crate) next: u64,
    pub(crate) rows: Rows,
}

/// What became of a part that a peer gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    /// The gap is shorter.
    More,
    /// The gap is closed, and the chain is met.
    Closed,
    /// It is not what comes next, or not audit rows. Either it is wrong, or what peers gave before.
    Unfit,
}

impl AuditLog {
    /// Reads the audit of an image whose last applied entry is `applied`, and checks that it is whole:
    /// followed from the first row, the hash chain ends at `chain` only if no row is missing, doubled
    /// or of another time.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn load(image: &Image, applied: u64, chain: Digest) -> io::Result<Self> {
        Self::load_within(image, applied, chain, Limits::default())
    }

    /// The audit of an image, without looking at its rows: to give parts of it to others.
    pub(crate) fn unread(image: &Image) -> io::Result<Self> {
        let extent = match image.audit_extent().map_err(io_error)? {
            None => Extent::default(),
            Some(bytes) => Extent::decode(&bytes)?,
        };
        Ok(Self {
            image: image.clone(),
            extent: Mutex::new(extent),
            shown: Mutex::new(extent),
            events: 0.into(),
            index: Mutex::default(),
        })
    }

    /// As [`load`](Self::load), with an index of another size.
    pub(crate) fn load_within(
        image: &Image,
        applied: u64,
        chain: Digest,
        limits: Limits,
    ) -> io::Result<Self> {
        let log = Self::unread(image)?;
        let extent = log.extent();
        let mut index = AuditIndex::within(limits);
        let mut events = 0;
        if let Some(Gap { from, next, to }) = extent.gap {
            let here = log.follow(extent.floor, from.index, &mut index)?;
            meets(here.0, from.before)?;
            let given = log.follow(from, next.index, &mut AuditIndex::default())?;
            meets(given.0, next.before)?;
            if applied.saturating_add(1) < to.index {
                return Err(invalid(
                    "the audit goes on after a gap that the state has not reached",
                ));
            }
            events += here.1;
        }
        let after = applied.saturating_add(1);
        let (end, rest) = log.follow(extent.whole_from(), after, &mut index)?;
        meets(end, chain)?;
        *log.index() = index;
        log.events.store(events + rest, Ordering::Relaxed);
        // Left of a pruning that was cut off.
        if extent.floor.index > 0 {
            log.image.remove_audit(..extent.floor.index).map_err(io_error)?;
        }
        Ok(log)
    }

    /// The chain before the entry `to`, from `from` on, and the events in between.
    fn follow(&self, from: Point, to: u64, into: &mut AuditIndex) -> io::Result<(Digest, u64)> {
        let (mut chain, mut count) = (from.before, 0);
        for pair in self.image.audit(from.index..to) {
            let (index, bytes) = pair.map_err(io_error)?;
            let (head, events) = read(index, &bytes)?;
            chain = link(chain, &head, &events)?;
            count += head.events;
            into.add(index, &events);
        }
        Ok((chain, count))
    }

    fn lock(&self) -> MutexGuard<'_, Extent> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for nobody.
    pub(crate) fn extent(&self) -> Extent {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, extent: Extent) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = extent;
    }

    /// Events on disk.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Where to look in it. Held for moments: entries that are applied wait for it.
    pub(crate) fn index(&self) -> MutexGuard<'_, AuditIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the applied entry `index` has left these events.
    pub(crate) fn added(&self, index: u64, events: &[AuditEvent]) {
        self.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        self.index().add(index, events);
    }

    /// The index of a range of rows.
    fn indexed(&self, range: impl RangeBounds<u64>) -> io::Result<AuditIndex> {
        let mut into = AuditIndex::within(self.index().limits());
        for pair in self.image.audit(range) {
            let (index, bytes) = pair.map_err(io_error)?;
            into.add(index, &read(index, &bytes)?.1);
        }
        Ok(into)
    }

    /// Where the rows begin of which a state must know, that has the time `clock` after the entry
    /// `applied` and the chain `chain`: those from which replies are rebuilt.
    pub(crate) fn tail(&self, applied: u64, clock: Timestamp, chain: Digest) -> io::Result<Point> {
        let whole_from = self.extent().whole_from();
        let mut tail = Point { index: applied.saturating_add(1), before: chain };
        for pair in self.image.audit(whole_from.index..=applied).rev() {
            let (index, bytes) = pair.map_err(io_error)?;
            let head = audit_head(&bytes).map_err(invalid)?;
            // A row that does not say its chain is no place to begin.
            if let Some(before) = head.before {
                if head.at.plus(RETRANSMISSION_MILLISECONDS) < clock {
                    return Ok(tail);
                }
                tail = Point { index, before };
            }
        }
        Ok(whole_from)
    }

    /// The events of those rows, oldest first.
    pub(crate) fn recent(
        &self,
        applied: u64,
        clock: Timestamp,
        chain: Digest,
    ) -> io::Result<Vec<AuditEvent>> {
        let tail = self.tail(applied, clock, chain)?;
        let mut recent = Vec::new();
        for pair in self.rows(tail.index..=applied) {
            let (index, bytes) = pair?;
            recent.extend(read(index, &bytes)?.1);
        }
        Ok(recent)
    }

    /// Reads the encoded rows of a range.
    pub(crate) fn rows(
        &self,
        range: RangeInclusive<u64>,
    ) -> impl DoubleEndedIterator<Item = io::Result<(u64, Vec<u8>)>> {
        self.image.audit(range).map(|pair| pair.map_err(io_error))
    }

    /// Puts a snapshot in the place of the image with `commit`, which is given the extent to write.
    /// Its audit begins at `tail` and goes up to `applied`; the node had all up to `end`; `events` are
    /// new.
    pub(crate) fn install(
        &self,
        end: Point,
        (tail, applied): (Point, u64),
        events: u64,
        commit: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut extent = self.lock();
        let after = extent.with_snapshot(end, tail);
        commit(&after.encode())?;
        let lengthened = extent.gap.is_some() && extent.gap != after.gap;
        *extent = after;
        self.show(after);
        self.events.fetch_add(events, Ordering::Relaxed);
        let new = end.index.max(tail.index)..applied.saturating_add(1);
        let rows = self.indexed(new.clone())?;
        self.index().replace(&new, rows);
        if lengthened { self.recount(after) } else { Ok(()) }
    }

    /// Removes the oldest rows that are due, of a bounded number of entries. Returns whether any have
    /// gone.
    pub(crate) fn prune(
        &self,
        retention: Retention,
        now: Timestamp,
        applied: u64,
        hurry: bool,
    ) -> io::Result<bool> {
        let mut extent = self.lock();
        let due = |at, rows| retention.is_due(at, now, rows, hurry);
        let before = self.events();
        let (mut left, mut floor) = (before, extent.floor);
        let end = extent.gap.map_or_else(|| applied.saturating_add(1), |gap| gap.from.index);
        if let Some(gap) = extent.gap
            && self.first(floor.index, end)?.is_none()
            && self.first(gap.to.index, applied)?.is_some_and(|head| due(head.at, left))
        {
            // What is missing would go before that.
            extent.gap = None;
            self.raise(&mut extent, gap.to)?;
            return self.recount(*extent).map(|()| true);
        }
        let mut rows = self.image.audit(floor.index..end).take(PRUNE_ENTRIES).peekable();
        while let Some(pair) = rows.next() {
            let (index, bytes) = pair.map_err(io_error)?;
            let (head, events) = read(index, &bytes)?;
            // The newest row stays, so that there is always one to look at.
            if !due(head.at, left) || (rows.peek().is_none() && extent.gap.is_none()) {
                break;
            }
            let before = link(floor.before, &head, &events)?;
            floor = Point { index: index.saturating_add(1), before };
            left = left.saturating_sub(head.events);
        }
        drop(rows);
        if floor == extent.floor {
            return Ok(false);
        }
        self.events.fetch_sub(before - left, Ordering::Relaxed);
        self.raise(&mut extent, floor).map(|()| true)
    }

    /// What the first row of a range says of itself.
    fn first(&self, from: u64, end: u64) -> io::Result<Option<AuditHead>> {
        let first = self.image.audit(from..end).next().transpose().map_err(io_error)?;
        first.map(|(_, bytes)| audit_head(&bytes)).transpose().map_err(invalid)
    }

    /// In this order: after a crash in between, the next start removes the rows.
    fn raise(&self, extent: &mut Extent, floor: Point) -> io::Result<()> {
        let from = std::mem::replace(&mut extent.floor, floor).index;
        self.image.write_audit(Vec::new(), &extent.encode()).map_err(io_error)?;
        self.show(*extent);
        // After that: who does not find them has been told.
        self.index().cut_before(floor.index);
        self.image.remove_audit(from..floor.index).map_err(io_error)
    }

    /// For a peer: the rows of `from..to`, of the first of them, or none that this node does not have.
    pub(crate) fn part(&self, asked: u64, to: u64, applied: u64) -> io::Result<Part> {
        let extent = self.extent();
        let nothing = |from: Point| Part { from, next: from.index, rows: Vec::new() };
        // The peer asks again from there, if it wants to.
        if asked < extent.floor.index {
            return Ok(nothing(extent.floor));
        }
        // The peer knows the chain up to where it asks.
        let from = Point { index: asked, before: Digest::default() };
        let mut end = to.min(applied.saturating_add(1));
        if let Some(gap) = extent.gap {
            if (gap.from.index..gap.to.index).contains(&asked) {
                return Ok(nothing(from));
            }
            if asked < gap.from.index {
                end = end.min(gap.from.index);
            }
        }
        if end <= asked {
            return Ok(nothing(from));
        }
        let mut rows = Rows::new();
        let mut bytes = 0;
        let mut next = end;
        for pair in self.rows(asked..=end - 1) {
            let (index, row) = pair?;
            bytes += row.len();
            rows.push((index, row));
            if bytes >= PART_BYTES || rows.len() >= PART_ENTRIES {
                next = index.saturating_add(1);
                break;
            }
        }
        // Pruned while they were read?
        if self.extent().floor.index > asked {
            return Ok(nothing(from));
        }
        Ok(Part { from, next, rows })
    }

    /// Takes what a peer gave: rows from `from` on, without a hole up to `next`. They are written as this
    /// node would have written them.
    pub(crate) fn fill(&self, from: u64, next: u64, rows: Rows) -> io::Result<Filled> {
        let mut extent = self.lock();
        let Some(mut gap) = extent.gap.filter(|gap| gap.next.index == from && next > from) else {
            return Ok(Filled::Unfit);
        };
        let next = next.min(gap.to.index);
        let bytes: usize = rows.iter().map(|(_, row)| row.len()).sum();
        if rows.len() > PART_ENTRIES || bytes > 2 * PART_BYTES {
            return Ok(Filled::Unfit);
        }
        let mut chain = gap.next.before;
        let mut expected = from;
        let mut written = Rows::new();
        for (index, bytes) in rows {
            let given = given(chain, index, &bytes);
            let (true, Ok(given)) = ((expected..next).contains(&index), given) else {
                return Ok(Filled::Unfit);
            };
            written.push((index, audit_encode(Some(chain), given.head.at, &given.events)));
            chain = given.after;
            expected = index.saturating_add(1);
        }
        gap.next = Point { index: next, before: chain };
        let closed = next == gap.to.index;
        if closed && chain != gap.to.before {
            return Ok(Filled::Unfit);
        }
        extent.gap = (!closed).then_some(gap);
        // Rows that another snapshot's gap went over would stand twice.
        self.image.remove_audit(from..next).map_err(io_error)?;
        self.image.write_audit(written, &extent.encode()).map_err(io_error)?;
        if closed {
            self.recount(*extent)?;
            let range = gap.from.index..gap.to.index;
            let rows = self.indexed(range.clone())?;
            self.index().replace(&range, rows);
        }
        // Last: who sees no gap finds what was in it.
        self.show(*extent);
        Ok(if closed { Filled::Closed } else { Filled::More })
    }

    /// Throws away what peers have given for the gap: one of them has given what is not right.
    pub(crate) fn begin_again(&self) -> io::Result<()> {
        let mut extent = self.lock();
        let Some(mut gap) = extent.gap else { return Ok(()) };
        gap.next = gap.from;
        extent.gap = Some(gap);
        self.image.write_audit(Vec::new(), &extent.encode()).map_err(io_error)?;
        self.show(*extent);
        self.image.remove_audit(gap.from.index..gap.to.index).map_err(io_error)
    }

    /// Gives up the part of the gap before `floor`, which no peer has any more. Never what this node has
    /// itself: while there are rows before the gap nothing is given up, and `false` is returned.
    pub(crate) fn give_up(&self, floor: Point) -> io::Result<bool> {
        let mut extent = self.lock();
        let Some(gap) = extent.gap.filter(|gap| gap.next.index < floor.index) else {
            return Ok(false);
        };
        if self.first(extent.floor.index, gap.from.index)?.is_some() {
            return Ok(false);
        }
        let floor = if floor.index < gap.to.index { floor } else { gap.to };
        let rest = Gap { from: floor, next: floor, to: gap.to };
        extent.gap = (floor != gap.to).then_some(rest);
        self.raise(&mut extent, floor)?;
        self.recount(*extent).map(|()| true)
    }

    /// Counts the events anew, those given for a gap aside.
    fn recount(&self, extent: Extent) -> io::Result<()> {
        let mut events = 0;
        let here = extent.gap.map_or(0..0, |gap| extent.floor.index..gap.from.index);
        for range in [here, extent.whole_from().index..u64::MAX] {
            for pair in self.image.audit(range) {
                let (_, bytes) = pair.map_err(io_error)?;
                events += audit_head(&bytes).map_err(invalid)?.events;
            }
        }
        self.events.store(events, Ordering::Relaxed);
        Ok(())
    }
}

/// The rows of an entry that somebody else has written down, and the chain after them.
pub(crate) struct Given {
    pub(crate) after: Digest,
    head: AuditHead,
    events: Vec<AuditEvent>,
}

/// Checks rows that somebody gave against the chain before them.
pub(crate) fn given(chain: Digest, index: u64, bytes: &[u8]) -> io::Result<Given> {
    let (head, events) = read(index, bytes)?;
    if events.is_empty() {
        return Err(invalid("audit rows of an entry that left none"));
    }
    Ok(Given { after: link(chain, &head, &events)?, head, events })
}

fn read(index: u64, bytes: &[u8]) -> io::Result<(AuditHead, Vec<AuditEvent>)> {
    audit_read(LogIndex(index), bytes).map_err(invalid)
}

/// The chain after the rows of an entry, which say what it is before them.
fn link(chain: Digest, head: &AuditHead, events: &[AuditEvent]) -> io::Result<Digest> {
    meets(chain, head.before.unwrap_or(chain))?;
    Ok(events.iter().fold(chain, |chain, event| event.link(chain)))
}

fn meets(found: Digest, expected: Digest) -> io::Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(invalid(format!("the audit has chain {found}, and the state says {expected}")))
}

pub(crate) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
