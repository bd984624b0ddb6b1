//! Where to look in the audit, in memory: eight bytes for each of the newest events, by which a question
//! passes over the rows that cannot answer it. It follows from the rows, and is built when they are read
//! at start; a mark may lead to a row in vain, and never past one.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use symbolon_core::{AuditEvent, AuditRow, Timestamp, UserId};
use symbolon_service::audit::{
    AuditFilter, AuditKinds, AuditSubject, Decided, GoneUsers, application, decided, kind, subject,
};

/// How much an index holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Events of a block, which may pass it by those of one log entry.
    pub(crate) block_events: usize,
    /// Events that have marks. What is older is found by its time, and read row by row.
    pub(crate) marks: usize,
}

impl Default for Limits {
    /// 32 MiB of marks.
    fn default() -> Self {
        Self { block_events: 4096, marks: 1 << 22 }
    }
}

/// In [`Mark::what`]: a verification that was denied.
const DENIED: u8 = 1 << 7;

/// What is known of an event without reading it. Ids are cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    /// Log entries after the first of the block.
    entry: u16,
    user: u16,
    application: u8,
    node: u8,
    what: u8,
}

/// Events of neighbouring log entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// No event is earlier.
    pub(crate) from: Timestamp,
    /// No event is later.
    pub(crate) to: Timestamp,
    /// `None`: too old to have any.
    marks: Option<Vec<Mark>>,
}

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct AuditIndex {
    /// By log entry.
    blocks: VecDeque<Arc<Block>>,
    marks: usize,
    gone: Arc<GoneUsers>,
    limits: Limits,
}

/// What a question leaves of the marks.
pub(crate) struct Wanted {
    users: Option<Vec<u16>>,
    application: Option<u8>,
    node: Option<u8>,
    kinds: Option<AuditKinds>,
    decided: Option<Decided>,
}

impl Wanted {
    pub(crate) fn new(filter: &AuditFilter, named: &BTreeSet<UserId>) -> Self {
        let users = filter.username.as_ref().map(|name| {
            let stranger = short(AuditSubject::Stranger(name));
            named.iter().map(|user| short(AuditSubject::User(*user))).chain([stranger]).collect()
        });
        Self {
            users,
            application: filter.application.map(|id| id.0 as u8),
            node: filter.node.map(|id| id.0 as u8),
            kinds: filter.kinds,
            decided: filter.decided,
        }
    }

    /// Whether every event may be wanted.
    const fn is_all(&self) -> bool {
        self.users.is_none()
            && self.application.is_none()
            && self.node.is_none()
            && self.kinds.is_none()
            && self.decided.is_none()
    }

    fn may_be(&self, mark: &Mark) -> bool {
        let kind = mark.what & !DENIED;
        let is_verified = kind == VERIFIED;
        self.users.as_ref().is_none_or(|users| users.contains(&mark.user))
            && self.application.is_none_or(|id| mark.application == id)
            && self.node.is_none_or(|id| mark.node == id)
            && self.kinds.is_none_or(|kinds| kinds.has(kind))
            && self
                .decided
                .is_none_or(|is| is_verified && (is == Decided::Deny) == (mark.what & DENIED != 0))
    }
}

/// The kind of a verification.
const VERIFIED: u8 = 1;

/// Ids are random; of names, whose letters are not, a hash is (FNV-1a).
fn short(subject: AuditSubject<'_>) -> u16 {
    match subject {
        AuditSubject::User(user) => user.0 as u16,
        AuditSubject::Stranger(name) => {
            let hash = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            (hash >> 48) as u16
        }
        AuditSubject::Nobody => 0,
    }
}

impl Mark {
    fn of(entry: u16, event: &AuditEvent) -> Self {
        let denied = if decided(&event.row) == Some(Decided::Deny) { DENIED } else { 0 };
        Self {
            entry,
            user: short(subject(&event.row)),
            application: application(&event.row).map_or(0, |id| id.0 as u8),
            node: event.node.0 as u8,
            what: kind(&event.row) | denied,
        }
    }
}

impl Block {
    /// The log entries that may hold what is wanted, oldest first; `None`: any of them may.
    pub(crate) fn candidates(&self, wanted: &Wanted) -> Option<Vec<u64>> {
        let marks = self.marks.as_ref().filter(|_| !wanted.is_all())?;
        let mut entries: Vec<_> = marks
            .iter()
            .filter(|mark| wanted.may_be(mark))
            .map(|mark| self.first + u64::from(mark.entry))
            .collect();
        entries.dedup();
        Some(entries)
    }

    fn takes_entry(&self, index: u64, events_max: usize) -> bool {
        let has_room = self.marks.as_ref().is_some_and(|marks| marks.len() < events_max);
        has_room && index - self.first <= u64::from(u16::MAX)
    }

    /// What of it is within a range; its times are as wide as before.
    fn within(&self, range: &Range<u64>) -> Option<Self> {
        let (first, last) = (self.first.max(range.start), self.last.min(range.end.checked_sub(1)?));
        if first > last {
            return None;
        }
        let Some(marks) = &self.marks else {
            return Some(Self { first, last, ..self.clone() });
        };
        let entry = |mark: &Mark| self.first + u64::from(mark.entry);
        let kept: Vec<_> =
            marks.iter().filter(|mark| range.contains(&entry(mark))).copied().collect();
        let first = entry(kept.first()?);
        let last = entry(kept.last()?);
        let moved = (first - self.first) as u16;
        let marks = kept.into_iter().map(|mark| Mark { entry: mark.entry - moved, ..mark });
        Some(Self { first, last, marks: Some(marks.collect()), ..self.clone() })
    }
}

impl AuditIndex {
    /// An empty one.
    pub(crate) fn within(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Adds the events of a log entry after all that are there.
    pub(crate) fn add(&mut self, index: u64, events: &[AuditEvent]) {
        let Some(at) = events.first().map(|event| event.at) else { return };
        let events_max = self.limits.block_events;
        if !self.blocks.back().is_some_and(|block| block.takes_entry(index, events_max)) {
            self.bound();
            self.blocks.push_back(Arc::new(Block {
                first: index,
                last: index,
                from: at,
                to: at,
                marks: Some(Vec::new()),
            }));
        }
        if let Some(block) = self.blocks.back_mut() {
            let block = Arc::make_mut(block);
            let entry = (index - block.first) as u16;
            (block.last, block.to) = (index, at);
            let marks = block.marks.get_or_insert_default();
            marks.extend(events.iter().map(|event| Mark::of(entry, event)));
        }
        self.marks += events.len();
        for event in events {
            if let AuditRow::UserDeleted { user, name, .. } = &event.row {
                Arc::make_mut(&mut self.gone).insert(*user, (event.index, name.clone()));
            }
        }
    }

    /// Lets go of the oldest marks.
    fn bound(&mut self) {
        for block in &mut self.blocks {
            if self.marks <= self.limits.marks {
                return;
            }
            if block.marks.is_some() {
                let marks = Arc::make_mut(block).marks.take();
                self.marks -= marks.map_or(0, |marks| marks.len());
            }
        }
    }

    /// Forgets what is before a log entry; a block that it lies in stays.
    pub(crate) fn cut_before(&mut self, index: u64) {
        while let Some(block) = self.blocks.front().filter(|block| block.last < index) {
            self.marks -= block.marks.as_ref().map_or(0, Vec::len);
            self.blocks.pop_front();
        }
        let is_old = |(removed, _): &(symbolon_core::LogIndex, _)| removed.0 < index;
        if self.gone.values().any(is_old) {
            Arc::make_mut(&mut self.gone).retain(|_, removed| !is_old(removed));
        }
    }

    /// Puts the events of a range, in an index of their own, where others may be.
    pub(crate) fn replace(&mut self, range: &Range<u64>, with: Self) {
        let old = std::mem::take(&mut self.blocks);
        let earliest = with.blocks.front().map(|block| block.from);
        let latest = with.blocks.back().map(|block| block.to);
        let (mut before, mut after) = (VecDeque::new(), VecDeque::new());
        for block in old {
            if block.last < range.start {
                before.push_back(block);
                continue;
            }
            if block.first >= range.end {
                after.push_back(block);
                continue;
            }
            if let Some(mut part) = block.within(&(0..range.start)) {
                part.to = earliest.map_or(part.to, |at| part.to.min(at));
                before.push_back(Arc::new(part));
            }
            if let Some(mut part) = block.within(&(range.end..u64::MAX)) {
                part.from = latest.map_or(part.from, |at| part.from.max(at));
                after.push_back(Arc::new(part));
            }
        }
        before.extend(with.blocks);
        before.append(&mut after);
        self.blocks = before;
        self.marks = self.blocks.iter().map(|block| block.marks.as_ref().map_or(0, Vec::len)).sum();
        for (user, removed) in with.gone.iter() {
            // An id that was used again: the later event is kept longer.
            if self.gone.get(user).is_none_or(|(known, _)| *known < removed.0) {
                Arc::make_mut(&mut self.gone).insert(*user, removed.clone());
            }
        }
    }

    /// The first block that reaches to a log entry or beyond.
    pub(crate) fn from(&self, index: u64) -> Option<Arc<Block>> {
        let at = self.blocks.partition_point(|block| block.last < index);
        self.blocks.get(at).cloned()
    }

    /// The last block that begins at a log entry or before.
    pub(crate) fn back_from(&self, index: u64) -> Option<Arc<Block>> {
        let after = self.blocks.partition_point(|block| block.first <= index);
        self.blocks.get(after.checked_sub(1)?).cloned()
    }

    /// The log entry before which nothing is of that time or later.
    pub(crate) fn start(&self, from: Timestamp) -> u64 {
        let at = self.blocks.partition_point(|block| block.to < from);
        self.blocks.get(at).map_or(u64::MAX, |block| block.first)
    }

    /// The log entry after which nothing is of before that time; `None`: nothing is.
    pub(crate) fn end(&self, to: Timestamp) -> Option<u64> {
        let after = self.blocks.partition_point(|block| block.from < to);
        self.blocks.get(after.checked_sub(1)?).map(|block| block.last)
    }

    /// Users that are gone.
    pub(crate) fn gone(&self) -> Arc<GoneUsers> {
        Arc::clone(&self.gone)
    }
}
