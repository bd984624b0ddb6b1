//! `ApplicationService`.

use std::sync::Arc;

use symbolon_core::{Application, Exemptions, Right, Rights, Timestamp};
use symbolon_proto::v1;
use symbolon_service::{ApplicationChanges, NewApplication, Service, ServiceError, etag_of};
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, Call};
use crate::convert::{bad_mask, timestamp};
use crate::radius;
use crate::status::to_status;

pub(crate) struct Applications(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::application_service_server::ApplicationService for Applications {
    async fn create_application(
        &self,
        request: Request<v1::CreateApplicationRequest>,
    ) -> Result<Response<v1::CreateApplicationResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let new = new(call.message).map_err(|error| to_status(&error))?;
        let (principal, id) = (&call.principal, call.request_id);
        let created = self.0.create_application(principal, id, &new, deadline).await;
        let (application, key, index) = created.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::CreateApplicationResponse {
            id: application.id.to_string(),
            name: application.name.to_string(),
            api_key: key.to_string(),
            log_index: index.0,
        }))
    }

    async fn get_application(
        &self,
        request: Request<v1::GetApplicationRequest>,
    ) -> Result<Response<v1::GetApplicationResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::GetApplicationRequest { name, allow_stale } = call.message;
        let found =
            self.0.get_application(&call.principal, &name, allow_stale, call.deadline).await;
        let application = Some(shown(&found.map_err(|error| to_status(&error))?, self.now()));
        Ok(Response::new(v1::GetApplicationResponse { application }))
    }

    async fn list_applications(
        &self,
        request: Request<v1::ListApplicationsRequest>,
    ) -> Result<Response<v1::ListApplicationsResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::ListApplicationsRequest { page_size, page_token, allow_stale } = call.message;
        let (principal, deadline) = (&call.principal, call.deadline);
        let page = self
            .0
            .list_applications(principal, page_size, &page_token, allow_stale, deadline)
            .await
            .map_err(|error| to_status(&error))?;
        let now = self.now();
        Ok(Response::new(v1::ListApplicationsResponse {
            applications: page.applications.iter().map(|row| shown(row, now)).collect(),
            next_page_token: page.next.map(|name| name.to_string()).unwrap_or_default(),
        }))
    }

    async fn update_application(
        &self,
        request: Request<v1::UpdateApplicationRequest>,
    ) -> Result<Response<v1::UpdateApplicationResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (name, changes) = changes(call.message).map_err(|error| to_status(&error))?;
        let (principal, id) = (&call.principal, call.request_id);
        let changed = self.0.update_application(principal, id, &name, &changes, deadline).await;
        let (application, index) = changed.map_err(|error| to_status(&error))?;
        let application = Some(shown(&application, self.now()));
        Ok(Response::new(v1::UpdateApplicationResponse { application, log_index: index.0 }))
    }

    async fn rotate_application_key(
        &self,
        request: Request<v1::RotateApplicationKeyRequest>,
    ) -> Result<Response<v1::RotateApplicationKeyResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::RotateApplicationKeyRequest { name, overlap_seconds } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let rotated =
            self.0.rotate_application_key(principal, id, &name, overlap_seconds, deadline).await;
        let (application, key, index) = rotated.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::RotateApplicationKeyResponse {
            application: Some(shown(&application, self.now())),
            api_key: key.to_string(),
            log_index: index.0,
        }))
    }

    async fn retire_application_key(
        &self,
        request: Request<v1::RetireApplicationKeyRequest>,
    ) -> Result<Response<v1::RetireApplicationKeyResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (principal, id) = (&call.principal, call.request_id);
        let name = &call.message.name;
        let retired = self.0.retire_application_key(principal, id, name, deadline).await;
        let (application, index) = retired.map_err(|error| to_status(&error))?;
        let application = Some(shown(&application, self.now()));
        Ok(Response::new(v1::RetireApplicationKeyResponse { application, log_index: index.0 }))
    }

    async fn delete_application(
        &self,
        request: Request<v1::DeleteApplicationRequest>,
    ) -> Result<Response<v1::DeleteApplicationResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::DeleteApplicationRequest { name, etag } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let deleted = self.0.delete_application(principal, id, &name, &etag, deadline).await;
        let log_index = deleted.map_err(|error| to_status(&error))?.0;
        Ok(Response::new(v1::DeleteApplicationResponse { log_index }))
    }

    async fn set_radius_client(
        &self,
        request: Request<v1::SetRadiusClientRequest>,
    ) -> Result<Response<v1::SetRadiusClientResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (name, wanted) = radius::wanted(call.message).map_err(|error| to_status(&error))?;
        let (principal, id) = (&call.principal, call.request_id);
        let set = self.0.set_radius_client(principal, id, &name, wanted, deadline).await;
        let (shown, index) = set.map_err(|error| to_status(&error))?;
        let client = Some(radius::shown(&shown));
        Ok(Response::new(v1::SetRadiusClientResponse { client, log_index: index.0 }))
    }

    async fn get_radius_client(
        &self,
        request: Request<v1::GetRadiusClientRequest>,
    ) -> Result<Response<v1::GetRadiusClientResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::GetRadiusClientRequest { application, allow_stale } = call.message;
        let (principal, deadline) = (&call.principal, call.deadline);
        let found = self.0.get_radius_client(principal, &application, allow_stale, deadline).await;
        let client = Some(radius::shown(&found.map_err(|error| to_status(&error))?));
        Ok(Response::new(v1::GetRadiusClientResponse { client }))
    }

    async fn remove_radius_client(
        &self,
        request: Request<v1::RemoveRadiusClientRequest>,
    ) -> Result<Response<v1::RemoveRadiusClientResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::RemoveRadiusClientRequest { application, etag } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let gone = self.0.remove_radius_client(principal, id, &application, &etag, deadline).await;
        let log_index = gone.map_err(|error| to_status(&error))?.0;
        Ok(Response::new(v1::RemoveRadiusClientResponse { log_index }))
    }
}

impl Applications {
    /// In a quiet cluster state time stands still.
    fn now(&self) -> Timestamp {
        self.0.now().max(self.0.ledger().view().state.clock())
    }
}

fn shown(row: &Application, now: Timestamp) -> v1::Application {
    let old = row.old_key.filter(|old| now < old.until);
    v1::Application {
        id: row.id.to_string(),
        name: row.name.to_string(),
        rights: row.rights.iter().map(|right| i32::from(right_number(right))).collect(),
        enabled: !row.disabled,
        sources: row.sources.texts().collect(),
        created_at: Some(timestamp(row.created_at)),
        old_key_until: old.map(|old| timestamp(old.until)),
        etag: etag_of(row.changed_at),
        unknown_users: decision(row.exempt.unknown_users).into(),
        disabled_users: decision(row.exempt.disabled_users).into(),
        islands: decision(!row.exempt.islands).into(),
    }
}

/// What becomes of those whom an application exempts, or does not.
pub(crate) const fn decision(exempt: bool) -> v1::Decision {
    if exempt { v1::Decision::Allow } else { v1::Decision::Deny }
}

const fn right_number(right: Right) -> v1::Right {
    match right {
        Right::Verify => v1::Right::Verify,
        Right::SelfService => v1::Right::SelfService,
        Right::HelpDesk => v1::Right::HelpDesk,
        Right::Auditor => v1::Right::Auditor,
        Right::Administrator => v1::Right::Administrator,
    }
}

fn rights(field: &'static str, numbers: &[i32]) -> Result<Rights, ServiceError> {
    let mut rights = Rights::NONE;
    for number in numbers {
        rights = rights.with(match v1::Right::try_from(*number) {
            Ok(v1::Right::Verify) => Right::Verify,
            Ok(v1::Right::SelfService) => Right::SelfService,
            Ok(v1::Right::HelpDesk) => Right::HelpDesk,
            Ok(v1::Right::Auditor) => Right::Auditor,
            Ok(v1::Right::Administrator) => Right::Administrator,
            Ok(v1::Right::Unspecified) | Err(_) => {
                let problem = "it names a right that is none of the known".to_owned();
                return Err(ServiceError::InvalidArgument { field, problem });
            }
        });
    }
    Ok(rights)
}

/// Of the fields that the mask names.
/// Whether an application is to exempt those whom a field is about. Unspecified: as every other, it does
/// not.
fn exempts(field: &'static str, number: i32) -> Result<bool, ServiceError> {
    match v1::Decision::try_from(number) {
        Ok(v1::Decision::Allow) => Ok(true),
        Ok(v1::Decision::Deny | v1::Decision::Unspecified) => Ok(false),
        Ok(v1::Decision::Challenge) | Err(_) => {
            let problem = "it may be ALLOW or DENY".to_owned();
            Err(ServiceError::InvalidArgument { field, problem })
        }
    }
}

/// Whether an application is to do without what a field is about. Unspecified: as every other, it does not.
fn does_without(field: &'static str, number: i32) -> Result<bool, ServiceError> {
    let unset = number == i32::from(v1::Decision::Unspecified);
    Ok(!unset && !exempts(field, number)?)
}

fn new(message: v1::CreateApplicationRequest) -> Result<NewApplication, ServiceError> {
    let exempt = Exemptions {
        unknown_users: exempts("unknown_users", message.unknown_users)?,
        disabled_users: exempts("disabled_users", message.disabled_users)?,
        islands: does_without("islands", message.islands)?,
    };
    let v1::CreateApplicationRequest { name, rights: asked, sources, .. } = message;
    Ok(NewApplication { name, rights: rights("rights", &asked)?, sources, exempt })
}

fn changes(
    message: v1::UpdateApplicationRequest,
) -> Result<(String, ApplicationChanges), ServiceError> {
    let application = message.application.unwrap_or_default();
    let v1::Application { name, rights: asked, enabled, sources, etag, .. } = application;
    let v1::Application { unknown_users, disabled_users, islands, .. } = application;
    let mut changes = ApplicationChanges { etag, ..ApplicationChanges::default() };
    let paths = message.update_mask.unwrap_or_default().paths;
    for path in &paths {
        match path.as_str() {
            "name" => changes.name = Some(name.clone()),
            "rights" => changes.rights = Some(rights("application.rights", &asked)?),
            "sources" => changes.sources = Some(sources.clone()),
            "enabled" => changes.enabled = Some(enabled),
            "unknown_users" => {
                let exempts = exempts("application.unknown_users", unknown_users)?;
                changes.exempt.unknown_users = Some(exempts);
            }
            "disabled_users" => {
                let exempts = exempts("application.disabled_users", disabled_users)?;
                changes.exempt.disabled_users = Some(exempts);
            }
            "islands" => {
                changes.exempt.islands = Some(does_without("application.islands", islands)?);
            }
            _ => {
                let problem = "it may name name, rights, sources, enabled, unknown_users, \
                               disabled_users and islands";
                return Err(bad_mask(problem));
            }
        }
    }
    if paths.is_empty() {
        let problem = "it names no field; name name, rights, sources, enabled, unknown_users, \
                       disabled_users, islands, or several";
        return Err(bad_mask(problem));
    }
    Ok((message.name, changes))
}
