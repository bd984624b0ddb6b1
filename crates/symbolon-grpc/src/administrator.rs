//! `AdministratorService`.

use std::sync::Arc;

use symbolon_core::{Administrator, Role};
use symbolon_proto::v1;
use symbolon_service::{AdministratorChanges, NewAdministrator, Service, ServiceError, etag_of};
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, Call};
use crate::convert::{bad_mask, timestamp};
use crate::status::to_status;

pub(crate) struct Administrators(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::administrator_service_server::AdministratorService for Administrators {
    async fn create_administrator(
        &self,
        request: Request<v1::CreateAdministratorRequest>,
    ) -> Result<Response<v1::CreateAdministratorResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::CreateAdministratorRequest { name, role: asked, scope } = call.message;
        let role = role("role", asked).map_err(|error| to_status(&error))?;
        let new = NewAdministrator { name, role, scope };
        let (principal, id) = (&call.principal, call.request_id);
        let created = self.0.create_administrator(principal, id, &new, deadline).await;
        let (administrator, token, index) = created.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::CreateAdministratorResponse {
            administrator: Some(shown(&administrator)),
            token: token.to_string(),
            log_index: index.0,
        }))
    }

    async fn get_administrator(
        &self,
        request: Request<v1::GetAdministratorRequest>,
    ) -> Result<Response<v1::GetAdministratorResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::GetAdministratorRequest { name, allow_stale } = call.message;
        let (principal, deadline) = (&call.principal, call.deadline);
        let found = self.0.get_administrator(principal, &name, allow_stale, deadline).await;
        let administrator = Some(shown(&found.map_err(|error| to_status(&error))?));
        Ok(Response::new(v1::GetAdministratorResponse { administrator }))
    }

    async fn list_administrators(
        &self,
        request: Request<v1::ListAdministratorsRequest>,
    ) -> Result<Response<v1::ListAdministratorsResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let (stale, deadline) = (call.message.allow_stale, call.deadline);
        let found = self.0.list_administrators(&call.principal, stale, deadline).await;
        let administrators = found.map_err(|error| to_status(&error))?.iter().map(shown).collect();
        Ok(Response::new(v1::ListAdministratorsResponse { administrators }))
    }

    async fn update_administrator(
        &self,
        request: Request<v1::UpdateAdministratorRequest>,
    ) -> Result<Response<v1::UpdateAdministratorResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (name, changes) = changes(call.message).map_err(|error| to_status(&error))?;
        let (principal, id) = (&call.principal, call.request_id);
        let changed = self.0.update_administrator(principal, id, &name, &changes, deadline).await;
        let (administrator, index) = changed.map_err(|error| to_status(&error))?;
        let administrator = Some(shown(&administrator));
        Ok(Response::new(v1::UpdateAdministratorResponse { administrator, log_index: index.0 }))
    }

    async fn rotate_administrator_token(
        &self,
        request: Request<v1::RotateAdministratorTokenRequest>,
    ) -> Result<Response<v1::RotateAdministratorTokenResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (principal, id) = (&call.principal, call.request_id);
        let name = &call.message.name;
        let rotated = self.0.rotate_administrator_token(principal, id, name, deadline).await;
        let (administrator, token, index) = rotated.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::RotateAdministratorTokenResponse {
            administrator: Some(shown(&administrator)),
            token: token.to_string(),
            log_index: index.0,
        }))
    }

    async fn delete_administrator(
        &self,
        request: Request<v1::DeleteAdministratorRequest>,
    ) -> Result<Response<v1::DeleteAdministratorResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::DeleteAdministratorRequest { name, etag } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let deleted = self.0.delete_administrator(principal, id, &name, &etag, deadline).await;
        let log_index = deleted.map_err(|error| to_status(&error))?.0;
        Ok(Response::new(v1::DeleteAdministratorResponse { log_index }))
    }
}

fn shown(row: &Administrator) -> v1::Administrator {
    let role = match row.role {
        Role::Administrator => v1::AdministratorRole::Administrator,
        Role::HelpDesk => v1::AdministratorRole::HelpDesk,
        Role::Auditor => v1::AdministratorRole::Auditor,
    };
    v1::Administrator {
        id: row.id.to_string(),
        name: row.name.to_string(),
        role: role.into(),
        scope: row.scope.parts().map(ToString::to_string).collect(),
        enabled: !row.disabled,
        created_at: (row.created_at.0 != 0).then(|| timestamp(row.created_at)),
        etag: etag_of(row.changed_at),
    }
}

fn role(field: &'static str, number: i32) -> Result<Role, ServiceError> {
    match v1::AdministratorRole::try_from(number) {
        Ok(v1::AdministratorRole::Administrator) => Ok(Role::Administrator),
        Ok(v1::AdministratorRole::HelpDesk) => Ok(Role::HelpDesk),
        Ok(v1::AdministratorRole::Auditor) => Ok(Role::Auditor),
        // Nobody gets every right because a field was forgotten.
        Ok(v1::AdministratorRole::Unspecified) | Err(_) => {
            let problem = "it is none of the known, or absent".to_owned();
            Err(ServiceError::InvalidArgument { field, problem })
        }
    }
}

/// Of the fields that the mask names.
fn changes(
    message: v1::UpdateAdministratorRequest,
) -> Result<(String, AdministratorChanges), ServiceError> {
    let v1::Administrator { name, role: asked, scope, enabled, etag, .. } =
        message.administrator.unwrap_or_default();
    let mut changes = AdministratorChanges { etag, ..AdministratorChanges::default() };
    let paths = message.update_mask.unwrap_or_default().paths;
    for path in &paths {
        match path.as_str() {
            "role" => changes.role = Some(role("administrator.role", asked)?),
            "scope" => changes.scope = Some(scope.clone()),
            "enabled" => changes.enabled = Some(enabled),
            _ => return Err(bad_mask("it may name role, scope and enabled")),
        }
    }
    if paths.is_empty() {
        return Err(bad_mask("it names no field; name role, scope, enabled, or several"));
    }
    Ok((name, changes))
}
