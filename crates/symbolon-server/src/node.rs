//! `symbolon server`: the node at work, until it is told to stop.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rustls::server::ResolvesServerCert;
use rustls::sign::SingleCertAndKey;
use symbolon_cluster::{
    ClusterError, ClusterNode, Ended, NodeSettings, OsEntropy, PeerCertificate, SystemClock, Tcp,
    is_for_want_of_space,
};
use symbolon_grpc::Health;
use symbolon_radius_server::{PortKind, RadiusPort, RadsecPort};
use symbolon_service::Service;
use symbolon_store::{DataDir, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::addresses::{self, Addresses, Listeners};
use crate::come_back;
use crate::config::{Advertised, Config};
use crate::failure::{Failure, chain};
use crate::init::{failed, full, unwritten};
use crate::listener::{
    ConnectionInfo, Gate, Limits, Passage, Port, Strangers, open_gate, serve_plain, serve_tls,
};
use crate::local_socket::{self, LocalSocket};
use crate::ops;
use crate::panics;
use crate::radsec;
use crate::readiness::{NodeReadiness, watch};
use crate::rotate_kek::open_keys;
use crate::stop::Stop;
use crate::tls;

/// Exit code of a node whose replicated log has stopped: a defect, or its disk.
const INTERNAL: u8 = 70;
/// How long the node's own tasks may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// From the start until what it needed is let go of, and the allocator may give it back.
const MEMORY_SETTLES: Duration = Duration::from_secs(3);
/// More than the allocator keeps at hand for the next who wants as much.
const LARGE_BYTES: usize = 1 << 20;

/// What comes after a node has stopped well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// The end.
    Stopped,
    /// The process starts again, from what was written: a seize, or that one went on without this node.
    StartAgain,
}

/// Runs the node. Returns after it has stopped well.
pub(crate) async fn serve(config: Config) -> Result<After, Failure> {
    let told = Stop::new();
    told.on_signals().map_err(|error| internal("signals cannot be caught", &error))?;
    let after = work(config, told.part()).await?;
    // Who told it to stop while it was about to start again need not do so twice.
    Ok(if told.is_requested() { After::Stopped } else { after })
}

async fn work(config: Config, stop: Stop) -> Result<After, Failure> {
    let metrics = PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| internal("metrics cannot be counted", &error))?;
    if !come_back::is_back(&config, &stop).await? {
        return Ok(After::Stopped);
    }
    let Some((node, service, listeners, socket)) = start(&config).await? else {
        return Ok(After::StartAgain);
    };
    let Listeners { api, peer, metrics: watched, radius, radius_accounting, radsec, addresses } =
        listeners;
    let health = Health::default();
    let readiness = Arc::new(NodeReadiness::new(Arc::clone(&node), stop.clone()));

    // The API stops first and is drained while the node still works; then the node hands over and
    // stops; its peers and those who watch it are served until then.
    let last = Stop::new();
    let ports = tokio::spawn(serve_api(&config, &node, &service, &health, api, &stop)?);
    let local = tokio::spawn(local_socket::serve(socket, &service, &health, &stop)?);
    let sockets = [(PortKind::Authentication, radius), (PortKind::Accounting, radius_accounting)];
    let radius = serve_radius(&config, &node, (sockets, radsec), &service, &stop)?;
    let peers = tokio::spawn(serve_peers(&node, &service, peer, &last)?);
    let watched = tokio::spawn(serve_ops(readiness.clone(), metrics, watched, &last));
    tokio::spawn(watch(readiness, Arc::clone(&service), health, last.clone()));

    // Written last: whoever waits for the file finds the ports open.
    addresses.write(&config.data_dir).map_err(|error| unwritten(&config.data_dir, &error))?;
    tracing::info!(
        node = %config.name,
        api = %addresses.api,
        peer = %addresses.peer,
        metrics = %addresses.metrics,
        radius = ?addresses.radius,
        radius_accounting = ?addresses.radius_accounting,
        radsec = ?addresses.radsec,
        "serving"
    );
    tokio::spawn(give_memory_back());

    let ended = tokio::select! {
        () = stop.requested() => Ok(After::Stopped),
        ended = node.ended() => match ended {
            Ended::Failed(reason) => Err(log_stopped(&*reason)),
            Ended::StartAgain => {
                tracing::info!(node = %config.name, "starting again");
                Ok(After::StartAgain)
            }
        },
    };
    stop.request();
    let _ = tokio::join!(ports, local, radius.join_all());
    if timeout(STOP_TIMEOUT, node.stop()).await.is_err() {
        tracing::error!("the node's tasks did not stop in time");
    }
    last.request();
    if !matches!(ended, Ok(After::StartAgain)) {
        // Whoever starts again holds up nobody but those who wait for that.
        let _ = tokio::join!(peers, watched);
    }
    tracing::info!(node = %config.name, "stopped");
    ended
}

/// Lets go of something large a moment after the start. The allocator gives what was let go of back to the
/// system a second later at the earliest, and only when somebody lets go of more: at a node that nobody asks,
/// what the start needed would stay with it.
async fn give_memory_back() {
    sleep(MEMORY_SETTLES).await;
    drop(black_box(Vec::<u8>::with_capacity(LARGE_BYTES)));
}

/// A node that works, and where it is reached.
type Started = (Arc<ClusterNode>, Arc<Service>, Listeners, LocalSocket);

/// Opens the store, binds the ports and starts the node behind them. `None`: the cluster has gone on
/// without this node, or its disk went back: it comes back in a process that starts again.
async fn start(config: &Config) -> Result<Option<Started>, Failure> {
    // First: where there is no node yet, there may be no key either, and the former is what to say.
    let store = open(config).await?;
    let keys = open_keys(store.clone(), &config.kek)?;
    let previous = Addresses::read(&config.data_dir);
    let listeners = addresses::bind(config, previous.as_ref())?;
    let socket = local_socket::bind(&config.data_dir)?;
    let advertised = config.advertised(&listeners.addresses);
    let node = match ClusterNode::start(store, keys, settings(config, &advertised)).await {
        Ok(node) => node,
        Err(ClusterError::LeftBehind { .. } | ClusterError::GoneBack) => return Ok(None),
        Err(error) => return Err(failed("the node does not start", &error)),
    };
    let service =
        Service::new(Arc::clone(&node) as _, node.vault(), node.clock(), Arc::new(OsEntropy));
    let service = service.map_err(|error| internal("nothing can be sealed", &error))?;
    Ok(Some((node, Arc::new(service), listeners, socket)))
}

fn log_stopped(reason: &(dyn std::error::Error + 'static)) -> Failure {
    let told = chain(reason);
    tracing::error!(reason = told, "the replicated log has stopped: this node ends");
    let what = format!("the replicated log of this node has stopped: {told}");
    // Somebody took what was kept for it, too.
    if is_for_want_of_space(reason) {
        return full(what);
    }
    Failure::new(
        INTERNAL,
        what,
        "See the lines before this one, and whether the disk is full or failing.",
    )
}

pub(crate) fn internal(what: &str, error: &dyn std::error::Error) -> Failure {
    let remedy = "Check the limits of the service and of the machine.";
    Failure::new(Failure::GENERAL, format!("{what}: {}", chain(error)), remedy)
}

pub(crate) async fn open(config: &Config) -> Result<Store, Failure> {
    let data_dir = DataDir::new(&config.data_dir);
    // Reads the whole store once, which blocks.
    let opening = move || panics::while_opening(data_dir.path(), || data_dir.open());
    let opened = tokio::task::spawn_blocking(opening).await;
    let opened = opened.map_err(|error| internal("the store cannot be opened", &error))?;
    opened.map_err(|error| match error {
        StoreError::HeaderMissing { path } if config.data_dir.join("store").exists() => {
            Failure::new(
                Failure::CONFIG,
                format!("{} is missing, and there is a store beside it", path.display()),
                "Restore the file from a backup; without it the node's keys are lost, and it must \
                 join again under a new name with an empty data directory.",
            )
        }
        StoreError::HeaderMissing { .. } => Failure::new(
            Failure::CONFIG,
            format!("{} holds no node yet", config.data_dir.display()),
            "Make a cluster with `symbolon init`, or join one with `symbolon join`.",
        ),
        error => failed("the node does not start", &ClusterError::Store(error)),
    })
}

fn settings(config: &Config, advertised: &Advertised) -> NodeSettings {
    let mut api_names = vec![
        advertised.api.host_port().host().to_owned(),
        config.name.to_string(),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    api_names.sort();
    api_names.dedup();
    NodeSettings {
        peer_address: advertised.peer.to_string(),
        api_address: advertised.api.to_string(),
        api_names,
        disk_reserve_bytes: config.storage.disk_reserve_bytes,
        snapshot_entries: config.storage.snapshot_entries,
        audit: config.storage.audit,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        dial: Arc::new(Tcp),
    }
}

fn odd(error: &dyn std::error::Error) -> Failure {
    Failure::new(Failure::CONFIG, chain(error), "See `tls` and `radsec` in the settings.")
}

/// Stops with the API, and is drained like it. What comes through a tunnel is shown the certificate of the API.
fn serve_radius(
    config: &Config,
    node: &ClusterNode,
    (sockets, radsec): ([(PortKind, Vec<std::net::UdpSocket>); 2], Vec<tokio::net::TcpListener>),
    service: &Arc<Service>,
    stop: &Stop,
) -> Result<JoinSet<()>, Failure> {
    let mut ports = JoinSet::new();
    let identity = config.tls.files.as_ref().map(tls::identity).transpose();
    let certificates: Arc<dyn ResolvesServerCert> = match identity.map_err(|error| odd(&error))? {
        Some(identity) => Arc::new(SingleCertAndKey::from(identity)),
        None => node.certificates().api(),
    };
    let own = Arc::clone(&certificates);
    let tls = symbolon_radius::ttls_config_of(certificates).map_err(|error| odd(&error))?;
    let each = |(kind, sockets): (PortKind, Vec<_>)| sockets.into_iter().map(move |it| (kind, it));
    for (kind, socket) in sockets.into_iter().flat_map(each) {
        let (service, tls) = (Arc::clone(service), Arc::clone(&tls));
        let port = RadiusPort::new(kind, socket, service, Arc::new(OsEntropy), tls);
        let port = port.map_err(|error| internal("a RADIUS port cannot be served", &error))?;
        let stop = stop.clone();
        ports.spawn(symbolon_radius_server::serve(port, async move { stop.requested().await }));
    }
    if let Some(settings) = &config.radsec {
        let speaks = radsec::config(settings, own).map_err(|error| odd(&error))?;
        let speaks = Arc::new(ArcSwap::from_pointee(speaks));
        let front = Arc::new(RadsecPort::new(Arc::clone(service), Arc::new(OsEntropy), tls));
        for listener in radsec {
            let (speaks, front) = (Arc::clone(&speaks), Arc::clone(&front));
            ports.spawn(radsec::serve(listener, speaks, front, stop.clone()));
        }
    }
    Ok(ports)
}

fn serve_api(
    config: &Config,
    node: &ClusterNode,
    service: &Arc<Service>,
    health: &Health,
    listener: tokio::net::TcpListener,
    stop: &Stop,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let tls = match &config.tls.files {
        Some(files) => tls::identity(files).and_then(|id| tls::api_config(&config.tls, id)),
        None => tls::api_config_of(&config.tls, node.certificates().api()),
    };
    let tls = Arc::new(ArcSwap::from_pointee(tls.map_err(|error| odd(&error))?));
    let routes = symbolon_grpc::routes(service, health).map_err(|error| odd(&error))?;
    let app = routes.prepare().into_axum_router();
    let port = Port { name: "api", limits: Limits::API, strangers: None, gate: refuse_strangers() };
    let stop = stop.clone();
    let (service, stopping) = (Arc::clone(service), stop.clone());
    tokio::spawn(async move {
        stopping.requested().await;
        service.end_lasting();
    });
    Ok(async move {
        let drained = serve_tls(listener, port, tls, app, stop).await;
        if drained.cut > 0 {
            tracing::warn!(connections = drained.cut, "API connections were cut");
        }
    })
}

/// Refuses calls without a bearer token, and says of others from where they come.
fn refuse_strangers() -> Gate {
    Arc::new(|parts| {
        let info = parts.extensions.get::<ConnectionInfo>();
        if let Some(source) = info.map(|info| symbolon_grpc::Source(info.remote.ip())) {
            parts.extensions.insert(source);
        }
        let path = parts.uri.path();
        match symbolon_grpc::may_call(path, &parts.headers) {
            Ok(()) => Passage::within(symbolon_grpc::longest_call(path)),
            Err(status) => Passage::Refused(status.into_http()),
        }
    })
}

fn serve_peers(
    node: &Arc<ClusterNode>,
    service: &Arc<Service>,
    listener: tokio::net::TcpListener,
    stop: &Stop,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let tls = node.peer_tls().map_err(|error| failed("the peer port is not served", &error))?;
    let tls = Arc::new(ArcSwap::from_pointee(tls));
    let app = node.peer_routes(Arc::clone(service)).prepare().into_axum_router();
    let registry = Arc::clone(node);
    let is_known =
        move |certificate: &_| registry.is_peer(&PeerCertificate(Arc::clone(certificate)));
    let strangers = Strangers { limits: Limits::PEER_STRANGER, is_known: Arc::new(is_known) };
    let gate = peers_only(Arc::clone(node));
    let port = Port { name: "peer", limits: Limits::PEER, strangers: Some(strangers), gate };
    let stop = stop.clone();
    Ok(async move {
        let _ = serve_tls(listener, port, tls, app, stop).await;
    })
}

/// Refuses whoever is no peer, and tells the peer services, in their own words, who asks and whose key
/// the connection has proved.
fn peers_only(node: Arc<ClusterNode>) -> Gate {
    Arc::new(move |parts| {
        let info = parts.extensions.get::<ConnectionInfo>();
        let certificate =
            info.and_then(|info| info.client_certificate.clone()).map(PeerCertificate);
        let path = parts.uri.path();
        let caller = match node.caller(path, certificate.as_ref()) {
            Ok(caller) => caller,
            Err(status) => return Passage::Refused(status.into_http()),
        };
        caller.map(|caller| parts.extensions.insert(caller));
        certificate.map(|certificate| parts.extensions.insert(certificate));
        Passage::within(symbolon_cluster::longest_call(parts.uri.path()))
    })
}

fn serve_ops(
    readiness: Arc<NodeReadiness>,
    metrics: PrometheusHandle,
    listener: tokio::net::TcpListener,
    stop: &Stop,
) -> impl Future<Output = ()> + use<> {
    let app: Router = ops::router(readiness, metrics.clone());
    let gate = open_gate();
    let port = Port { name: "metrics", limits: Limits::OPS, strangers: None, gate };
    let stop = stop.clone();
    async move {
        tokio::spawn(ops::upkeep(metrics, stop.clone()));
        let _ = serve_plain(listener, port, app, stop).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn who_ends_for_want_of_space_is_started_again() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(log_stopped(&full).exit, Failure::NO_SPACE);
        assert_eq!(log_stopped(&io::Error::other("a defect")).exit, INTERNAL);
    }
}
