//! What comes with merges.

use std::sync::Arc;

use super::*;
use symbolon_core::{
    AcceptedTwice, Here, Journal, JournalId, Merge, MergeKind, MergeMark, MergeRecord, Merged,
    Origin,
};

fn journal_id() -> impl Strategy<Value = JournalId> {
    any::<[u8; 16]>().prop_map(JournalId)
}

fn origin() -> impl Strategy<Value = Origin> {
    (caller(), any::<[u8; 16]>(), option::of(id(ApplicationId)), id(NodeId), time()).prop_map(
        |(caller, id, application, node, at)| Origin {
            caller,
            request_id: RequestId(id),
            application,
            node,
            at,
        },
    )
}

fn shown() -> impl Strategy<Value = Match> {
    (id(TokenId), number()).prop_map(|(token, step)| Match { token, step })
}

fn kind() -> impl Strategy<Value = MergeKind> {
    proptest::sample::select(&MergeKind::ALL[..])
}

fn here() -> impl Strategy<Value = Here> {
    prop_oneof![Just(Here::Nobody), Just(Here::Unknown), origin().prop_map(Here::Accepted)]
}

fn record() -> impl Strategy<Value = MergeRecord> {
    let mark =
        (shown(), number(), here()).prop_map(|(shown, mark, here)| MergeMark { shown, mark, here });
    (origin(), id(UserId), kind(), vec(mark, 0..3), option::of(1..=10_u8)).prop_map(
        |(origin, user, kind, marks, recovery_code)| MergeRecord {
            origin,
            user,
            kind,
            marks,
            recovery_code,
        },
    )
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let merge = (journal_id(), number(), vec(option::of(record()), 0..4));
    prop_oneof![
        merge.prop_map(|(journal, first, records)| Command::Merge(Merge {
            journal,
            first,
            records
        })),
        Just(Command::AcknowledgeDoubles),
    ]
}

pub(super) fn row() -> impl Strategy<Value = Row> {
    (journal_id(), id(NodeId), number(), number()).prop_map(|(id, node, merged, changed_at)| {
        Row::Journal(Journal { id, node, merged, changed_at: LogIndex(changed_at) })
    })
}

fn merged() -> impl Strategy<Value = Merged> {
    let counts = (any::<u32>(), any::<u32>(), any::<u32>());
    let rest = (vec(shown(), 0..3), counts, any::<bool>(), option::of(1..=10_u8));
    (journal_id(), number(), id(UserId), origin(), kind(), rest).prop_map(
        |(journal, number, user, origin, kind, rest)| {
            let (spent, (skipped, refused, unknown), counted, recovery_code) = rest;
            Merged {
                journal,
                number,
                user,
                origin,
                kind,
                spent,
                skipped,
                refused,
                unknown,
                counted,
                recovery_code,
            }
        },
    )
}

pub(super) fn audit_row() -> impl Strategy<Value = AuditRow> {
    prop_oneof![
        merged().prop_map(|it| AuditRow::Merged(Arc::new(it))),
        (id(UserId), shown(), origin(), origin()).prop_map(|(user, shown, apart, here)| {
            let (token, step) = (shown.token, shown.step);
            AuditRow::AcceptedTwice(Arc::new(AcceptedTwice { user, token, step, apart, here }))
        }),
        number().prop_map(|doubles| AuditRow::DoublesAcknowledged { doubles }),
        (journal_id(), number())
            .prop_map(|(journal, first)| AuditRow::MergeRefused { journal, first }),
    ]
}
