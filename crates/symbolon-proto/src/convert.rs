//! Between messages and the domain. Decoding checks everything: a value that the domain could not
//! hold is an error that names its field, never a default.

mod answer;
mod audit;
mod bypass;
mod caller;
mod challenge;
mod epoch;
mod island;
mod merge;
mod profile;
mod proposal;
mod radius;
mod row;
mod settings;

pub use answer::{answer_from_proto, answer_to_proto, reason_detail};
pub use audit::{AuditHead, audit_decode, audit_encode, audit_head, audit_read};
pub use island::{agreed_decode, agreed_encode, offer_from_proto, offer_to_proto};
pub use proposal::{batch_decode, batch_encode, proposal_decode, proposal_encode};
pub use row::{
    digest_bytes, row_decode, row_encode, row_key_encode, scalars_from_proto, scalars_to_proto,
};

use symbolon_core::otp::{Algorithm, MovingFactor, Parameters};
use symbolon_core::{
    AdministratorId, ApplicationId, Caller, DataKeyId, DisplayName, Fingerprint, Method, Name,
    NodeId, Reason, RequestId, Serial, UserName,
};

use crate::store::v1 as store;

/// Why bytes are no message of the domain.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf.
    #[error("not a protobuf message")]
    Malformed(#[source] prost::DecodeError),
    /// A field is absent or holds a value that the domain cannot hold.
    #[error("field {0} is absent or out of range")]
    Field(&'static str),
    /// An entry of the log that a newer release has written.
    #[error(
        "it is of format level {0}, and this release knows {FORMAT_LEVEL}: install the release that the other \
         nodes have"
    )]
    Level(u32),
}

/// By which rules a release applies entries of the log and encodes states for their digest.
pub const FORMAT_LEVEL: u32 = 1;

pub(crate) fn need<T>(value: Option<T>, field: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::Field(field))
}

pub(crate) fn name(text: String, field: &'static str) -> Result<Name, DecodeError> {
    Name::new(text).map_err(|_| DecodeError::Field(field))
}

pub(crate) fn user_name(text: String) -> Result<UserName, DecodeError> {
    UserName::new(text).map_err(|_| DecodeError::Field("user_name"))
}

pub(crate) fn display_name(text: String) -> Result<DisplayName, DecodeError> {
    DisplayName::new(text).map_err(|_| DecodeError::Field("display_name"))
}

pub(crate) fn reason(text: String) -> Result<Reason, DecodeError> {
    Reason::new(text).map_err(|_| DecodeError::Field("reason"))
}

pub(crate) fn data_key(id: u32) -> Result<DataKeyId, DecodeError> {
    need((id != 0).then_some(DataKeyId(id)), "data key")
}

pub(crate) fn request_id(bytes: &[u8]) -> Result<RequestId, DecodeError> {
    need(RequestId::from_slice(bytes), "request_id")
}

pub(crate) fn fingerprint(bytes: &[u8]) -> Result<Fingerprint, DecodeError> {
    need(Fingerprint::from_slice(bytes), "fingerprint")
}

pub(crate) fn caller_to_proto(caller: Caller) -> store::Caller {
    use store::caller::Kind;
    let (kind, id) = match caller {
        Caller::Administrator(id) => (Kind::Administrator, id.0),
        Caller::Application(id) => (Kind::Application, id.0),
        Caller::Node(id) => (Kind::Node, id.0),
    };
    store::Caller { kind: kind.into(), id }
}

pub(crate) fn caller_from_proto(message: Option<store::Caller>) -> Result<Caller, DecodeError> {
    use store::caller::Kind;
    let message = need(message, "caller")?;
    match message.kind() {
        Kind::Administrator => Ok(Caller::Administrator(AdministratorId(message.id))),
        Kind::Application => Ok(Caller::Application(ApplicationId(message.id))),
        Kind::Node => Ok(Caller::Node(NodeId(message.id))),
        Kind::Unspecified => Err(DecodeError::Field("caller.kind")),
    }
}

pub(crate) const fn algorithm_number(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
    }
}

pub(crate) const fn token_kind(parameters: Parameters) -> store::TokenKind {
    match parameters.factor() {
        MovingFactor::Time { .. } => store::TokenKind::Totp,
        MovingFactor::Counter => store::TokenKind::Hotp,
    }
}

pub(crate) fn parameters(
    kind: i32,
    algorithm: u32,
    digits: u32,
    period_seconds: u32,
) -> Result<Parameters, DecodeError> {
    let algorithm = match algorithm {
        1 => Algorithm::Sha1,
        2 => Algorithm::Sha256,
        3 => Algorithm::Sha512,
        _ => return Err(DecodeError::Field("algorithm")),
    };
    let digits = u8::try_from(digits).map_err(|_| DecodeError::Field("digits"))?;
    let parameters = match store::TokenKind::try_from(kind) {
        Ok(store::TokenKind::Totp) => Parameters::totp(algorithm, digits, period_seconds),
        Ok(store::TokenKind::Hotp) if period_seconds == 0 => Parameters::hotp(algorithm, digits),
        _ => return Err(DecodeError::Field("kind")),
    };
    parameters.map_err(|_| DecodeError::Field("digits or period_seconds"))
}

pub(crate) fn serial(text: String) -> Result<Option<Serial>, DecodeError> {
    let serial = (!text.is_empty()).then(|| Serial::new(text)).transpose();
    serial.map_err(|_| DecodeError::Field("serial"))
}

pub(crate) const fn method_number(method: Method) -> u32 {
    match method {
        Method::Otp => 1,
    }
}

pub(crate) const fn method(number: u32) -> Result<Method, DecodeError> {
    match number {
        1 => Ok(Method::Otp),
        _ => Err(DecodeError::Field("method")),
    }
}
