//! Creating users, tokens, applications and join tokens.

use std::fmt;
use symbolon_core::limits::{JOIN_TOKEN_MILLISECONDS_DEFAULT, JOIN_TOKEN_MILLISECONDS_MAX};
use symbolon_core::otp::{self, Algorithm, Parameters};
use symbolon_core::{
    Application, ApplicationId, Command, CreateApplication, CreateJoinToken, CreateUser,
    DisplayName, EnrollToken, JoinTokenId, LogIndex, Reply, RequestId, Reveal, Secret, Timestamp,
    Token, TokenId, User, UserId,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::credential::{Credential, CredentialKind, JoinCredential, hash_secret};
use crate::evaluate::seed_field;
use crate::fingerprint::fingerprint;
use crate::names;
use crate::otpauth;
use crate::ports::FieldRef;
use crate::service::{AdminRequest, Principal};
use crate::{Service, ServiceError};

/// A token to enrol.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// How it makes codes.
    pub parameters: Parameters,
    /// `None`: drawn here, as long as the hash.
    pub seed: Option<Secret>,
}

/// An enrolled token, with what its owner's app needs.
pub struct Enrollment {
    /// The row.
    pub token: Token,
    /// Holds the seed.
    pub otpauth_uri: Zeroizing<String>,
    /// Where in the log.
    pub index: LogIndex,
}

impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, otpauth_uri: _, index } = self;
        f.debug_struct("Enrollment")
            .field("token", token)
            .field("index", index)
            .finish_non_exhaustive()
    }
}

pub(crate) const fn api_key_field(id: u64) -> FieldRef {
    FieldRef { row: "application", id, field: "api_key" }
}

pub(crate) const fn join_secret_field(id: u64) -> FieldRef {
    FieldRef { row: "join_token", id, field: "secret" }
}

impl Service {
    pub(crate) fn request(
        &self,
        principal: &Principal,
        id: Option<RequestId>,
        kind: &str,
        fields: &[&[u8]],
    ) -> Result<AdminRequest, ServiceError> {
        Self::administrator(principal)?;
        Ok(AdminRequest {
            caller: principal.caller,
            id: id.unwrap_or_else(|| self.draw_request_id()),
            fingerprint: fingerprint(&*self.vault, kind, fields),
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
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        let display_name = DisplayName::new(display_name)
            .map_err(|error| names::bad_name("display_name", error))?;
        let fields = [name.as_str().as_bytes(), display_name.as_str().as_bytes()];
        let request = self.request(principal, request_id, "create_user", &fields)?;
        let build = |_: &_| {
            Ok(Command::CreateUser(CreateUser {
                user: UserId(self.draw()),
                name: name.clone(),
                display_name: display_name.clone(),
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

    /// Gives a user a token.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is no such user.
    pub async fn enroll_token(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        new: NewToken,
        deadline: Instant,
    ) -> Result<Enrollment, ServiceError> {
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        if let Some(seed) = &new.seed {
            otp::check_seed(seed)
                .map_err(|error| ServiceError::invalid("seed", error.to_string()))?;
        }
        let parameters = new.parameters;
        let shape = format!("{parameters:?}");
        let given = new.seed.as_ref().map_or(&[][..], Secret::expose);
        let fields = [name.as_str().as_bytes(), shape.as_bytes(), given];
        let request = self.request(principal, request_id, "enroll_token", &fields)?;
        if self.ledger.view().state.user_by_name(&name).is_none() {
            // The user may have been created at another node a moment ago.
            self.ledger.read_barrier(deadline).await?;
        }
        let build = |view: &crate::View| {
            let user = view.state.user_by_name(&name);
            let user = user.ok_or(ServiceError::NotFound { kind: "user" })?.id;
            let token = TokenId(self.draw());
            let seed = new.seed.clone().unwrap_or_else(|| self.draw_secret(seed_bytes(parameters)));
            let seed = self.vault.seal(view.state.active_data_key(), seed_field(token.0), &seed);
            let seed = seed.map_err(|_| ServiceError::Internal)?;
            Ok(Command::EnrollToken(EnrollToken { user, token, parameters, seed }))
        };
        let (reply, index) =
            self.administer(&request, deadline, build).await.map_err(|error| match error {
                ServiceError::LimitReached { .. } => {
                    ServiceError::LimitReached { limit: "16 tokens for a user" }
                }
                other => other,
            })?;
        let Reply::TokenEnrolled(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let state = self.ledger.view().state;
        let token = state.token(id).cloned().ok_or(ServiceError::NotFound { kind: "token" })?;
        let seed = self.vault.open(seed_field(id.0), &token.seed);
        let seed = seed.map_err(|_| ServiceError::Internal)?;
        let issuer = state.cluster().map_or("symbolon", |cluster| cluster.name.as_str());
        let otpauth_uri = otpauth::uri(issuer, name.as_str(), &seed, token.parameters);
        Ok(Enrollment { token, otpauth_uri, index })
    }

    /// Adds an application; answers with its API key.
    ///
    /// # Errors
    /// [`ServiceError::AlreadyExists`] when the name is taken.
    pub async fn create_application(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        deadline: Instant,
    ) -> Result<(Application, Zeroizing<String>, LogIndex), ServiceError> {
        let _place = self.admission.administration()?;
        let name = names::name("name", name)?;
        let fields = [name.as_str().as_bytes()];
        let request = self.request(principal, request_id, "create_application", &fields)?;
        let build = |view: &crate::View| {
            let key = view.state.active_data_key();
            let application = ApplicationId(self.draw());
            let secret = self.draw_key();
            let sealed = self.vault.seal(key, api_key_field(application.0), &secret);
            Ok(Command::CreateApplication(CreateApplication {
                application,
                name: name.clone(),
                key: hash_secret(&secret),
                secret: sealed.map_err(|_| ServiceError::Internal)?,
            }))
        };
        let (reply, index) = self
            .administer(&request, deadline, build)
            .await
            .map_err(|error| kind(error, "application"))?;
        let Reply::ApplicationCreated(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let application = self.ledger.view().state.application(id).cloned();
        let application = application.ok_or(ServiceError::NotFound { kind: "application" })?;
        let secret = self.reveal(api_key_field(id.0), application.reveal.as_ref())?;
        let credential = Credential { kind: CredentialKind::Application, id: id.0, secret };
        Ok((application, credential.to_text(), index))
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
        let request = self.request(principal, request_id, "create_join_token", &fields)?;
        let build = |view: &crate::View| {
            let key = view.state.active_data_key();
            let join_token = JoinTokenId(self.draw());
            let secret = self.draw_key();
            let sealed = self.vault.seal(key, join_secret_field(join_token.0), &secret);
            Ok(Command::CreateJoinToken(CreateJoinToken {
                join_token,
                secret_hash: hash_secret(&secret),
                secret: sealed.map_err(|_| ServiceError::Internal)?,
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

    fn reveal(&self, field: FieldRef, reveal: Option<&Reveal>) -> Result<Secret, ServiceError> {
        let reveal = reveal.ok_or(ServiceError::SecretGone)?;
        self.vault.open(field, &reveal.secret).map_err(|_| ServiceError::Internal)
    }
}

/// Says what kind of row the general refusals of the log were about.
fn kind(error: ServiceError, kind: &'static str) -> ServiceError {
    match error {
        ServiceError::AlreadyExists { .. } => ServiceError::AlreadyExists { kind },
        other => other,
    }
}

/// A drawn seed is as long as its hash (RFC 4226 section 4 R6, RFC 6238 section 5.1).
const fn seed_bytes(parameters: Parameters) -> usize {
    match parameters.algorithm() {
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    }
}
