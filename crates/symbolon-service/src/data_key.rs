//! Changing the data key, as far as an administrator has a part in it.

use symbolon_core::{
    Command, DataKeyId, LogIndex, Operation, Reply, RequestId, RotateDataKey, SealedField,
};
use tokio::time::Instant;

use crate::admin::join_secret_field;
use crate::administrators::token_field;
use crate::applications::api_key_field;
use crate::evaluate::seed_field;
use crate::pins::pin_field;
use crate::ports::FieldRef;
use crate::principal::Principal;
use crate::radius::radius_field;
use crate::recovery::recovery_field;
use crate::{Service, ServiceError};

/// Field of the private key of the cluster's CA.
pub const CA_KEY: FieldRef = FieldRef { row: "cluster", id: 0, field: "ca_key" };

/// What a sealed field is bound to.
#[must_use]
pub const fn sealed_field(field: SealedField) -> FieldRef {
    match field {
        SealedField::CaKey => CA_KEY,
        SealedField::Seed(id) => seed_field(id.0),
        SealedField::Pin(id) => pin_field(id.0),
        SealedField::RecoveryCodes(id) => recovery_field(id.0),
        SealedField::ApiKey(id) => api_key_field(id.0),
        SealedField::AdministratorToken(id) => token_field(id.0),
        SealedField::JoinSecret(id) => join_secret_field(id.0),
        SealedField::RadiusSecrets(id) => radius_field(id.0),
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
        self.begin_rotation(principal, request_id, deadline).await
    }

    /// [`rotate_data_key`](Self::rotate_data_key) for whoever has a place already.
    pub(crate) async fn begin_rotation(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        deadline: Instant,
    ) -> Result<(DataKeyId, LogIndex), ServiceError> {
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
