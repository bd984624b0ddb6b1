//! Events about merges.

use std::sync::Arc;

use symbolon_core::{
    AcceptedTwice, ApplicationId, AuditRow, Caller, JournalId, Match, MergeKind, Merged, NodeId,
    Origin, RequestId, Timestamp, TokenId, UserId,
};

use super::events::fields;

const fn origin() -> Origin {
    Origin {
        caller: Caller::Application(ApplicationId(5)),
        request_id: RequestId([6; 16]),
        application: Some(ApplicationId(7)),
        node: NodeId(8),
        at: Timestamp(9),
    }
}

const ORIGINS: [fn(&mut Origin); 6] = [
    |it| it.caller = Caller::Application(ApplicationId(99)),
    |it| it.request_id = RequestId([99; 16]),
    |it| it.application = Some(ApplicationId(99)),
    |it| it.application = None,
    |it| it.node = NodeId(99),
    |it| it.at = Timestamp(99),
];

pub(crate) fn of_merges() -> Vec<AuditRow> {
    let merged = Merged {
        journal: JournalId([1; 16]),
        number: 2,
        user: UserId(3),
        origin: origin(),
        kind: MergeKind::Accepted,
        spent: vec![Match { token: TokenId(4), step: 5 }],
        skipped: 6,
        refused: 7,
        unknown: 8,
        counted: false,
        recovery_code: None,
    };
    let mut rows = fields(
        merged.clone(),
        &[
            |it| it.journal = JournalId([9; 16]),
            |it| it.number = 99,
            |it| it.user = UserId(99),
            |it| it.kind = MergeKind::Failed,
            |it| it.spent = Vec::new(),
            |it| it.spent[0].token = TokenId(99),
            |it| it.spent[0].step = 99,
            |it| it.skipped = 99,
            |it| it.refused = 99,
            |it| it.unknown = 99,
            |it| it.counted = true,
            |it| it.recovery_code = Some(3),
        ],
        |it| AuditRow::Merged(Arc::new(it)),
    );
    for change in ORIGINS {
        let mut merged = merged.clone();
        change(&mut merged.origin);
        rows.push(AuditRow::Merged(Arc::new(merged)));
    }
    let twice = AcceptedTwice {
        user: UserId(3),
        token: TokenId(4),
        step: 5,
        apart: origin(),
        here: Origin { node: NodeId(1), ..origin() },
    };
    rows.extend(fields(
        twice,
        &[|it| it.user = UserId(99), |it| it.token = TokenId(99), |it| it.step = 99],
        |it| AuditRow::AcceptedTwice(Arc::new(it)),
    ));
    for change in ORIGINS {
        let (mut apart, mut here) = (twice, twice);
        change(&mut apart.apart);
        change(&mut here.here);
        rows.extend([apart, here].map(|it| AuditRow::AcceptedTwice(Arc::new(it))));
    }
    rows.extend([1, 2].map(|doubles| AuditRow::DoublesAcknowledged { doubles }));
    let refused = (JournalId([1; 16]), 2);
    rows.extend(fields(
        refused,
        &[|it| it.0 = JournalId([9; 16]), |it| it.1 = 9],
        |(journal, first)| AuditRow::MergeRefused { journal, first },
    ));
    rows
}
