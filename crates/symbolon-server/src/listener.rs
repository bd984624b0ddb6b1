//! Serves a router on a port, with TLS or without, inside limits.
//!
//! One task owns the port: it accepts, and knows every connection, so that it can stop them. What is
//! over a limit is closed at once and counted; nobody waits in a queue that has no end. On [`Stop`] the port is closed, connections finish what they have begun, and what is not
//! done by [`Limits::drain`] is cut.

mod addresses;
mod connection;
mod handshakes;
mod limits;
mod requests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::request::Parts;
use axum::response::Response;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use crate::stop::Stop;
use addresses::{Addresses, network};
use connection::{Refusal, Serving, Wire};
use handshakes::Handshakes;
pub use limits::Limits;

/// How long accepting pauses after the first failure, and after many.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A port's name, in logs and metrics, and its limits.
#[derive(Clone)]
pub struct Port {
    /// As in the settings: `api`, `peer`, `metrics`, `radsec`; or `local`.
    pub name: &'static str,
    /// What it allows.
    pub limits: Limits,
    /// What it allows to clients that it does not know, if it knows clients by their certificates.
    pub strangers: Option<Strangers>,
    /// What each request passes before it is served.
    pub gate: Gate,
}

/// Looks at a request whose message was not read, and may add to its extensions. It runs on every
/// request, outside the router, whose layers cost several times as much.
pub type Gate = Arc<dyn Fn(&mut Parts) -> Passage + Send + Sync>;

/// What a gate says.
pub enum Passage {
    /// Served, and cut after that time.
    For(Duration),
    /// Served, for as long as it lasts.
    Lasting,
    /// Answered with this instead.
    Refused(Response),
}

impl Passage {
    /// Served for so long; `None` for as long as it lasts.
    pub(crate) fn within(limit: Option<Duration>) -> Self {
        limit.map_or(Self::Lasting, Self::For)
    }
}

/// A gate that lets all pass, for as long as they like.
#[must_use]
pub fn open_gate() -> Gate {
    Arc::new(|_| Passage::Lasting)
}

/// Tells whether a certificate is a known client's. The client has proved to hold its key.
pub type IsKnown = Arc<dyn Fn(&Arc<[u8]>) -> bool + Send + Sync>;

/// Clients whose certificate a port does not know.
#[derive(Clone)]
pub struct Strangers {
    /// What they are allowed together, and each of their connections.
    pub limits: Limits,
    /// Who is none.
    pub is_known: IsKnown,
}

/// Who is at the other end. Every request of the connection has it among its extensions.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Address of the client; one of IPv4 is never dressed as IPv6. Of who comes over a socket of this
    /// machine it is [`NOWHERE`].
    pub remote: SocketAddr,
    /// The client's own certificate as DER, if it has shown one and the TLS settings of the port
    /// have accepted it.
    pub client_certificate: Option<Arc<[u8]>>,
}

/// The address of who comes over a socket of this machine.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What a port speaks that is not HTTP, over connections that were admitted and whose handshake is over.
pub trait Spoken: Send + Sync {
    /// Serves a connection until it ends; once `stop` is asked for, until what it has begun is done.
    fn serve(
        &self,
        stream: TlsStream<TcpStream>,
        info: ConnectionInfo,
        stop: Stop,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Is told why a handshake has failed.
    fn failed(&self, remote: SocketAddr, why: &io::Error);
}

/// How serving a port ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "connections may have been cut"]
pub struct Drained {
    /// Connections that were not done in time.
    pub cut: usize,
}

/// Serves HTTP/2 and HTTP/1.1 over TLS until `stop`. Which of the two is agreed by ALPN; a client
/// that does not say gets HTTP/1.1. What is stored into `tls` holds for the connections after it.
pub async fn serve_tls(
    listener: TcpListener,
    port: Port,
    tls: Arc<ArcSwap<ServerConfig>>,
    app: Router,
    stop: Stop,
) -> Drained {
    serve(listener, Serving::new(port, Wire::Tls(tls), app, stop)).await
}

/// Serves over TLS something that is not HTTP until `stop`. The port needs no gate and has no strangers.
pub async fn serve_spoken(
    listener: TcpListener,
    port: Port,
    tls: Arc<ArcSwap<ServerConfig>>,
    spoken: Arc<dyn Spoken>,
    stop: Stop,
) -> Drained {
    serve(listener, Serving::new(port, Wire::Spoken(tls, spoken), Router::new(), stop)).await
}

/// Serves HTTP/1.1 without TLS until `stop`.
pub async fn serve_plain(listener: TcpListener, port: Port, app: Router, stop: Stop) -> Drained {
    serve(listener, Serving::new(port, Wire::Plain, app, stop)).await
}

/// Serves HTTP/2 without TLS over a socket of this machine until `stop`.
pub async fn serve_local(listener: UnixListener, port: Port, app: Router, stop: Stop) -> Drained {
    let serving = Arc::new(Serving::new(port, Wire::Plain, app, stop));
    let admit = |connections: &mut JoinSet<()>, (stream, _)| {
        if connections.len() >= serving.limits().connections_max {
            Refusal::Connections.count(serving.name());
        } else {
            connections.spawn(Arc::clone(&serving).run_local(stream));
        }
    };
    let connections = admit_all(&serving, || listener.accept(), admit).await;
    drop(listener);
    drain(connections, &serving).await
}

async fn serve(listener: TcpListener, serving: Serving) -> Drained {
    let mut entrance = Entrance::new(serving);
    let serving = Arc::clone(&entrance.serving);
    let admit = |connections: &mut JoinSet<()>, (stream, remote)| {
        entrance.admit(connections, stream, remote);
    };
    let connections = admit_all(&serving, || listener.accept(), admit).await;
    drop(listener);
    drain(connections, &serving).await
}

/// Accepts connections until `stop`, and hands each to `admit`. Those that are there then.
async fn admit_all<T, Next: Future<Output = io::Result<T>>>(
    serving: &Arc<Serving>,
    next: impl Fn() -> Next,
    mut admit: impl FnMut(&mut JoinSet<()>, T),
) -> JoinSet<()> {
    let stop = serving.stop().clone();
    let mut connections = JoinSet::new();
    let mut pause = Pause::default();
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => return connections,
            // A panic in a connection has been logged by the hook, and the connection is gone.
            Some(_) = connections.join_next() => {}
            accepted = accept(next(), pause.until) => match accepted {
                Ok(connection) => {
                    pause = Pause::default();
                    admit(&mut connections, connection);
                }
                Err(error) => pause.after(&error, serving.name()),
            }
        }
    }
}

/// Not before `not_before`: an instant and not a time, so that being dropped does not start it anew.
async fn accept<T>(
    accepting: impl Future<Output = io::Result<T>>,
    not_before: Option<Instant>,
) -> io::Result<T> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    accepting.await
}

async fn drain(mut connections: JoinSet<()>, serving: &Serving) -> Drained {
    let all = async { while connections.join_next().await.is_some() {} };
    let in_time = timeout(serving.limits().drain, all).await;
    let cut = connections.len();
    if in_time.is_err() {
        tracing::warn!(port = serving.name(), cut, "connections were not done in time");
    }
    connections.shutdown().await;
    Drained { cut }
}

/// The wait after failures to accept: without one, a process out of file descriptors would spin.
#[derive(Default)]
struct Pause {
    until: Option<Instant>,
    last: Duration,
}

impl Pause {
    fn after(&mut self, error: &io::Error, port: &'static str) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
            // The client is gone already; the next one may be fine.
            return;
        }
        Refusal::Accept.count(port);
        if self.until.is_none() {
            let error: &dyn std::error::Error = error;
            tracing::warn!(port, error, "connections cannot be accepted; trying again");
        }
        self.last = (self.last * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.until = Some(Instant::now() + self.last);
    }
}

/// Who may come in.
struct Entrance {
    serving: Arc<Serving>,
    handshakes: Handshakes,
    addresses: Arc<Addresses>,
    is_full: bool,
}

impl Entrance {
    fn new(serving: Serving) -> Self {
        Self {
            handshakes: Handshakes::new(serving.limits().handshakes_max),
            serving: Arc::new(serving),
            addresses: Arc::default(),
            is_full: false,
        }
    }

    /// Takes a connection in, or closes it.
    fn admit(&mut self, connections: &mut JoinSet<()>, stream: TcpStream, remote: SocketAddr) {
        let (port, limits) = (self.serving.name(), self.serving.limits());
        let was_full = self.is_full;
        self.is_full = connections.len() >= limits.connections_max;
        if self.is_full {
            if !was_full {
                tracing::warn!(port, "too many connections; closing new ones");
            }
            return Refusal::Connections.count(port);
        }
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let (address, max) = (remote.ip(), limits.connections_per_address_max);
        let mut place = self.addresses.enter(address, max);
        if place.is_none() && self.handshakes.evict_of(network(address)) {
            // Who gives way has its place for a moment yet.
            place = self.addresses.enter(address, usize::MAX);
        }
        let Some(place) = place else {
            tracing::debug!(port, %remote, "too many connections from one address");
            return Refusal::Address.count(port);
        };
        let eviction = self.handshakes.begin(network(address));
        connections.spawn(Arc::clone(&self.serving).run(stream, remote, place, eviction));
    }
}

#[cfg(test)]
mod tests;
