//! The node as the use cases see it: nothing can be written, and the disk can be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use symbolon_core::{Caller, LogIndex, NodeId, Proposal, Remembered, RequestId, UserName};
use symbolon_service::audit::{AuditExtent, AuditPart, AuditQuestion, AuditUnreadable};
use symbolon_service::{
    Answered, BoxFuture, ClusterStatus, Identity, Lane, Ledger, NotPromoted, ProposeError,
    Quarantine, QuarantineUnreadable, SeizedBy, Seizure, Settled, Vault as _, View, WriteId,
};
use symbolon_store::DiskLevel;
use tokio::time::Instant;

use super::RecoveryNode;
use crate::audit_read;
use crate::quarantine;
use crate::status::{Here, status};

fn not_here<T>() -> BoxFuture<'static, Result<T, QuarantineUnreadable>> {
    let why = "this node was started with `--recover` and changes nothing";
    Box::pin(async move { Err(QuarantineUnreadable(why.to_owned())) })
}

impl Ledger for RecoveryNode {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn view(&self) -> View {
        self.published.view()
    }

    fn propose(
        &self,
        _: Proposal,
        _: Lane,
        _: Instant,
    ) -> BoxFuture<'_, Result<Answered, ProposeError>> {
        Box::pin(async { Err(ProposeError::NoMaster) })
    }

    fn applied(&self, index: LogIndex, _: Instant) -> BoxFuture<'_, bool> {
        let is_applied = self.view().applied >= index;
        Box::pin(async move { is_applied })
    }

    fn view_of(&self, _: &UserName, _: Caller, _: RequestId) -> View {
        self.view()
    }

    fn decided_apart(&self, _: Caller, _: RequestId) -> Option<Remembered> {
        None
    }

    fn read_barrier(&self, _: Instant) -> BoxFuture<'_, Result<(), ProposeError>> {
        Box::pin(async { Err(ProposeError::NoMaster) })
    }

    fn disk_low_at(&self) -> Option<NodeId> {
        None
    }

    fn is_clock_off(&self) -> bool {
        self.clocks.is_off()
    }

    fn halted_at(&self) -> Option<LogIndex> {
        None
    }

    fn promote(&self, _: NodeId, _: Instant) -> BoxFuture<'_, Result<(), NotPromoted>> {
        Box::pin(async { Err(NotPromoted::Recovering) })
    }

    fn seize(&self, by: Option<SeizedBy>) -> BoxFuture<'_, Result<Seizure, NotPromoted>> {
        Box::pin(Self::seize(self, by))
    }

    fn quarantines(&self) -> BoxFuture<'_, Result<Vec<Quarantine>, QuarantineUnreadable>> {
        Box::pin(self.quarantines.work(quarantine::read_all))
    }

    fn settle(
        &self,
        _: String,
        _: Vec<(WriteId, Settled)>,
    ) -> BoxFuture<'_, Result<(), QuarantineUnreadable>> {
        not_here()
    }

    fn remove_quarantine(&self, _: String) -> BoxFuture<'_, Result<(), QuarantineUnreadable>> {
        not_here()
    }

    fn status(&self) -> ClusterStatus {
        let here = Here {
            data_keys: self.vault.data_keys(),
            master: None,
            relay: None,
            island: None,
            disk: DiskLevel::Ample,
            clocks: self.clocks.report(self.identity.node),
            apart: BTreeMap::new(),
            unproved: BTreeMap::new(),
            pair: None,
            open_writes: self.quarantines.open_writes(),
            membership: self.membership.clone(),
            term: self.term,
            last: LogIndex(self.last.map_or(0, |id| id.index)),
            recovery: Some(self.recovery().clone()),
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
