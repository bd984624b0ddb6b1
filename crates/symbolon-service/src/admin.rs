//! Creating users and join tokens.

use symbolon_core::limits::{JOIN_TOKEN_MILLISECONDS_DEFAULT, JOIN_TOKEN_MILLISECONDS_MAX};
use symbolon_core::{
    Command, CreateJoinToken, CreateUser, DisplayName, JoinTokenId, LogIndex, Operation, Profile,
    Reply, RequestId, Reveal, Secret, Timestamp, User, UserId,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::credential::JoinCredential;
use crate::fingerprint::fingerprint;
use crate::names;
use crate::ports::FieldRef;
use crate::principal::Principal;
use crate::service::AdminRequest;
use crate::{Service, ServiceError};

pub(crate) const fn join_secret_field(id: u64) -> FieldRef {
    FieldRef { row: "join_token", id, field: "secret" }
}

impl Service {
    pub(crate) fn request(
        &self,
        principal: &Principal,
        id: Option<RequestId>,
        operation: Operation,
        fields: &[&[u8]],
    ) -> Result<AdminRequest, ServiceError> {
        Self::may(principal, operation)?;
        Ok(AdminRequest {
            principal: principal.clone(),
            id: id.unwrap_or_else(|| self.draw_request_id()),
            fingerprint: fingerprint(&*self.vault, operation.name(), fields),
        })
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`ServiceError::AlreadyExists`] when the name, in any case or Unicode form, is taken.
    pub async fn create_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        display_name: &str,
        profile: Profile,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        Self::may(principal, Operation::CreateUser)?;
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        let display_name = DisplayName::new(display_name)
            .map_err(|error| names::bad_name("display_name", error))?;
        let shape = format!("{profile:?}");
        let fields = [name.as_str().as_bytes(), display_name.as_str().as_bytes(), shape.as_bytes()];
        let request = self.request(principal, request_id, Operation::CreateUser, &fields)?;
        let build = |_: &_| {
            Ok(Command::CreateUser(CreateUser {
                user: UserId(self.draw()),
                name: name.clone(),
                display_name: display_name.clone(),
                profile: profile.clone(),
            }))
        };
        let (reply, index) = self
            .administer(&request, deadline, build)
            .await
            .map_err(|error| kind(error, "user"))?;
        let Reply::UserCreated(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let user = self.ledger.view().state.user(id).cloned();
        Ok((user.ok_or(ServiceError::NotFound { kind: "user" })?, index))
    }

    /// Makes a join token. `life_seconds` 0 means a day.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] for a life over a week.
    pub async fn create_join_token(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        life_seconds: u32,
        deadline: Instant,
    ) -> Result<(Zeroizing<String>, Timestamp, LogIndex), ServiceError> {
        Self::may(principal, Operation::CreateJoinToken)?;
        let _place = self.admission.administration()?;
        let life_milliseconds = match u64::from(life_seconds) * 1000 {
            0 => JOIN_TOKEN_MILLISECONDS_DEFAULT,
            life if (1000..=JOIN_TOKEN_MILLISECONDS_MAX).contains(&life) => life,
            _ => {
                let problem = "it is not within 1 to 604800 (a week)";
                return Err(ServiceError::invalid("life_seconds", problem));
            }
        };
        let fields = [&life_milliseconds.to_be_bytes()[..]];
        let request = self.request(principal, request_id, Operation::CreateJoinToken, &fields)?;
        let build = |view: &crate::View| {
            let join_token = JoinTokenId(self.draw());
            let (secret_hash, secret) = self.new_secret(view, join_secret_field(join_token.0))?;
            Ok(Command::CreateJoinToken(CreateJoinToken {
                join_token,
                secret_hash,
                secret,
                life_milliseconds,
            }))
        };
        let (reply, index) =
            self.administer(&request, deadline, build).await.map_err(|error| match error {
                ServiceError::LimitReached { .. } => {
                    ServiceError::LimitReached { limit: "100 join tokens that wait" }
                }
                other => other,
            })?;
        let Reply::JoinTokenCreated(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let row = self.ledger.view().state.join_token(id).cloned();
        let row = row.ok_or(ServiceError::SecretGone)?;
        let secret = self.reveal(join_secret_field(id.0), row.reveal.as_ref())?;
        let ca_pin = self.ledger.identity().ca_pin;
        let credential = JoinCredential { id, secret, ca_pin };
        Ok((credential.to_text(), row.expires_at, index))
    }

    pub(crate) fn reveal(
        &self,
        field: FieldRef,
        reveal: Option<&Reveal>,
    ) -> Result<Secret, ServiceError> {
        let reveal = reveal.ok_or(ServiceError::SecretGone)?;
        self.vault.open(field, &reveal.secret).map_err(|_| ServiceError::Internal)
    }
}

/// Says what kind of row the general refusals of the log were about.
pub(crate) fn kind(error: ServiceError, kind: &'static str) -> ServiceError {
    match error {
        ServiceError::AlreadyExists { .. } => ServiceError::AlreadyExists { kind },
        other => other,
    }
}
