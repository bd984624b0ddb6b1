//! One connection: handshake, requests, end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::net::sockopt;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::addresses::{Addresses, Place};
use super::handshakes::Eviction;
use super::requests::{Answer, Requests, Verdict};
use super::{ConnectionInfo, Gate, IsKnown, Limits, NOWHERE, Passage, Port, Spoken};
use crate::stop::Stop;

/// What goes over the connection.
pub(super) enum Wire {
    /// HTTP as it is.
    Plain,
    /// TLS, with settings that may be replaced.
    Tls(Arc<ArcSwap<ServerConfig>>),
    /// Something else over TLS.
    Spoken(Arc<ArcSwap<ServerConfig>>, Arc<dyn Spoken>),
}

/// A connection that says nothing for so long is asked whether its other side is there,
const QUIET: Duration = Duration::from_secs(20);
/// so often, and ends when it is not.
const ASKED: (Duration, u32) = (Duration::from_secs(5), 4);
/// As long as all of that takes.
const GONE_MILLISECONDS: u32 = 40_000;

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let (interval, count) = ASKED;
    sockopt::set_tcp_keepidle(stream, QUIET)?;
    sockopt::set_tcp_keepintvl(stream, interval)?;
    sockopt::set_tcp_keepcnt(stream, count)?;
    sockopt::set_socket_keepalive(stream, true)?;
    // Where a reply is not acknowledged, nothing else is asked.
    sockopt::set_tcp_user_timeout(stream, GONE_MILLISECONDS)?;
    Ok(())
}

/// Why a connection was not served.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// The system would not give it.
    Accept,
    /// Too many connections.
    Connections,
    /// Too many connections of its address.
    Address,
    /// Too many connections of strangers.
    Strangers,
    /// Too many handshakes, and this was the oldest.
    Evicted,
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
            Self::Address => "address",
            Self::Strangers => "strangers",
            Self::Evicted => "evicted",
            Self::Handshake => "handshake",
            Self::Silent => "silent",
        };
        metrics::counter!("symbolon_connections_refused_total", "port" => port, "reason" => reason)
            .increment(1);
    }
}

/// What a connection is served by.
struct Terms {
    limits: Limits,
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Terms {
    fn new(limits: Limits) -> Self {
        Self { limits, http1: builder(&limits).http1_only(), http2: builder(&limits).http2_only() }
    }
}

/// What is left for strangers of a port that knows its clients.
struct StrangerTerms {
    is_known: IsKnown,
    terms: Terms,
    places: Semaphore,
    addresses: Arc<Addresses>,
}

/// What all connections of a port share.
pub(super) struct Serving {
    name: &'static str,
    wire: Wire,
    app: Router,
    stop: Stop,
    terms: Terms,
    strangers: Option<StrangerTerms>,
    gate: Gate,
}

impl Serving {
    pub(super) fn new(port: Port, wire: Wire, app: Router, stop: Stop) -> Self {
        let strangers = port.strangers.map(|strangers| StrangerTerms {
            is_known: strangers.is_known,
            terms: Terms::new(strangers.limits),
            places: Semaphore::new(strangers.limits.connections_max),
            addresses: Arc::default(),
        });
        let terms = Terms::new(port.limits);
        Self { name: port.name, wire, app, stop, terms, strangers, gate: port.gate }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    pub(super) const fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(super) async fn run(
        self: Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        place: Place,
        eviction: Eviction,
    ) {
        let _open = Open::count(self.name);
        let mut info = ConnectionInfo { remote, client_certificate: None };
        // Answers are small and somebody waits for each.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(port = self.name, %remote, %error, "no TCP_NODELAY");
        }
        // HTTP/2 asks by itself whether the other side is there; who has gone without a word keeps its place.
        if matches!(self.wire, Wire::Spoken(..))
            && let Err(error) = keep_alive(&stream)
        {
            tracing::debug!(port = self.name, %remote, %error, "no TCP keepalive");
        }
        let (Wire::Tls(config) | Wire::Spoken(config, _)) = &self.wire else {
            drop(eviction);
            return self.exchange(&self.terms, Version::Http1, stream, info).await;
        };
        let stream = self.handshake(stream, config.load_full(), remote, eviction).await;
        let Some(stream) = stream else { return };
        let (_, session) = stream.get_ref();
        let own = session.peer_certificates().and_then(<[_]>::first);
        info.client_certificate = own.map(|certificate| Arc::from(certificate.as_ref()));
        if let Wire::Spoken(_, spoken) = &self.wire {
            return spoken.serve(stream, info, self.stop.clone()).await;
        }
        let version = match session.alpn_protocol() {
            Some(b"h2") => Version::Http2,
            _ => Version::Http1,
        };
        let Some(strangers) = &self.strangers else {
            return self.exchange(&self.terms, version, stream, info).await;
        };
        // Who is known and who is not take no places from each other behind one address.
        drop(place);
        if strangers.is_known(&info) {
            return self.exchange(&self.terms, version, stream, info).await;
        }
        let max = strangers.terms.limits.connections_per_address_max;
        let Some(_place) = strangers.addresses.enter(remote.ip(), max) else {
            return Refusal::Address.count(self.name);
        };
        let Ok(_stranger) = strangers.places.try_acquire() else {
            return Refusal::Strangers.count(self.name);
        };
        self.exchange(&strangers.terms, version, stream, info).await;
    }

    /// Of a client on this machine.
    pub(super) async fn run_local(self: Arc<Self>, stream: UnixStream) {
        let _open = Open::count(self.name);
        let info = ConnectionInfo { remote: NOWHERE, client_certificate: None };
        self.exchange(&self.terms, Version::Http2, stream, info).await;
    }

    /// `None` when it failed, which has been counted. Its eviction ends with it.
    async fn handshake(
        &self,
        stream: TcpStream,
        config: Arc<ServerConfig>,
        remote: SocketAddr,
        eviction: Eviction,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = TlsAcceptor::from(config).accept(stream);
        let port = self.name;
        let refusal = tokio::select! {
            biased;
            () = self.stop.requested() => return None,
            ended = timeout(self.limits().handshake, handshake) => match ended {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) => {
                    tracing::debug!(port, %remote, %error, "a handshake has failed");
                    if let Wire::Spoken(_, spoken) = &self.wire {
                        spoken.failed(remote, &error);
                    }
                    Refusal::Handshake
                }
                Err(_) => {
                    tracing::debug!(port, %remote, "a handshake took too long");
                    Refusal::Handshake
                }
            },
            Ok(()) = eviction => {
                tracing::debug!(port, %remote, "a handshake gives way to newer ones");
                Refusal::Evicted
            }
        };
        refusal.count(port);
        None
    }

    /// Requests and answers, until the client leaves, its time is over, or the node stops.
    async fn exchange<I>(&self, terms: &Terms, version: Version, io: I, info: ConnectionInfo)
    where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let port = self.name;
        let remote = info.remote;
        let requests = Requests::new(terms.limits);
        let gate = Arc::clone(&self.gate);
        let service = service(self.app.clone(), gate, info.clone(), Arc::clone(&requests));
        let http = match version {
            Version::Http1 => &terms.http1,
            Version::Http2 => &terms.http2,
        };
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        let mut look = Instant::now();
        let (mut is_leaving, mut is_stopping) = (false, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(port, %remote, %error, "a connection has failed");
                    }
                    return;
                }
                () = sleep_until(look), if !is_stopping => {
                    let verdict = requests.verdict();
                    match verdict {
                        _ if is_leaving => {}
                        Verdict::Stays(until) => {
                            look = until;
                            continue;
                        }
                        Verdict::Silent => Refusal::Silent.count(port),
                        Verdict::Over if self.is_stranger(&info) => {}
                        // It has been admitted since; its next connection is a known one's.
                        Verdict::Over | Verdict::Idle => {
                            is_leaving = true;
                            look = Instant::now() + terms.limits.drain;
                            connection.as_mut().graceful_shutdown();
                            continue;
                        }
                    }
                    tracing::debug!(port, %remote, ?verdict, "a connection is closed");
                    return;
                }
                () = self.stop.requested(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    fn is_stranger(&self, info: &ConnectionInfo) -> bool {
        self.strangers.as_ref().is_some_and(|strangers| !strangers.is_known(info))
    }
}

impl StrangerTerms {
    fn is_known(&self, info: &ConnectionInfo) -> bool {
        info.client_certificate.as_ref().is_some_and(|certificate| (self.is_known)(certificate))
    }
}

/// Of HTTP.
#[derive(Clone, Copy)]
enum Version {
    Http1,
    Http2,
}

/// The router behind its gate, told who asks.
fn service(
    app: Router,
    gate: Gate,
    info: ConnectionInfo,
    requests: Arc<Requests>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future: Send + 'static,
> + 'static {
    service_fn(move |request: Request<Incoming>| {
        let under_way = requests.begin();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(info.clone());
        let passage = gate(&mut parts);
        let request = Request::from_parts(parts, requests.metered(body));
        let app = app.clone();
        async move {
            let mut app = app;
            let response = match passage {
                Passage::Lasting => app.call(request).await?,
                Passage::For(limit) => match timeout(limit, app.call(request)).await {
                    Ok(response) => response?,
                    Err(_) => symbolon_grpc::took_too_long().into_http(),
                },
                Passage::Refused(answer) => answer,
            };
            Ok(response.map(|body| Body::new(Answer { body, _under_way: under_way })))
        }
    })
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
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
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
