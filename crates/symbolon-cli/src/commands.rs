//! The commands, a file per subject. Each has its arguments, its `run`, and the questions it asks,
//! which `dev` and `demo` ask as well.

pub(crate) mod admin;
pub(crate) mod application;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod cluster;
pub(crate) mod completions;
mod import;
pub(crate) mod promote;
pub(crate) mod settings;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod verify;

pub use admin::AdminArguments;
pub use application::ApplicationArguments;
pub use audit::AuditArguments;
pub use bench::BenchArguments;
pub use cluster::ClusterArguments;
pub use completions::CompletionsArguments;
pub use promote::PromoteArguments;
pub use settings::SettingsArguments;
pub use token::TokenArguments;
pub use user::UserArguments;
pub use verify::VerifyArguments;

use std::path::Path;

use symbolon_proto::v1;

use crate::{
    error::Failure,
    exit::Exit,
    files::NewSecretFile,
    output::{self, Format},
    view::{self, NewSecret},
};

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

/// Where a secret goes that is shown only once: to a file, which is made before the secret is, or back
/// to whoever asks.
struct SecretPlace<'f>(Option<(NewSecretFile, &'f Path)>);

impl<'f> SecretPlace<'f> {
    fn make(file: Option<&'f Path>) -> Result<Self, Failure> {
        let make = |file: &'f Path| {
            let made = NewSecretFile::create(file).map_err(|error| {
                Failure::configuration(
                    format!("The key file {} cannot be made: {error}.", file.display()),
                    "Name a file that does not exist in a directory where you may write.",
                )
            })?;
            Ok((made, file))
        };
        file.map(make).transpose().map(Self)
    }

    /// The secret is returned if there is no file for it.
    fn put(self, secret: String) -> Result<NewSecret, Failure> {
        let Some((new_file, file)) = self.0 else {
            return Ok(NewSecret { shown: Some(secret), key_file: None });
        };
        let key_file = file.display().to_string();
        new_file.write(&secret).map_err(|error| {
            Failure::configuration(
                format!("The new secret could not be written to {key_file}: {error}."),
                "It counts already, and is not shown again: make another with rotate-key or rotate-token.",
            )
        })?;
        Ok(NewSecret { shown: None, key_file: Some(key_file) })
    }
}

/// What is said about a secret that is new.
fn about_secret(what: &str, secret: &NewSecret) -> String {
    match (&secret.shown, &secret.key_file) {
        (_, Some(file)) => format!("\nIts {what} is in {file}."),
        (Some(secret), None) => format!("\n{what}: {secret}\nKeep it: it is not shown again."),
        (None, None) => String::new(),
    }
}

/// Tells what became of an application or an administrator.
fn said<M, R: view::Changed + From<M>>(
    row: Option<M>,
    secret: NewSecret,
    log_index: u64,
    what: &str,
    format: Format,
) -> Result<(), Failure> {
    let row = R::from(present(row)?);
    match format {
        Format::Json => output::json(&row.changed(secret, log_index)),
        Format::Table => {
            let name = output::printable(row.name());
            let secret = about_secret(R::SECRET, &secret);
            output::line(&format!("{} {name} {what}.{secret}", R::KIND))
        }
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
