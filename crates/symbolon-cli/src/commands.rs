//! The commands, a file per subject. Each has its arguments, its `run`, and the questions it asks,
//! which `dev` and `demo` ask as well.

pub(crate) mod application;
pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod completions;
mod import;
pub(crate) mod settings;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod verify;

pub use application::ApplicationArguments;
pub use audit::AuditArguments;
pub use cluster::ClusterArguments;
pub use completions::CompletionsArguments;
pub use settings::SettingsArguments;
pub use token::TokenArguments;
pub use user::UserArguments;
pub use verify::VerifyArguments;

use crate::{error::Failure, exit::Exit};

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
