//! What was decided apart from the log, and is merged.

use std::sync::Arc;

use symbolon_core::{
    AcceptedTwice, ApplicationId, AuditRow, Command, Here, Journal, JournalId, LogIndex, Match,
    Merge, MergeKind, MergeMark, MergeRecord, Merged, NodeId, Origin, Timestamp, TokenId, UserId,
};

use super::proposal::{match_from_proto, match_to_proto};
use super::{DecodeError, bypass, caller_from_proto, caller_to_proto, need, request_id};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;

pub(super) fn journal_id(bytes: &[u8]) -> Result<JournalId, DecodeError> {
    need(JournalId::from_slice(bytes), "journal")
}

pub(super) fn row_to_proto(row: &Journal) -> store::JournalRow {
    store::JournalRow {
        id: row.id.0.to_vec(),
        node: row.node.0,
        merged: row.merged,
        changed_at: row.changed_at.0,
    }
}

pub(super) fn row_from_proto(m: &store::JournalRow) -> Result<Journal, DecodeError> {
    Ok(Journal {
        id: journal_id(&m.id)?,
        node: NodeId(m.node),
        merged: m.merged,
        changed_at: LogIndex(m.changed_at),
    })
}

fn origin_to_proto(origin: &Origin) -> store::Origin {
    store::Origin {
        caller: Some(caller_to_proto(origin.caller)),
        request_id: origin.request_id.0.to_vec(),
        application: origin.application.map_or(0, |id| id.0),
        node: origin.node.0,
        at: origin.at.0,
    }
}

fn origin_from_proto(m: Option<store::Origin>) -> Result<Origin, DecodeError> {
    let m = need(m, "origin")?;
    Ok(Origin {
        caller: caller_from_proto(m.caller)?,
        request_id: request_id(&m.request_id)?,
        application: (m.application != 0).then_some(ApplicationId(m.application)),
        node: NodeId(m.node),
        at: Timestamp(m.at),
    })
}

fn kind(number: u32) -> Result<MergeKind, DecodeError> {
    need(MergeKind::from_number(number), "kind")
}

/// `None` for what is about none of it.
pub(super) fn command_to_proto(command: &Command) -> Option<store::proposal::Command> {
    use store::proposal::Command as Message;
    Some(match command {
        Command::Merge(c) => Message::Merge(merge_to_proto(c)),
        Command::AcknowledgeDoubles => Message::AcknowledgeDoubles(store::AcknowledgeDoubles {}),
        _ => return None,
    })
}

fn merge_to_proto(c: &Merge) -> store::Merge {
    let record = |record: &Option<MergeRecord>| {
        record.as_ref().map_or_else(store::MergeRecord::default, |record| store::MergeRecord {
            origin: Some(origin_to_proto(&record.origin)),
            user: record.user.0,
            kind: record.kind.number(),
            mark: record.marks.iter().map(mark_to_proto).collect(),
            recovery_code: record.recovery_code.map_or(0, u32::from),
        })
    };
    let record = c.records.iter().map(record).collect();
    store::Merge { journal: c.journal.0.to_vec(), first: c.first, record }
}

fn mark_to_proto(mark: &MergeMark) -> store::MergeMark {
    let (here, unknown) = match &mark.here {
        Here::Nobody => (None, false),
        Here::Unknown => (None, true),
        Here::Accepted(origin) => (Some(origin_to_proto(origin)), false),
    };
    store::MergeMark { shown: Some(match_to_proto(&mark.shown)), mark: mark.mark, here, unknown }
}

pub(super) fn command_from_proto(m: store::Merge) -> Result<Command, DecodeError> {
    let records = m.record.into_iter().map(record_from_proto);
    Ok(Command::Merge(Merge {
        journal: journal_id(&m.journal)?,
        first: m.first,
        records: records.collect::<Result<_, _>>()?,
    }))
}

fn record_from_proto(m: store::MergeRecord) -> Result<Option<MergeRecord>, DecodeError> {
    if m == store::MergeRecord::default() {
        return Ok(None);
    }
    Ok(Some(MergeRecord {
        origin: origin_from_proto(m.origin)?,
        user: UserId(m.user),
        kind: kind(m.kind)?,
        marks: m.mark.into_iter().map(mark_from_proto).collect::<Result<_, _>>()?,
        recovery_code: bypass::number(m.recovery_code)?,
    }))
}

fn mark_from_proto(m: store::MergeMark) -> Result<MergeMark, DecodeError> {
    let here = match (m.here, m.unknown) {
        (None, false) => Here::Nobody,
        (None, true) => Here::Unknown,
        (here, false) => Here::Accepted(origin_from_proto(here)?),
        (Some(_), true) => return Err(DecodeError::Field("unknown")),
    };
    Ok(MergeMark { shown: match_from_proto(need(m.shown, "shown")?), mark: m.mark, here })
}

/// `None` for what is about none of it.
pub(super) fn event_to_proto(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::Merged(it) => Event::Merged(merged_to_proto(it)),
        AuditRow::AcceptedTwice(it) => Event::AcceptedTwice(store::AcceptedTwice {
            user: it.user.0,
            spent: Some(store::Spent { token: it.token.0, step: it.step }),
            apart: Some(origin_to_proto(&it.apart)),
            here: Some(origin_to_proto(&it.here)),
        }),
        AuditRow::DoublesAcknowledged { doubles } => {
            Event::DoublesAcknowledged(store::DoublesAcknowledged { doubles: *doubles })
        }
        AuditRow::MergeRefused { journal, first } => {
            let journal = journal.0.to_vec();
            Event::MergeRefused(store::MergeRefused { journal, first: *first })
        }
        _ => return None,
    })
}

fn merged_to_proto(it: &Merged) -> store::Merged {
    store::Merged {
        journal: it.journal.0.to_vec(),
        number: it.number,
        user: it.user.0,
        origin: Some(origin_to_proto(&it.origin)),
        kind: it.kind.number(),
        spent: it
            .spent
            .iter()
            .map(|it| store::Spent { token: it.token.0, step: it.step })
            .collect(),
        skipped: it.skipped,
        refused: it.refused,
        unknown: it.unknown,
        counted: it.counted,
        recovery_code: it.recovery_code.map_or(0, u32::from),
    }
}

pub(super) fn merged_from_proto(m: store::Merged) -> Result<AuditRow, DecodeError> {
    let spent = |m: store::Spent| Match { token: TokenId(m.token), step: m.step };
    Ok(AuditRow::Merged(Arc::new(Merged {
        journal: journal_id(&m.journal)?,
        number: m.number,
        user: UserId(m.user),
        origin: origin_from_proto(m.origin)?,
        kind: kind(m.kind)?,
        spent: m.spent.into_iter().map(spent).collect(),
        skipped: m.skipped,
        refused: m.refused,
        unknown: m.unknown,
        counted: m.counted,
        recovery_code: bypass::number(m.recovery_code)?,
    })))
}

pub(super) fn twice_from_proto(m: store::AcceptedTwice) -> Result<AuditRow, DecodeError> {
    let spent = need(m.spent, "spent")?;
    Ok(AuditRow::AcceptedTwice(Arc::new(AcceptedTwice {
        user: UserId(m.user),
        token: TokenId(spent.token),
        step: spent.step,
        apart: origin_from_proto(m.apart)?,
        here: origin_from_proto(m.here)?,
    })))
}

pub(super) fn refused_from_proto(m: &store::MergeRefused) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::MergeRefused { journal: journal_id(&m.journal)?, first: m.first })
}
