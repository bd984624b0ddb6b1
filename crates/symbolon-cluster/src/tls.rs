//! Mutual TLS 1.3 by pinned key. Names and dates of peer certificates mean nothing: a peer is who
//! holds the key that the registry lists.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    ServerConfig, SignatureScheme,
};
use symbolon_core::KeyPin;

use crate::keys::{Certificates, pin_of};

/// The one name that peer certificates carry.
pub(crate) const PEER_NAME: &str = "peer.symbolon";

const ALPN: &[u8] = b"h2";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The peer port: any client that proves to hold a key. Who it is, and what it may ask, is decided
/// call by call, because a joiner is not registered yet.
pub(crate) fn server_config(certificates: &Certificates) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(AnyKey(Arc::clone(&provider)));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates.peer());
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// A client that talks to the holder of one key alone.
pub(crate) fn client_config(own: &Arc<CertifiedKey>, pin: KeyPin) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(Pinned { pin, provider: Arc::clone(&provider) });
    client(own, provider, verifier)
}

/// A client that talks to whoever the cluster CA has certified as a peer, the CA being known by
/// the pin in a join token.
pub(crate) fn join_config(own: &Arc<CertifiedKey>, ca_pin: KeyPin) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(PinnedAuthority { ca_pin, provider: Arc::clone(&provider) });
    client(own, provider, verifier)
}

fn client(
    own: &Arc<CertifiedKey>,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::clone(own))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The name that a client sends; no verifier but the joiner's looks at it.
pub(crate) fn peer_name() -> Result<ServerName<'static>, Error> {
    ServerName::try_from(PEER_NAME).map_err(|_| Error::General("peer name".to_owned()))
}

const fn refused() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

macro_rules! signatures {
    ($provider:tt) => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("the peer port speaks TLS 1.3 only".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.$provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.$provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

#[derive(Debug)]
struct Pinned {
    pin: KeyPin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if pin_of(certificate) == Some(self.pin) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(refused())
        }
    }

    signatures!(provider);
}

#[derive(Debug)]
struct PinnedAuthority {
    ca_pin: KeyPin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates
            .iter()
            .find(|candidate| pin_of(candidate) == Some(self.ca_pin))
            .ok_or_else(refused)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|_| refused())?
            .verify_server_cert(certificate, &[], name, ocsp, now)
    }

    signatures!(provider);
}

#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if pin_of(certificate).is_some() {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(refused())
        }
    }

    signatures!(0);
}
