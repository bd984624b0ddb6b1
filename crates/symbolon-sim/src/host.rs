//! One host: a machine with a disk and a clock, and on it the node, as `symbolon server` puts it together.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use symbolon_cluster::{
    ClusterError, ClusterNode, Dial, Ended, JoinTarget, Line, Member, NodeSettings, OsEntropy,
    PeerCertificate, away, come_back, join_cluster,
};
use symbolon_core::Retention;
use symbolon_service::{BoxFuture, Service};
use symbolon_store::{DataDir, Kek, KekPlace, NodeKeys, SimDisks};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::net::{HostId, Net, Stream};
use crate::time::HostClock;

/// A handshake takes no longer, or its connection is closed.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause before others are asked again to take a node back.
const RETRY: Duration = Duration::from_secs(1);

/// What a host is, whatever runs on it.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) kek: PathBuf,
    pub(crate) disks: SimDisks,
    pub(crate) clock: HostClock,
    pub(crate) net: Net,
    pub(crate) snapshot_entries: u64,
    pub(crate) audit_rows: u64,
}

/// A node at work, and where its tasks run.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) node: Arc<ClusterNode>,
    pub(crate) service: Arc<Service>,
    pub(crate) runtime: Handle,
}

/// Where others find what runs on a host.
pub(crate) type Slot = Arc<Mutex<Option<Running>>>;

/// Why a process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It starts again at once.
    StartAgain,
    /// The service manager starts it again.
    Failed(String),
    /// It says what an administrator has to do.
    Refused(String),
}

struct Dialler {
    from: HostId,
    net: Net,
}

impl Dial for Dialler {
    fn dial<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Line>>> {
        Box::pin(async move {
            let host = host_of(address).ok_or(io::ErrorKind::NotFound)?;
            let stream = self.net.connect(self.from, host).await?;
            Ok(Box::new(stream) as Box<dyn Line>)
        })
    }
}

/// Where peers reach a host.
fn peer_address(host: HostId) -> String {
    format!("host-{host}:8444")
}

fn host_of(address: &str) -> Option<HostId> {
    address.strip_prefix("host-")?.strip_suffix(":8444")?.parse().ok()
}

impl Machine {
    pub(crate) fn data_dir(&self) -> DataDir {
        DataDir::simulated(&self.directory, self.disks.clone())
    }

    fn api_address(&self) -> String {
        format!("https://host-{}:8443", self.id)
    }

    fn dialler(&self) -> Dialler {
        Dialler { from: self.id, net: self.net.clone() }
    }

    /// Makes a cluster here. The administrator's token.
    pub(crate) async fn found(&self) -> Result<String, ClusterError> {
        let name = |text: &str| symbolon_core::Name::new(text.to_owned());
        let (Ok(cluster), Ok(node)) = (name("sim"), name(&self.name)) else {
            return Err(ClusterError::JoinTokenShape);
        };
        let kek = Kek::load(&self.kek).map_err(|_| ClusterError::Succession)?;
        let clock = Arc::new(self.clock.clone());
        let addresses = (peer_address(self.id), self.api_address());
        let entropy = Arc::new(OsEntropy);
        let directory = self.data_dir();
        let founded = symbolon_cluster::create_cluster(
            &directory, &kek, clock, entropy, cluster, node, addresses,
        );
        Ok(founded.await?.administrator.to_string())
    }

    /// Joins the cluster of another host.
    pub(crate) async fn join(&self, token: &str, of: HostId) -> Result<(), ClusterError> {
        let kek = Kek::load(&self.kek).map_err(|_| ClusterError::Succession)?;
        let target = JoinTarget {
            token,
            peer: &peer_address(of),
            name: &self.name,
            peer_address: &peer_address(self.id),
            api_address: &self.api_address(),
            key: None,
        };
        let outside = (&self.clock as _, &self.dialler() as _);
        join_cluster(&self.data_dir(), &kek, outside, target, |_| Ok(())).await.map(drop)
    }

    /// The life of one process.
    pub(crate) async fn serve(self, slot: Slot) -> Exit {
        if let Err(exit) = self.come_back().await {
            return exit;
        }
        let node = match self.start().await {
            Ok(node) => node,
            Err(ClusterError::LeftBehind { .. } | ClusterError::GoneBack) => {
                return Exit::StartAgain;
            }
            Err(error) => return Exit::Refused(chain(&error)),
        };
        let service =
            Service::new(Arc::clone(&node) as _, node.vault(), node.clock(), Arc::new(OsEntropy));
        let service = match service {
            Ok(service) => Arc::new(service),
            Err(error) => return Exit::Failed(error.to_string()),
        };
        let connections = self.net.listen(self.id);
        tokio::spawn(serve_peers(Arc::clone(&node), Arc::clone(&service), connections));
        let running = Running { node: Arc::clone(&node), service, runtime: Handle::current() };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        match node.ended().await {
            Ended::Failed(error) => Exit::Failed(chain(&*error)),
            Ended::StartAgain => Exit::StartAgain,
        }
    }

    async fn come_back(&self) -> Result<(), Exit> {
        let directory = self.data_dir();
        let aside = away(&directory).map_err(|error| Exit::Refused(chain(&error)))?;
        let Some(aside) = aside else { return Ok(()) };
        let kek = Kek::load(&self.kek).map_err(|error| Exit::Refused(error.to_string()))?;
        let (peer_address, api_address) = (peer_address(self.id), self.api_address());
        let member =
            Member { name: &self.name, peer_address: &peer_address, api_address: &api_address };
        loop {
            let outside = (&self.clock as _, &self.dialler() as _);
            match come_back(&directory, &aside, &kek, outside, member).await {
                Ok(_) => return Ok(()),
                Err(error @ ClusterError::NotTakenBack { .. }) => {
                    return Err(Exit::Refused(chain(&error)));
                }
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    async fn start(&self) -> Result<Arc<ClusterNode>, ClusterError> {
        let store = self.data_dir().open()?;
        let keys = NodeKeys::open(store.clone(), KekPlace::File(self.kek.clone()));
        let keys = keys.map_err(|_| ClusterError::Succession)?;
        let settings = NodeSettings {
            peer_address: peer_address(self.id),
            api_address: self.api_address(),
            api_names: vec![self.name.clone()],
            disk_reserve_bytes: 0,
            snapshot_entries: self.snapshot_entries,
            audit: Retention {
                rows: self.audit_rows,
                at_least_milliseconds: 72 * 3_600_000,
                at_most_milliseconds: 400 * 24 * 3_600_000,
            },
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(OsEntropy),
            dial: Arc::new(self.dialler()),
        };
        ClusterNode::start(store, keys, settings).await
    }
}

async fn serve_peers(
    node: Arc<ClusterNode>,
    service: Arc<Service>,
    mut connections: mpsc::UnboundedReceiver<Stream>,
) {
    let Ok(tls) = node.peer_tls() else { return };
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let app = node.peer_routes(service).prepare().into_axum_router();
    while let Some(stream) = connections.recv().await {
        tokio::spawn(serve_peer(Arc::clone(&node), acceptor.clone(), app.clone(), stream));
    }
}

async fn serve_peer(node: Arc<ClusterNode>, acceptor: TlsAcceptor, app: Router, stream: Stream) {
    let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let certificate = shown.map(|shown| PeerCertificate(Arc::from(shown.as_ref())));
    let answer = move |request: hyper::Request<Incoming>| {
        let (node, certificate, app) = (Arc::clone(&node), certificate.clone(), app.clone());
        async move { Ok::<_, Infallible>(exchange(&node, certificate, app, request).await) }
    };
    let mut builder = Builder::new(TokioExecutor::new()).http2_only();
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(20)));
    // Whoever is at the other end sees the connection end.
    let _ = builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn exchange(
    node: &ClusterNode,
    certificate: Option<PeerCertificate>,
    mut app: Router,
    request: hyper::Request<Incoming>,
) -> axum::response::Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    match node.caller(&path, certificate.as_ref()) {
        Ok(caller) => caller.map(|caller| parts.extensions.insert(caller)),
        Err(status) => return status.into_http(),
    };
    certificate.map(|certificate| parts.extensions.insert(certificate));
    let request = axum::http::Request::from_parts(parts, Body::new(body));
    let limit = symbolon_cluster::longest_call(&path);
    let call = async move { Ok::<_, tokio::time::error::Elapsed>(app.call(request).await) };
    let answered = match limit {
        Some(limit) => timeout(limit, call).await.and_then(|answered| answered),
        None => call.await,
    };
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => tonic::Status::deadline_exceeded("the call took too long").into_http(),
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
