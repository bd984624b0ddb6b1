//! What an administrator wants of the master: that another node takes its place, or that its clock is
//! believed.

use symbolon_core::{Caller, Command, LogIndex, NodeId, Operation, RequestId};
use tokio::time::Instant;

use crate::service::Principal;
use crate::{NotPromoted, Seizure, Service, ServiceError};

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
        let _place = self.admission.administration()?;
        let request = self.request(principal, request_id, Operation::ConfirmClock, &[])?;
        let confirmed = self.administer(&request, deadline, |_| Ok(Command::ConfirmClock)).await;
        confirmed.map(|(_, index)| index)
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
        let Caller::Administrator(administrator) = principal.caller else {
            return Err(NotPromoted::ForAdministrators.into());
        };
        let cluster = state.cluster().map(|row| row.name.as_str());
        if confirm.is_some_and(|confirm| Some(confirm) != cluster) {
            let problem = "it is not the name of this cluster; see `symbolon cluster status`";
            return Err(ServiceError::invalid("confirm", problem.to_owned()));
        }
        let seizure = self.ledger().seize(confirm.map(|_| administrator)).await?;
        if confirm.is_some() {
            tracing::warn!(administrator = %principal.name, "this node seizes the cluster");
        }
        Ok(seizure)
    }
}
