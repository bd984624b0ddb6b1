//! The TLS connection of a conversation, without a socket.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use zeroize::Zeroizing;

use crate::eap::EapType;

/// Bytes of the longest message within the tunnel: a name, a password, and room for what else
/// clients add.
pub const INNER_BYTES_MAX: usize = 4096;

/// What the client and its access point make keys of. It has no `Debug`.
#[derive(Clone)]
pub struct Keys {
    recv: Zeroizing<[u8; 32]>,
    send: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// For MS-MPPE-Recv-Key: the first half of the MSK (RFC 5281 section 8).
    #[must_use]
    pub fn recv(&self) -> &[u8; 32] {
        &self.recv
    }

    /// For MS-MPPE-Send-Key: the second half.
    #[must_use]
    pub fn send(&self) -> &[u8; 32] {
        &self.send
    }
}

/// What can go wrong in a tunnel.
pub(super) enum TunnelError {
    Tls(rustls::Error),
    TooLong,
    Closed,
}

/// Settings of TLS for EAP-TTLS: TLS 1.2 and 1.3, no certificate of the client, and no resumption of
/// sessions.
///
/// Who resumes a session proves only that he was let in once, and goes on without a second phase:
/// no password and no code would be asked for (RFC 5281 section 15.1, RFC 9427 section 4). So there
/// are no tickets, no stored sessions and no early data.
///
/// # Errors
/// When the key does not belong to the certificate, or is of a kind that is not supported.
pub fn ttls_config(
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let identity = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
    ttls_config_of(Arc::new(SingleCertAndKey::from(identity)))
}

/// As [`ttls_config`], with a certificate that may change.
///
/// # Errors
/// When the library has no such versions.
pub fn ttls_config_of(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificates);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

pub(super) struct Tunnel {
    connection: ServerConnection,
}

impl Tunnel {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, TunnelError> {
        let connection = ServerConnection::new(config).map_err(TunnelError::Tls)?;
        Ok(Self { connection })
    }

    /// Takes what the client has sent. What was in it, in clear, is wiped when it is dropped.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, TunnelError> {
        // With its full size from the start: a buffer that grows leaves copies behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(INNER_BYTES_MAX));
        let mut closed = false;
        // Nothing is read any more behind the client's word that it has said all.
        while !bytes.is_empty() && !closed {
            // It fails only when what it had before was not processed.
            self.connection.read_tls(&mut bytes).map_err(|_| TunnelError::TooLong)?;
            let state = self.connection.process_new_packets().map_err(TunnelError::Tls)?;
            if state.plaintext_bytes_to_read() > INNER_BYTES_MAX - plain.len() {
                return Err(TunnelError::TooLong);
            }
            let mut chunk = Zeroizing::new([0; INNER_BYTES_MAX]);
            let wanted = chunk.get_mut(..state.plaintext_bytes_to_read()).unwrap_or_default();
            self.connection.reader().read_exact(wanted).map_err(|_| TunnelError::Closed)?;
            plain.extend(&*wanted);
            closed = state.peer_has_closed();
        }
        match closed && plain.is_empty() {
            true => Err(TunnelError::Closed),
            false => Ok(plain),
        }
    }

    /// Puts bytes into the tunnel.
    pub(super) fn put(&mut self, plain: &[u8]) -> Result<(), TunnelError> {
        self.connection.writer().write_all(plain).map_err(|_| TunnelError::TooLong)
    }

    /// What has to go to the client now: also the alert after an error.
    pub(super) fn pending(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.connection.wants_write() {
            // A vector takes everything.
            if !matches!(self.connection.write_tls(&mut bytes), Ok(1..)) {
                break;
            }
        }
        bytes
    }

    /// The keys (RFC 5281 section 8 up to TLS 1.2, RFC 9427 section 2.1 from TLS 1.3 on). 128 bytes
    /// are derived of which the first half is the MSK: with TLS 1.3 the length counts.
    pub(super) fn keys(&self) -> Result<Keys, rustls::Error> {
        let (label, context): (&[u8], Option<&[u8]>) = match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => (b"ttls keying material", None),
            _ => (b"EXPORTER_EAP_TLS_Key_Material", Some(&[EapType::TTLS.0])),
        };
        let mut material = Zeroizing::new([0; 128]);
        self.connection.export_keying_material(&mut *material, label, context)?;
        match material.as_chunks() {
            ([recv, send, ..], _) => {
                Ok(Keys { recv: Zeroizing::new(*recv), send: Zeroizing::new(*send) })
            }
            // 128 bytes have four such parts.
            _ => Err(rustls::Error::General("no keys".to_owned())),
        }
    }
}
