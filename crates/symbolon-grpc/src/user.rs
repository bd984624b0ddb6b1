//! `UserService`.

use std::sync::Arc;

use symbolon_core::{Secret, UserName};
use symbolon_proto::v1;
use symbolon_service::{NewToken, Service, ServiceError, TokenName};
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, Call};
use crate::convert;
use crate::status::to_status;

pub(crate) struct Users(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::user_service_server::UserService for Users {
    async fn create_user(
        &self,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let message = &call.message;
        let (user, index) = self
            .0
            .create_user(
                &call.principal,
                call.request_id,
                &message.username,
                &message.display_name,
                call.write_deadline(),
            )
            .await
            .map_err(|error| to_status(&error))?;
        let state = self.0.ledger().view().state;
        Ok(Response::new(v1::CreateUserResponse {
            user: Some(convert::user(&user, &state)),
            log_index: index.0,
        }))
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
        Ok(Response::new(v1::GetUserResponse { user: Some(convert::user(&user, &state)) }))
    }

    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let message = &call.message;
        let after = page_token(&message.page_token).map_err(|error| to_status(&error))?;
        let page = self
            .0
            .list_users(
                &call.principal,
                message.page_size,
                after,
                message.allow_stale,
                call.deadline,
            )
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::ListUsersResponse {
            users: page.users.iter().map(|user| convert::user(user, &page.state)).collect(),
            next_page_token: page.next.map(|name| name.to_string()).unwrap_or_default(),
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
