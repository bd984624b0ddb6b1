//! Another node becomes the master because an administrator wants it.

use symbolon_core::{NodeId, Operation};
use tokio::time::Instant;

use crate::service::Principal;
use crate::{Service, ServiceError};

impl Service {
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
}
