//! What an administrator wants of the master: that another node takes its place, or that its clock is
//! believed.

use symbolon_core::{
    Caller, Command, DiscardEpoch, LineageId, LogIndex, NodeId, Operation, RequestId, State,
};
use tokio::time::Instant;

use crate::principal::Principal;
use crate::{NotPromoted, SeizedBy, Seizure, Service, ServiceError, View};

impl Service {
    /// Has the cluster go by the master's clock as it is.
    ///
    /// # Errors
    /// [`ServiceError::MasterClock`] when the clocks of the others say that it is off.
    pub async fn confirm_clock(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let build = |_: &View| Ok(Command::ConfirmClock);
        self.order((principal, Operation::ConfirmClock), request_id, deadline, build).await
    }

    /// Makes the node of that name the master. `None` when it was already; else the master before, if one
    /// was known.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], and [`ServiceError::NotPromoted`] with the reason.
    pub async fn promote_subordinate(
        &self,
        principal: &Principal,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<NodeId>, ServiceError> {
        Self::may(principal, Operation::PromoteSubordinate)?;
        let _place = self.admission.administration()?;
        let state = self.ledger().view().state;
        let row = state.nodes().find(|row| row.name.as_str() == name);
        let node = row.ok_or(ServiceError::NotFound { kind: "node" })?.id;
        let before = self.ledger().status().master;
        self.ledger().promote(node, deadline).await?;
        tracing::info!(node = name, "a subordinate was promoted");
        Ok(before.filter(|before| *before != node))
    }

    /// Says that this epoch goes on, and one apart from it does not: its nodes come back to this one. `confirm`:
    /// the name of the cluster.
    ///
    /// # Errors
    /// [`ServiceError::NotApart`], [`ServiceError::InvalidArgument`] for the name of another cluster.
    pub async fn discard_epoch(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        (epoch, lineage): (u64, LineageId),
        confirm: &str,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        Self::may(principal, Operation::DiscardEpoch)?;
        let _place = self.admission.administration()?;
        let fields: [&[u8]; 2] = [&epoch.to_be_bytes(), &lineage.0];
        let request = self.request(principal, request_id, Operation::DiscardEpoch, &fields)?;
        is_this_cluster(&self.ledger().view().state, confirm)?;
        let build = |view: &View| {
            let others = view.state.cluster().map_or(&[][..], |cluster| &cluster.others);
            let mut open = others.iter().filter(|other| !other.is_discarded());
            let is_apart = open.any(|it| (it.epoch, it.lineage) == (epoch, lineage));
            let discard = Command::DiscardEpoch(DiscardEpoch { epoch, lineage });
            is_apart.then_some(discard).ok_or(ServiceError::NotApart)
        };
        let (_, index) = self.administer(&request, deadline, build).await?;
        tracing::warn!(epoch, %lineage, administrator = %principal.name, "an epoch apart is discarded");
        Ok(index)
    }

    /// Has the node of that name, which must be this one, take the cluster over whose quorum is gone for
    /// good. `confirm`: the name of the cluster; without it nothing is done, and only said what would be.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::InvalidArgument`] for the name of another cluster, and
    /// [`ServiceError::NotPromoted`] with the reason.
    pub async fn seize(
        &self,
        principal: &Principal,
        name: &str,
        confirm: Option<&str>,
    ) -> Result<Seizure, ServiceError> {
        Self::may(principal, Operation::PromoteSubordinate)?;
        let _place = self.admission.administration()?;
        let state = self.ledger().view().state;
        let row = state.nodes().find(|row| row.name.as_str() == name);
        let row = row.ok_or(ServiceError::NotFound { kind: "node" })?;
        if row.id != self.ledger().identity().node {
            return Err(NotPromoted::Elsewhere(row.api_address.clone()).into());
        }
        let by = match principal.caller {
            Caller::Administrator(administrator) => SeizedBy::Administrator(administrator),
            // Of nodes only its root may.
            Caller::Node(_) => SeizedBy::LocalRoot,
            Caller::Application(_) => return Err(NotPromoted::ForAdministrators.into()),
        };
        confirm.map_or(Ok(()), |confirm| is_this_cluster(&state, confirm))?;
        let seizure = self.ledger().seize(confirm.map(|_| by)).await?;
        if confirm.is_some() {
            tracing::warn!(?by, name = %principal.name, "this node seizes the cluster");
        }
        Ok(seizure)
    }
}

/// Whoever does what cannot be undone types the name of the cluster that they mean.
fn is_this_cluster(state: &State, confirm: &str) -> Result<(), ServiceError> {
    if state.cluster().is_some_and(|row| row.name.as_str() == confirm) {
        return Ok(());
    }
    let problem = "it is not the name of this cluster; see `symbolon cluster status`";
    Err(ServiceError::invalid("confirm", problem.to_owned()))
}
