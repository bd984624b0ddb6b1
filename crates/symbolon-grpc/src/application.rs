//! `ApplicationService`.

use std::sync::Arc;

use symbolon_proto::v1;
use symbolon_service::Service;
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, Call};
use crate::status::to_status;

pub(crate) struct Applications(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::application_service_server::ApplicationService for Applications {
    async fn create_application(
        &self,
        request: Request<v1::CreateApplicationRequest>,
    ) -> Result<Response<v1::CreateApplicationResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let (application, key, index) = self
            .0
            .create_application(
                &call.principal,
                call.request_id,
                &call.message.name,
                call.write_deadline(),
            )
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::CreateApplicationResponse {
            id: application.id.to_string(),
            name: application.name.to_string(),
            api_key: key.to_string(),
            log_index: index.0,
        }))
    }
}
