//! TLS of the API port: suites, versions, and the operator's own certificate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::{Tls, TlsFiles, TlsVersion};
use crate::disk;

/// A longer file is no chain and no key.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("cannot read {key} = {}", path.display())]
    Read {
        /// The key of the settings.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file is not PEM, or has not the right thing in it.
    #[error("{key} = {} is not {wanted} in PEM", path.display())]
    Pem {
        /// The key of the settings.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// What the parser says.
        #[source]
        source: pem::Error,
    },
    /// The two do not belong together, or cannot be used.
    #[error("tls.key = {} does not go with tls.certificate = {}", key.display(), certificate.display())]
    Pair {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What the library says.
        #[source]
        source: rustls::Error,
    },
    /// What is there as certificates of CAs cannot be used as such.
    #[error("radsec.clients_ca = {} has no CA that can certify devices: {problem}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What the library says.
        problem: String,
    },
    /// The library refuses the whole.
    #[error("the settings of [tls] cannot be used together")]
    Config {
        /// What the library says.
        #[source]
        source: rustls::Error,
    },
}

/// A cipher suite that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name in the IANA registry.
    pub name: String,
    /// Its number there.
    pub id: CipherSuite,
    /// The version of TLS that has it.
    pub version: ProtocolVersion,
}

/// All suites that can be chosen, the best first.
#[must_use]
pub fn suites() -> Vec<Suite> {
    let all = ring::default_provider().cipher_suites;
    all.iter()
        .map(|suite| Suite {
            name: iana_name(suite.suite()),
            id: suite.suite(),
            version: suite.version().version,
        })
        .collect()
}

/// The library puts `TLS13_` where the registry has `TLS_`.
fn iana_name(id: CipherSuite) -> String {
    let name = id.as_str().unwrap_or_default();
    name.strip_prefix("TLS13_").map_or_else(|| name.to_owned(), |rest| format!("TLS_{rest}"))
}

/// The provider with only the chosen suites.
#[must_use]
pub fn provider(tls: &Tls) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(chosen) = &tls.cipher_suites {
        provider.cipher_suites.retain(|suite| chosen.contains(&suite.suite()));
    }
    provider
}

/// Reads the operator's certificate and key, and sees that they belong together.
///
/// # Errors
///
/// [`TlsError`], with the key of the settings.
pub fn identity(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain = certificates("tls.certificate", &files.certificate, "a certificate chain")?;
    let key = private_key(&files.key)?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| TlsError::Pair {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        source,
    })
}

/// What the API port speaks: HTTP/2 and HTTP/1.1, no client certificates.
///
/// # Errors
///
/// [`TlsError::Config`]
pub fn api_config(tls: &Tls, identity: CertifiedKey) -> Result<ServerConfig, TlsError> {
    api_config_of(tls, Arc::new(rustls::sign::SingleCertAndKey::from(identity)))
}

/// As [`api_config`], with a certificate that may change while the port is served.
///
/// # Errors
///
/// [`TlsError::Config`]
pub fn api_config_of(
    tls: &Tls,
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, TlsError> {
    let versions: &[_] = match tls.min_version {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider(tls)))
        .with_protocol_versions(versions)
        .map_err(|source| TlsError::Config { source })?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Reads the certificates of a file, at least one.
///
/// # Errors
///
/// [`TlsError`], with the key of the settings.
pub(crate) fn certificates(
    key: &'static str,
    path: &Path,
    wanted: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(key, path)?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(pem::Error::NoItemsFound),
        Err(error) => Err(error),
    }
    .map_err(|source| TlsError::Pem { key, path: path.to_owned(), wanted, source })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = Zeroizing::new(read("tls.key", path)?);
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|source| TlsError::Pem {
        key: "tls.key",
        path: path.to_owned(),
        wanted: "an unencrypted private key",
        source,
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    disk::read(path, FILE_BYTES_MAX).map_err(|source| TlsError::Read {
        key,
        path: path.to_owned(),
        source,
    })
}
