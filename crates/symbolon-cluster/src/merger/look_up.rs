//! Looks for what is to be merged in the audit of this lineage: who has accepted the same code, and what
//! is there already because another node held it too.

use std::io;

use symbolon_core::{
    AuditEvent, AuditRow, Here, LogIndex, Match, MergeKind, MergeRecord, Origin, User,
};
use symbolon_service::View;
use symbolon_service::audit::{
    AuditFilter, AuditKinds, AuditPlace, AuditQuestion, AuditSubject, subject,
};

use super::records;
use crate::audit_log::AuditLog;

/// Verifications, new recovery codes and what was merged, as the audit numbers them.
const KINDS: [u32; 3] = [1, 44, 45];
/// Events that are read at once.
const EVENTS: usize = 1_000;

/// Where in the log it is looked for who else took a code.
#[derive(Clone, Copy)]
pub(super) struct Within {
    /// After this entry.
    pub(super) since: LogIndex,
    /// What came after this one must be there, or it is not known whether somebody did.
    pub(super) fork: LogIndex,
}

impl Within {
    /// After an entry, all of which must be there.
    pub(super) const fn after(index: LogIndex) -> Self {
        Self { since: index, fork: index }
    }
}

/// The records with what the audit tells of them, up to what the view has applied.
pub(super) fn look_up(
    audit: &AuditLog,
    view: &View,
    within: Within,
    records: Vec<Option<MergeRecord>>,
) -> io::Result<Vec<Option<MergeRecord>>> {
    let looked_up = records.into_iter().map(|record| match record {
        Some(record) => one(audit, view, within, record),
        None => Ok(None),
    });
    looked_up.collect()
}

fn one(
    audit: &AuditLog,
    view: &View,
    within: Within,
    mut record: MergeRecord,
) -> io::Result<Option<MergeRecord>> {
    let Some(user) = view.state.user(record.user) else { return Ok(Some(record)) };
    let mut may_be_here = record.kind == MergeKind::Failed || record.recovery_code.is_some();
    for mark in &mut record.marks {
        mark.mark = view.state.token(mark.shown.token).map_or(0, |token| token.mark);
        // Marks do not fall: a code above the mark was accepted by nobody.
        may_be_here |= mark.shown.step <= mark.mark;
    }
    if !may_be_here {
        return Ok(Some(record));
    }
    let is_pruned = audit.extent().floor.index > within.fork.0 + 1;
    let events = events(audit, view, within.since, user)?;
    if events.iter().any(|event| is_there(event, &record)) {
        return Ok(None);
    }
    let is_new_set =
        |event: &AuditEvent| matches!(event.row, AuditRow::RecoveryCodesCreated { .. });
    if events.iter().any(is_new_set) {
        record.recovery_code = None;
    }
    for mark in record.marks.iter_mut().filter(|mark| mark.shown.step <= mark.mark) {
        let accepted = events.iter().filter_map(|event| accepted(event, mark.shown));
        let mut accepted: Vec<_> = accepted.collect();
        // The same request is no second one, whoever else was let in.
        accepted.sort_by_key(|here| !here.is_request_of(&record.origin));
        mark.here = match accepted.first() {
            Some(here) => Here::Accepted(*here),
            None if is_pruned => Here::Unknown,
            None => Here::Nobody,
        };
    }
    let is_idle = record.kind != MergeKind::Failed
        && record.marks.is_empty()
        && record.recovery_code.is_none();
    Ok((!is_idle).then_some(record))
}

/// What was decided about a user's codes here after an entry, and what was merged of it.
fn events(
    audit: &AuditLog,
    view: &View,
    since: LogIndex,
    user: &User,
) -> io::Result<Vec<AuditEvent>> {
    let kinds =
        KINDS.into_iter().fold(AuditKinds::default(), |all, kind| all.with(kind).unwrap_or(all));
    let mut question = AuditQuestion {
        filter: AuditFilter {
            username: Some(user.name.clone()),
            kinds: Some(kinds),
            ..AuditFilter::default()
        },
        newest_first: false,
        after: Some(AuditPlace { index: since.0, ordinal: u32::MAX }),
        last: view.applied,
        events_max: EVENTS,
    };
    let mut found = Vec::new();
    loop {
        let part = audit.read(&question, &view.state)?;
        let is_about = |event: &AuditEvent| subject(&event.row) == AuditSubject::User(user.id);
        found.extend(part.events.into_iter().filter(is_about));
        match part.reached {
            Some(reached) => question.after = Some(reached),
            None => return Ok(found),
        }
    }
}

/// Whether an event tells of the same request that it was merged, or that it has failed here too. That its
/// code is spent does not say yet that somebody was let in by it.
fn is_there(event: &AuditEvent, record: &MergeRecord) -> bool {
    match &event.row {
        AuditRow::Merged(merged) => {
            let is_new = record.kind == MergeKind::Accepted && merged.kind != MergeKind::Accepted;
            merged.origin.is_request_of(&record.origin) && !is_new
        }
        AuditRow::Verified(verified) => {
            let here = records::origin(event, Some(verified.application));
            record.kind == MergeKind::Failed
                && MergeKind::of(verified) == MergeKind::Failed
                && here.is_request_of(&record.origin)
        }
        _ => false,
    }
}

/// Who was let in by a code, as an event tells it.
fn accepted(event: &AuditEvent, shown: Match) -> Option<Origin> {
    let (kind, spent, origin) = match &event.row {
        AuditRow::Verified(verified) => {
            let origin = records::origin(event, Some(verified.application));
            (MergeKind::of(verified), &verified.spent, origin)
        }
        AuditRow::Merged(merged) => (merged.kind, &merged.spent, merged.origin),
        _ => return None,
    };
    (kind == MergeKind::Accepted && spent.contains(&shown)).then_some(origin)
}

#[cfg(test)]
mod tests {
    use symbolon_core::{
        Caller, Fingerprint, JournalId, Merged, NodeId, RequestId, Timestamp, UserId,
    };

    use super::*;

    const NODE: NodeId = NodeId(1);
    const AT: Timestamp = Timestamp(1);

    fn merged(record: &MergeRecord) -> AuditEvent {
        let merged = Merged::begun((JournalId::default(), 1), record);
        AuditEvent {
            index: LogIndex(1),
            ordinal: 0,
            at: AT,
            caller: Caller::Node(NODE),
            request_id: RequestId::default(),
            fingerprint: Fingerprint::default(),
            node: NODE,
            row: AuditRow::Merged(merged.into()),
        }
    }

    #[test]
    fn a_request_that_lost_at_one_node_and_let_in_at_another_lets_in() {
        let origin = |id| Origin {
            caller: Caller::Node(NODE),
            request_id: RequestId([id; 16]),
            application: None,
            node: NODE,
            at: AT,
        };
        let record = |kind, origin| MergeRecord {
            origin,
            user: UserId(1),
            kind,
            marks: Vec::new(),
            recovery_code: None,
        };
        let is_there =
            |before, of, kind| is_there(&merged(&record(before, of)), &record(kind, origin(1)));
        assert!(!is_there(MergeKind::Spent, origin(1), MergeKind::Accepted));
        assert!(is_there(MergeKind::Accepted, origin(1), MergeKind::Accepted));
        assert!(is_there(MergeKind::Accepted, origin(1), MergeKind::Spent));
        assert!(is_there(MergeKind::Failed, origin(1), MergeKind::Failed));
        assert!(!is_there(MergeKind::Accepted, origin(2), MergeKind::Accepted));
    }
}
