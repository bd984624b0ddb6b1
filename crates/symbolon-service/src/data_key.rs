//! Changing the data key, as far as an administrator has a part in it.

use symbolon_core::{
    Command, DataKeyId, LogIndex, Operation, Reply, RequestId, RotateDataKey, RowKey,
};
use tokio::time::Instant;

use crate::admin::join_secret_field;
use crate::administrators::token_field;
use crate::applications::api_key_field;
use crate::evaluate::seed_field;
use crate::ports::FieldRef;
use crate::service::Principal;
use crate::{Service, ServiceError};

/// Field of the private key of the cluster's CA.
pub const CA_KEY: FieldRef = FieldRef { row: "cluster", id: 0, field: "ca_key" };

/// The sealed field of a row; `None` for rows that have none.
#[must_use]
pub const fn sealed_field(row: RowKey) -> Option<FieldRef> {
    match row {
        RowKey::Cluster => Some(CA_KEY),
        RowKey::Token(id) => Some(seed_field(id.0)),
        RowKey::Application(id) => Some(api_key_field(id.0)),
        RowKey::JoinToken(id) => Some(join_secret_field(id.0)),
        RowKey::Administrator(id) => Some(token_field(id.0)),
        RowKey::User(_) | RowKey::Node(_) | RowKey::DataKeys | RowKey::Settings => None,
    }
}

impl Service {
    /// Begins to change the data key. The nodes do the rest by themselves.
    ///
    /// # Errors
    /// [`ServiceError::AlreadyExists`] while a change is under way.
    pub async fn rotate_data_key(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        deadline: Instant,
    ) -> Result<(DataKeyId, LogIndex), ServiceError> {
        let _place = self.admission.administration()?;
        let request = self.request(principal, request_id, Operation::RotateDataKey, &[])?;
        let build = |view: &crate::View| {
            let active = view.state.active_data_key();
            let id = DataKeyId(active.0.saturating_add(1));
            let key = self.vault.draw_data_key(id, active);
            let key = key.map_err(|_| ServiceError::Internal)?;
            Ok(Command::RotateDataKey(RotateDataKey { id, key }))
        };
        match self.administer(&request, deadline, build).await? {
            (Reply::DataKeyRotationStarted(id), index) => Ok((id, index)),
            _ => Err(ServiceError::Internal),
        }
    }
}
