//! What the ports tell and take: pages, versions of TLS, silence.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use rustls::version::{TLS12, TLS13};
use symbolon_testkit::{Cluster, Code, Metrics, Node};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::identity::Identity;
use crate::support::method::{GET_STATUS, VERIFY};
use crate::support::peer::{self, Guest, HELLO, JOIN, PROPOSE};
use crate::support::wire::{Wire, framed};
use crate::support::{PATIENCE, cluster, machine, stranger, tls, until};

#[tokio::test]
async fn pages_tell_what_a_node_can_do() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let code = person.otp.code();
    for application in cluster.clients(&key) {
        application.verify(person.request_with(code.clone())).await.unwrap();
        application.verify(person.request_with(person.otp.wrong_code())).await.unwrap();
    }
    for node in cluster.nodes() {
        for path in ["/livez", "/readyz", "/readyz?for=quorum", "/readyz?for=writes"] {
            assert_eq!(node.get(path).await, Some((200, "ok\n".to_owned())), "{path}");
        }
        assert_eq!(status(node, "/readyz?for=nonsense").await, 400);
        assert_eq!(status(node, "/readyz?for=").await, 400);
        assert_eq!(status(node, "/admin").await, 404);
    }
    until("every node counts", async || counts_are_right(&cluster).await).await;

    let left = cluster.node(1);
    cluster.node(2).kill9();
    cluster.node(3).kill9();
    until("a node alone is not ready", async || status(left, "/readyz").await == 503).await;
    for path in ["/readyz", "/readyz?for=quorum", "/readyz?for=writes"] {
        let (status, reason) = left.get(path).await.unwrap();
        assert_eq!(status, 503, "{path}");
        assert!(reason.contains("master") && reason.contains("quorum"), "{path}: {reason}");
    }
    assert_eq!(left.get("/livez").await, Some((200, "ok\n".to_owned())), "it lives all the same");
    until("the metrics say so", async || left.metrics().await.sum("symbolon_ready", &[]) == 0.0)
        .await;
}

async fn status(node: &Node, path: &str) -> u16 {
    node.get(path).await.unwrap().0
}

/// One code at each of three nodes, and a wrong one at each.
async fn counts_are_right(cluster: &Cluster) -> bool {
    let applied = cluster.admin(1).status().await.unwrap().applied_index;
    let (mut masters, mut allowed, mut denied) = (0.0, 0.0, 0.0);
    for node in cluster.nodes() {
        let metrics = node.metrics().await;
        let read = |name| metrics.sum(name, &[]);
        masters += read("symbolon_is_master");
        let decided =
            |decision| metrics.sum("symbolon_verifications_total", &[("decision", decision)]);
        allowed += decided("ALLOW");
        denied += decided("DENY");
        let is_right = read("symbolon_ready") == 1.0
            && read("symbolon_users") == 1.0
            && read("symbolon_applied_index") == f64::from(u32::try_from(applied).unwrap())
            && read("symbolon_verifications_under_way") == 0.0
            && read("symbolon_syncs_total") >= 1.0
            && read("symbolon_synced_writes_total") >= read("symbolon_syncs_total")
            && metrics.sum("symbolon_connections", &[("port", "api")]) >= 1.0;
        if !is_right {
            return false;
        }
    }
    (masters, allowed, denied) == (1.0, 1.0, 5.0)
}

#[tokio::test]
async fn old_versions_of_tls_are_refused() {
    let cluster = cluster().await;
    let node = cluster.node(2);
    for port in [node.api(), node.peer()] {
        for version in [[3, 0], [3, 1], [3, 2]] {
            assert_eq!(alert(port, version).await, PROTOCOL_VERSION, "{version:?} at {port}");
        }
    }
    assert!(speaks(&cluster, &TLS12).await, "TLS 1.2 is spoken unless the settings say otherwise");
    assert!(speaks(&cluster, &TLS13).await);

    machine::append(&node.config_file(), "\n[tls]\nmin_version = \"1.3\"\n");
    node.restart().await;
    assert!(!speaks(&cluster, &TLS12).await, "the settings say 1.3");
    assert!(speaks(&cluster, &TLS13).await);
    assert_eq!(alert(node.api(), [3, 3]).await, PROTOCOL_VERSION);
}

/// Whether node 2 answers a client that speaks this version alone.
async fn speaks(cluster: &Cluster, version: &'static rustls::SupportedProtocolVersion) -> bool {
    let config = tls::client(cluster, &[version]);
    let Ok(wire) = Wire::connect(cluster.node(2).api(), config).await else {
        return false;
    };
    let reply = wire.bearing(cluster.admin_token()).send(GET_STATUS, framed(&[])).await.unwrap();
    assert_eq!(reply.status.code(), Code::Ok);
    true
}

const PROTOCOL_VERSION: u8 = 70;

/// The alert that answers the opening of a client of that version, which knows no later one.
async fn alert(address: SocketAddr, version: [u8; 2]) -> u8 {
    // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and ..._CBC_SHA.
    let suites = [0, 4, 0xc0, 0x2b, 0xc0, 0x09];
    // supported_groups: secp256r1; signature_algorithms: ecdsa_secp256r1_sha256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(suites);
    hello.extend([1, 0, 0, 16]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);

    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = [0; 7];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer[0], 21, "an alert, not {answer:?}");
    answer[6]
}

/// Connections that were closed because they were slow, or too many.
fn refused(metrics: &Metrics, port: &str) -> f64 {
    let reasons = ["handshake", "evicted", "address"];
    let sum = |reason| {
        metrics.sum("symbolon_connections_refused_total", &[("port", port), ("reason", reason)])
    };
    reasons.into_iter().map(sum).sum()
}

#[tokio::test]
async fn silent_connections_disturb_nobody() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let node = cluster.node(1);
    let before = node.metrics().await;

    let openings: [&[u8]; 3] = [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"];
    // More than there are places for handshakes.
    let silent = openings.iter().cycle().take(600).map(async |opening| {
        let mut stream = TcpStream::connect(node.api()).await.unwrap();
        stream.write_all(opening).await.unwrap();
        stream
    });
    let silent = join_all(silent).await;

    let start = Instant::now();
    // Over a connection of its own, which needs a handshake too.
    let verdict = cluster.connect(1).with_bearer(&key).verdict(person.request()).await;
    assert!(verdict.unwrap().is_allow());
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?} among silent connections");

    let ends = silent.into_iter().map(async |mut stream| {
        let mut rest = Vec::new();
        // An alert may come first; a reset is an end too.
        let ended = timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a silent connection is kept");
    });
    join_all(ends).await;
    until("they are counted", async || {
        refused(&node.metrics().await, "api") - refused(&before, "api") >= 600.0
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_message_never_comes_is_ended() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    let config = tls::client(&cluster, rustls::ALL_VERSIONS);
    let wire = Wire::connect(cluster.node(1).api(), config).await.unwrap().bearing(&key);
    // The deadline of a verification is 10 s.
    let ended = timeout(Duration::from_secs(15), wire.send_without_end(VERIFY)).await;
    assert!(ended.is_ok(), "it is still waited for");
}

#[tokio::test]
async fn who_may_not_ask_is_refused_before_the_message_is_read() {
    let cluster = cluster().await;
    let anybody = stranger(&cluster, 1).await;
    for (what, wire) in [
        ("no bearer", anybody.clone()),
        ("another scheme", anybody.with("authorization", "Basic YWxpY2U6eA==")),
        ("no token of ours", anybody.bearing("letmein")),
    ] {
        for method in [VERIFY, GET_STATUS] {
            let reply = wire.send_without_end(method).await.unwrap();
            assert_eq!(reply.status.code(), Code::Unauthenticated, "{method}, {what}");
            assert_eq!(reply.status.message(), "the bearer token is missing or not valid");
        }
    }
    let nobody = peer::connect(cluster.node(1).peer(), &Identity::new()).await;
    for method in [HELLO, PROPOSE, VERIFY, "/symbolon.peer.v1.PeerService/InstallSnapshot"] {
        let reply = nobody.send_without_end(method).await.unwrap();
        let words = "this key is not registered with the cluster";
        peer::assert_refused(&reply.status, Code::PermissionDenied, words, method);
    }
}

#[tokio::test]
async fn messages_that_are_not_whole_fill_no_memory() {
    let cluster = cluster().await;
    let callers = [
        (stranger(&cluster, 1).await, "/grpc.health.v1.Health/Check"),
        (stranger(&cluster, 1).await.bearing(&made_up()), VERIFY),
    ];
    // Each 12 KiB of 16: together more than a connection may have.
    let part = framed(&[0; 16 << 10]).slice(..12 << 10);
    for (wire, method) in callers {
        let mut calls: FuturesUnordered<_> =
            (0..30).map(|_| wire.send_a_part(method, part.clone())).collect();
        let first = timeout(PATIENCE, calls.next()).await.unwrap().unwrap().unwrap();
        let code = first.status.code();
        assert_eq!(code, Code::ResourceExhausted, "{method}: {:?}", first.status);
    }
}

/// A token of the right shape that is nobody's.
fn made_up() -> String {
    format!("symbolon_app_0123456789abcdef_{}", "A".repeat(43))
}

#[tokio::test]
async fn calls_whose_message_never_comes_are_ended_at_the_peer_port_too() {
    let cluster = cluster().await;
    let guest = Guest::join(&cluster, "guest").await;
    let guest = guest.connect(&cluster, 1).await;
    let nobody = peer::connect(cluster.node(1).peer(), &Identity::new()).await;
    let calls = [(&guest, HELLO), (&guest, PROPOSE), (&nobody, JOIN)];
    join_all(calls.map(async |(wire, method)| {
        let ended = timeout(PATIENCE, wire.send_without_end(method)).await;
        let reply = ended.unwrap_or_else(|_| panic!("{method} is still waited for")).unwrap();
        assert_eq!(reply.status.code(), Code::DeadlineExceeded, "{method}: {:?}", reply.status);
    }))
    .await;
}

#[tokio::test]
async fn strangers_keep_no_node_from_the_peer_port() {
    let cluster = cluster().await;
    let port = cluster.node(1).peer();
    let before = cluster.node(1).metrics().await;
    let silent: Vec<_> = join_all((0..200).map(async |_| TcpStream::connect(port).await)).await;
    assert!(silent.iter().all(Result::is_ok));
    // Their handshakes are the newest. What is too much for one address is closed after them.
    let strangers = (0..40).map(async |_| {
        let wire = Wire::connect(port, tls::peer(Some(&Identity::new()))).await.ok()?;
        wire.send("/x", framed(&[])).await.is_ok().then_some(wire)
    });
    let strangers: Vec<_> = join_all(strangers).await.into_iter().flatten().collect();
    assert!((1..40).contains(&strangers.len()), "{} are served", strangers.len());

    cluster.node(2).restart().await;
    until("the node is heard", async || {
        let status = cluster.admin(1).status().await.unwrap();
        status.nodes.iter().all(|node| node.reachable)
    })
    .await;
    // They have asked something, and are not kept for that.
    until("they are gone", async || strangers.iter().all(Wire::is_closed)).await;
    until("they are counted", async || {
        refused(&cluster.node(1).metrics().await, "peer") - refused(&before, "peer") >= 200.0
    })
    .await;
}
