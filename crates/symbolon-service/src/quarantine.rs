//! What a node took that its cluster went on without, and what becomes of it: each write is applied again
//! for an administrator who wants it, or given up. Nothing of it happens by itself, and nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_core::{
    AuditEvent, Command, JournalId, LogIndex, Operation, Proposal, RequestId, RowKey, State,
    Timestamp,
};
use tokio::time::Instant;

use crate::fingerprint::fingerprint;
use crate::principal::Principal;
use crate::service::AdminRequest;
use crate::{Service, ServiceError};

/// Writes that are applied again in one call.
const REAPPLIED_MAX: usize = 100;

/// Names a write of a quarantine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WriteId {
    /// Its log entry.
    pub index: LogIndex,
    /// Its place among the proposals of the entry.
    pub ordinal: u32,
}

/// What has become of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// It was applied again, by this log entry.
    AppliedAt(LogIndex),
    /// An administrator does not want it.
    GivenUp,
}

/// A write that the cluster does not hold.
#[derive(Clone, Debug)]
pub struct LeftWrite {
    /// Which one.
    pub id: WriteId,
    /// When a master took it.
    pub at: Timestamp,
    /// What was wanted, and by whom.
    pub proposal: Proposal,
    /// What it did there.
    pub events: Vec<AuditEvent>,
    /// What has become of it.
    pub settled: Option<Settled>,
}

/// What a node had that came back empty.
#[derive(Clone, Debug)]
pub struct Quarantine {
    /// Unique in the cluster: no node's number is given twice.
    pub name: String,
    /// The epoch that the node was in.
    pub epoch: u64,
    /// The epoch that it came back to.
    pub by: u64,
    /// The last log entry that both have.
    pub fork: LogIndex,
    /// The first entry after it whose writes are there; of those before, the log was purged.
    pub first: LogIndex,
    /// The last entry.
    pub last: LogIndex,
    /// When the node was left behind, by its clock.
    pub written_at: Timestamp,
    /// The journals by which its verifications are merged.
    pub journals: Vec<LeftJournal>,
    /// The writes, in order.
    pub writes: Vec<LeftWrite>,
}

/// Verifications in a quarantine that are merged as one journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeftJournal {
    /// Which one.
    pub id: JournalId,
    /// The number of its first record that is there.
    pub first: u64,
    /// How many are there.
    pub records: u64,
}

impl Quarantine {
    /// Codes that were shown and may be unknown to the cluster.
    #[must_use]
    pub fn verifications(&self) -> u64 {
        self.journals.iter().map(|journal| journal.records).sum()
    }

    /// How many of the verifications count in a state.
    #[must_use]
    pub fn merged(&self, state: &State) -> u64 {
        let merged = |left: &LeftJournal| {
            let merged = state.journal(left.id).map_or(0, |journal| journal.merged);
            merged.saturating_sub(left.first.saturating_sub(1)).min(left.records)
        };
        self.journals.iter().map(merged).sum()
    }

    /// How many writes nobody has settled, and can still be applied again.
    #[must_use]
    pub fn open(&self) -> u64 {
        let is_open = |write: &&LeftWrite| {
            write.settled.is_none() && write.proposal.command.again().is_some()
        };
        self.writes.iter().filter(is_open).count() as u64
    }
}

/// A quarantine that cannot be read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the quarantine cannot be used: {0}")]
pub struct QuarantineUnreadable(pub String);

/// How a write stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriteState {
    /// It can be applied again.
    Open,
    /// What it is about has changed since the fork.
    Conflict(&'static str),
    /// It was for its time alone.
    ForItsTime,
    /// It was settled.
    Settled(Settled),
}

/// What came of applying a write again.
#[derive(Clone, Debug)]
pub struct Reapplied {
    /// Which one.
    pub id: WriteId,
    /// The log entry that applied it, or why it was not.
    pub result: Result<LogIndex, String>,
}

/// What the writes of a quarantine are judged by, besides the state: what became of the others.
pub struct Judge {
    fork: LogIndex,
    /// Log entries by which writes were applied again to a row.
    applied: BTreeMap<RowKey, BTreeSet<LogIndex>>,
    /// The first write that makes a row and is not settled.
    made_by: BTreeMap<RowKey, WriteId>,
}

impl Judge {
    /// Of all writes of a quarantine.
    #[must_use]
    pub fn of(quarantine: &Quarantine) -> Self {
        let (applied, made_by) = Default::default();
        let mut judge = Self { fork: quarantine.fork, applied, made_by };
        for write in &quarantine.writes {
            let command = &write.proposal.command;
            for row in command.touches() {
                match write.settled {
                    None if command.makes(row) => {
                        judge.made_by.entry(row).or_insert(write.id);
                    }
                    Some(Settled::AppliedAt(index)) => judge.note(row, index),
                    None | Some(Settled::GivenUp) => {}
                }
            }
        }
        judge
    }

    /// Takes note that a write was applied again.
    fn applied(&mut self, command: &Command, index: LogIndex) {
        for row in command.touches() {
            self.note(row, index);
        }
    }

    fn note(&mut self, row: RowKey, index: LogIndex) {
        self.applied.entry(row).or_default().insert(index);
    }

    /// How a write of the quarantine stands in a state.
    #[must_use]
    pub fn state_of(&self, write: &LeftWrite, state: &State) -> WriteState {
        if let Some(settled) = write.settled {
            return WriteState::Settled(settled);
        }
        let Some(command) = write.proposal.command.again() else {
            return WriteState::ForItsTime;
        };
        let conflict = command.touches().into_iter().find_map(|row| {
            match (state.last_change(row), command.makes(row)) {
                (Some(_), true) => Some("it is there already"),
                (None, true) => state.has_name_of(&command).then_some("another has the name"),
                (None, false) => {
                    // A write before this one may make it, and can still be applied.
                    let made = self.made_by.get(&row).is_some_and(|by| *by < write.id);
                    (!made).then_some("what it is about is not there")
                }
                (Some(changed), false) => {
                    let own = self.applied.get(&row).is_some_and(|own| own.contains(&changed));
                    (changed > self.fork && !own).then_some("it was changed after the fork")
                }
            }
        });
        conflict.map_or(WriteState::Open, WriteState::Conflict)
    }
}

impl Service {
    /// What lies in quarantine at this node.
    ///
    /// # Errors
    /// [`ServiceError::PermissionDenied`], [`ServiceError::Quarantine`].
    pub async fn quarantines(
        &self,
        principal: &Principal,
    ) -> Result<Vec<Quarantine>, ServiceError> {
        Self::may(principal, Operation::ListQuarantines)?;
        let _place = self.admission.administration()?;
        Ok(self.ledger.quarantines().await?)
    }

    async fn quarantine(&self, name: &str) -> Result<Quarantine, ServiceError> {
        let all = self.ledger.quarantines().await?;
        let found = all.into_iter().find(|quarantine| quarantine.name == name);
        found.ok_or(ServiceError::NotFound { kind: "quarantine at this node" })
    }

    /// Applies writes of a quarantine again, in order, for the administrator who asks: all that are open,
    /// or those that are named. `over`: also where what they are about has changed since. Some at a time:
    /// the answer has the last one, to go on after it, if there are more.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; what keeps a single write from being applied is told with it.
    pub async fn reapply(
        &self,
        principal: &Principal,
        (name, only, after, over): (&str, &[WriteId], Option<WriteId>, bool),
        deadline: Instant,
    ) -> Result<(Vec<Reapplied>, Option<WriteId>), ServiceError> {
        Self::may(principal, Operation::ReapplyQuarantine)?;
        let _place = self.admission.administration()?;
        let quarantine = self.quarantine(name).await?;
        let mut judge = Judge::of(&quarantine);
        if let Some(unknown) =
            only.iter().find(|id| !quarantine.writes.iter().any(|it| it.id == **id))
        {
            let problem = format!("there is no write {}.{}", unknown.index.0, unknown.ordinal);
            return Err(ServiceError::invalid("write", problem));
        }
        let (mut done, mut last) = (Vec::new(), None);
        for write in &quarantine.writes {
            let is_meant = only.is_empty() || only.contains(&write.id);
            if !is_meant || after.is_some_and(|after| write.id <= after) {
                continue;
            }
            if done.len() >= REAPPLIED_MAX {
                return Ok((done, last));
            }
            last = Some(write.id);
            let state = judge.state_of(write, &self.ledger.view().state);
            let result = match (state, write.proposal.command.again()) {
                (WriteState::Open, Some(command)) => Ok(command),
                (WriteState::Conflict(_), Some(command)) if over => Ok(command),
                (WriteState::Conflict(why), _) => Err(why.to_owned()),
                // Only who names such a write wants to hear of it.
                (WriteState::Settled(_), _) | (_, None) if only.is_empty() => continue,
                (WriteState::Settled(_), _) => Err("it is settled".to_owned()),
                (_, None) | (WriteState::ForItsTime, _) => {
                    Err("it was for its time alone".to_owned())
                }
            };
            let result = match result {
                Ok(command) => self.want_again(principal, name, write.id, command, deadline).await,
                Err(why) => Err(why),
            };
            if let Ok(index) = result {
                let settled = Settled::AppliedAt(index);
                self.ledger.settle(name.to_owned(), vec![(write.id, settled)]).await?;
                judge.applied(&write.proposal.command, index);
            }
            done.push(Reapplied { id: write.id, result });
        }
        Ok((done, None))
    }

    async fn want_again(
        &self,
        principal: &Principal,
        name: &str,
        id: WriteId,
        command: Command,
        deadline: Instant,
    ) -> Result<LogIndex, String> {
        let place = [id.index.0.to_be_bytes(), u64::from(id.ordinal).to_be_bytes()].concat();
        let mark = fingerprint(&*self.vault, "reapply", &[name.as_bytes(), &place]);
        let request = AdminRequest {
            principal: principal.clone(),
            // The same however often it is asked for, so that it is done once.
            id: RequestId(mark.0),
            fingerprint: mark,
        };
        let build = |_: &_| Ok(command.clone());
        let answer = self.administer(&request, deadline, build).await;
        answer.map(|(_, index)| index).map_err(|error| error.to_string())
    }

    /// Gives up what is open of a quarantine, or those writes that are named.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::NotMerged`].
    pub async fn give_up(
        &self,
        principal: &Principal,
        name: &str,
        only: &[WriteId],
    ) -> Result<u64, ServiceError> {
        Self::may(principal, Operation::DiscardQuarantine)?;
        let _place = self.admission.administration()?;
        let quarantine = self.quarantine(name).await?;
        let open = quarantine.writes.iter().filter(|write| write.settled.is_none());
        let wanted = open.filter(|write| only.is_empty() || only.contains(&write.id));
        let settled: Vec<_> = wanted.map(|write| (write.id, Settled::GivenUp)).collect();
        let count = settled.len() as u64;
        if only.is_empty() {
            let (merged, all) =
                (quarantine.merged(&self.ledger.view().state), quarantine.verifications());
            if merged < all {
                return Err(ServiceError::NotMerged { merged, all });
            }
            self.ledger.remove_quarantine(name.to_owned()).await?;
        } else {
            self.ledger.settle(name.to_owned(), settled).await?;
        }
        let caller = principal.name.as_str();
        tracing::warn!(quarantine = name, writes = count, caller, "given up");
        Ok(count)
    }
}
