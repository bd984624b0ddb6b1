//! Rows as clients see them.

use prost_types::Timestamp as ProtoTimestamp;
use symbolon_core::otp::{Algorithm, MovingFactor, Parameters};
use symbolon_core::{Block, Bypass, Standing, State, Timestamp, Token, User};
use symbolon_proto::v1;
use symbolon_service::{ServiceError, etag};

pub(crate) fn timestamp(at: Timestamp) -> ProtoTimestamp {
    ProtoTimestamp {
        seconds: i64::try_from(at.seconds()).unwrap_or(i64::MAX),
        nanos: i32::try_from(at.0 % 1000).unwrap_or(0) * 1_000_000,
    }
}

/// A mask that names what cannot be changed, or nothing.
pub(crate) fn bad_mask(problem: &str) -> ServiceError {
    ServiceError::InvalidArgument { field: "update_mask", problem: problem.to_owned() }
}

pub(crate) fn user(user: &User, state: &State, now: Timestamp) -> v1::User {
    let tokens = user.tokens.iter().filter_map(|id| state.token(*id));
    // In a quiet cluster state time stands still: what is shown goes by the clock, as `now` says.
    let at = now.max(state.clock());
    let standing = state.standing(user, None, at);
    let shown = v1::User {
        id: user.id.to_string(),
        username: user.name.to_string(),
        display_name: user.display_name.to_string(),
        failures: user.failures,
        tokens: tokens.map(token).collect(),
        created_at: Some(timestamp(user.created_at)),
        enabled: !user.disabled,
        block: (standing == Standing::Blocked).then(|| user.block.as_ref().map(block)).flatten(),
        locked: standing == Standing::Locked,
        etag: etag(user),
        waits_until: match standing {
            Standing::Waiting(until) => Some(timestamp(until)),
            _ => None,
        },
        pin_set_at: user.pin.as_ref().map(|pin| timestamp(pin.set_at)),
        pin_due_at: state.pin_due_at(user).map(timestamp),
        bypass: user.bypass.as_deref().filter(|bypass| at < bypass.until).map(bypass),
        recovery_codes_left: user.recovery_codes.as_ref().map_or(0, |codes| codes.left()),
        ..v1::User::default()
    };
    crate::profile::shown(user, shown)
}

pub(crate) fn bypass(bypass: &Bypass) -> v1::Bypass {
    v1::Bypass {
        reason: bypass.reason.to_string(),
        since: Some(timestamp(bypass.since)),
        until: Some(timestamp(bypass.until)),
    }
}

pub(crate) fn block(block: &Block) -> v1::Block {
    v1::Block {
        reason: block.reason.to_string(),
        since: Some(timestamp(block.since)),
        until: Some(timestamp(block.until)),
    }
}

pub(crate) fn token(token: &Token) -> v1::Token {
    let algorithm = match token.parameters.algorithm() {
        Algorithm::Sha1 => v1::Algorithm::Sha1,
        Algorithm::Sha256 => v1::Algorithm::Sha256,
        Algorithm::Sha512 => v1::Algorithm::Sha512,
    };
    let (kind, last_time_step, counter) = match token.parameters.factor() {
        MovingFactor::Time { .. } => (v1::TokenType::Totp, token.mark, 0),
        // The step of a counter is one more: the mark is the counter of the next code.
        MovingFactor::Counter => (v1::TokenType::Hotp, 0, token.mark),
    };
    v1::Token {
        id: token.id.to_string(),
        algorithm: algorithm.into(),
        digits: token.parameters.digits().into(),
        period_seconds: token.parameters.period_seconds().unwrap_or(0),
        created_at: Some(timestamp(token.created_at)),
        used: token.mark != 0,
        r#type: kind.into(),
        serial: token.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
        pending: token.pending,
        drift_steps: token.drift,
        counter,
        last_time_step,
    }
}

/// Parameters of a token as a client asks for them; unset fields are the defaults.
pub(crate) fn parameters(request: &v1::EnrollTokenRequest) -> Result<Parameters, ServiceError> {
    let invalid = |field, problem: String| ServiceError::InvalidArgument { field, problem };
    let algorithm = match v1::Algorithm::try_from(request.algorithm) {
        Ok(v1::Algorithm::Unspecified | v1::Algorithm::Sha1) => Algorithm::Sha1,
        Ok(v1::Algorithm::Sha256) => Algorithm::Sha256,
        Ok(v1::Algorithm::Sha512) => Algorithm::Sha512,
        Err(_) => return Err(invalid("algorithm", "it is none of the known".to_owned())),
    };
    let default = Parameters::default();
    let digits = match request.digits {
        0 => default.digits(),
        digits => u8::try_from(digits).unwrap_or(u8::MAX),
    };
    let parameters = match v1::TokenType::try_from(request.r#type) {
        Ok(v1::TokenType::Unspecified | v1::TokenType::Totp) => {
            let period_seconds = match request.period_seconds {
                0 => default.period_seconds().unwrap_or(0),
                seconds => seconds,
            };
            Parameters::totp(algorithm, digits, period_seconds)
        }
        Ok(v1::TokenType::Hotp) if request.period_seconds != 0 => {
            return Err(invalid("period_seconds", "a HOTP token has none".to_owned()));
        }
        Ok(v1::TokenType::Hotp) => Parameters::hotp(algorithm, digits),
        Err(_) => return Err(invalid("type", "it is none of the known".to_owned())),
    };
    parameters.map_err(|error| {
        let field = match error {
            symbolon_core::otp::ParametersError::Digits => "digits",
            _ => "period_seconds",
        };
        invalid(field, error.to_string())
    })
}
