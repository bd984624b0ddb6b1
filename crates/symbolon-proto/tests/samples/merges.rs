//! What came with merges: what nodes decided apart.

use std::sync::Arc;

use super::*;
use symbolon_core::{
    AcceptedTwice, Here, Journal, JournalId, Merge, MergeKind, MergeMark, MergeRecord, Merged,
    Origin,
};

fn origin(node: u64) -> Origin {
    Origin {
        caller: Caller::Application(ApplicationId(0x0102_0304_0506_0708)),
        request_id: RequestId([0x23; 16]),
        application: Some(ApplicationId(0x0102_0304_0506_0708)),
        node: NodeId(node),
        at: AT,
    }
}

const fn shown() -> Match {
    Match { token: TokenId(0xb1b2_b3b4_b5b6_b7b8), step: 60_000_001 }
}

/// Commands about it.
pub(crate) fn merge_commands() -> Vec<(&'static str, Command)> {
    let record = |kind, here, recovery_code| {
        Some(MergeRecord {
            origin: origin(2),
            user: UserId(0xa1a2_a3a4_a5a6_a7a8),
            kind,
            marks: vec![MergeMark { shown: shown(), mark: 60_000_000, here }],
            recovery_code,
        })
    };
    let by_administrator = MergeRecord {
        origin: Origin {
            caller: Caller::Administrator(AdministratorId(0x1112_1314_1516_1718)),
            application: None,
            ..origin(2)
        },
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        kind: MergeKind::Resynchronised,
        marks: Vec::new(),
        recovery_code: None,
    };
    let records = vec![
        record(MergeKind::Accepted, Here::Accepted(origin(3)), None),
        None,
        record(MergeKind::Failed, Here::Nobody, None),
        record(MergeKind::Spent, Here::Unknown, Some(10)),
        Some(by_administrator),
    ];
    let merge = Merge { journal: JournalId([0x81; 16]), first: 4711, records };
    vec![("merge", Command::Merge(merge)), ("acknowledge-doubles", Command::AcknowledgeDoubles)]
}

/// Rows about it.
pub(crate) fn merge_rows() -> Vec<(&'static str, Row)> {
    let journal = Journal {
        id: JournalId([0x81; 16]),
        node: NodeId(4),
        merged: 4715,
        changed_at: LogIndex(303),
    };
    vec![
        ("journal", Row::Journal(journal)),
        ("cluster-doubles", Row::Cluster(Cluster { doubles: 3, ..cluster() })),
        (
            "cluster-removed",
            Row::Cluster(Cluster { removed: vec![Timestamp(1), Timestamp(2)], ..cluster() }),
        ),
    ]
}

/// Events about it.
pub(crate) fn merge_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let merged = Merged {
        journal: JournalId([0x81; 16]),
        number: 4711,
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        origin: origin(2),
        kind: MergeKind::Accepted,
        spent: vec![shown()],
        skipped: 1,
        refused: 2,
        unknown: 3,
        counted: true,
        recovery_code: Some(10),
    };
    let twice = AcceptedTwice {
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        token: shown().token,
        step: shown().step,
        apart: origin(2),
        here: origin(3),
    };
    audit_of(vec![
        AuditRow::Merged(Arc::new(merged)),
        AuditRow::AcceptedTwice(Arc::new(twice)),
        AuditRow::DoublesAcknowledged { doubles: 3 },
        AuditRow::MergeRefused { journal: JournalId([0x81; 16]), first: 4711 },
    ])
}
