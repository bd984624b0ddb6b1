//! The way to a node: TCP, TLS with a certificate from the cluster's CA, HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

/// Trusts what the CA in `pem` has signed, and nothing else.
pub(crate) fn trust(pem: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate =
            certificate.unwrap_or_else(|error| panic!("the CA file holds no certificate: {error}"));
        roots
            .add(certificate)
            .unwrap_or_else(|error| panic!("the CA's certificate is refused: {error}"));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|error| panic!("rustls lacks its own versions: {error}"))
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// A channel that connects when it is first used, and again after its connection broke, to where the
/// node is by then.
pub(crate) fn channel(
    tls: TlsConnector,
    address: impl Fn() -> SocketAddr + Clone + Send + Sync + 'static,
) -> Channel {
    let connector = tower::service_fn(move |_| {
        let (tls, address) = (tls.clone(), address());
        async move { stream(&tls, address).await.map(TokioIo::new) }
    });
    Endpoint::from_static("https://node").connect_with_connector_lazy(connector)
}

/// A channel over a socket of this machine, to whoever serves it by then.
pub(crate) fn local_channel(socket: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://node").connect_with_connector_lazy(connector)
}

async fn stream(tls: &TlsConnector, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    tls.connect(ServerName::from(address.ip()), stream).await
}
