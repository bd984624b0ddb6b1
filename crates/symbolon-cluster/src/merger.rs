//! Merges what this node decided while it was left behind: codes that were shown to it count as used in
//! its cluster, and failures as failed. It begins by itself once the node is back and holds the audit of
//! what the cluster did meanwhile, and goes on after a crash where the state says that it was.

mod look_up;
mod records;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use symbolon_core::limits::{MERGE_MARKS_MAX, MERGE_RECORDS_MAX};
use symbolon_core::{Command, JournalId, LogIndex, Merge, MergeRecord, Refusal, Reply};
use symbolon_service::View;
use symbolon_store::DataDir;
use tokio::time::sleep;

use self::look_up::{Within, look_up};
use self::records::{LeftIsland, Records, record};
use crate::audit_log::AuditLog;
use crate::island::Island;
use crate::off_thread::blocking;
use crate::own_proposals::OwnProposals;
use crate::published::Published;
use crate::quarantine::{Quarantines, unreadable};

pub(crate) use self::records::{is_record, journal};

/// From one look for something to merge to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a proposal that was not decided.
const PAUSE: Duration = Duration::from_millis(200);

/// After the disk was not read.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// See the module.
pub(crate) struct Merger {
    pub(crate) quarantines: Arc<Quarantines>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) published: Arc<Published>,
    pub(crate) island: Arc<Island>,
    pub(crate) proposals: OwnProposals,
}

/// How many of the records are merged at once: one at least, if there is one.
fn fitting(records: &[Option<MergeRecord>]) -> usize {
    let mut marks = 0;
    let fits = records.iter().take(MERGE_RECORDS_MAX).take_while(|record| {
        marks += record.as_ref().map_or(0, |record| record.marks.len());
        marks <= MERGE_MARKS_MAX
    });
    fits.count().max(records.len().min(1))
}

/// How far a journal was merged.
enum Progress {
    All,
    /// It is tried again.
    NotYet,
    /// Another node has the journal.
    Refused,
}

impl Merger {
    /// For as long as the node runs.
    pub(crate) async fn run(self) {
        // Those that there is nothing to do about any more.
        let (mut settled, mut refused) = (BTreeSet::new(), BTreeSet::new());
        let mut is_other = true;
        loop {
            if is_other {
                self.quarantines.count_open().await;
            }
            if self.is_whole() {
                if let Err(error) = self.merge_island(&mut refused).await {
                    tracing::error!(%error, "what this node decided by itself cannot be merged yet");
                    sleep(PAUSE_AFTER_FAILURE).await;
                }
                for (name, place) in self.quarantines.places().await {
                    if !settled.contains(&name) && self.merge(&name, place).await {
                        settled.insert(name);
                    }
                }
            }
            is_other = tokio::select! {
                () = self.quarantines.changed() => true,
                () = self.island.changed() => false,
                () = sleep(INTERVAL) => false,
            };
        }
    }

    /// Merges what this node decided as an island. What another has merged in its name stays.
    async fn merge_island(&self, refused: &mut BTreeSet<JournalId>) -> io::Result<()> {
        for (journal, extent) in self.island.journals() {
            let mut first = extent.first;
            while first <= extent.last && !refused.contains(&journal) {
                let last = extent.last.min(first + MERGE_RECORDS_MAX as u64 - 1);
                let island = Arc::clone(&self.island);
                let events = blocking(move || {
                    island
                        .read(journal, (first, last))
                        .map_err(|error| io::Error::other(error.to_string()))
                });
                let events = events.await?;
                let of_number = |number| events.get(&number).and_then(record);
                let mut records: Vec<_> = (first..=last).map(of_number).collect();
                records.truncate(fitting(&records));
                match self
                    .merge_some((journal, Within::after(extent.applied)), first, &records)
                    .await?
                {
                    Progress::All => first += records.len() as u64,
                    Progress::NotYet => return Ok(()),
                    Progress::Refused => {
                        tracing::error!(
                            %journal,
                            "what this node decided by itself is not merged: another node merges the same; \
                             this data directory is a copy"
                        );
                        refused.insert(journal);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether this node takes part, and can tell who was let in meanwhile. An island proposes nothing, and
    /// looking for it would cost it time.
    fn is_whole(&self) -> bool {
        let is_member = self.published.view().state.is_member(self.proposals.own);
        is_member && self.island.since().is_none() && self.audit.extent().missing() == 0
    }

    /// Merges what a quarantine holds. Whether nothing is left to do about it.
    async fn merge(&self, name: &str, place: DataDir) -> bool {
        match self.merge_all(place).await {
            Ok(Progress::All) => {
                tracing::info!(quarantine = name, "its verifications are merged");
                true
            }
            Ok(Progress::NotYet) => false,
            Ok(Progress::Refused) => {
                tracing::error!(
                    quarantine = name,
                    "its verifications are not merged: another node merges the same; this data directory \
                     is a copy"
                );
                true
            }
            Err(error) => {
                tracing::error!(quarantine = name, %error, "its verifications cannot be merged yet");
                sleep(PAUSE_AFTER_FAILURE).await;
                false
            }
        }
    }

    async fn merge_all(&self, place: DataDir) -> io::Result<Progress> {
        let read =
            |error: Box<dyn std::error::Error + Send + Sync>| io::Error::other(unreadable(&*error));
        let mut records = blocking(move || Records::open(&place).map_err(read)).await?;
        let mut number = 0;
        loop {
            let (back, next) = blocking(move || {
                let next = records.next().map_err(read)?;
                Ok((records, next))
            })
            .await?;
            records = back;
            if next.records.is_empty() {
                return self.merge_left_islands(&records.islands).await;
            }
            let first = number + 1;
            number += next.records.len() as u64;
            let since = if next.were_merged { LogIndex(0) } else { records.fork };
            let within = Within { since, fork: records.fork };
            match self.merge_some((records.journal, within), first, &next.records).await? {
                Progress::All => {}
                other => return Ok(other),
            }
        }
    }

    /// Merges what the node had decided as an island before.
    async fn merge_left_islands(&self, islands: &[LeftIsland]) -> io::Result<Progress> {
        for island in islands {
            // What is not there before them was merged in the lineage that was left. It is in the audit of
            // that, and was merged again by that.
            let state = self.published.view().state;
            let merged = state.journal(island.journal).map_or(0, |journal| journal.merged);
            let lacking = island.first.saturating_sub(merged + 1);
            let before = std::iter::repeat_n(None, usize::try_from(lacking).unwrap_or(0));
            let records: Vec<_> = before.chain(island.records.iter().cloned()).collect();
            let within = Within::after(island.begun_at);
            let (id, mut first) = ((island.journal, within), island.first - lacking);
            let mut left = &records[..];
            while !left.is_empty() {
                let (records, rest) = left.split_at(fitting(left));
                match self.merge_some(id, first, records).await? {
                    Progress::All => first += records.len() as u64,
                    other => return Ok(other),
                }
                left = rest;
            }
        }
        Ok(Progress::All)
    }

    /// Merges records that come one after the other, the first of them with this number.
    async fn merge_some(
        &self,
        (id, within): (JournalId, Within),
        first: u64,
        records: &[Option<MergeRecord>],
    ) -> io::Result<Progress> {
        let last = first + records.len() as u64 - 1;
        let merged = |view: &View| view.state.journal(id).map_or(0, |journal| journal.merged);
        loop {
            let view = self.published.view();
            if merged(&view) >= last {
                return Ok(Progress::All);
            }
            if merged(&view) + 1 < first || !view.state.is_member(self.proposals.own) {
                return Ok(Progress::NotYet);
            }
            let (audit, wanted, seen) = (Arc::clone(&self.audit), records.to_vec(), view.clone());
            let records = blocking(move || look_up(&audit, &seen, within, wanted)).await?;
            if !self.is_whole() {
                // A snapshot came in between, and what was looked for may be missing yet.
                return Ok(Progress::NotYet);
            }
            let command = Command::Merge(Merge { journal: id, first, records });
            match self.proposals.propose_as_of(view.applied, command).await {
                Some(Reply::Done) if merged(&self.published.view()) < last => {
                    return Ok(Progress::Refused);
                }
                Some(Reply::Done | Reply::Refused(Refusal::Stale)) => {}
                _ => sleep(PAUSE).await,
            }
        }
    }
}
