//! A port that serves, and clients of it.

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::generate_simple_self_signed;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::config::{Tls, TlsVersion};
use crate::tls::api_config;

const TLS: Tls = Tls { files: None, min_version: TlsVersion::V1_2, cipher_suites: None };

/// Long enough for anything, short enough to fail.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A certificate for `localhost` and its key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub(super) fn new() -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: made.cert.der().clone(), key: made.signing_key.serialize_der() }
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.clone()).unwrap()
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        Arc::new(roots)
    }

    pub(super) fn server(&self) -> ServerConfig {
        let certified = CertifiedKey::from_der(self.chain(), self.key(), &ring::default_provider());
        api_config(&TLS, certified.unwrap()).unwrap()
    }

    /// Asks for the certificates of these clients.
    pub(super) fn server_for(&self, clients: &[&Self]) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for client in clients {
            roots.add(client.certificate.clone()).unwrap();
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(self.chain(), self.key())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

/// A port that serves, and how to reach it.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) identity: Identity,
    pub(super) tls: Arc<ArcSwap<ServerConfig>>,
    pub(super) stop: Stop,
    pub(super) ended: JoinHandle<Drained>,
}

impl Served {
    pub(super) async fn new(limits: Limits, app: Router) -> Self {
        let identity = Identity::new();
        let config = identity.server();
        Self::with(limits, app, identity, config).await
    }

    /// A port that asks for certificates, believes any of these clients, and knows the first alone.
    pub(super) async fn acquainted(
        limits: Limits,
        strangers: Limits,
        app: Router,
        clients: &[&Identity],
    ) -> Self {
        let identity = Identity::new();
        let config = identity.server_for(clients);
        let known = clients.first().unwrap().certificate.to_vec();
        let is_known: IsKnown = Arc::new(move |shown| **shown == *known);
        let strangers = Some(Strangers { limits: strangers, is_known });
        Self::serving(
            Port { name: "test", limits, strangers, gate: open_gate() },
            app,
            identity,
            config,
        )
        .await
    }

    pub(super) async fn with(
        limits: Limits,
        app: Router,
        identity: Identity,
        config: ServerConfig,
    ) -> Self {
        Self::serving(
            Port { name: "test", limits, strangers: None, gate: open_gate() },
            app,
            identity,
            config,
        )
        .await
    }

    async fn serving(port: Port, app: Router, identity: Identity, config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = Arc::new(ArcSwap::from_pointee(config));
        let stop = Stop::new();
        let serving = serve_tls(listener, port, Arc::clone(&tls), app, stop.clone());
        let ended = tokio::spawn(serving);
        Self { address, identity, tls, stop, ended }
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(super) async fn tls(&self, alpn: &str) -> io::Result<TlsStream<TcpStream>> {
        self.tls_as(alpn, &self.identity.roots(), None).await
    }

    pub(super) async fn tls_as(
        &self,
        alpn: &str,
        roots: &Arc<RootCertStore>,
        own: Option<&Identity>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(roots));
        let mut config = match own {
            Some(own) => builder.with_client_auth_cert(own.chain(), own.key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, self.tcp().await).await
    }

    pub(super) async fn h1(&self) -> http1::SendRequest<Body> {
        let io = TokioIo::new(self.tls("http/1.1").await.unwrap());
        let (sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    pub(super) async fn h2(&self) -> http2::SendRequest<Body> {
        over(self.tls("h2").await.unwrap()).await
    }

    pub(super) async fn h2_as(&self, own: &Identity) -> http2::SendRequest<Body> {
        let roots = self.identity.roots();
        over(self.tls_as("h2", &roots, Some(own)).await.unwrap()).await
    }

    pub(super) async fn drained(self) -> Drained {
        soon(self.ended).await.unwrap()
    }
}

async fn over(stream: TlsStream<TcpStream>) -> http2::SendRequest<Body> {
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Waits until a connection has been closed by the server.
pub(super) async fn ended(sender: &mut http2::SendRequest<Body>) {
    soon(async {
        while sender.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(SOON, future).await.expect("it takes too long")
}

pub(super) fn request(version: Version) -> Request<Body> {
    let uri = match version {
        Version::HTTP_2 => "https://localhost/",
        _ => "/",
    };
    let request = Request::get(uri).version(version);
    request.header("host", "localhost").body(Body::empty()).unwrap()
}

pub(super) async fn text(response: Response<Incoming>) -> String {
    assert_eq!(response.status(), 200);
    let body = to_bytes(Body::new(response.into_body()), 10_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}
