//! What can be wrong with a file of settings. Each names the key, what is wrong, and what to write.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use symbolon_core::NameError;
use thiserror::Error;

use super::AddressError;
use crate::logs::FilterError;

/// Why there are no settings.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// There are mistakes in it.
    #[error("{} has {}", path.display(), mistakes(errors.len()))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All of them.
        errors: Vec<ConfigError>,
    },
}

/// A mistake in the file.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not TOML.
    #[error("line {line}, column {column}: this is not TOML: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// An unknown key, or a value of a wrong type.
    #[error("line {line}, column {column}: {key}: {message}")]
    Shape {
        /// The full key.
        key: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// A key that must be there is not.
    #[error("{key} is missing; write {example}")]
    Missing {
        /// The key.
        key: &'static str,
        /// How it could read.
        example: &'static str,
    },
    /// No name.
    #[error(
        "{key} = {value:?} is no name: {reason}; write letters, digits, `-`, `_` and `.`, such as \
         \"mfa-1\""
    )]
    Name {
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: NameError,
    },
    /// No number of bytes.
    #[error("{key} = {value:?} is no size; write a number and a unit, such as \"1GiB\"")]
    Size {
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
    },
    /// A number out of its range.
    #[error("{key} = {value} is out of range; write {from} to {to}")]
    Number {
        /// The key.
        key: &'static str,
        /// What it says.
        value: u64,
        /// The least that is allowed.
        from: u64,
        /// The most.
        to: u64,
    },
    /// Audit rows would have to be kept for longer than they may.
    #[error(
        "storage.audit_max_days = {days} is less than storage.audit_min_hours = {hours}; raise the \
         first or lower the second"
    )]
    AuditSpan {
        /// The longest time, in days.
        days: u64,
        /// The least time, in hours.
        hours: u64,
    },
    /// No address to listen on.
    #[error(
        "{key} = {value:?} is no address; write an IP address and a port, such as \"{example}\" \
         (\"0.0.0.0:PORT\" for all interfaces)"
    )]
    Listen {
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
        /// How it could read.
        example: &'static str,
    },
    /// Two keys want the same port.
    #[error("{key} = \"{address}\" overlaps with {other}; write another port")]
    SamePort {
        /// The later key.
        key: &'static str,
        /// The earlier key.
        other: &'static str,
        /// What the later one says.
        address: SocketAddr,
    },
    /// Others cannot connect to a wildcard address, and there is none for them.
    #[error(
        "{missing} is missing: {listen} is on all interfaces, so others must be told an address; \
         write {example}"
    )]
    AdvertiseMissing {
        /// The key that is missing.
        missing: &'static str,
        /// The key with the wildcard address.
        listen: &'static str,
        /// How it could read.
        example: &'static str,
    },
    /// No address for others.
    #[error("{key} = {value:?} cannot be told to others: {reason}; write {example}")]
    Advertise {
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: AddressError,
        /// How it could read.
        example: &'static str,
    },
    /// Not exactly one place for the key-encryption key.
    #[error(
        "keys.kek must name one place; write kek = {{ file = \"/etc/symbolon/kek\" }} or kek = {{ \
         credential = \"kek\" }}"
    )]
    Kek,
    /// A credential's name is a file name.
    #[error(
        "keys.kek.credential = {value:?} is no name of a credential; write one such as \"kek\""
    )]
    CredentialName {
        /// What it says.
        value: String,
    },
    /// systemd gave no credentials.
    #[error(
        "keys.kek.credential = {name:?}: the service has been given no credentials; write \
         LoadCredentialEncrypted={name} in its systemd unit, or name a file instead"
    )]
    NoCredentials {
        /// The credential.
        name: String,
    },
    /// The key must not lie with what it seals.
    #[error(
        "keys.kek.file = {:?} lies in the data directory, whose copies would then hold the key to \
         themselves; write a path outside of it, such as \"/etc/symbolon/kek\"",
        path
    )]
    KekWithData {
        /// The file.
        path: PathBuf,
    },
    /// A path is empty.
    #[error("{key} is empty; write a path")]
    EmptyPath {
        /// The key.
        key: &'static str,
    },
    /// There is no such file, or none that can be used.
    #[error("{key}: {} {problem}; write the path of {wanted}", path.display())]
    Path {
        /// The key.
        key: &'static str,
        /// Where it points.
        path: PathBuf,
        /// What is wrong there.
        problem: PathProblem,
        /// What should be there.
        wanted: &'static str,
    },
    /// Only one of two keys that go together.
    #[error("tls.{present} needs tls.{absent}; write both, or neither for the cluster's own CA")]
    TlsHalf {
        /// The one that is there.
        present: &'static str,
        /// The other one.
        absent: &'static str,
    },
    /// Only one of two keys of which each is nothing without the other.
    #[error("{present} needs {absent}; write both, or neither where RADIUS over TLS is not spoken")]
    Half {
        /// The one that is there.
        present: &'static str,
        /// The other one.
        absent: &'static str,
    },
    /// A value out of a short list.
    #[error("{key} = {value:?} is not known; write {known}")]
    Choice {
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        known: String,
    },
    /// No suite at all.
    #[error("tls.cipher_suites is empty; name the suites, or leave the key out for all of them")]
    NoSuites,
    /// No suite of the only version.
    #[error(
        "tls.cipher_suites has none for TLS 1.3, the only version that tls.min_version = \"1.3\" \
         leaves; write one of {known}"
    )]
    NoSuitesForVersion {
        /// The suites of that version.
        known: String,
    },
    /// No filter.
    #[error(
        "log.filter = {value:?}: {reason}; write a level such as \"info\", or \"info,symbolon_cluster=debug\""
    )]
    Filter {
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: FilterError,
    },
}

/// What is wrong at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathProblem {
    /// Nothing there.
    #[error("does not exist")]
    Nothing,
    /// A directory where a file should be.
    #[error("is a directory")]
    Directory,
    /// A file where a directory should be.
    #[error("is not a directory")]
    NoDirectory,
    /// It cannot be looked at.
    #[error("cannot be used ({0})")]
    Unusable(io::ErrorKind),
}

/// Allowed, and yet worth a second look.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigWarning {
    /// Anyone on the network can read the metrics.
    #[error(
        "listen.metrics = \"{address}\" is plain HTTP without authentication and open to the \
         network; keep it on 127.0.0.1, or see that a firewall lets only your monitoring in"
    )]
    MetricsExposed {
        /// The address.
        address: SocketAddr,
    },
    /// The audit may not reach back to what a node decided alone.
    #[error(
        "storage.audit_min_hours = {hours} keeps less than the 72 hours of audit in which decisions of \
         nodes that were cut off can be compared; set 72 or more, except to try things out"
    )]
    AuditShort {
        /// What is set, in hours.
        hours: u64,
    },
}

impl LoadError {
    /// What to show: one line for the file, one for each mistake.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Read { source, .. } => vec![format!("{self}: {source}")],
            Self::Invalid { path, errors } => {
                let each = errors.iter().map(|error| error.line(path));
                [self.to_string()].into_iter().chain(each).collect()
            }
        }
    }
}

impl ConfigError {
    /// As compilers write it where a place is known, so that editors can jump there.
    fn line(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Syntax { line, column, message } => {
                format!("{path}:{line}:{column}: this is not TOML: {message}")
            }
            Self::Shape { key, line, column, message } => {
                format!("{path}:{line}:{column}: {key}: {message}")
            }
            _ => format!("{path}: {self}"),
        }
    }
}

fn mistakes(count: usize) -> String {
    match count {
        1 => "a mistake".to_owned(),
        _ => format!("{count} mistakes"),
    }
}
