//! Merging what was decided apart from the log of this lineage. Nothing here lets anybody in: marks
//! rise, failures are added, and what counts once is used.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::{
    JOURNALS_MAX, MERGE_MARKS_MAX, MERGE_RECORDS_MAX, OUTCOME_AGE_MILLISECONDS_MAX,
    RESYNC_HOTP_COUNTERS,
};
use crate::otp::MovingFactor;
use crate::{
    AcceptedTwice, AuditRow, Caller, Here, Journal, LogIndex, Merge, MergeKind, MergeMark,
    MergeRecord, Merged, NodeId, Refusal, Reply, Row, RowKey, Setting, State, Timestamp, Token,
};

impl State {
    /// A journal.
    #[must_use]
    pub fn journal(&self, id: crate::JournalId) -> Option<&Journal> {
        self.journals.get(id)
    }

    /// Each record is merged once: those up to the highest number that was merged are passed over, so a
    /// proposal that comes again is harmless. A journal has one node, until that is no member any more.
    pub(super) fn merge(
        &mut self,
        context: &Context<'_>,
        command: &Merge,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let Caller::Node(node) = context.proposal.caller else {
            return Err(Refusal::NotPermitted);
        };
        let known = self.journal(command.journal).copied();
        let merged = known.map_or(0, |row| row.merged);
        if !self.is_fit(command, node, known) {
            let row = AuditRow::MergeRefused { journal: command.journal, first: command.first };
            self.record(context, row, out);
            return Ok(Reply::Done);
        }
        let passed = usize::try_from(merged + 1 - command.first).unwrap_or(usize::MAX);
        let records = command.records.get(passed..).unwrap_or_default();
        if records.is_empty() {
            return Ok(Reply::Done);
        }
        let is_stale = !self.was_looked_up(command, records, context.proposal.seen);
        #[cfg(feature = "planted")]
        let is_stale = is_stale && !crate::planted::is("stale-ignored");
        if is_stale {
            return Err(Refusal::Stale);
        }
        let mut number = merged;
        for record in records {
            number += 1;
            if let Some(record) = record {
                self.merge_record(context, (command.journal, number), record, out);
            }
        }
        let (id, changed_at) = (command.journal, context.stamp.index);
        if known.is_none() {
            self.have_room_for_journal(out);
        }
        self.put(Row::Journal(Journal { id, node, merged: number, changed_at }), out);
        Ok(Reply::Done)
    }

    /// Whether it is the node's own journal, and goes on where that was left.
    fn is_fit(&self, command: &Merge, node: NodeId, known: Option<Journal>) -> bool {
        let own = known.is_none_or(|row| row.node == node || !self.is_member(row.node));
        let merged = known.map_or(0, |row| row.merged);
        let marks =
            command.records.iter().flatten().map(|record| record.marks.len()).sum::<usize>();
        own && (1..=merged + 1).contains(&command.first)
            && command.records.len() <= MERGE_RECORDS_MAX
            && marks <= MERGE_MARKS_MAX
    }

    /// Whether what the proposing node has found in its audit is still all that there is: nothing that it
    /// looked for was accepted or merged after `seen`.
    fn was_looked_up(
        &self,
        command: &Merge,
        records: &[Option<MergeRecord>],
        seen: LogIndex,
    ) -> bool {
        let stands = |mark: &MergeMark| {
            self.token(mark.shown.token).is_none_or(|token| token.mark == mark.mark)
        };
        let of_record = |record: &MergeRecord| {
            let accepted = record.kind == MergeKind::Accepted;
            let user = self.user(record.user).filter(|_| record.recovery_code.is_some());
            (!accepted || record.marks.iter().all(stands))
                && user.is_none_or(|user| user.changed_at <= seen)
        };
        let others = self.journals.iter().filter(|row| row.id != command.journal);
        others.into_iter().all(|row| row.changed_at <= seen)
            && records.iter().flatten().all(of_record)
    }

    /// Of more journals than are noted, the one goes that was merged longest ago. If it is merged again,
    /// its marks have moved already, and the audit tells its node that its failures are counted.
    fn have_room_for_journal(&mut self, out: &mut Output) {
        if self.journals.len() >= JOURNALS_MAX {
            let oldest = self.journals.iter().min_by_key(|row| (row.changed_at, row.id));
            if let Some(id) = oldest.map(|row| row.id) {
                self.delete(RowKey::Journal(id), out);
            }
        }
    }

    fn merge_record(
        &mut self,
        context: &Context<'_>,
        of: (crate::JournalId, u64),
        record: &MergeRecord,
        out: &mut Output,
    ) {
        let mut merged = Merged::begun(of, record);
        let mut twice = Vec::new();
        for mark in &record.marks {
            twice.extend(self.merge_mark(context, record, mark, &mut merged, out));
        }
        self.merge_failure(record, &mut merged, out);
        self.merge_recovery_code(record, &mut merged, out);
        self.record(context, AuditRow::Merged(Arc::new(merged)), out);
        if let Some(mut cluster) = self.cluster().cloned().filter(|_| !twice.is_empty()) {
            cluster.doubles = cluster.doubles.saturating_add(twice.len() as u64);
            self.put(Row::Cluster(cluster), out);
        }
        for twice in twice {
            self.record(context, AuditRow::AcceptedTwice(Arc::new(twice)), out);
        }
    }

    /// Moves a mark up, if it is below. What was accepted here by another request as well is returned.
    fn merge_mark(
        &mut self,
        context: &Context<'_>,
        record: &MergeRecord,
        mark: &MergeMark,
        merged: &mut Merged,
        out: &mut Output,
    ) -> Option<AcceptedTwice> {
        let found = self.token(mark.shown.token).filter(|token| token.user == record.user);
        let Some(mut token) = found.cloned() else {
            merged.skipped += 1;
            return None;
        };
        if mark.shown.step > self.reach(&token, record) {
            merged.refused += 1;
            return None;
        }
        merged.spent.push(mark.shown);
        #[cfg(feature = "planted")]
        if crate::planted::is("merge-moves-no-mark") {
            return None;
        }
        if mark.shown.step > token.mark {
            token.mark = mark.shown.step;
            if token.parameters.factor() == MovingFactor::Counter {
                // Codes are looked for around the mark; and the code at it was not shown here.
                token.changed_at = context.stamp.index;
                token.awaits_second = false;
            }
            self.put(Row::Token(token), out);
        }
        #[cfg(feature = "planted")]
        if crate::planted::is("double-not-told") {
            return None;
        }
        match mark.here {
            _ if record.kind != MergeKind::Accepted => None,
            Here::Nobody => None,
            Here::Unknown => {
                merged.unknown += 1;
                None
            }
            Here::Accepted(here) => {
                (!here.is_request_of(&record.origin)).then_some(AcceptedTwice {
                    user: record.user,
                    token: mark.shown.token,
                    step: mark.shown.step,
                    apart: record.origin,
                    here,
                })
            }
        }
    }

    /// The highest step that a token can have shown. Its clock may have been found to be ahead there, as far
    /// as that can be set; and the time of there is not believed beyond what clocks differ. A token that
    /// counts may have been ahead as far as that: what lies between was shown at other nodes, with which that
    /// one agreed, and which merge it later.
    fn reach(&self, token: &Token, record: &MergeRecord) -> u64 {
        let at = record.origin.at.min(self.clock.plus(OUTCOME_AGE_MILLISECONDS_MAX));
        self.farthest(token, at, RESYNC_HOTP_COUNTERS)
    }

    /// Adds a failure, up to the hard limit.
    fn merge_failure(&mut self, record: &MergeRecord, merged: &mut Merged, out: &mut Output) {
        let hard = self.setting(Setting::LockoutHardLimit);
        let user = self.user(record.user).filter(|user| u64::from(user.failures) < hard);
        if record.kind != MergeKind::Failed {
            return;
        }
        if let Some(mut user) = user.cloned() {
            let at = record.origin.at.min(self.clock).max(user.failed_at).max(Timestamp(1));
            user.fail(record.origin.application.unwrap_or_default(), at);
            self.put(Row::User(user), out);
            merged.counted = true;
        }
    }

    fn merge_recovery_code(&mut self, record: &MergeRecord, merged: &mut Merged, out: &mut Output) {
        let Some(number) = record.recovery_code else { return };
        let Some(mut user) = self.user(record.user).cloned() else { return };
        let codes = user.recovery_codes.as_deref();
        if let Some(codes) = codes.filter(|codes| codes.is_used(number) == Some(false)) {
            user.recovery_codes = Some(Arc::new(codes.spending(number)));
            self.put(Row::User(user), out);
            merged.recovery_code = Some(number);
        }
    }

    pub(super) fn acknowledge_doubles(
        &mut self,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let cluster = self.cluster().cloned().filter(|cluster| cluster.doubles > 0);
        let mut cluster = cluster.ok_or(Refusal::WrongPhase)?;
        let doubles = core::mem::take(&mut cluster.doubles);
        self.put(Row::Cluster(cluster), out);
        self.record(context, AuditRow::DoublesAcknowledged { doubles }, out);
        Ok(Reply::Done)
    }
}
