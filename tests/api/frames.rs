//! Bytes that are no message.

use std::time::Duration;

use bytes::Bytes;
use tonic::Code;

use crate::support::method::{
    ACKNOWLEDGE_DOUBLES, CONFIRM_CLOCK, GET_SETTINGS, GET_STATUS, LIST_QUARANTINES,
    RELEASE_RECOVERY_CODES, ROTATE_DATA_KEY, VERIFY,
};
use crate::support::wire::{Reply, Wire, framed};
use crate::support::{administrator, assert_all_run, cluster, reflected, state};

/// The longest message that is taken.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Served for older clients, and not told of.
const OLD_REFLECTION: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

const NOT_UTF8: &str = "a text that is not UTF-8";

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
        (NOT_UTF8, not_utf8),
        ("a wire type that does not exist", wire_type),
        ("a number without an end", endless_number),
        ("a field of number 0", field_zero),
        ("groups in groups", deep),
        ("compression that was not agreed", compressed.into()),
        ("a flag that does not exist", odd_flag.into()),
        ("no message", Bytes::new()),
        ("half a frame", Bytes::from_static(b"\0\0\0")),
        ("less than the frame says", Bytes::from_static(b"\0\0\0\x01\0x")),
        ("4 GiB, says the frame", Bytes::from_static(b"\0\xff\xff\xff\xffx")),
    ]
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_and_change_nothing() {
    let cluster = cluster().await;
    cluster.person("alice").await;
    let before = state::users(&cluster).await;
    let administrator = administrator(&cluster, 2).await;
    let mut methods = reflected::methods(&administrator).await;
    assert!(methods.len() > 10, "{methods:?}");
    methods.push(OLD_REFLECTION.to_owned());

    for method in &methods {
        for (what, body) in damaged() {
            // A question without fields has none that could be text.
            let empty = [
                GET_STATUS,
                GET_SETTINGS,
                ROTATE_DATA_KEY,
                RELEASE_RECOVERY_CODES,
                ACKNOWLEDGE_DOUBLES,
                CONFIRM_CLOCK,
                LIST_QUARANTINES,
            ];
            if empty.contains(&method.as_str()) && what == NOT_UTF8 {
                continue;
            }
            refused(&administrator, method, what, body).await;
        }
        larger_than_the_limit(&administrator, method).await;
    }
    as_large_as_the_limit(&administrator).await;

    assert_all_run(&cluster);
    assert!(state::users(&cluster).await == before);
    cluster.assert_same_state().await;
    for node in cluster.nodes() {
        assert_eq!(node.get("/readyz").await, Some((200, "ok\n".to_owned())));
    }
}

async fn refused(wire: &Wire, method: &str, what: &str, body: Bytes) {
    let reply = send(wire, method, what, body).await;
    let refusals = [Code::InvalidArgument, Code::Internal, Code::OutOfRange, Code::Unimplemented];
    assert!(
        refusals.contains(&reply.status.code()) || is_hung_up(method, &reply),
        "{method}, {what}: {:?}",
        reply.status
    );
}

async fn larger_than_the_limit(wire: &Wire, method: &str) {
    let reply = send(wire, method, "over 16 KiB", padded(MESSAGE_BYTES_MAX + 1)).await;
    let code = reply.status.code();
    assert!(
        matches!(code, Code::OutOfRange | Code::ResourceExhausted) || is_hung_up(method, &reply),
        "{method} took a message of over 16 KiB: {:?}",
        reply.status
    );
}

async fn send(wire: &Wire, method: &str, what: &str, body: Bytes) -> Reply {
    let sent = tokio::time::timeout(Duration::from_secs(10), wire.send(method, body)).await;
    let Ok(sent) = sent else {
        panic!("{method} goes on after {what}");
    };
    sent.unwrap_or_else(|error| panic!("{method} broke the connection after {what}: {error}"))
}

/// Reflection ends its stream without an answer where it cannot read the question.
fn is_hung_up(method: &str, reply: &Reply) -> bool {
    let is_reflection = method.ends_with("/ServerReflectionInfo");
    is_reflection && reply.status.code() == Code::Ok && reply.body.is_empty()
}

async fn as_large_as_the_limit(wire: &Wire) {
    let reply = wire.send(VERIFY, padded(MESSAGE_BYTES_MAX)).await.unwrap();
    assert_eq!(reply.status.code(), Code::InvalidArgument, "{:?}", reply.status);
    assert!(reply.status.message().starts_with("username: "));
}

/// A message of exactly so many bytes with nothing but a field that is unknown to every method, so
/// that nothing but its size can be wrong.
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
