//! All that is held about a person.

use std::sync::Arc;

use symbolon_core::{Command, LogIndex, Operation, RecordExport, Reply, RequestId, State, User};
use tokio::time::Instant;

use crate::audit::AuditReading;
use crate::names;
use crate::ports::View;
use crate::principal::Principal;
use crate::{Service, ServiceError};

/// All that is held about a person.
#[derive(Debug)]
pub struct PersonalData {
    /// The user; `None`: nobody has the name.
    pub user: Option<User>,
    /// The state that the user was read from.
    pub state: Arc<State>,
    /// Where the event is that tells of it.
    pub index: LogIndex,
    /// Every event about those who have, or had, the name.
    pub events: AuditReading,
}

impl Service {
    /// Reads all that is held about a person. It is recorded before anything is told, so that what was
    /// disclosed and to whom is known whatever becomes of the answer.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] while too many others read the audit.
    pub async fn export_personal_data(
        self: &Arc<Self>,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        deadline: Instant,
    ) -> Result<PersonalData, ServiceError> {
        let operation = Operation::ExportPersonalData;
        Self::may(principal, operation)?;
        let place = self.admission.audit_query()?;
        let name = names::user_name(username)?;
        let fields = [name.as_str().as_bytes()];
        let request = self.request(principal, request_id, operation, &fields)?;
        let build = |_: &View| Ok(Command::RecordExport(RecordExport { name: name.clone() }));
        let (Reply::Done, index) = self.administer(&request, deadline, build).await? else {
            return Err(ServiceError::Internal);
        };
        let state = self.ledger.view().state;
        let user = state.user_by_name(&name).cloned();
        Ok(PersonalData { user, state, index, events: self.all_about(name, place) })
    }
}
