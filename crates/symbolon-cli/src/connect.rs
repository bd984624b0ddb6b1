//! The way to one server: TCP, TLS 1.2 or 1.3 with a certificate from the cluster's CA, HTTP/2; or the local
//! socket of a node, and HTTP/2.

use std::{io, path::Path, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use crate::{
    error::Failure,
    exit::Exit,
    files,
    retry::{Again, Miss},
    server_address::ServerAddress,
};

const HTTP2: &[u8] = b"h2";
/// For TCP and TLS together.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(4);

/// What HTTP/2 wants to be told of a server that has no name.
const LOCAL_URL: &str = "http://localhost";

/// A server that is silent for so long is asked whether it is there; so long again, and it is not.
const ALIVE: Duration = Duration::from_secs(10);

/// Trusts what the CA in `ca` has signed, and nothing else.
pub(crate) fn tls(ca: &Path) -> Result<TlsConnector, Failure> {
    let bad = |what: String| {
        let what = format!("The CA certificate {} {what}.", ca.display());
        Failure::configuration(what, "Name the cluster's ca.pem with --ca or SYMBOLON_CA.")
    };
    let pem = files::read_text(ca).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
            .map_err(|error| bad(format!("is no certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(bad("holds no certificate in PEM".to_owned()));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| bad(format!("is of no use: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A channel over one connection. It does not connect again when that breaks: whoever holds it then
/// decides which server to ask next.
pub(crate) async fn channel(
    server: &ServerAddress,
    tls: Option<&TlsConnector>,
    time: Duration,
) -> Result<Channel, Miss> {
    let time = time.min(CONNECT_TIME_MAX);
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let failed = |error: io::Error| not_connected(server, &error);
    match server {
        ServerAddress::Network { host, port } => {
            let tls = tls.ok_or_else(|| Miss::Final(no_ca()))?;
            let connected = timeout(time, stream(host, *port, tls)).await.map_err(late);
            over(server, connected.flatten().map_err(failed)?, server.url()).await
        }
        ServerAddress::Local(path) => {
            let connected = timeout(time, UnixStream::connect(path)).await.map_err(late);
            over(server, connected.flatten().map_err(failed)?, LOCAL_URL.to_owned()).await
        }
    }
}

/// That no server of the network can be trusted.
pub(crate) fn no_ca() -> Failure {
    Failure::configuration(
        "No CA certificate is named, so no server can be trusted.",
        "Name the cluster's ca.pem with --ca or SYMBOLON_CA.",
    )
}

async fn over<S>(server: &ServerAddress, stream: S, url: String) -> Result<Channel, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().ok_or(io::ErrorKind::NotConnected);
        std::future::ready(stream.map_err(io::Error::from))
    });
    let endpoint = Endpoint::from_shared(url).map_err(|error| transport(server, &error))?;
    let endpoint = endpoint.http2_keep_alive_interval(ALIVE).keep_alive_timeout(ALIVE);
    endpoint.connect_with_connector(connector).await.map_err(|error| transport(server, &error))
}

async fn stream(host: &str, port: u16, tls: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    let stream = tls.connect(name, tcp).await?;
    match stream.get_ref().1.alpn_protocol() {
        Some(HTTP2) => Ok(stream),
        _ => Err(io::Error::other("it does not speak HTTP/2 over TLS")),
    }
}

fn not_connected(server: &ServerAddress, error: &io::Error) -> Miss {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error @ rustls::Error::InvalidCertificate(_)) = tls {
        let failure = Failure::configuration(
            format!("{server} does not prove to be a node of the cluster: {error}."),
            "Use the ca.pem of that cluster, and an address that the certificate names.",
        );
        return Miss::Next { failure, again: Again::Untrusted };
    }
    let reason = match error.kind() {
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::NotFound if server.is_local() => "there is no such socket".to_owned(),
        io::ErrorKind::PermissionDenied if server.is_local() => {
            "it is for root and the user of the service".to_owned()
        }
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    };
    Miss::Next { failure: unreachable(server, &reason), again: Again::Never }
}

fn transport(server: &ServerAddress, error: &tonic::transport::Error) -> Miss {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    Miss::Next {
        failure: unreachable(server, &reason.unwrap_or_else(|| error.to_string())),
        again: Again::Soon,
    }
}

pub(crate) fn unreachable(server: &ServerAddress, reason: &str) -> Failure {
    let remedy = match server {
        ServerAddress::Network { .. } => "Check that it runs, or name another node with --server.",
        ServerAddress::Local(_) => {
            "See that the server of this machine runs, and that the socket is run/admin.sock in its data \
             directory."
        }
    };
    Failure::new(Exit::Unavailable, format!("{server} cannot be reached: {reason}."), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_and_named() {
        let home = files::temporary_directory("symbolon-connect-").unwrap();
        let path = home.path().join("ca.pem");
        let missing = tls(&path).err().unwrap();
        assert_eq!(missing.exit, Exit::Configuration);
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            files::write(&path, text).unwrap();
            let failure = tls(&path).err().unwrap();
            assert!(failure.to_string().contains("ca.pem"), "{failure}");
        }
    }

    #[tokio::test]
    async fn nobody_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server: ServerAddress = listener.local_addr().unwrap().to_string().parse().unwrap();
        drop(listener);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        match channel(&server, Some(&tls), Duration::from_secs(5)).await {
            Err(Miss::Next { failure, again }) => {
                assert_eq!(failure.exit, Exit::Unavailable);
                assert_eq!(again, Again::Never);
            }
            _ => panic!("connected to nothing"),
        }
    }
}
