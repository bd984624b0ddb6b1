//! RADIUS over TLS, RFC 6614: who is let in to the front end of RADIUS, and who is not.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::{CertificateError, RootCertStore, ServerConfig};
use symbolon_radius_server::RadsecPort;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use crate::config::Radsec;
use crate::listener::{ConnectionInfo, Limits, Port, Spoken, open_gate, serve_spoken};
use crate::stop::Stop;
use crate::tls::{TlsError, certificates};

/// RFC 9765 section 3: what a device may offer that speaks RADIUS as it always was.
const ALPN: &[u8] = b"radius/1.0";

/// What the port speaks: TLS 1.2 and 1.3, with devices that show a certificate of one of the CAs. No session is
/// resumed: each connection shows its certificate anew.
///
/// # Errors
///
/// [`TlsError`], with the key of the settings.
pub fn config(radsec: &Radsec, own: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, TlsError> {
    let clients = clients(radsec)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|source| TlsError::Config { source })?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(own);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Who tells whether a device's certificate is one of theirs, and still good.
///
/// # Errors
///
/// [`TlsError`], with the key of the settings.
pub(crate) fn clients(radsec: &Radsec) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let (key, path) = ("radsec.clients_ca", &radsec.clients_ca);
    let unusable = |problem: String| TlsError::Authorities { path: path.clone(), problem };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(key, path, "certificates of CAs")? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    verifier.build().map_err(|error| unusable(error.to_string()))
}

/// Serves a port until `stop`, and then what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<ArcSwap<ServerConfig>>,
    front: Arc<RadsecPort>,
    stop: Stop,
) {
    let (limits, gate) = (Limits::RADSEC, open_gate());
    let port = Port { name: "radsec", limits, strangers: None, gate };
    let drained = serve_spoken(listener, port, tls, Arc::new(Devices(front)), stop).await;
    if drained.cut > 0 {
        tracing::warn!(connections = drained.cut, "RADIUS connections were cut");
    }
}

/// Brings connections to the front end.
struct Devices(Arc<RadsecPort>);

impl Spoken for Devices {
    fn serve(
        &self,
        stream: TlsStream<TcpStream>,
        info: ConnectionInfo,
        stop: Stop,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let certificate = info.client_certificate.as_deref();
        let names = certificate.map(symbolon_cluster::names_of).unwrap_or_default();
        let port = Arc::clone(&self.0);
        Box::pin(port.serve(stream, info.remote, names, stop.into_requested()))
    }

    fn failed(&self, remote: SocketAddr, why: &io::Error) {
        let error = why.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        let Some((reason, refused)) = error.and_then(refusal) else {
            return;
        };
        metrics::counter!("symbolon_radius_dropped_total", "reason" => reason).increment(1);
        // Of many lines of one place in the program some are left out: what takes no certificate, and so may
        // come from anybody, has its own.
        if matches!(error, Some(rustls::Error::InvalidCertificate(_))) {
            tracing::warn!(device = %remote.ip(), refused, "a RADIUS connection is refused");
        } else {
            tracing::warn!(device = %remote.ip(), refused, "a RADIUS handshake has failed");
        }
    }
}

/// Why a device is not let in, for metrics and for whoever can do something about it; `None` for what no device
/// does.
fn refusal(error: &rustls::Error) -> Option<(&'static str, String)> {
    use rustls::Error::{
        AlertReceived, InvalidCertificate, NoCertificatesPresented, PeerIncompatible,
    };
    let told = |text: &str| text.to_owned();
    Some(match error {
        NoCertificatesPresented => {
            ("no_certificate", told("it shows no certificate; give the device one, with its key"))
        }
        // The signature is wrong where a CA has the name of another.
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => (
            "other_ca",
            told(
                "its certificate is of no CA in radsec.clients_ca; have one of those certify the device, or add \
                 its CA to the file, and restart the node",
            ),
        ),
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("expired", told("its certificate has expired; give the device a new one"))
        }
        InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => (
            "not_valid_yet",
            told(
                "its certificate is not valid yet; are both clocks right, of the device and of this node?",
            ),
        ),
        InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) => (
            "purpose",
            told("its certificate is not for clients; it needs clientAuth in extendedKeyUsage"),
        ),
        InvalidCertificate(other) => ("bad_certificate", format!("its certificate: {other}")),
        AlertReceived(alert) => (
            "alert",
            format!(
                "it breaks off ({alert:?}); does it trust the CA of this node's certificate, and its names?"
            ),
        ),
        PeerIncompatible(why) => ("incompatible", format!("it speaks another TLS: {why:?}")),
        _ => return None,
    })
}
