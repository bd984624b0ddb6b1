//! Bytes that are no message.

use std::time::Duration;

use bytes::Bytes;
use tonic::Code;

use crate::support::cluster::Cluster;
use crate::support::method::VERIFY;
use crate::support::wire::{Wire, framed};
use crate::support::{reflected, state, watch};

const MEBIBYTE: usize = 1 << 20;

/// Bodies of a call that no method can read, each with what it is.
fn damaged() -> Vec<(&'static str, Bytes)> {
    // Field 1 as text that is longer than the message.
    let cut_short = framed(b"\x0a\x7fshort");
    let not_utf8 = framed(b"\x0a\x02\xff\xfe");
    // Field 1 of a wire type that does not exist.
    let wire_type = framed(b"\x0f\x01");
    let endless_number = framed(&[0xff; 11]);
    let field_zero = framed(b"\x02\x00");
    // Groups in groups, deeper than any parser goes.
    let deep = framed(&[0x0b; 200]);
    let mut compressed = framed(b"").to_vec();
    compressed[0] = 1;
    let mut odd_flag = framed(b"").to_vec();
    odd_flag[0] = 0xfe;
    vec![
        ("a text that is cut short", cut_short),
        ("a text that is not UTF-8", not_utf8),
        ("a wire type that does not exist", wire_type),
        ("a number without an end", endless_number),
        ("a field of number 0", field_zero),
        ("groups in groups", deep),
        ("compression that was not agreed", compressed.into()),
        ("a flag that does not exist", odd_flag.into()),
        ("no message", Bytes::new()),
        ("half a frame", Bytes::from_static(b"\0\0\0")),
        (
            "less than the frame says",
            Bytes::from_static(b"\0\0\0\x01\0x"),
        ),
        (
            "4 GiB, says the frame",
            Bytes::from_static(b"\0\xff\xff\xff\xffx"),
        ),
    ]
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_and_change_nothing() {
    let cluster = Cluster::start().await;
    let before = state::users(&cluster).await;
    let administrator = cluster.administrator(1).await;
    let methods = reflected::methods(&administrator).await;
    assert!(methods.len() > 10, "{methods:?}");

    for method in &methods {
        for (what, body) in damaged() {
            refused(&administrator, method, what, body).await;
        }
        larger_than_the_limit(&administrator, method).await;
    }
    as_large_as_the_limit(&administrator).await;

    cluster.assert_all_run();
    assert_eq!(state::users(&cluster).await, before);
    state::assert_equal_digests(&cluster).await;
    let pages = cluster
        .nodes
        .iter()
        .map(|node| watch::page(&node.metrics, "/readyz"));
    for (status, text) in futures_util::future::join_all(pages).await {
        assert_eq!((status, &*text), (200, "ok\n"));
    }
}

async fn refused(wire: &Wire, method: &str, what: &str, body: Bytes) {
    // Streams of reflection and health answer with what they have before they look on.
    let sent = wire.send(method, body);
    let Ok(sent) = tokio::time::timeout(Duration::from_secs(10), sent).await else {
        panic!("{method} does not end after {what}");
    };
    let status = sent.unwrap().status;
    let refusals = [
        Code::InvalidArgument,
        Code::Internal,
        Code::OutOfRange,
        Code::Unimplemented,
    ];
    assert!(
        refusals.contains(&status.code()) || is_a_stream_of_nothing(method, what, status.code()),
        "{method}, {what}: {status:?}"
    );
}

/// A stream that ends before its first message is a stream of no questions.
fn is_a_stream_of_nothing(method: &str, what: &str, code: Code) -> bool {
    method.ends_with("/ServerReflectionInfo") && what == "no message" && code == Code::Ok
}

async fn larger_than_the_limit(wire: &Wire, method: &str) {
    // Field 1000 is unknown to every message, so that size alone can be wrong.
    let sent = wire.send(method, padded(MEBIBYTE + 1));
    let Ok(reply) = tokio::time::timeout(Duration::from_secs(10), sent).await else {
        panic!("{method} took a message of over 1 MiB");
    };
    let reply = reply.unwrap();
    let code = reply.status.code();
    assert!(
        matches!(code, Code::OutOfRange | Code::ResourceExhausted),
        "{method} took a message of over 1 MiB: {:?}",
        reply.status
    );
}

async fn as_large_as_the_limit(wire: &Wire) {
    let reply = wire.send(VERIFY, padded(MEBIBYTE)).await.unwrap();
    assert_eq!(
        reply.status.code(),
        Code::InvalidArgument,
        "{:?}",
        reply.status
    );
    assert!(reply.status.message().starts_with("username: "));
}

/// A message of exactly so many bytes with nothing but an unknown field.
fn padded(bytes: usize) -> Bytes {
    // Tag of field 1000, of type text: two bytes; the length: three bytes up to 2 MiB.
    let content = bytes - 5;
    let mut message = vec![0xc2, 0x3e];
    for shift in [0, 7, 14] {
        let more = if shift < 14 { 0x80 } else { 0 };
        message.push(u8::try_from((content >> shift) & 0x7f).unwrap() | more);
    }
    message.resize(bytes, b'x');
    framed(&message)
}
