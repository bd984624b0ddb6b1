//! What nodes merge, as they find it.

use symbolon_core::{
    ApplicationId, Caller, Command, Here, JournalId, Match, Merge, MergeMark, MergeRecord, NodeId,
    Origin, RequestId, Timestamp, TokenId, UserId,
};

use super::make::Maker;
use crate::script::merge::{Here as Found, Record, Wish};

impl Maker<'_> {
    pub(super) fn merge(&self, wish: &Wish) -> Command {
        let journal = JournalId([wish.journal; 16]);
        let merged = self.view.journal(journal).map_or(0, |row| row.merged);
        let first = (merged + 1).saturating_add_signed(wish.first_off);
        let records = (first..).zip(&wish.records);
        let records = records
            .map(|(number, record)| {
                record.as_ref().map(|record| self.record(wish.journal, number, record))
            })
            .collect();
        Command::Merge(Merge { journal, first, records })
    }

    fn record(&self, journal: u8, number: u64, record: &Record) -> MergeRecord {
        let application = ApplicationId(1 + number % 2);
        let mut id = [journal; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        let origin = Origin {
            caller: Caller::Application(application),
            request_id: RequestId(id),
            application: Some(application),
            node: NodeId(journal.into()),
            at: Timestamp(self.made_at.0.saturating_add_signed(record.at_off)),
        };
        let other = Origin { request_id: RequestId([9; 16]), node: NodeId(1), ..origin };
        let marks = record.marks.iter().map(|(number, off)| {
            let token = TokenId(*number);
            let row = self.view.token(token);
            let mark = row.map_or(0, |row| row.mark);
            // Near what a clock token shows, or near the mark of one that counts.
            let from = row.map_or(1, |row| match row.parameters.period_seconds() {
                Some(period) if *off > 1 => origin.at.0 / 1000 / u64::from(period),
                _ => mark,
            });
            let here = match record.here {
                Found::Nobody => Here::Nobody,
                Found::Unknown => Here::Unknown,
                Found::Other => Here::Accepted(other),
                Found::Own => Here::Accepted(origin),
            };
            let step = from.saturating_add_signed(*off);
            MergeMark { shown: Match { token, step }, mark, here }
        });
        MergeRecord {
            origin,
            user: UserId(record.user),
            kind: record.kind,
            marks: marks.collect(),
            recovery_code: record.recovery_code,
        }
    }
}
