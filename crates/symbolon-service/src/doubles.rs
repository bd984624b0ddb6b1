//! Codes that were accepted twice, because nodes decided apart from each other.

use symbolon_core::{Command, LogIndex, Operation, RequestId};
use tokio::time::Instant;

use crate::ports::View;
use crate::principal::Principal;
use crate::{Service, ServiceError};

impl Service {
    /// Says that an administrator knows of them.
    ///
    /// # Errors
    /// [`ServiceError::NoDoubles`].
    pub async fn acknowledge_doubles(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let build = |view: &View| {
            let doubles = view.state.cluster().map_or(0, |cluster| cluster.doubles);
            if doubles > 0 { Ok(Command::AcknowledgeDoubles) } else { Err(ServiceError::NoDoubles) }
        };
        self.order((principal, Operation::AcknowledgeDoubles), request_id, deadline, build).await
    }
}
