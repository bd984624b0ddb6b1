//! A device that speaks RADIUS over TLS byte for byte, as no client does.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use symbolon_testkit::Cluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{
    ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion, version,
};

use crate::device_certificates::DeviceFiles;

/// The secret of RFC 6614.
pub(crate) const RADSEC_SECRET: &str = "radsec";
/// For something to come, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a node speaks RADIUS over TLS.
pub(crate) fn radsec(cluster: &Cluster) -> SocketAddr {
    cluster.node(1).addresses().radsec.unwrap()[0]
}

/// What a device speaks.
pub(crate) struct Speaks<'s> {
    pub(crate) certificate: Option<&'s DeviceFiles>,
    pub(crate) version: &'static SupportedProtocolVersion,
    pub(crate) alpn: &'s [&'s str],
}

impl<'s> From<Option<&'s DeviceFiles>> for Speaks<'s> {
    fn from(certificate: Option<&'s DeviceFiles>) -> Self {
        Self { certificate, version: &version::TLS13, alpn: &[] }
    }
}

impl<'s> From<&'s DeviceFiles> for Speaks<'s> {
    fn from(certificate: &'s DeviceFiles) -> Self {
        Some(certificate).into()
    }
}

/// See the module.
pub(crate) struct TlsDevice(TlsStream<TcpStream>);

impl TlsDevice {
    /// Connects to the first node, which it knows by the cluster's CA.
    pub(crate) async fn connect<'s>(cluster: &Cluster, speaks: impl Into<Speaks<'s>>) -> Self {
        Self::try_connect(cluster, speaks).await.unwrap()
    }

    pub(crate) async fn try_connect<'s>(
        cluster: &Cluster,
        speaks: impl Into<Speaks<'s>>,
    ) -> io::Result<Self> {
        let config = config(&cluster.ca_file(), &speaks.into());
        Self::connect_as(cluster, &Arc::new(config)).await
    }

    /// Connects with what a session may be remembered in.
    pub(crate) async fn connect_as(
        cluster: &Cluster,
        config: &Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let server = radsec(cluster);
        let stream = TcpStream::connect(server).await?;
        let name = ServerName::IpAddress(server.ip().into());
        let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        timeout(PATIENCE, connecting).await.unwrap().map(Self)
    }

    /// Whether the certificate was shown anew.
    pub(crate) fn shook_hands(&self) -> bool {
        self.0.get_ref().1.handshake_kind() == Some(HandshakeKind::Full)
    }

    /// What was agreed on by ALPN.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// The next packet; `None`: the connection is ended.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        let mut packet = vec![0; 20];
        let receiving = async {
            self.0.read_exact(&mut packet).await.ok()?;
            packet.resize(u16::from_be_bytes([packet[2], packet[3]]).into(), 0);
            self.0.read_exact(&mut packet[20..]).await.ok()
        };
        let received = timeout(PATIENCE, receiving).await;
        let received = received.unwrap_or_else(|_| panic!("neither a packet nor the end came"));
        received.map(|_| packet)
    }

    /// Sends a packet, and waits for what comes back.
    pub(crate) async fn ask(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        // Who has been ended may hear of it while it sends.
        self.send(packet).await.ok()?;
        self.receive().await
    }
}

pub(crate) fn config(ca: &Path, speaks: &Speaks<'_>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[speaks.version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match speaks.certificate {
        None => config.with_no_client_auth(),
        Some(DeviceFiles { certificate, key }) => {
            let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap);
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            config.with_client_auth_cert(chain.collect(), key).unwrap()
        }
    };
    config.alpn_protocols = speaks.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}
