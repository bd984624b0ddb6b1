//! Answers questions to the audit of this node, a part at a time.

use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use symbolon_core::{AuditEvent, LogIndex, State, UserId};
use symbolon_proto::audit_read;
use symbolon_service::audit::{
    AuditExtent, AuditPart, AuditPlace, AuditQuestion, AuditUnreadable, GoneUsers,
};

use crate::audit_extent::Extent;
use crate::audit_index::{Block, Wanted};
use crate::audit_log::{AuditLog, invalid};
use crate::off_thread::blocking;

/// How much is done for one part: who has gone is not worked for much longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Log entries that are read.
    pub(crate) entries: usize,
    /// Blocks that are looked through.
    pub(crate) blocks: usize,
}

impl Default for Effort {
    /// Some ten milliseconds; a million events are looked through.
    fn default() -> Self {
        Self { entries: 4096, blocks: 256 }
    }
}

/// A part that is being put together.
struct Reading<'a> {
    log: &'a AuditLog,
    question: &'a AuditQuestion,
    extent: Extent,
    named: BTreeSet<UserId>,
    wanted: Wanted,
    events: Vec<AuditEvent>,
    entries: usize,
    effort: Effort,
}

/// Whether there is room for more.
enum Step {
    On,
    Full(AuditPlace),
}

impl AuditLog {
    /// A part of an answer. `state` tells who has which name.
    pub(crate) fn read(&self, question: &AuditQuestion, state: &State) -> io::Result<AuditPart> {
        self.read_counted(question, state, Effort::default()).map(|(part, _)| part)
    }

    /// With the number of log entries that were read for it.
    pub(crate) fn read_counted(
        &self,
        question: &AuditQuestion,
        state: &State,
        effort: Effort,
    ) -> io::Result<(AuditPart, usize)> {
        let gone = self.index().gone();
        let named = named(question, state, &gone);
        let wanted = Wanted::new(&question.filter, &named);
        let extent = self.extent();
        let events = Vec::new();
        let mut reading =
            Reading { log: self, question, extent, named, wanted, events, entries: 0, effort };
        let reached =
            if question.newest_first { reading.backwards()? } else { reading.forwards()? };
        let part = AuditPart { events: reading.events, reached, gone };
        Ok((part, reading.entries))
    }

    /// Which part is here, for clients. `applied`: the last log entry that the node shows.
    pub(crate) fn shown_extent(&self, applied: LogIndex) -> AuditExtent {
        let extent = self.extent();
        AuditExtent {
            from: LogIndex(extent.floor.index),
            to: applied,
            missing: extent.gap.map(|gap| (LogIndex(gap.from.index), LogIndex(gap.to.index))),
        }
    }
}

/// All users who have, or had, the name that is asked for.
fn named(question: &AuditQuestion, state: &State, gone: &GoneUsers) -> BTreeSet<UserId> {
    let Some(name) = &question.filter.username else {
        return BTreeSet::new();
    };
    let removed = gone.iter().filter(|(_, (_, removed))| removed == name).map(|(user, _)| *user);
    removed.chain(state.user_by_name(name).map(|user| user.id)).collect()
}

impl Reading<'_> {
    fn forwards(&mut self) -> io::Result<Option<AuditPlace>> {
        let filter = &self.question.filter;
        let mut at = self.question.after.map_or(0, |after| after.index);
        at = at.max(self.extent.floor.index).max(self.log.index().start(filter.from));
        for _ in 0..self.effort.blocks {
            let block = self.log.index().from(at);
            let Some(block) =
                block.filter(|block| block.first <= self.question.last.0 && block.from < filter.to)
            else {
                return Ok(None);
            };
            let range = at.max(block.first)..=block.last.min(self.question.last.0);
            if let Step::Full(reached) = self.block(&block, range)? {
                return Ok(Some(reached));
            }
            at = block.last.saturating_add(1);
        }
        Ok(Some(AuditPlace { index: at.saturating_sub(1), ordinal: u32::MAX }))
    }

    fn backwards(&mut self) -> io::Result<Option<AuditPlace>> {
        let filter = &self.question.filter;
        let Some(end) = self.log.index().end(filter.to) else { return Ok(None) };
        let mut at = self.question.after.map_or(u64::MAX, |after| after.index);
        at = at.min(self.question.last.0).min(end);
        for _ in 0..self.effort.blocks {
            let block = self.log.index().back_from(at);
            let Some(block) = block
                .filter(|block| block.last >= self.extent.floor.index && block.to >= filter.from)
            else {
                return Ok(None);
            };
            let range = block.first.max(self.extent.floor.index)..=block.last.min(at);
            if let Step::Full(reached) = self.block(&block, range)? {
                return Ok(Some(reached));
            }
            let Some(next) = block.first.checked_sub(1) else { return Ok(None) };
            at = next;
        }
        Ok(Some(AuditPlace { index: at.saturating_add(1), ordinal: 0 }))
    }

    /// Takes what a block holds within a range of log entries.
    fn block(&mut self, block: &Block, range: RangeInclusive<u64>) -> io::Result<Step> {
        let log = self.log;
        let Some(mut entries) = block.candidates(&self.wanted) else {
            return self.rows(log.rows(range), |_| true);
        };
        entries.retain(|entry| range.contains(entry));
        // Where many are wanted, one walk costs less than many look-ups.
        let width = range.end().saturating_sub(*range.start());
        if entries.len() as u64 * 4 > width {
            return self.rows(log.rows(range), |index| entries.binary_search(&index).is_ok());
        }
        if self.question.newest_first {
            entries.reverse();
        }
        for entry in entries {
            for row in log.rows(entry..=entry) {
                let (index, bytes) = row?;
                if let Step::Full(reached) = self.row(index, &bytes)? {
                    return Ok(Step::Full(reached));
                }
            }
        }
        Ok(Step::On)
    }

    fn rows(
        &mut self,
        rows: impl DoubleEndedIterator<Item = io::Result<(u64, Vec<u8>)>>,
        may_be: impl Fn(u64) -> bool,
    ) -> io::Result<Step> {
        let mut rows = rows;
        loop {
            let row = if self.question.newest_first { rows.next_back() } else { rows.next() };
            let Some(row) = row else { return Ok(Step::On) };
            let (index, bytes) = row?;
            if may_be(index)
                && let Step::Full(reached) = self.row(index, &bytes)?
            {
                return Ok(Step::Full(reached));
            }
        }
    }

    /// Takes what a log entry holds.
    fn row(&mut self, index: u64, bytes: &[u8]) -> io::Result<Step> {
        if !self.extent.has(index) {
            return Ok(Step::On);
        }
        let (_, mut events) = audit_read(LogIndex(index), bytes).map_err(invalid)?;
        let newest_first = self.question.newest_first;
        if newest_first {
            events.reverse();
        }
        self.entries += 1;
        for event in events {
            let place = AuditPlace::of(&event);
            let is_next = self.question.after.is_none_or(|after| match newest_first {
                true => place < after,
                false => place > after,
            });
            if is_next && self.question.filter.takes(&event, &self.named) {
                self.events.push(event);
                if self.events.len() >= self.question.events_max {
                    return Ok(Step::Full(place));
                }
            }
        }
        if self.entries < self.effort.entries {
            return Ok(Step::On);
        }
        let ordinal = if newest_first { 0 } else { u32::MAX };
        Ok(Step::Full(AuditPlace { index, ordinal }))
    }
}

/// Reads where it holds up nobody.
pub(crate) async fn read(
    audit: Arc<AuditLog>,
    question: AuditQuestion,
    state: Arc<State>,
) -> Result<AuditPart, AuditUnreadable> {
    blocking(move || audit.read(&question, &state)).await.map_err(|error| {
        tracing::error!(%error, "the audit cannot be read");
        AuditUnreadable
    })
}

#[cfg(test)]
mod tests;
