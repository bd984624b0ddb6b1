//! What was decided apart from the log.

use symbolon_core::{AuditRow, MergeKind, Origin};
use symbolon_proto::v1;
use v1::audit_event::Details;

use super::Names;
use crate::convert::timestamp;

impl Names<'_> {
    pub(super) fn about_merge(&self, row: &AuditRow) -> Details {
        match row {
            AuditRow::Merged(it) => {
                let mut details = v1::MergedDetails {
                    user: self.user(it.user),
                    origin: Some(self.origin(&it.origin)),
                    tokens: it.spent.iter().map(|spent| self.token(spent.token)).collect(),
                    skipped: it.skipped,
                    refused: it.refused,
                    unknown: it.unknown,
                    counted: it.counted,
                    recovery: it.recovery_code.map_or(0, u32::from),
                    journal: it.journal.to_string(),
                    number: it.number,
                    ..v1::MergedDetails::default()
                };
                details.set_kind(kind(it.kind));
                Details::Merged(details)
            }
            AuditRow::AcceptedTwice(it) => Details::AcceptedTwice(v1::AcceptedTwiceDetails {
                user: self.user(it.user),
                token: Some(self.token(it.token)),
                apart: Some(self.origin(&it.apart)),
                here: Some(self.origin(&it.here)),
            }),
            AuditRow::DoublesAcknowledged { doubles } => {
                let details = v1::DoublesAcknowledgedDetails { doubles: *doubles };
                Details::DoublesAcknowledged(details)
            }
            AuditRow::MergeRefused { journal, first } => {
                let (journal, first) = (journal.to_string(), *first);
                Details::MergeRefused(v1::MergeRefusedDetails { journal, first })
            }
            other => self.details(other),
        }
    }

    fn origin(&self, origin: &Origin) -> v1::AuditedOrigin {
        v1::AuditedOrigin {
            caller: Some(self.caller(origin.caller)),
            request_id: origin.request_id.0.to_vec(),
            application: origin.application.and_then(|id| self.application(id)),
            node_id: origin.node.0,
            node: self.node(origin.node),
            time: Some(timestamp(origin.at)),
        }
    }
}

const fn kind(kind: MergeKind) -> v1::MergedKind {
    match kind {
        MergeKind::Spent => v1::MergedKind::Spent,
        MergeKind::Accepted => v1::MergedKind::Accepted,
        MergeKind::Failed => v1::MergedKind::Failed,
        MergeKind::Resynchronised => v1::MergedKind::Resynchronised,
    }
}
