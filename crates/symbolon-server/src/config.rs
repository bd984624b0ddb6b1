//! `node.toml`: what differs from machine to machine. All else is replicated settings.
//!
//! Two stages: the file becomes a [`RawConfig`], in which anything may be absent, and that becomes a
//! [`Config`], in which everything is valid. Both stages go on after a mistake, so that all of them
//! are told at once. Secrets are named by path, never by value.

mod address;
mod check;
mod error;
mod raw;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustls::CipherSuite;
use symbolon_core::{Name, Retention};
use symbolon_store::KekPlace;

use crate::addresses::Addresses;
use crate::disk::{self, Disk};

pub use address::{AddressError, ApiUrl, HostPort};
pub use error::{ConfigError, ConfigWarning, LoadError, PathProblem};
pub use raw::{
    OneOrMany, RawAdvertise, RawConfig, RawKek, RawKeys, RawListen, RawLog, RawNode, RawRadsec,
    RawStorage, RawTls,
};

/// A longer file is not one of settings.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The settings of a node. Relative paths of the file are taken from the file's own directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the node in its cluster.
    pub name: Name,
    /// Where its data is.
    pub data_dir: PathBuf,
    /// What it listens on.
    pub listen: Listen,
    /// How others reach it.
    pub advertise: Advertise,
    /// Where its key-encryption key is.
    pub kek: KekSource,
    /// TLS of the API port.
    pub tls: Tls,
    /// RADIUS over TLS, where it is spoken.
    pub radsec: Option<Radsec>,
    /// What it logs.
    pub log: Log,
    /// How the data directory is kept.
    pub storage: Storage,
    /// What is allowed and yet worth a second look.
    pub warnings: Vec<ConfigWarning>,
}

/// How the data directory is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Space on the disk that is kept for bad times, bytes.
    pub disk_reserve_bytes: u64,
    /// Log entries from one snapshot to the next.
    pub snapshot_entries: u64,
    /// How long audit rows are kept.
    pub audit: Retention,
}

/// Addresses to bind. Port 0 takes the port of the last run, or any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// gRPC and HTTP for clients, with TLS.
    pub api: SocketAddr,
    /// The other nodes, with mutual TLS.
    pub peer: SocketAddr,
    /// Liveness, readiness, metrics: plain HTTP.
    pub metrics: SocketAddr,
    /// RADIUS authentication, UDP; none: it is not spoken.
    pub radius: Vec<SocketAddr>,
    /// RADIUS accounting, UDP; none: it is not spoken.
    pub radius_accounting: Vec<SocketAddr>,
    /// RADIUS over TLS; none: it is not spoken.
    pub radsec: Vec<SocketAddr>,
}

/// Addresses to tell others; where absent, the bound address is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertise {
    /// For clients.
    pub api: Option<ApiUrl>,
    /// For the other nodes.
    pub peer: Option<HostPort>,
}

/// Addresses to tell others, made complete once the ports are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// For clients.
    pub api: ApiUrl,
    /// For the other nodes.
    pub peer: HostPort,
}

/// Where the key-encryption key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KekSource {
    /// A file of mode 0600. `symbolon init` and `symbolon join` make it when it is absent.
    File(PathBuf),
    /// A systemd credential, given to the service as a file; never made by the node.
    Credential {
        /// Its name in the unit.
        name: String,
        /// Its file.
        path: PathBuf,
    },
}

/// TLS of the API port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate and key of the operator's; without them the cluster's CA issues one.
    pub files: Option<TlsFiles>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// The only suites that are spoken, in no order; `None` for all that there are.
    pub cipher_suites: Option<Vec<CipherSuite>>,
}

/// A certificate chain and its key, both as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the node's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// RADIUS over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Radsec {
    /// Certificates of the CAs of devices, as PEM.
    pub clients_ca: PathBuf,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// What is logged, to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// From which levels, as [`logs::filter`](crate::logs::filter) takes it.
    pub filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    #[default]
    Json,
    /// For eyes.
    Pretty,
}

/// What checking the settings asks of the machine. A trait, so that tests need neither files nor an
/// environment.
pub trait Probe {
    /// The directory of systemd's credentials.
    fn credentials_directory(&self) -> Option<PathBuf>;
    /// What is at a path; links are followed.
    fn look(&self, path: &Path) -> Found;
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// It cannot be told, or is something else.
    Unknown(std::io::ErrorKind),
}

impl Config {
    /// Reads and checks a file of settings.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with every mistake in the file.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Read { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let text = disk::read_text(path, FILE_BYTES_MAX).map_err(unreadable)?;
        let base = absolute.parent().unwrap_or(&absolute);
        Self::parse(&text, base, &Disk)
            .map_err(|errors| LoadError::Invalid { path: path.to_owned(), errors })
    }

    /// Checks the text of a file of settings that lies in `base`.
    ///
    /// # Errors
    ///
    /// Every mistake.
    pub fn parse(text: &str, base: &Path, files: &dyn Probe) -> Result<Self, Vec<ConfigError>> {
        let (raw, mut errors) = RawConfig::parse(text);
        let Some(raw) = raw else {
            return Err(errors);
        };
        match Self::from_raw(raw, base, files) {
            Ok(config) if errors.is_empty() => Ok(config),
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }

    /// Checks settings whose relative paths start at `base`.
    ///
    /// # Errors
    ///
    /// Every mistake.
    pub fn from_raw(
        raw: RawConfig,
        base: &Path,
        files: &dyn Probe,
    ) -> Result<Self, Vec<ConfigError>> {
        check::check(raw, base, files)
    }

    /// What to tell others, now that the ports are known.
    #[must_use]
    pub fn advertised(&self, bound: &Addresses) -> Advertised {
        let Advertise { api, peer } = self.advertise.clone();
        Advertised {
            api: api.unwrap_or_else(|| ApiUrl::from(bound.api)),
            peer: peer.unwrap_or_else(|| HostPort::from(bound.peer)),
        }
    }
}

impl KekSource {
    /// The file, and whether it may be replaced.
    #[must_use]
    pub fn place(&self) -> KekPlace {
        match self {
            Self::File(path) => KekPlace::File(path.clone()),
            Self::Credential { path, .. } => KekPlace::Fixed(path.clone()),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Credential { path, .. } => path,
        }
    }
}

#[cfg(test)]
mod tests;
