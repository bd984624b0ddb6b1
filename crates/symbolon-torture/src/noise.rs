//! Strangers: connections that say nothing, and such that say nonsense.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use symbolon_check::Rng;
use symbolon_testkit::AnyServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::fault::Kind;
use crate::run::World;

/// Connections that say nothing.
const SILENT: usize = 10_000;
/// Of them at once in the making.
const SILENT_AT_ONCE: usize = 200;
/// So much more memory may a node take while they are open, bytes: the buffers of those that it lets in, and
/// what the people need meanwhile.
const MEMORY_MAX: u64 = 300 << 20;
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);
/// Whoever talks nonsense for so long is not listened to any more.
const NONSENSE_WITHIN: Duration = Duration::from_secs(4);
const NONSENSE_BYTES: usize = 64 << 10;

impl World {
    /// They are there and say nothing; people sign in all the same, and memory is bounded.
    pub(crate) async fn silent(&self, id: usize, rng: &mut Rng) {
        let Some(_claim) = self.claim(id) else { return };
        let node = self.cluster.node(id + 1);
        let addresses = node.addresses();
        let port = *rng.pick(&[addresses.api, addresses.api, addresses.peer]);
        self.begins(Kind::Silent, &format!("node-{} at {port}", id + 1));
        let before = node.usage().resident_bytes;
        let (mut open, mut tried, mut most) = (Vec::new(), 0, before);
        while tried < SILENT && self.is_cruel() {
            let mut all = JoinSet::new();
            for _ in 0..SILENT_AT_ONCE {
                all.spawn(timeout(CONNECTS_WITHIN, TcpStream::connect(port)));
            }
            tried += SILENT_AT_ONCE;
            open.extend(all.join_all().await.into_iter().flatten().flatten());
            most = most.max(node.usage().resident_bytes);
        }
        self.pause(Duration::from_secs(3)).await;
        most = most.max(node.usage().resident_bytes);
        let grown = most.saturating_sub(before);
        let what = format!(
            "node-{} has let in {} of {tried}, and grew by {} MiB",
            id + 1,
            open.len(),
            grown >> 20
        );
        self.history.say("fault", &what);
        if grown > MEMORY_MAX {
            self.problem("P12 bounded", what);
        }
    }

    pub(crate) async fn garbage(&self, id: usize, rng: &mut Rng) {
        let node = self.cluster.node(id + 1);
        let addresses = node.addresses();
        self.begins(Kind::Garbage, &format!("node-{}", id + 1));
        let certificate = stranger(rng.chance(500));
        let mut all = JoinSet::new();
        for port in [addresses.api, addresses.peer, addresses.metrics] {
            for _ in 0..3 {
                all.spawn(timeout(NONSENSE_WITHIN, plain(port, nonsense(rng))));
            }
            for speech in [nonsense(rng), oversized(rng), preface(&nonsense(rng))] {
                let certificate = certificate.clone();
                all.spawn(timeout(NONSENSE_WITHIN, over_tls(port, certificate, speech)));
            }
        }
        all.join_all().await;
    }
}

fn nonsense(rng: &mut Rng) -> Vec<u8> {
    let length = 1 + rng.index(NONSENSE_BYTES);
    (0..length).map(|_| rng.next().to_le_bytes()[0]).collect()
}

/// What HTTP/2 begins with, and then something.
fn preface(then: &[u8]) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", then].concat()
}

/// A frame that says to be as long as a frame can be, and headers without an end.
fn oversized(rng: &mut Rng) -> Vec<u8> {
    let kind = u8::try_from(rng.range(0, 10)).unwrap_or(0);
    let mut speech = preface(&[0xff, 0xff, 0xff, kind, 0, 0, 0, 0, 1]);
    speech.resize(1 << 20, b'x');
    speech
}

async fn plain(port: SocketAddr, speech: Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect(port).await?;
    stream.write_all(&speech).await?;
    listen(&mut stream).await
}

async fn over_tls(port: SocketAddr, certificate: Stranger, speech: Vec<u8>) -> io::Result<()> {
    let (chain, key) = certificate;
    let builder = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.dangerous().with_custom_certificate_verifier(AnyServer::verifier());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let chain = vec![CertificateDer::from(chain)];
    let config = builder.with_client_auth_cert(chain, key).map_err(io::Error::other)?;
    let mut config = config;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(port).await?;
    let name = ServerName::from(port.ip());
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(&speech).await?;
    stream.flush().await?;
    listen(&mut stream).await
}

async fn listen(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<()> {
    let mut answer = [0; 4096];
    while stream.read(&mut answer).await? > 0 {}
    Ok(())
}

/// A certificate and its key.
type Stranger = (Vec<u8>, Vec<u8>);

/// A key that nobody has pinned, with a certificate that may have expired.
fn stranger(expired: bool) -> Stranger {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut about = rcgen::CertificateParams::new(vec!["node-1".to_owned()]).unwrap();
    if expired {
        about.not_before = rcgen::date_time_ymd(2001, 1, 1);
        about.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    let certificate = about.self_signed(&key).unwrap();
    (certificate.der().to_vec(), key.serialize_der())
}
