//! What a node that was left behind has decided, as a journal: every code that was shown to it after the
//! fork, numbered from 1 in the order of its audit. What has a number must never change: the cluster
//! knows by it what is merged.

use std::collections::{BTreeSet, VecDeque};

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use symbolon_core::limits::{ISLAND_RECORDS_MAX, MERGE_MARKS_MAX, MERGE_RECORDS_MAX};
use symbolon_core::{
    AuditEvent, AuditRow, Here, JournalId, LogIndex, Match, MergeKind, MergeMark, MergeRecord,
    Origin, Proof, UserId,
};
use symbolon_proto::audit_decode;
use symbolon_proto::store::v1 as store;
use symbolon_store::{DataDir, SnapshotReader};

use crate::island;
use crate::quarantine::{self, BoxedError};

/// Tells the hash from those of other things.
const LABEL: &[u8] = b"symbolon journal of a node left behind";

/// The journal of what a node wrote when it was left behind. The number that it had is no other node's.
pub(crate) fn journal(header: &store::LeftHeader) -> JournalId {
    let from = header.from.clone().unwrap_or_default();
    let hash = Sha256::new()
        .chain_update(LABEL)
        .chain_update(&from.lineage)
        .chain_update(from.epoch.to_be_bytes())
        .chain_update(from.fork_index.to_be_bytes())
        .chain_update(header.node.to_be_bytes())
        .finalize();
    hash.get(..16).and_then(JournalId::from_slice).unwrap_or_default()
}

/// Whether an event tells of a code that was shown, and so has a number.
pub(crate) const fn is_record(event: &AuditEvent) -> bool {
    matches!(
        event.row,
        AuditRow::Verified(_)
            | AuditRow::Merged(_)
            | AuditRow::TokenConfirmed { .. }
            | AuditRow::TokenResynchronised { .. }
    )
}

/// Reads a journal from its beginning.
pub(crate) struct Records {
    pub(crate) journal: JournalId,
    /// The last log entry that both sides have.
    pub(crate) fork: LogIndex,
    reader: SnapshotReader,
    /// Of the part that was read last, each with whether it had been merged there.
    ready: VecDeque<(Option<MergeRecord>, bool)>,
    /// Users who got another set of recovery codes there: the codes of it are none here.
    other_codes: BTreeSet<UserId>,
    /// What the node had decided as an island, in parts that were read.
    pub(crate) islands: Vec<LeftIsland>,
}

/// Records that are merged at once.
#[derive(Default)]
pub(crate) struct Together {
    pub(crate) records: Vec<Option<MergeRecord>>,
    /// The lineage that was left had merged them: they were decided by an island, which may have begun before
    /// the fork. Who else took their codes may stand in what both lineages have.
    pub(crate) were_merged: bool,
}

/// A journal of an island that was set aside.
pub(crate) struct LeftIsland {
    pub(crate) journal: JournalId,
    /// What the node had applied when it began it, as far as the cluster's lineage has it.
    pub(crate) begun_at: LogIndex,
    /// The number of its first record.
    pub(crate) first: u64,
    pub(crate) records: Vec<Option<MergeRecord>>,
}

impl Records {
    /// Of a quarantine. Not for async code.
    pub(crate) fn open(place: &DataDir) -> Result<Self, BoxedError> {
        let (reader, header) = quarantine::open(place)?;
        let fork = LogIndex(header.from.as_ref().map_or(0, |from| from.fork_index));
        let journal = journal(&header);
        Ok(Self {
            journal,
            fork,
            reader,
            ready: VecDeque::new(),
            other_codes: BTreeSet::new(),
            islands: Vec::new(),
        })
    }

    /// The next records, as many as are merged at once; none at the end. Not for async code.
    pub(crate) fn next(&mut self) -> Result<Together, BoxedError> {
        let (mut together, mut marks) = (Together::default(), 0);
        while together.records.len() < MERGE_RECORDS_MAX {
            if self.ready.is_empty() && !self.read()? {
                break;
            }
            let Some((next, was_merged)) = self.ready.front() else { continue };
            marks += next.as_ref().map_or(0, |record| record.marks.len());
            let is_first = together.records.is_empty();
            if !is_first && (marks > MERGE_MARKS_MAX || *was_merged != together.were_merged) {
                break;
            }
            together.were_merged = *was_merged;
            together.records.extend(self.ready.pop_front().map(|(record, _)| record));
        }
        Ok(together)
    }

    /// Reads a part. Whether there was one.
    fn read(&mut self) -> Result<bool, BoxedError> {
        let Some(part) = self.reader.next_chunk()? else { return Ok(false) };
        let part = store::LeftPart::decode(&*part)?;
        for left in part.record {
            self.take(&left)?;
        }
        for row in part.audit {
            for event in audit_decode(LogIndex(row.index), &row.batch)? {
                if let AuditRow::RecoveryCodesCreated { user } = event.row {
                    self.other_codes.insert(user);
                }
                if is_record(&event) {
                    let mut record = record(&event);
                    if let Some(record) =
                        record.as_mut().filter(|it| self.other_codes.contains(&it.user))
                    {
                        record.recovery_code = None;
                    }
                    self.ready.push_back((record, matches!(event.row, AuditRow::Merged(_))));
                }
            }
        }
        Ok(true)
    }
}

impl LeftIsland {
    /// Adds the next record. Numbers in between were never written.
    fn put(&mut self, number: u64, record: Option<MergeRecord>) -> Result<(), BoxedError> {
        let place = number.checked_sub(self.first).filter(|place| *place < ISLAND_RECORDS_MAX);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let place = place.filter(|place| *place >= self.records.len());
        self.records.resize(place.ok_or("records that are out of order")?, None);
        self.records.push(record);
        Ok(())
    }
}

impl Records {
    fn take(&mut self, left: &store::LeftRecord) -> Result<(), BoxedError> {
        let journal = JournalId::from_slice(&left.journal).ok_or("a journal without an id")?;
        let event = island::left_event(left).ok_or("a record that cannot be read")?;
        let known = self.islands.last_mut().filter(|it| it.journal == journal);
        match known {
            Some(known) => known.put(left.number, record(&event))?,
            None => self.islands.push(LeftIsland {
                journal,
                // What was applied after the fork is another lineage's.
                begun_at: LogIndex(left.begun_at).min(self.fork),
                first: left.number,
                records: vec![record(&event)],
            }),
        }
        Ok(())
    }
}

/// What is to be merged of an event, before it was looked for here. Nothing, where nothing was used and
/// nothing failed; a bypass is void since the seize.
pub(super) fn record(event: &AuditEvent) -> Option<MergeRecord> {
    let origin = |application| origin(event, application);
    let shown = |kind, user, token, step| MergeRecord {
        origin: origin(None),
        user,
        kind,
        marks: vec![mark(Match { token, step })],
        recovery_code: None,
    };
    match &event.row {
        AuditRow::Verified(verified) => {
            let recovery_code = match verified.proof {
                Proof::RecoveryCode(number) if verified.verdict.is_allow() => Some(number),
                _ => None,
            };
            let kind = MergeKind::of(verified);
            let marks: Vec<_> = verified.spent.iter().copied().map(mark).collect();
            let is_idle = marks.is_empty() && recovery_code.is_none() && kind != MergeKind::Failed;
            let user = verified.user.filter(|_| !is_idle)?;
            let origin = origin(Some(verified.application));
            Some(MergeRecord { origin, user, kind, marks, recovery_code })
        }
        // What an island had decided, and is known to nobody but the node that was left behind.
        AuditRow::Merged(merged) => Some(MergeRecord {
            origin: merged.origin,
            user: merged.user,
            kind: merged.kind,
            marks: merged.spent.iter().copied().map(mark).collect(),
            recovery_code: merged.recovery_code,
        }),
        AuditRow::TokenConfirmed { user, token, step } => {
            Some(shown(MergeKind::Spent, *user, *token, *step))
        }
        AuditRow::TokenResynchronised { user, token, step, .. } => {
            Some(shown(MergeKind::Resynchronised, *user, *token, *step))
        }
        _ => None,
    }
}

const fn mark(shown: Match) -> MergeMark {
    MergeMark { shown, mark: 0, here: Here::Nobody }
}

/// Where an event was decided.
pub(crate) const fn origin(
    event: &AuditEvent,
    application: Option<symbolon_core::ApplicationId>,
) -> Origin {
    Origin {
        caller: event.caller,
        request_id: event.request_id,
        application,
        node: event.node,
        at: event.at,
    }
}
