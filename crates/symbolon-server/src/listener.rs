//! Serves a router on a port, with TLS or without, inside limits.
//!
//! One task owns the port: it accepts, and knows every connection, so counting and stopping need no
//! locks. What is over a limit is closed at once and counted; nobody waits in a queue that has no
//! end. On [`Stop`] the port is closed, connections finish what they have begun, and what is not
//! done by [`Limits::drain`] is cut.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::stop::Stop;
use connection::{Refusal, Serving, Wire};

/// How long accepting pauses after the first failure, and after many.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What one port allows. What is not said here about HTTP is as hyper has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, those in their handshake included.
    pub connections_max: usize,
    /// Handshakes at once: each costs a signature.
    pub handshakes_max: usize,
    /// Longest TLS handshake.
    pub handshake: Duration,
    /// Longest wait for the first request of a connection. It bounds clients that connect and stay
    /// silent, or never finish the opening of HTTP/2.
    pub first_request: Duration,
    /// Longest wait for the header of an HTTP/1.1 request, the idle time before it included.
    pub header_read: Duration,
    /// Bytes of the buffer that such a header must fit into.
    pub header_buffer_bytes_max: usize,
    /// HTTP/2: requests at once on one connection.
    pub streams_max: u32,
    /// HTTP/2: bytes of a request's headers, unpacked.
    pub header_list_bytes_max: u32,
    /// HTTP/2: bytes of a frame that a client may send.
    pub frame_bytes_max: u32,
    /// HTTP/2: how often a silent client is asked whether it is there.
    pub keep_alive_interval: Duration,
    /// HTTP/2: how long it may take to answer that.
    pub keep_alive_timeout: Duration,
    /// Longest wait for connections to finish after [`Stop`].
    pub drain: Duration,
}

impl Limits {
    /// Of the port for clients.
    pub const API: Self = Self {
        connections_max: 16_384,
        handshakes_max: 512,
        handshake: Duration::from_secs(5),
        first_request: Duration::from_secs(60),
        header_read: Duration::from_secs(30),
        header_buffer_bytes_max: 64 * 1024,
        streams_max: 256,
        header_list_bytes_max: 16 * 1024,
        frame_bytes_max: 16 * 1024,
        keep_alive_interval: Duration::from_secs(20),
        keep_alive_timeout: Duration::from_secs(20),
        // Longer than the deadline of a verification, 10 s.
        drain: Duration::from_secs(12),
    };

    /// Of the port for the other nodes: few of them, with large messages.
    pub const PEER: Self = Self {
        connections_max: 512,
        handshakes_max: 64,
        frame_bytes_max: 256 * 1024,
        drain: Duration::from_secs(5),
        ..Self::API
    };

    /// Of the port for those who watch the node.
    pub const OPS: Self = Self {
        connections_max: 64,
        first_request: Duration::from_secs(5),
        header_read: Duration::from_secs(5),
        header_buffer_bytes_max: 16 * 1024,
        drain: Duration::from_secs(1),
        ..Self::API
    };
}

/// A port's name, in logs and metrics, and its limits.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    /// As in the settings: `api`, `peer`, `metrics`.
    pub name: &'static str,
    /// What it allows.
    pub limits: Limits,
}

/// Who is at the other end. Every request of the connection has it among its extensions.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Address of the client; one of IPv4 is never dressed as IPv6.
    pub remote: SocketAddr,
    /// The client's own certificate as DER, if it has shown one and the TLS settings of the port
    /// have accepted it.
    pub client_certificate: Option<Arc<[u8]>>,
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

/// Serves HTTP/1.1 without TLS until `stop`.
pub async fn serve_plain(listener: TcpListener, port: Port, app: Router, stop: Stop) -> Drained {
    serve(listener, Serving::new(port, Wire::Plain, app, stop)).await
}

async fn serve(listener: TcpListener, serving: Serving) -> Drained {
    let serving = Arc::new(serving);
    let stop = serving.stop().clone();
    let mut connections = JoinSet::new();
    let mut pause = Pause::default();
    let mut full = false;
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            // A panic in a connection has been logged by the hook, and the connection is gone.
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, pause.until) => match accepted {
                Ok((stream, remote)) => {
                    pause = Pause::default();
                    let was_full = full;
                    full = !serving.admit(&mut connections, stream, remote);
                    if full && !was_full {
                        let port = serving.port();
                        tracing::warn!(port = port.name, "too many connections; closing new ones");
                    }
                }
                Err(error) => pause.after(&error, serving.port().name),
            }
        }
    }
    drop(listener);
    drain(connections, serving.port()).await
}

/// Not before `not_before`: an instant and not a time, so that being dropped does not start it anew.
async fn accept(
    listener: &TcpListener,
    not_before: Option<Instant>,
) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    listener.accept().await
}

async fn drain(mut connections: JoinSet<()>, port: Port) -> Drained {
    let all = async { while connections.join_next().await.is_some() {} };
    let in_time = timeout(port.limits.drain, all).await;
    let cut = connections.len();
    if in_time.is_err() {
        tracing::warn!(port = port.name, cut, "connections were not done in time");
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

impl Serving {
    /// Takes a connection in, or closes it. False when the port has as many as it may.
    fn admit(
        self: &Arc<Self>,
        connections: &mut JoinSet<()>,
        stream: TcpStream,
        remote: SocketAddr,
    ) -> bool {
        let port = self.port();
        if connections.len() >= port.limits.connections_max {
            Refusal::Connections.count(port.name);
            return false;
        }
        match self.permit() {
            Ok(permit) => {
                connections.spawn(Arc::clone(self).run(stream, remote, permit));
            }
            Err(refusal) => refusal.count(port.name),
        }
        true
    }
}

#[cfg(test)]
mod tests;
