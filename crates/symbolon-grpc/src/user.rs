//! `UserService`.

use std::sync::Arc;

use symbolon_core::{Secret, State, User, UserName};
use symbolon_proto::v1;
use symbolon_service::{NewToken, Service, ServiceError, TokenName, UserChanges, UserFilter};
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, AUDIT_TIMEOUT, Call};
use crate::personal::Exported;
use crate::profile::{self, Parts};
use crate::status::to_status;
use crate::{convert, import, personal, pin};

pub(crate) struct Users(pub(crate) Arc<Service>);

impl Users {
    fn shown(&self, user: &User, state: &State) -> v1::User {
        convert::user(user, state, self.0.now())
    }

    /// As it is now.
    fn present(&self, user: &User) -> Option<v1::User> {
        Some(self.shown(user, &self.0.ledger().view().state))
    }
}

#[tonic::async_trait]
impl v1::user_service_server::UserService for Users {
    type ExportPersonalDataStream = Exported;

    async fn create_user(
        &self,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::CreateUserRequest { username, display_name, email, phones, groups, tags, language } =
            call.message;
        let profile = Parts { email, phones, groups, tags, language }.checked();
        let profile = profile.map_err(|error| to_status(&error))?;
        let (principal, id) = (&call.principal, call.request_id);
        let (user, index) = self
            .0
            .create_user(principal, id, &username, &display_name, profile, deadline)
            .await
            .map_err(|error| to_status(&error))?;
        let user = self.present(&user);
        Ok(Response::new(v1::CreateUserResponse { user, log_index: index.0 }))
    }

    async fn get_user(
        &self,
        request: Request<v1::GetUserRequest>,
    ) -> Result<Response<v1::GetUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let message = &call.message;
        let (user, state) = self
            .0
            .get_user(&call.principal, &message.username, message.allow_stale, call.deadline)
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::GetUserResponse { user: Some(self.shown(&user, &state)) }))
    }

    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let message = &call.message;
        let after = page_token(&message.page_token).map_err(|error| to_status(&error))?;
        let filter = UserFilter { group: message.group.clone(), tag: message.tag.clone() };
        let page = self
            .0
            .list_users(
                &call.principal,
                message.page_size,
                after,
                &filter,
                message.allow_stale,
                call.deadline,
            )
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::ListUsersResponse {
            users: page.users.iter().map(|user| self.shown(user, &page.state)).collect(),
            next_page_token: page.next.map(|name| name.to_string()).unwrap_or_default(),
        }))
    }

    async fn update_user(
        &self,
        request: Request<v1::UpdateUserRequest>,
    ) -> Result<Response<v1::UpdateUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (username, changes) = changes(call.message).map_err(|error| to_status(&error))?;
        let (principal, id) = (&call.principal, call.request_id);
        let changed = self.0.update_user(principal, id, &username, changes, deadline).await;
        let (user, index) = changed.map_err(|error| to_status(&error))?;
        let user = self.present(&user);
        Ok(Response::new(v1::UpdateUserResponse { user, log_index: index.0 }))
    }

    async fn delete_user(
        &self,
        request: Request<v1::DeleteUserRequest>,
    ) -> Result<Response<v1::DeleteUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::DeleteUserRequest { username, etag } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let deleted = self.0.delete_user(principal, id, &username, &etag, deadline).await;
        let log_index = deleted.map_err(|error| to_status(&error))?.0;
        Ok(Response::new(v1::DeleteUserResponse { log_index }))
    }

    async fn export_personal_data(
        &self,
        request: Request<v1::ExportPersonalDataRequest>,
    ) -> Result<Response<Exported>, Status> {
        let call = Call::accept(&self.0, request, AUDIT_TIMEOUT).await?;
        Ok(Response::new(personal::export(&self.0, call).await?))
    }

    async fn block_user(
        &self,
        request: Request<v1::BlockUserRequest>,
    ) -> Result<Response<v1::BlockUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::BlockUserRequest { username, reason, seconds } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let blocked = self.0.block_user(principal, id, &username, &reason, seconds, deadline).await;
        let (user, index) = blocked.map_err(|error| to_status(&error))?;
        let user = self.present(&user);
        Ok(Response::new(v1::BlockUserResponse { user, log_index: index.0 }))
    }

    async fn unblock_user(
        &self,
        request: Request<v1::UnblockUserRequest>,
    ) -> Result<Response<v1::UnblockUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::UnblockUserRequest { username, reason } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let unblocked = self.0.unblock_user(principal, id, &username, &reason, deadline).await;
        let (user, index) = unblocked.map_err(|error| to_status(&error))?;
        let user = self.present(&user);
        Ok(Response::new(v1::UnblockUserResponse { user, log_index: index.0 }))
    }

    async fn set_pin(
        &self,
        request: Request<v1::SetPinRequest>,
    ) -> Result<Response<v1::SetPinResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let done = pin::set(&self.0, call).await.map_err(|error| to_status(&error))?;
        let generated_pin = done.drawn.as_ref().map(|pin| pin.expose().to_owned());
        Ok(Response::new(v1::SetPinResponse {
            user: self.present(&done.user),
            generated_pin: generated_pin.unwrap_or_default(),
            log_index: done.index.0,
        }))
    }

    async fn grant_bypass(
        &self,
        request: Request<v1::GrantBypassRequest>,
    ) -> Result<Response<v1::GrantBypassResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::GrantBypassRequest { username, reason, seconds } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let granted =
            self.0.grant_bypass(principal, id, &username, &reason, seconds, deadline).await;
        let (user, index) = granted.map_err(|error| to_status(&error))?;
        let user = self.present(&user);
        Ok(Response::new(v1::GrantBypassResponse { user, log_index: index.0 }))
    }

    async fn cancel_bypass(
        &self,
        request: Request<v1::CancelBypassRequest>,
    ) -> Result<Response<v1::CancelBypassResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let v1::CancelBypassRequest { username, reason } = call.message;
        let (principal, id) = (&call.principal, call.request_id);
        let cancelled = self.0.cancel_bypass(principal, id, &username, &reason, deadline).await;
        let (user, index) = cancelled.map_err(|error| to_status(&error))?;
        let user = self.present(&user);
        Ok(Response::new(v1::CancelBypassResponse { user, log_index: index.0 }))
    }

    async fn create_recovery_codes(
        &self,
        request: Request<v1::CreateRecoveryCodesRequest>,
    ) -> Result<Response<v1::CreateRecoveryCodesResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let (principal, id) = (&call.principal, call.request_id);
        let username = &call.message.username;
        let made = self.0.create_recovery_codes(principal, id, username, deadline).await;
        let made = made.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::CreateRecoveryCodesResponse {
            user: self.present(&made.user),
            codes: made.codes.iter().map(|code| code.shown().to_string()).collect(),
            log_index: made.index.0,
        }))
    }

    async fn enroll_token(
        &self,
        request: Request<v1::EnrollTokenRequest>,
    ) -> Result<Response<v1::EnrollTokenResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let parameters = convert::parameters(&call.message).map_err(|error| to_status(&error))?;
        let deadline = call.write_deadline();
        let message = call.message;
        let seed = (!message.seed.is_empty()).then(|| Secret::new(message.seed));
        let enrollment = self
            .0
            .enroll_token(
                &call.principal,
                call.request_id,
                &message.username,
                NewToken {
                    parameters,
                    seed,
                    serial: message.serial,
                    counter: message.counter,
                    pending: message.pending,
                },
                deadline,
            )
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::EnrollTokenResponse {
            token: Some(convert::token(&enrollment.token)),
            otpauth_uri: enrollment.otpauth_uri.to_string(),
            log_index: enrollment.index.0,
        }))
    }

    async fn confirm_token(
        &self,
        request: Request<v1::ConfirmTokenRequest>,
    ) -> Result<Response<v1::ConfirmTokenResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let message = call.message;
        let name = token_name(message.token);
        let (principal, id) = (&call.principal, call.request_id);
        let confirmed = self
            .0
            .confirm_token(principal, id, &message.username, &name, &message.code, deadline)
            .await;
        let (token, index) = confirmed.map_err(|error| to_status(&error))?;
        let token = Some(convert::token(&token));
        Ok(Response::new(v1::ConfirmTokenResponse { token, log_index: index.0 }))
    }

    async fn resync_token(
        &self,
        request: Request<v1::ResyncTokenRequest>,
    ) -> Result<Response<v1::ResyncTokenResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let message = call.message;
        let name = token_name(message.token);
        let codes = [&*message.first_code, &*message.second_code];
        let (principal, id) = (&call.principal, call.request_id);
        let found =
            self.0.resync_token(principal, id, &message.username, &name, codes, deadline).await;
        let (token, index) = found.map_err(|error| to_status(&error))?;
        let token = Some(convert::token(&token));
        Ok(Response::new(v1::ResyncTokenResponse { token, log_index: index.0 }))
    }

    async fn import_tokens(
        &self,
        request: Request<v1::ImportTokensRequest>,
    ) -> Result<Response<v1::ImportTokensResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::ImportTokensRequest { tokens, dry_run } = &call.message;
        let fates = import::tokens(&self.0, &call, tokens, *dry_run).await;
        let results = fates.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::ImportTokensResponse { results }))
    }

    async fn import_users(
        &self,
        request: Request<v1::ImportUsersRequest>,
    ) -> Result<Response<v1::ImportUsersResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let fates = import::users(&self.0, &call).await;
        let results = fates.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::ImportUsersResponse { results }))
    }

    async fn remove_token(
        &self,
        request: Request<v1::RemoveTokenRequest>,
    ) -> Result<Response<v1::RemoveTokenResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let deadline = call.write_deadline();
        let message = call.message;
        let name = token_name(message.token);
        let (principal, id) = (&call.principal, call.request_id);
        let removed = self.0.remove_token(principal, id, &message.username, &name, deadline).await;
        let index = removed.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::RemoveTokenResponse { log_index: index.0 }))
    }
}

/// Of the fields that the mask names.
fn changes(message: v1::UpdateUserRequest) -> Result<(String, UserChanges), ServiceError> {
    let user = message.user.unwrap_or_default();
    let v1::User { username, display_name, enabled, etag, .. } = user.clone();
    let mut changes = UserChanges { etag, ..UserChanges::default() };
    let paths = message.update_mask.unwrap_or_default().paths;
    for path in &paths {
        match (path.as_str(), profile::field(path)) {
            (_, Some(field)) => changes.profile.fields.push(field),
            ("display_name", None) => changes.display_name = Some(display_name.clone()),
            ("enabled", None) => changes.enabled = Some(enabled),
            _ => {
                let may = "display_name, enabled, email, phones, groups, tags and language";
                return Err(ServiceError::InvalidArgument {
                    field: "update_mask",
                    problem: format!("it may name {may}"),
                });
            }
        }
    }
    if paths.is_empty() {
        return Err(ServiceError::InvalidArgument {
            field: "update_mask",
            problem: "it names no field; name display_name, enabled or another".to_owned(),
        });
    }
    if !changes.profile.fields.is_empty() {
        let v1::User { email, phones, groups, tags, language, .. } = user;
        changes.profile.values = Parts { email, phones, groups, tags, language }.checked()?;
    }
    Ok((username, changes))
}

fn token_name(message: Option<v1::TokenName>) -> TokenName {
    let v1::TokenName { id, serial } = message.unwrap_or_default();
    TokenName { id, serial }
}

/// A page token is the last name of the page before.
fn page_token(text: &str) -> Result<Option<UserName>, ServiceError> {
    if text.is_empty() {
        return Ok(None);
    }
    UserName::new(text).map(Some).map_err(|_| ServiceError::InvalidArgument {
        field: "page_token",
        problem: "it is not from an answer of ListUsers".to_owned(),
    })
}
