//! Giving, proving, resynchronising and taking tokens.

use std::fmt;

use symbolon_core::otp::{self, Algorithm, Code, MovingFactor, Parameters};
use symbolon_core::{
    Command, ConfirmToken, EnrollToken, LogIndex, Match, Operation, RemoveToken, Reply, RequestId,
    ResyncToken, Secret, Serial, State, Token, TokenId, User,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::evaluate::seed_field;
use crate::otpauth;
use crate::principal::Principal;
use crate::users::AboutUser;
use crate::{Service, ServiceError};

/// A token to enrol.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// How it makes codes.
    pub parameters: Parameters,
    /// `None`: drawn here, as long as the hash.
    pub seed: Option<Secret>,
    /// What is printed on it; may be empty.
    pub serial: String,
    /// Of HOTP: the counter of the next code.
    pub counter: u64,
    /// Whether a code must prove it first.
    pub pending: bool,
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

/// Which token of a user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenName {
    /// 16 hexadecimal digits; may be empty.
    pub id: String,
    /// May be empty. With both empty it is the one that the user has.
    pub serial: String,
}

impl Service {
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
        let parameters = new.parameters;
        let serial = checked(&new)?;
        let shape = format!("{parameters:?} {} {}", new.counter, new.pending);
        let given = new.seed.as_ref().map_or(&[][..], Secret::expose);
        let fields = vec![shape.as_bytes(), given, new.serial.as_bytes()];
        let operation = Operation::EnrollToken;
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        let build = |state: &State, user: &User| self.enrolment(state, user, &new, &serial);
        let (reply, index) = self.about_user(about, build).await.map_err(too_many_tokens)?;
        let Reply::TokenEnrolled(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let state = self.ledger.view().state;
        let token = state.token(id).cloned().ok_or(ServiceError::NotFound { kind: "token" })?;
        let seed = self.seed(&token)?;
        let issuer = state.cluster().map_or("symbolon", |cluster| cluster.name.as_str());
        let user = state.user(token.user).ok_or(ServiceError::NotFound { kind: "user" })?;
        let otpauth_uri = otpauth::uri(issuer, user.name.as_str(), &seed, &token);
        Ok(Enrollment { token, otpauth_uri, index })
    }

    /// Proves a pending token with a code that it shows.
    ///
    /// # Errors
    /// [`ServiceError::CodeRefused`] when the code is wrong; [`ServiceError::NotPending`].
    pub async fn confirm_token(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        token: &TokenName,
        code: &str,
        deadline: Instant,
    ) -> Result<(Token, LogIndex), ServiceError> {
        let find = |state: &State, user: &User| {
            let token = named_token(state, user, token, |token| token.pending)?;
            if !token.pending {
                return Err(ServiceError::NotPending);
            }
            self.knows_time_for(token)?;
            let seed = self.seed(token)?;
            let code = Code::parse(code).unwrap_or(Code::NEVER);
            let at = self.clock.now();
            let position = token.position(state.tolerance());
            let step = otp::matching_step(&seed, token.parameters, position, code, at);
            let shown = Match { token: token.id, step: step.ok_or(ServiceError::CodeRefused)? };
            Ok(Command::ConfirmToken(ConfirmToken { shown }))
        };
        let fields = vec![token.id.as_bytes(), token.serial.as_bytes(), code.as_bytes()];
        let operation = Operation::ConfirmToken;
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        self.change_token(about, find).await
    }

    /// Finds where a token stands by two codes that it shows one after the other.
    ///
    /// # Errors
    /// [`ServiceError::CodesRefused`] when they are not found.
    pub async fn resync_token(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        token: &TokenName,
        codes: [&str; 2],
        deadline: Instant,
    ) -> Result<(Token, LogIndex), ServiceError> {
        let parsed = codes.map(|code| Code::parse(code).unwrap_or(Code::NEVER));
        let find = |state: &State, user: &User| {
            let token = named_token(state, user, token, |_| true)?;
            self.knows_time_for(token)?;
            let seed = self.seed(token)?;
            let at = self.clock.now();
            let position = token.position(state.tolerance());
            let step = otp::resynchronise(&seed, token.parameters, position, parsed, at);
            let shown = Match { token: token.id, step: step.ok_or(ServiceError::CodesRefused)? };
            Ok(Command::ResyncToken(ResyncToken { shown }))
        };
        let [first, second] = codes.map(str::as_bytes);
        let fields = vec![token.id.as_bytes(), token.serial.as_bytes(), first, second];
        let operation = Operation::ResyncToken;
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        let changed = self.change_token(about, find).await;
        changed.map_err(|error| match error {
            // Who may not look people up learns of nobody whether they are there.
            ServiceError::NotFound { .. }
            | ServiceError::InvalidArgument { field: "token", .. }
                if !principal.rights.any_of(Operation::GetUser.rights()) =>
            {
                ServiceError::CodesRefused
            }
            error => error,
        })
    }

    /// Takes a token from its user.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when the user has no such token.
    pub async fn remove_token(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        token: &TokenName,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let fields = vec![token.id.as_bytes(), token.serial.as_bytes()];
        let operation = Operation::RemoveToken;
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        let build = |state: &State, user: &User| {
            let token = named_token(state, user, token, |_| true)?.id;
            Ok(Command::RemoveToken(RemoveToken { token }))
        };
        self.about_user(about, build).await.map(|(_, index)| index)
    }

    /// Refuses to judge a code of the time by a clock that is off.
    fn knows_time_for(&self, token: &Token) -> Result<(), ServiceError> {
        let counts = token.parameters.factor() == MovingFactor::Counter;
        if counts || !self.ledger.is_clock_off() { Ok(()) } else { Err(ServiceError::ClockOff) }
    }

    async fn change_token(
        &self,
        about: AboutUser<'_>,
        find: impl Fn(&State, &User) -> Result<Command, ServiceError>,
    ) -> Result<(Token, LogIndex), ServiceError> {
        let (reply, index) = self.about_user(about, find).await?;
        let Reply::TokenChanged(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let token = self.ledger.view().state.token(id).cloned();
        Ok((token.ok_or(ServiceError::NotFound { kind: "token" })?, index))
    }

    /// The command that gives a user a token, with the seed sealed for it.
    pub(crate) fn enrolment(
        &self,
        state: &State,
        user: &User,
        new: &NewToken,
        serial: &Option<Serial>,
    ) -> Result<Command, ServiceError> {
        let token = TokenId(self.draw());
        let drawn = || self.draw_secret(seed_bytes(new.parameters));
        let seed = new.seed.clone().unwrap_or_else(drawn);
        let seed = self.vault.seal(state.active_data_key(), seed_field(token.0), &seed);
        Ok(Command::EnrollToken(EnrollToken {
            user: user.id,
            token,
            parameters: new.parameters,
            seed: seed.map_err(|_| ServiceError::Internal)?,
            serial: serial.clone(),
            mark: new.counter,
            pending: new.pending,
        }))
    }

    pub(crate) fn seed(&self, token: &Token) -> Result<Secret, ServiceError> {
        // A view from before a change of the data key: `administer` catches up.
        self.vault.open(seed_field(token.id.0), &token.seed).map_err(|_| ServiceError::Internal)
    }
}

/// The token of a user that is named, or of those that `fits` picks the only one.
fn named_token<'s>(
    state: &'s State,
    user: &User,
    named: &TokenName,
    fits: impl Fn(&Token) -> bool,
) -> Result<&'s Token, ServiceError> {
    let mut tokens: Vec<_> = user.tokens.iter().filter_map(|id| state.token(*id)).collect();
    if !named.id.is_empty() {
        tokens.retain(|token| token.id.to_string() == named.id);
    }
    if !named.serial.is_empty() {
        let is = |serial: &Serial| serial.as_str() == named.serial;
        tokens.retain(|token| token.serial.as_ref().is_some_and(is));
    }
    if named.id.is_empty() && named.serial.is_empty() && tokens.len() > 1 {
        tokens.retain(|token| fits(token));
        if tokens.len() > 1 {
            let problem = "the user has several; name one by its id or its serial number";
            return Err(ServiceError::invalid("token", problem));
        }
    }
    tokens.first().copied().ok_or(ServiceError::NotFound { kind: "token" })
}

/// The serial number of a token to enrol, of which the rest is checked too.
pub(crate) fn checked(new: &NewToken) -> Result<Option<Serial>, ServiceError> {
    if let Some(seed) = &new.seed {
        otp::check_seed(seed).map_err(|error| ServiceError::invalid("seed", error.to_string()))?;
    }
    if new.parameters.factor() != MovingFactor::Counter && new.counter != 0 {
        return Err(ServiceError::invalid("counter", "a TOTP token has none"));
    }
    serial(&new.serial)
}

pub(crate) fn too_many_tokens(error: ServiceError) -> ServiceError {
    match error {
        ServiceError::LimitReached { .. } => {
            ServiceError::LimitReached { limit: "16 tokens for a user" }
        }
        other => other,
    }
}

fn serial(text: &str) -> Result<Option<Serial>, ServiceError> {
    if text.is_empty() {
        return Ok(None);
    }
    let serial = Serial::new(text);
    serial.map(Some).map_err(|error| ServiceError::invalid("serial", error.to_string()))
}

/// A drawn seed is as long as its hash (RFC 4226 section 4 R6, RFC 6238 section 5.1).
const fn seed_bytes(parameters: Parameters) -> usize {
    match parameters.algorithm() {
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    }
}
