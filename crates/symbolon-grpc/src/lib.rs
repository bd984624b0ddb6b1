//! The gRPC front end of Symbolon: package `symbolon.v1`, health and reflection.
//!
//! This crate owns the way from a call to a use case and back: bearer tokens, deadlines, request
//! ids, status codes. It must never know axum, storage, or the messages of Raft.

mod administrator;
mod application;
mod audit;
mod audit_event;
mod call;
mod cluster;
mod convert;
mod health;
mod import;
mod personal;
mod pin;
mod profile;
mod prompt;
mod quarantine;
mod radius;
mod settings;
mod status;
mod user;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use symbolon_proto::v1;
use symbolon_service::{Credential, Service, ServiceError};
use tonic::codegen::http::HeaderMap;
use tonic::service::Routes;

pub use call::{LocalRoot, Source};
pub use health::{Health, Readiness};

/// Longest message from a client, bytes. Everything that a client may say fits many times over; what
/// strangers send is kept until it is a whole message, so it is not larger than it must be.
pub const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Calls that last: a watch over health, and a talk with reflection.
const LASTING: [&str; 3] = [
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Time that a call has beyond its deadline, which begins when its message is there.
const GRACE: Duration = Duration::from_secs(2);

/// Why the front end cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("the descriptors for reflection are damaged: this build is broken")]
pub struct BuildError(#[source] tonic_reflection::server::Error);

/// All services of the API port. `health` is kept up to date by the caller.
///
/// # Errors
/// [`BuildError`], which a sound build never gives.
pub fn routes(service: &Arc<Service>, health: &Health) -> Result<Routes, BuildError> {
    use v1::administrator_service_server::AdministratorServiceServer;
    use v1::application_service_server::ApplicationServiceServer;
    use v1::audit_service_server::AuditServiceServer;
    use v1::cluster_service_server::ClusterServiceServer;
    use v1::quarantine_service_server::QuarantineServiceServer;
    use v1::settings_service_server::SettingsServiceServer;
    use v1::user_service_server::UserServiceServer;
    use v1::verification_service_server::VerificationServiceServer;

    let verification = verification::Verification(Arc::clone(service));
    let user = user::Users(Arc::clone(service));
    let application = application::Applications(Arc::clone(service));
    let administrator = administrator::Administrators(Arc::clone(service));
    let cluster = cluster::Clusters(Arc::clone(service));
    let audit = audit::Audit(Arc::clone(service));
    let quarantine = quarantine::Quarantines(Arc::clone(service));
    let settings = settings::SettingsOf(Arc::clone(service));
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(v1::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let reflection_v1 = reflection().build_v1().map_err(BuildError)?;
    let reflection_v1alpha = reflection().build_v1alpha().map_err(BuildError)?;
    Ok(Routes::new(health.server().max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(reflection_v1.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(reflection_v1alpha.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(
            VerificationServiceServer::new(verification)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(UserServiceServer::new(user).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(
            ApplicationServiceServer::new(application).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            AdministratorServiceServer::new(administrator)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            ClusterServiceServer::new(cluster).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            QuarantineServiceServer::new(quarantine).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            SettingsServiceServer::new(settings).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(AuditServiceServer::new(audit).max_decoding_message_size(MESSAGE_BYTES_MAX)))
}

/// How long a call of this path may take at most, its message included; `None` for those that last,
/// as watching health does. A call whose message never comes has no deadline of its own.
#[must_use]
pub fn longest_call(path: &str) -> Option<Duration> {
    if LASTING.contains(&path) {
        None
    } else if needs_bearer(path) && !path.starts_with("/symbolon.v1.VerificationService/") {
        Some(call::ADMIN_TIMEOUT + GRACE)
    } else {
        Some(call::VERIFY_TIMEOUT + GRACE)
    }
}

fn needs_bearer(path: &str) -> bool {
    path.starts_with("/symbolon.v1.")
}

/// Refuses a call that cannot succeed, whatever its message says: one that brings no bearer token and
/// needs it. It can be asked before the message is read.
///
/// # Errors
/// What the caller is told.
pub fn may_call(path: &str, headers: &HeaderMap) -> Result<(), tonic::Status> {
    if !needs_bearer(path) || call::bearer(headers).and_then(Credential::parse).is_some() {
        return Ok(());
    }
    Err(status::to_status(&ServiceError::Unauthenticated))
}

/// What a call that took too long is told.
#[must_use]
pub fn took_too_long() -> tonic::Status {
    tonic::Status::deadline_exceeded("the call was not over in time; its message may be incomplete")
}

/// What a call is told when messages that are not complete fill its connection.
#[must_use]
pub fn too_much_unread() -> tonic::Status {
    status::to_status(&ServiceError::Overloaded("unread messages of this connection"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_last_have_no_time_limit() {
        for path in LASTING {
            assert_eq!(longest_call(path), None, "{path}");
        }
        let limit = |path| longest_call(path).map(|limit| limit.as_secs());
        assert_eq!(limit("/symbolon.v1.VerificationService/Verify"), Some(12));
        assert_eq!(limit("/symbolon.v1.UserService/ListUsers"), Some(32));
        assert_eq!(limit("/grpc.health.v1.Health/Check"), Some(12));
        assert_eq!(limit("/"), Some(12));
    }
}
