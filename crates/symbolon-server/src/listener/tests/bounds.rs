//! How much strangers can take.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, to_bytes};
use axum::http::{Method, Response};
use axum::routing::post;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use tokio::task::JoinHandle;

use super::served::ended;
use super::*;

/// Whoever is closed is not closed for being slow.
const PATIENT: Limits = Limits { handshake: Duration::from_secs(3600), ..Limits::API };

/// Answers with the error that the body ended with.
fn reader() -> Router {
    let read = |body: Body| async move {
        to_bytes(body, usize::MAX)
            .await
            .map_or_else(|error| error.to_string(), |_| "read".to_owned())
    };
    Router::new().route("/", post(read))
}

/// A body that has begun, and ends when this is dropped.
type Rest = mpsc::Sender<Bytes>;

struct Upload(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

type Answered = JoinHandle<hyper::Result<Response<Incoming>>>;

/// Sends so many bytes, and then nothing.
async fn upload(sender: &SendRequest<Body>, bytes: usize) -> (Rest, Answered) {
    let (rest, body) = mpsc::channel(1);
    rest.send(vec![0; bytes].into()).await.unwrap();
    let mut sender = sender.clone();
    let mut asked = request(Version::HTTP_2).map(|_| Body::new(Upload(body)));
    *asked.method_mut() = Method::POST;
    (rest, tokio::spawn(async move { sender.send_request(asked).await }))
}

/// Asks and is answered: then the server, too, is done with the handshake.
async fn ask(sender: &mut SendRequest<Body>) {
    text(soon(sender.send_request(request(Version::HTTP_2))).await.unwrap()).await;
}

#[tokio::test]
async fn the_oldest_handshake_gives_way_to_a_new_one() {
    let of_all = Limits { handshakes_max: 1, ..PATIENT };
    let of_an_address = Limits { connections_per_address_max: 2, ..PATIENT };
    for limits in [of_all, of_an_address] {
        let served = Served::new(limits, echo()).await;
        let mut first = served.h2().await;
        ask(&mut first).await;
        let silent = served.tcp().await;
        let other = served.tcp().await;
        closed(silent).await;
        let mut second = served.h2().await;
        closed(other).await;
        // A connection that is past its handshake does not give way.
        ask(&mut second).await;
        ask(&mut first).await;
    }
}

#[tokio::test]
async fn an_address_has_a_limit() {
    let limits = Limits { connections_per_address_max: 1, ..PATIENT };
    let served = Served::new(limits, echo()).await;
    let mut first = served.h2().await;
    ask(&mut first).await;
    closed(served.tcp().await).await;
    ask(&mut first).await;
    drop(first);
    let again = async { while served.tls("h2").await.is_err() {} };
    soon(again).await;
}

#[tokio::test]
async fn strangers_leave_room_for_who_is_known() {
    let (known, stranger) = (Identity::new(), Identity::new());
    let strangers = [
        Limits { connections_max: 1, ..Limits::PEER_STRANGER },
        Limits { connections_per_address_max: 1, ..Limits::PEER_STRANGER },
    ];
    for strangers in strangers {
        let limits = Limits { connections_per_address_max: 2, ..Limits::PEER };
        let served = Served::acquainted(limits, strangers, echo(), &[&known, &stranger]).await;
        let mut first = served.h2_as(&stranger).await;
        ask(&mut first).await;
        let mut second = served.h2_as(&stranger).await;
        ended(&mut second).await;

        // More than an address may have, were they strangers.
        let mut all = Vec::new();
        for _ in 0..3 {
            let mut sender = served.h2_as(&known).await;
            ask(&mut sender).await;
            all.push(sender);
        }
        ask(&mut first).await;
    }
}

#[tokio::test]
async fn strangers_do_not_stay_whatever_they_do() {
    let (known, stranger) = (Identity::new(), Identity::new());
    let (app, mut has_begun, go) = slow();
    let strangers = Limits { life: Some(AT_ONCE), ..Limits::PEER_STRANGER };
    let served = Served::acquainted(Limits::PEER, strangers, app, &[&known, &stranger]).await;
    let mut friend = served.h2_as(&known).await;
    let asked = tokio::spawn(friend.send_request(request(Version::HTTP_2)));
    has_begun.recv().await.unwrap();
    let mut sender = served.h2_as(&stranger).await;
    let answer = soon(sender.send_request(request(Version::HTTP_2))).await;
    assert!(answer.is_err(), "it has been waited for");
    go.notify_waiters();
    assert_eq!(text(soon(asked).await.unwrap().unwrap()).await, "done");
}

#[tokio::test]
async fn who_has_nothing_more_to_ask_is_told_to_leave() {
    let (app, mut has_begun, go) = slow();
    let app = app.route("/other", get(async || "other"));
    let limits = Limits { idle: AT_ONCE, drain: AT_ONCE, ..Limits::API };
    let served = Served::new(limits, app).await;
    let mut busy = served.h2().await;
    let asked = tokio::spawn(busy.send_request(request(Version::HTTP_2)));
    has_begun.recv().await.unwrap();
    // By the end of the last one the first would have been cut.
    for _ in 0..4 {
        let mut idle = served.h2().await;
        let mut other = request(Version::HTTP_2);
        *other.uri_mut() = "https://localhost/other".parse().unwrap();
        text(idle.send_request(other).await.unwrap()).await;
        ended(&mut idle).await;
    }
    go.notify_waiters();
    assert_eq!(text(soon(asked).await.unwrap().unwrap()).await, "done");
}

#[tokio::test]
async fn messages_that_are_not_whole_have_a_limit() {
    let limits = Limits { unread_bytes_max: Some(3_000), ..Limits::API };
    let served = Served::new(limits, reader()).await;
    let sender = served.h2().await;
    let (first, mut first_answer) = upload(&sender, 2_000).await;
    let (_second, second_answer) = upload(&sender, 2_000).await;
    let refused = text(soon(second_answer).await.unwrap().unwrap()).await;
    assert!(refused.contains("unread messages of this connection"), "{refused}");
    assert!(!first_answer.is_finished());
    drop(first);
    assert_eq!(text(soon(&mut first_answer).await.unwrap().unwrap()).await, "read");
    // What has been read is free again; whole, it may be larger than what is left of others.
    let (third, third_answer) = upload(&sender, 3_000).await;
    drop(third);
    assert_eq!(text(soon(third_answer).await.unwrap().unwrap()).await, "read");
}
