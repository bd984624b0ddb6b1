//! One connection: handshake, requests, end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::{ConnectionInfo, Limits, Port};
use crate::stop::Stop;

/// What goes over the connection.
pub(super) enum Wire {
    /// HTTP as it is.
    Plain,
    /// TLS, with settings that may be replaced.
    Tls(Arc<ArcSwap<ServerConfig>>),
}

/// Why a connection was not served.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// The system would not give it.
    Accept,
    /// Too many connections.
    Connections,
    /// Too many handshakes.
    Handshakes,
    /// The handshake failed or took too long.
    Handshake,
    /// No request came.
    Silent,
}

impl Refusal {
    pub(super) fn count(self, port: &'static str) {
        let reason = match self {
            Self::Accept => "accept",
            Self::Connections => "connections",
            Self::Handshakes => "handshakes",
            Self::Handshake => "handshake",
            Self::Silent => "silent",
        };
        metrics::counter!("symbolon_connections_refused_total", "port" => port, "reason" => reason)
            .increment(1);
    }
}

/// What all connections of a port share.
pub(super) struct Serving {
    port: Port,
    wire: Wire,
    app: Router,
    stop: Stop,
    handshakes: Arc<Semaphore>,
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Serving {
    pub(super) fn new(port: Port, wire: Wire, app: Router, stop: Stop) -> Self {
        Self {
            port,
            wire,
            app,
            stop,
            handshakes: Arc::new(Semaphore::new(port.limits.handshakes_max)),
            http1: builder(&port.limits).http1_only(),
            http2: builder(&port.limits).http2_only(),
        }
    }

    pub(super) const fn port(&self) -> Port {
        self.port
    }

    pub(super) const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The right to one more handshake.
    pub(super) fn permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let handshakes = Arc::clone(&self.handshakes);
        handshakes.try_acquire_owned().map_err(|_| Refusal::Handshakes)
    }

    pub(super) async fn run(
        self: Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) {
        let _open = Open::count(self.port.name);
        let mut info = ConnectionInfo {
            remote: SocketAddr::new(remote.ip().to_canonical(), remote.port()),
            client_certificate: None,
        };
        // Answers are small and somebody waits for each.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(port = self.port.name, %remote, %error, "no TCP_NODELAY");
        }
        let Wire::Tls(config) = &self.wire else {
            drop(permit);
            return self.exchange(&self.http1, stream, info).await;
        };
        let stream = self.handshake(stream, config.load_full(), remote).await;
        drop(permit);
        let Some(stream) = stream else { return };
        let (_, session) = stream.get_ref();
        let own = session.peer_certificates().and_then(<[_]>::first);
        info.client_certificate = own.map(|certificate| Arc::from(certificate.as_ref()));
        let http = match session.alpn_protocol() {
            Some(b"h2") => &self.http2,
            _ => &self.http1,
        };
        self.exchange(http, stream, info).await;
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        config: Arc<ServerConfig>,
        remote: SocketAddr,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = TlsAcceptor::from(config).accept(stream);
        let ended = tokio::select! {
            () = self.stop.requested() => return None,
            ended = timeout(self.port.limits.handshake, handshake) => ended,
        };
        let port = self.port.name;
        match ended {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tracing::debug!(port, %remote, %error, "a handshake has failed"),
            Err(_) => tracing::debug!(port, %remote, "a handshake took too long"),
        }
        Refusal::Handshake.count(port);
        None
    }

    /// Requests and answers, until the client leaves or the node stops.
    async fn exchange<I>(&self, http: &Builder<TokioExecutor>, io: I, info: ConnectionInfo)
    where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let port = self.port.name;
        let remote = info.remote;
        let asked = Arc::new(AtomicBool::new(false));
        let service = self.service(info, Arc::clone(&asked));
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        let mut first_request = pin!(sleep(self.port.limits.first_request));
        let (mut silent, mut stopping) = (true, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(port, %remote, %error, "a connection has failed");
                    }
                    return;
                }
                () = first_request.as_mut(), if silent => {
                    silent = false;
                    if !asked.load(Ordering::Relaxed) {
                        Refusal::Silent.count(port);
                        tracing::debug!(port, %remote, "no request came");
                        return;
                    }
                }
                () = self.stop.requested(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// The router, told who asks.
    fn service(
        &self,
        info: ConnectionInfo,
        asked: Arc<AtomicBool>,
    ) -> impl hyper::service::Service<
        Request<Incoming>,
        Response = Response,
        Error = Infallible,
        Future: Send + 'static,
    >
    + 'static
    + use<> {
        let app = self.app.clone();
        service_fn(move |mut request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(info.clone());
            app.clone().call(request)
        })
    }
}

/// Every limit of HTTP is written down: a default of the library's may change.
fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(limits.header_buffer_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(limits.header_list_bytes_max)
        .max_frame_size(limits.frame_bytes_max)
        .keep_alive_interval(limits.keep_alive_interval)
        .keep_alive_timeout(limits.keep_alive_timeout);
    builder
}

/// Counts a connection for as long as it is there.
struct Open(metrics::Gauge);

impl Open {
    fn count(port: &'static str) -> Self {
        let gauge = metrics::gauge!("symbolon_connections", "port" => port);
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
