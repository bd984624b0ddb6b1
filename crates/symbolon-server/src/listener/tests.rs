mod bounds;
mod served;

use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Request, Version};
use axum::routing::get;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};

use super::*;
use served::{Identity, Served, request, soon, text};

const AT_ONCE: Duration = Duration::from_millis(50);

/// Tells what the server knows about who asks.
fn echo() -> Router {
    let answer = |Extension(info): Extension<ConnectionInfo>, request: Request<Body>| async move {
        let shown = info.client_certificate.map_or(0, |own| own.len());
        format!("{:?} {} {shown}", request.version(), info.remote.ip())
    };
    Router::new().route("/", get(answer))
}

/// Answers when it is let go, and says when it has begun.
fn slow() -> (Router, mpsc::Receiver<()>, Arc<Notify>) {
    let (begun, has_begun) = mpsc::channel(8);
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let answer = || async move {
        begun.send(()).await.unwrap();
        wait.notified().await;
        "done"
    };
    (Router::new().route("/", get(answer)), has_begun, go)
}

/// Reads until the other side has closed.
async fn closed<R: tokio::io::AsyncRead + Unpin>(mut stream: R) {
    let mut bytes = Vec::new();
    // Reset or end: both are closed.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
}

#[tokio::test]
async fn both_versions_of_http_are_served_and_know_who_asks() {
    let served = Served::new(Limits::API, echo()).await;
    let response = served.h2().await.send_request(request(Version::HTTP_2)).await;
    assert_eq!(text(response.unwrap()).await, "HTTP/2.0 127.0.0.1 0");
    let response = served.h1().await.send_request(request(Version::HTTP_11)).await;
    assert_eq!(text(response.unwrap()).await, "HTTP/1.1 127.0.0.1 0");
    served.stop.request();
    assert_eq!(served.drained().await, Drained { cut: 0 });
}

#[tokio::test]
async fn a_client_certificate_is_handed_on() {
    let (identity, client) = (Identity::new(), Identity::new());
    let config = identity.server_for(&[&client]);
    let served = Served::with(Limits::PEER, echo(), identity, config).await;
    let mut sender = served.h2_as(&client).await;
    let response = sender.send_request(request(Version::HTTP_2)).await.unwrap();
    let expected = format!("HTTP/2.0 127.0.0.1 {}", client.certificate.len());
    assert_eq!(text(response).await, expected);
}

#[tokio::test]
async fn a_new_certificate_holds_for_new_connections() {
    let served = Served::new(Limits::API, echo()).await;
    let mut before = served.h2().await;
    let renewed = Identity::new();
    served.tls.store(Arc::new(renewed.server()));
    assert!(served.tls("h2").await.is_err());
    assert!(served.tls_as("h2", &renewed.roots(), None).await.is_ok());
    let response = before.send_request(request(Version::HTTP_2)).await.unwrap();
    assert_eq!(text(response).await, "HTTP/2.0 127.0.0.1 0");
}

#[tokio::test]
async fn a_slow_handshake_is_cut() {
    let limits = Limits { handshake: AT_ONCE, ..Limits::API };
    let served = Served::new(limits, echo()).await;
    let mut stream = served.tcp().await;
    // The first bytes of a handshake that goes no further.
    stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    closed(stream).await;
}

#[tokio::test]
async fn a_client_that_asks_nothing_is_cut() {
    let limits = Limits { first_request: AT_ONCE, ..Limits::API };
    let served = Served::new(limits, echo()).await;
    closed(served.tls("http/1.1").await.unwrap()).await;
    let mut half_open = served.tls("h2").await.unwrap();
    half_open.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    closed(half_open).await;
}

#[tokio::test]
async fn an_idle_connection_of_http_1_is_cut() {
    let limits = Limits { header_read: AT_ONCE, ..Limits::API };
    let served = Served::new(limits, echo()).await;
    let mut stream = served.tls("http/1.1").await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    closed(stream).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_free_their_place() {
    let limits = Limits { connections_max: 1, ..Limits::API };
    let served = Served::new(limits, echo()).await;
    let mut first = served.h1().await;
    let response = first.send_request(request(Version::HTTP_11)).await.unwrap();
    assert_eq!(text(response).await, "HTTP/1.1 127.0.0.1 0");
    closed(served.tcp().await).await;
    assert!(served.tls("h2").await.is_err());
    drop(first);
    let again = async { while served.tls("h2").await.is_err() {} };
    soon(again).await;
}

#[tokio::test]
async fn a_drain_finishes_what_has_begun() {
    let (app, mut has_begun, go) = slow();
    let served = Served::new(Limits::API, app).await;
    let (mut h1, mut h2) = (served.h1().await, served.h2().await);
    let first = tokio::spawn(h1.send_request(request(Version::HTTP_11)));
    let second = tokio::spawn(h2.send_request(request(Version::HTTP_2)));
    has_begun.recv().await.unwrap();
    has_begun.recv().await.unwrap();
    let idle = served.h2().await;

    served.stop.request();
    let refused = async { while TcpStream::connect(served.address).await.is_ok() {} };
    soon(refused).await;
    assert!(!served.ended.is_finished());
    go.notify_waiters();
    assert_eq!(text(soon(first).await.unwrap().unwrap()).await, "done");
    assert_eq!(text(soon(second).await.unwrap().unwrap()).await, "done");
    assert_eq!(served.drained().await, Drained { cut: 0 });
    assert!(idle.is_closed());
}

#[tokio::test]
async fn a_drain_does_not_wait_forever() {
    let (app, mut has_begun, _go) = slow();
    let limits = Limits { drain: AT_ONCE, ..Limits::API };
    let served = Served::new(limits, app).await;
    let mut h2 = served.h2().await;
    let asked = tokio::spawn(h2.send_request(request(Version::HTTP_2)));
    has_begun.recv().await.unwrap();
    // In the middle of its handshake: not waited for.
    let _waiting = served.tcp().await;
    served.stop.request();
    assert_eq!(served.drained().await, Drained { cut: 1 });
    assert!(soon(asked).await.unwrap().is_err());
}

#[tokio::test]
async fn a_panic_in_a_request_leaves_the_port_open() {
    async fn break_down() -> &'static str {
        panic!("a bug")
    }
    let app = echo().route("/bug", get(break_down));
    let served = Served::new(Limits::API, app).await;
    let mut h1 = served.h1().await;
    let bug = Request::get("/bug").header("host", "a").body(Body::empty()).unwrap();
    assert!(soon(h1.send_request(bug)).await.is_err());
    let response = served.h1().await.send_request(request(Version::HTTP_11)).await;
    text(response.unwrap()).await;
}

#[tokio::test]
async fn headers_have_a_limit() {
    let served = Served::new(Limits::API, echo()).await;
    let long = "x".repeat(usize::try_from(Limits::API.header_list_bytes_max).unwrap());
    let mut asked = request(Version::HTTP_2);
    asked.headers_mut().insert("x-long", long.parse().unwrap());
    let refused = soon(served.h2().await.send_request(asked)).await;
    assert!(refused.is_err() || refused.is_ok_and(|response| response.status() == 431));
}

#[tokio::test]
async fn a_port_without_tls_speaks_http_1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let port = Port { name: "metrics", limits: Limits::OPS, strangers: None, gate: open_gate() };
    let ended = tokio::spawn(serve_plain(listener, port, echo(), stop.clone()));
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request(Version::HTTP_11)).await.unwrap();
    assert_eq!(text(response).await, "HTTP/1.1 127.0.0.1 0");
    stop.request();
    assert_eq!(soon(ended).await.unwrap(), Drained { cut: 0 });
}

#[tokio::test(start_paused = true)]
async fn accepting_pauses_longer_and_longer_and_then_goes_on() {
    let too_many_files = || io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
    let start = Instant::now();
    let mut pause = Pause::default();
    pause.after(&io::ErrorKind::ConnectionAborted.into(), "test");
    assert_eq!(pause.until, None);
    pause.after(&too_many_files(), "test");
    assert_eq!(pause.until, Some(start + PAUSE_MIN));
    pause.after(&too_many_files(), "test");
    assert_eq!(pause.until, Some(start + PAUSE_MIN * 2));
    for _ in 0..20 {
        pause.after(&too_many_files(), "test");
    }
    assert_eq!(pause.until, Some(start + PAUSE_MAX));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let early = timeout(PAUSE_MAX / 2, accept(listener.accept(), pause.until)).await;
    assert!(early.is_err());
}
