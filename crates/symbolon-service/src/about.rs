//! What is asked about one application or one administrator.

use symbolon_core::{Command, KeyHash, LogIndex, Name, Operation, Reply, RequestId, Sealed, State};
use tokio::time::Instant;

use crate::admin::kind;
use crate::credential::hash_secret;
use crate::names;
use crate::ports::{FieldRef, View};
use crate::principal::Principal;
use crate::{Service, ServiceError};

/// Who wants something done about which of them.
pub(crate) struct About<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) operation: Operation,
    pub(crate) name: &'a str,
    /// What is asked besides: equal requests have equal fields.
    pub(crate) fields: String,
    pub(crate) deadline: Instant,
}

/// A row that has a name among those of its kind.
pub(crate) trait Named: Sized {
    /// As errors call it.
    const KIND: &'static str;

    /// The row of that name.
    fn by_name<'s>(state: &'s State, name: &Name) -> Option<&'s Self>;

    /// The row of that name.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    fn named<'s>(state: &'s State, name: &Name) -> Result<&'s Self, ServiceError> {
        Self::by_name(state, name).ok_or(ServiceError::NotFound { kind: Self::KIND })
    }
}

impl Service {
    /// Carries out what is asked about a row, which may have been made at another node a moment ago.
    pub(crate) async fn about<R: Named>(
        &self,
        about: About<'_>,
        build: impl Fn(&View, &R) -> Result<Command, ServiceError>,
    ) -> Result<(Reply, LogIndex), ServiceError> {
        let About { principal, request_id, operation, name, fields, deadline } = about;
        Self::may(principal, operation)?;
        let _place = self.admission.administration()?;
        let name = names::name("name", name)?;
        let fields = [name.as_str().as_bytes(), fields.as_bytes()];
        let request = self.request(principal, request_id, operation, &fields)?;
        if R::by_name(&self.ledger.view().state, &name).is_none() {
            self.ledger.read_barrier(deadline).await?;
        }
        let build = |view: &View| build(view, R::named(&view.state, &name)?);
        let answered = self.administer(&request, deadline, build).await;
        answered.map_err(|error| kind(error, R::KIND))
    }

    /// Draws the secret of a key or a token: its hash, and the secret sealed for a field.
    pub(crate) fn new_secret(
        &self,
        view: &View,
        field: FieldRef,
    ) -> Result<(KeyHash, Sealed), ServiceError> {
        let secret = self.draw_key();
        let sealed = self.vault.seal(view.state.active_data_key(), field, &secret);
        Ok((hash_secret(&secret), sealed.map_err(|_| ServiceError::Internal)?))
    }
}
