//! What nodes decided apart, and how it counts here.

use std::sync::Arc;

use symbolon_core::{
    AcceptedTwice, AuditRow, Caller, Here, Journal, LogIndex, Merge, MergeKind, MergeRecord,
    Merged, Refusal, Reply, Setting, Token,
};

use super::{At, Decided, Model, OFF_MAX};

/// Records, and marks in them, that are merged at once.
const RECORDS_MAX: usize = 16;
const MARKS_MAX: usize = 32;
/// Steps and counters over which an administrator looks for two codes in a row.
const STEPS_AHEAD: u64 = 100;
const COUNTERS_AHEAD: u64 = 1_000;

impl Model {
    pub(super) fn merge(&mut self, at: At<'_>, command: &Merge) -> Decided {
        let Caller::Node(node) = at.proposal.caller else { return Err(Refusal::NotPermitted) };
        let row = self.journals.iter().find(|row| row.id == command.journal).copied();
        let merged = row.map_or(0, |row| row.merged);
        let of_another = row.is_some_and(|row| row.node != node && self.is_member(row.node));
        let marks: usize = command.records.iter().flatten().map(|it| it.marks.len()).sum();
        let too_much = command.records.len() > RECORDS_MAX || marks > MARKS_MAX;
        let out_of_order = command.first == 0 || command.first > merged + 1;
        if of_another || out_of_order || too_much {
            self.note_if(of_another, "a journal of another node is refused");
            self.note_if(out_of_order, "records out of order are refused");
            let (journal, first) = (command.journal, command.first);
            self.tell(at, AuditRow::MergeRefused { journal, first });
            return Ok(Reply::Done);
        }
        let numbered = (command.first..).zip(&command.records);
        let new: Vec<_> = numbered.filter(|(number, _)| *number > merged).collect();
        self.note_if(new.len() < command.records.len(), "a record is passed over");
        if new.is_empty() {
            return Ok(Reply::Done);
        }
        let others = self.journals.iter().filter(|row| row.id != command.journal);
        if others.into_iter().any(|row| row.changed_at > at.proposal.seen)
            || new.iter().any(|(_, it)| it.as_ref().is_some_and(|it| self.is_old(at, it)))
        {
            return Err(Refusal::Stale);
        }
        let mut last = merged;
        for (number, record) in new {
            last = number;
            if let Some(record) = record {
                self.merge_record(at, command, number, record);
            }
        }
        self.journals.retain(|row| row.id != command.journal);
        let (id, changed_at) = (command.journal, at.index);
        self.journals.push(Journal { id, node, merged: last, changed_at });
        Ok(Reply::Done)
    }

    /// Whether something has changed that the record was looked up by.
    fn is_old(&self, at: At<'_>, record: &MergeRecord) -> bool {
        let seen: LogIndex = at.proposal.seen;
        let person = self.people.iter().find(|person| person.id == record.user);
        let codes = person.is_some_and(|person| person.changed_at > seen);
        let moved = record.marks.iter().any(|mark| {
            let token = self.tokens.iter().find(|token| token.id == mark.shown.token);
            token.is_some_and(|token| token.mark != mark.mark)
        });
        record.recovery_code.is_some() && codes || record.kind == MergeKind::Accepted && moved
    }

    fn merge_record(&mut self, at: At<'_>, command: &Merge, number: u64, record: &MergeRecord) {
        let mut told = Merged::begun((command.journal, number), record);
        let accepted = record.kind == MergeKind::Accepted;
        let mut twice = Vec::new();
        for mark in &record.marks {
            let of_user = |token: &Token| token.id == mark.shown.token && token.user == record.user;
            let Some(place) = self.tokens.iter().position(of_user) else {
                told.skipped += 1;
                self.notes.push("a code of a token that is gone is passed over");
                continue;
            };
            if mark.shown.step > self.farthest(&self.tokens[place], record) {
                told.refused += 1;
                self.notes.push("a code that no token could have shown is refused");
                continue;
            }
            told.spent.push(mark.shown);
            let token = &mut self.tokens[place];
            if mark.shown.step > token.mark {
                token.mark = mark.shown.step;
                if token.parameters.period_seconds().is_none() {
                    token.changed_at = at.index;
                    token.awaits_second = false;
                }
                self.notes.push("a mark is merged");
            }
            match mark.here {
                Here::Unknown if accepted => told.unknown += 1,
                Here::Accepted(here) if accepted => {
                    let same = here.caller == record.origin.caller
                        && here.request_id == record.origin.request_id;
                    self.note_if(same, "a request is merged that was decided here too");
                    if !same {
                        let (token, step) = (mark.shown.token, mark.shown.step);
                        let (user, apart) = (record.user, record.origin);
                        twice.push(AcceptedTwice { user, token, step, apart, here });
                    }
                }
                _ => {}
            }
        }
        self.merge_person(record, &mut told);
        self.tell(at, AuditRow::Merged(Arc::new(told)));
        self.cluster.as_mut().unwrap().doubles += twice.len() as u64;
        self.note_if(!twice.is_empty(), "a code is merged that was accepted twice");
        for twice in twice {
            self.tell(at, AuditRow::AcceptedTwice(Arc::new(twice)));
        }
    }

    /// The last step that a token can have shown by then.
    fn farthest(&self, token: &Token, record: &MergeRecord) -> u64 {
        match token.parameters.period_seconds() {
            Some(period) => {
                let at = record.origin.at.0.min(self.now + OFF_MAX);
                let window = self.settings.get(Setting::TotpWindow);
                at / 1000 / u64::from(period) + STEPS_AHEAD + window
            }
            None => token.mark + COUNTERS_AHEAD,
        }
    }

    fn merge_person(&mut self, record: &MergeRecord, told: &mut Merged) {
        let (now, hard) = (self.now, self.settings.get(Setting::LockoutHardLimit));
        let Ok(person) = self.person(record.user) else { return };
        if record.kind == MergeKind::Failed {
            let before = person.wrong.last().map_or(0, |(_, at)| *at);
            let is_full = person.wrong.len() as u64 >= hard;
            if !is_full {
                let by = record.origin.application.unwrap_or_default();
                person.wrong.push((by, record.origin.at.0.min(now).max(before)));
                told.counted = true;
            }
            self.note_if(!is_full, "a failure is merged");
        }
        let Some(number) = record.recovery_code else { return };
        let person = self.person(record.user).unwrap();
        let codes = person.codes.as_mut().filter(|codes| codes.is_used(number) == Some(false));
        if let Some(codes) = codes {
            codes.used |= 1 << (number - 1);
            told.recovery_code = Some(number);
            self.notes.push("a recovery code is merged");
        }
    }

    pub(super) fn acknowledge_doubles(&mut self, at: At<'_>) -> Decided {
        let doubles = std::mem::take(&mut self.cluster.as_mut().unwrap().doubles);
        if doubles == 0 {
            return Err(Refusal::WrongPhase);
        }
        self.tell(at, AuditRow::DoublesAcknowledged { doubles });
        Ok(Reply::Done)
    }
}
