//! The node as the use cases see it.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{
    Caller, ClockStanding, Holder, LogIndex, NodeId, Proposal, Refusal, Remembered, Reply,
    RequestId, UserName,
};
use symbolon_service::audit::{AuditExtent, AuditPart, AuditQuestion, AuditUnreadable};
use symbolon_service::{
    Answered, BoxFuture, Clock as _, ClusterStatus, Identity, Lane, Ledger, NotPromoted,
    ProposeError, Quarantine, QuarantineUnreadable, SeizedBy, Seizure, Settled, Vault as _, View,
    WriteId,
};
use symbolon_store::DiskLevel;
use tokio::time::{Instant, sleep, timeout_at};

use super::ClusterNode;
use crate::audit_read;
use crate::quarantine;
use crate::status::{Here, status};

/// Longest wait for the master's word before a linearizable read.
const READ_BARRIER: Duration = Duration::from_secs(5);
const READ_TRY: Duration = Duration::from_millis(500);
const READ_RETRY: Duration = Duration::from_millis(50);

impl ClusterNode {
    /// That the master's clock is off, if it is.
    fn why_nothing_is_stamped(&self) -> Option<ProposeError> {
        let (master, own) = self.master();
        let (master, clocks) = (master?, &self.greeter.clocks);
        let is_off = own && clocks.is_off();
        let is_off = is_off || (!own && clocks.standing_of(master) == ClockStanding::Off);
        let name = self.view().state.node(master).map(|row| row.name.clone())?;
        is_off.then_some(ProposeError::MasterClock(name))
    }
}

/// Whether the request is done with; else it is evaluated anew and proposed again.
fn is_final(proposed: &Result<Answered, ProposeError>) -> bool {
    let reply = proposed.as_ref().map(|answered| answered.answer.reply);
    !matches!(reply, Ok(Reply::Refused(Refusal::Stale | Refusal::Late)))
}

impl Ledger for ClusterNode {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn view(&self) -> View {
        self.published.view()
    }

    fn propose(
        &self,
        proposal: Proposal,
        lane: Lane,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Answered, ProposeError>> {
        // This node cannot follow what it proposes.
        let full = self.disk.is_full();
        Box::pin(async move {
            if full {
                return Err(ProposeError::DiskFull);
            }
            if lane == Lane::Administration && self.island.since().is_some() {
                return Err(self.island.offline());
            }
            let let_go = timeout_at(deadline, self.island.let_go(&proposal)).await;
            let_go.map_err(|_| ProposeError::NoMaster)?;
            let holder = Holder { request_id: proposal.request_id, caller: proposal.caller };
            let proposed = self.proposer.propose(proposal, lane, deadline).await;
            if is_final(&proposed) {
                self.island.answered(holder);
            }
            proposed.map_err(|error| match error {
                ProposeError::NoMaster => self.why_nothing_is_stamped().unwrap_or(error),
                error => error,
            })
        })
    }

    fn applied(&self, index: LogIndex, deadline: Instant) -> BoxFuture<'_, bool> {
        Box::pin(self.published.reached(index, deadline))
    }

    fn view_of(&self, name: &UserName, caller: Caller, id: RequestId) -> View {
        let holder = Holder { request_id: id, caller };
        self.island.view_of(self.published.view(), name, holder)
    }

    fn decided_apart(&self, caller: Caller, id: RequestId) -> Option<Remembered> {
        self.island.remembered(caller, id)
    }

    fn read_barrier(&self, deadline: Instant) -> BoxFuture<'_, Result<(), ProposeError>> {
        let deadline = deadline.min(Instant::now() + READ_BARRIER);
        Box::pin(async move {
            loop {
                if self.island.since().is_some() {
                    return Err(self.island.offline());
                }
                // A master that died in silence must not use up the time of the next one.
                let until = deadline.min(Instant::now() + READ_TRY);
                if let Ok(Ok(index)) = timeout_at(until, self.read_index_once()).await {
                    let applied = self.published.reached(LogIndex(index), deadline).await;
                    return if applied { Ok(()) } else { Err(ProposeError::NoMaster) };
                }
                if Instant::now() + READ_RETRY >= deadline {
                    return Err(ProposeError::NoMaster);
                }
                sleep(READ_RETRY).await;
            }
        })
    }

    fn disk_low_at(&self) -> Option<NodeId> {
        if self.disk.level() != DiskLevel::Ample {
            return Some(self.identity.node);
        }
        let master = (*self.master.borrow())?;
        let heard = self.presence.get(master)?;
        (heard.disk != DiskLevel::Ample).then_some(master)
    }

    fn is_clock_off(&self) -> bool {
        self.greeter.clocks.is_off()
    }

    fn halted_at(&self) -> Option<LogIndex> {
        self.halt.halted_at()
    }

    fn promote(&self, node: NodeId, deadline: Instant) -> BoxFuture<'_, Result<(), NotPromoted>> {
        Box::pin(self.promoter.promote(node, deadline))
    }

    fn seize(&self, by: Option<SeizedBy>) -> BoxFuture<'_, Result<Seizure, NotPromoted>> {
        Box::pin(self.seizer.seize(by))
    }

    fn quarantines(&self) -> BoxFuture<'_, Result<Vec<Quarantine>, QuarantineUnreadable>> {
        Box::pin(self.greeter.quarantines.work(quarantine::read_all))
    }

    fn settle(
        &self,
        quarantine: String,
        settled: Vec<(WriteId, Settled)>,
    ) -> BoxFuture<'_, Result<(), QuarantineUnreadable>> {
        Box::pin(
            self.greeter
                .quarantines
                .change(move |directory| quarantine::settle(directory, &quarantine, &settled)),
        )
    }

    fn remove_quarantine(
        &self,
        quarantine: String,
    ) -> BoxFuture<'_, Result<(), QuarantineUnreadable>> {
        Box::pin(self.greeter.quarantines.change(move |directory| {
            let removed = directory.remove_quarantine(&quarantine);
            removed.map_err(|error| quarantine::unreadable(&error))
        }))
    }

    fn status(&self) -> ClusterStatus {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let here = Here {
            data_keys: self.vault.data_keys(),
            master: self.quorum_master(),
            relay: self.relay(),
            island: self.island.since().map(|since| (since, self.greeter.clocks.now())),
            disk: self.disk.level(),
            clocks: self.greeter.clocks.report(self.identity.node),
            apart: self.greeter.fence.apart(),
            unproved: self.greeter.fence.unproved(),
            pair: self.greeter.pair.shown(),
            open_writes: self.greeter.quarantines.open_writes(),
            membership: metrics.membership_config.membership().clone(),
            term: metrics.current_term,
            last: LogIndex(metrics.last_log_index.unwrap_or(0)),
            recovery: None,
        };
        status(&self.peers.standing, &self.published, &self.presence, here)
    }

    fn read_audit(
        &self,
        question: AuditQuestion,
    ) -> BoxFuture<'_, Result<AuditPart, AuditUnreadable>> {
        let state = self.published.view().state;
        Box::pin(audit_read::read(Arc::clone(&self.audit), question, state))
    }

    fn audit_extent(&self) -> AuditExtent {
        self.audit.shown_extent(self.published.view().applied)
    }
}
