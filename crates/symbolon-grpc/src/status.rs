//! From what went wrong to status codes, as the Google API conventions have them.

use std::time::Duration;

use symbolon_service::ServiceError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// When a client should try again where there was no master.
const RETRY_NO_MASTER: Duration = Duration::from_secs(1);
/// When a client should try again where there was too much to do.
const RETRY_OVERLOAD: Duration = Duration::from_millis(500);

pub(crate) fn to_status(error: &ServiceError) -> Status {
    let message = error.to_string();
    let retry = |code, after| {
        let details = ErrorDetails::with_retry_info(Some(after));
        Status::with_error_details(code, message.clone(), details)
    };
    match error {
        ServiceError::InvalidArgument { field, problem } => {
            let details = ErrorDetails::with_bad_request_violation(*field, problem.clone());
            Status::with_error_details(Code::InvalidArgument, message, details)
        }
        ServiceError::Unauthenticated => Status::unauthenticated(message),
        ServiceError::PermissionDenied(_) | ServiceError::NotLocal | ServiceError::JoinToken(_) => {
            Status::permission_denied(message)
        }
        ServiceError::NotFound { .. } => Status::not_found(message),
        ServiceError::AlreadyExists { .. }
        | ServiceError::RangeTaken
        | ServiceError::SerialTaken => Status::already_exists(message),
        ServiceError::LimitReached { .. }
        | ServiceError::SecretGone
        | ServiceError::CodeRefused
        | ServiceError::CodesRefused
        | ServiceError::NotPending
        | ServiceError::EtagChanged
        | ServiceError::LastAdministrator
        | ServiceError::NoOldKey
        | ServiceError::GuessingUnbounded(_)
        | ServiceError::NoGuessesLeft
        | ServiceError::NotPromoted(_)
        | ServiceError::Quarantine(_)
        | ServiceError::NotRemoved(_)
        | ServiceError::NoCodesHeld
        | ServiceError::EpochApart
        | ServiceError::NotApart
        | ServiceError::NodeThere
        | ServiceError::WrongPhase
        | ServiceError::NoDoubles
        | ServiceError::NotMerged { .. }
        | ServiceError::RotationUnderWay => Status::failed_precondition(message),
        ServiceError::Overloaded(_) => retry(Code::ResourceExhausted, RETRY_OVERLOAD),
        ServiceError::NoMaster | ServiceError::Stopping | ServiceError::Halted => {
            retry(Code::Unavailable, RETRY_NO_MASTER)
        }
        ServiceError::DiskLow(_) => Status::resource_exhausted(message),
        ServiceError::DiskFull | ServiceError::ClockOff | ServiceError::MasterClock(_) => {
            retry(Code::Unavailable, RETRY_NO_MASTER)
        }
        // It has lasted for a while, and nobody knows for how long it will.
        ServiceError::Island { .. } | ServiceError::IslandDenied | ServiceError::Clock => {
            Status::unavailable(message)
        }
        ServiceError::Internal => Status::internal(message),
    }
}

/// The name of a status code, for metrics.
pub(crate) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::NotFound => "NOT_FOUND",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unavailable => "UNAVAILABLE",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::AlreadyExists => "ALREADY_EXISTS",
        _ => "INTERNAL",
    }
}
