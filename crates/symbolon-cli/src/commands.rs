//! The commands, a file per subject. Each has its arguments, its `run`, and the questions it asks,
//! which `dev` and `demo` ask as well.

pub(crate) mod admin;
pub(crate) mod application;
pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod completions;
mod import;
pub(crate) mod settings;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod verify;

pub use admin::AdminArguments;
pub use application::ApplicationArguments;
pub use audit::AuditArguments;
pub use cluster::ClusterArguments;
pub use completions::CompletionsArguments;
pub use settings::SettingsArguments;
pub use token::TokenArguments;
pub use user::UserArguments;
pub use verify::VerifyArguments;

use std::path::Path;

use symbolon_proto::v1;

use crate::{error::Failure, exit::Exit, files::NewSecretFile};

/// A right as people write it.
pub(crate) const fn right_name(right: v1::Right) -> &'static str {
    match right {
        v1::Right::Unspecified => "unknown",
        v1::Right::Verify => "verify",
        v1::Right::SelfService => "self-service",
        v1::Right::HelpDesk => "help-desk",
        v1::Right::Auditor => "auditor",
        v1::Right::Administrator => "administrator",
    }
}

/// The file for a secret, made before the secret is, as it is shown only once.
fn secret_file(file: &Path) -> Result<NewSecretFile, Failure> {
    NewSecretFile::create(file).map_err(|error| not_written(file, &error))
}

fn not_written(file: &Path, error: &std::io::Error) -> Failure {
    Failure::configuration(
        format!("The key file {} cannot be made: {error}.", file.display()),
        "Name a file that does not exist in a directory where you may write.",
    )
}

/// What is said about a secret that is new.
fn about_secret(what: &str, secret: Option<&str>, file: Option<&Path>) -> String {
    match (secret, file) {
        (_, Some(file)) => format!("\nIts {what} is in {}.", file.display()),
        (Some(secret), None) => format!("\n{what}: {secret}\nKeep it: it is not shown again."),
        (None, None) => String::new(),
    }
}

/// The part of an answer that every server gives.
fn present<T>(part: Option<T>) -> Result<T, Failure> {
    part.ok_or_else(|| {
        Failure::new(
            Exit::Software,
            "The server's answer is incomplete.",
            "Use the program and the server of one version.",
        )
    })
}
