//! Requests that are sent again, to the same node or to another.

use symbolon_proto::v1;
use tokio::net::UdpSocket;

use crate::support::{SECRET, cluster, device, everywhere, radius, set};
use crate::wire::{access_request, exchange, send};

const ACCEPT: u8 = 2;
const REJECT: u8 = 3;

#[tokio::test]
async fn the_same_packet_gets_the_same_answer_at_every_node_whoever_has_died() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    let request = access_request("alice", &alice.otp.code(), SECRET, true);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let first = send(&socket, radius(&cluster, 1), &request).await.unwrap();
    assert_eq!(first[0], ACCEPT);
    let again = send(&socket, radius(&cluster, 1), &request).await.unwrap();
    assert_eq!(again, first, "byte for byte");
    cluster.node(1).kill9();
    for node in [2, 3] {
        let other = exchange(radius(&cluster, node), &request).await.unwrap();
        assert_eq!(other[0], ACCEPT, "at node {node}");
    }
    let new_packet = device(&cluster, 2).ask("alice", &alice.otp.code(), &[]).await;
    assert!(new_packet.rejected(), "another packet is another request: {new_packet:?}");
}

#[tokio::test]
async fn another_packet_of_the_same_session_counts_as_sent_again_where_that_is_set() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    let bob = cluster.person("bob").await;
    let session = [("NAS-Port", "7"), ("Calling-Station-Id", "\"192.0.2.9\"")];
    let code = alice.otp.code();
    assert!(device(&cluster, 1).ask("alice", &code, &session).await.accepted());
    let told = device(&cluster, 2).ask("alice", &code, &session).await;
    assert!(told.rejected(), "it is not set: {told:?}");

    set(&cluster, v1::RadiusPolicy { retry_identity: true, ..Default::default() }).await;
    let code = bob.otp.code();
    everywhere(&cluster, |client| client.policy.unwrap().retry_identity).await;
    assert!(device(&cluster, 1).ask("bob", &code, &session).await.accepted());
    assert!(device(&cluster, 2).ask("bob", &code, &session).await.accepted());
    let elsewhere = [("NAS-Port", "8"), ("Calling-Station-Id", "\"192.0.2.9\"")];
    assert!(device(&cluster, 3).ask("bob", &code, &elsewhere).await.rejected());
    assert!(device(&cluster, 3).ask("alice", &code, &session).await.rejected());
    let request = access_request("bob", &code, SECRET, true);
    assert_eq!(exchange(radius(&cluster, 3), &request).await.unwrap()[0], REJECT);
}

/// How a primary is lost, and whether it must come back.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// It sleeps, and decides later what it was asked.
    Frozen,
    /// It dies after it decided.
    Killed,
    /// Both are asked at the same time.
    Reply,
}

#[tokio::test]
async fn a_retry_at_the_secondary_signs_in_however_the_primary_was_lost() {
    let cluster = cluster().await;
    let rounds = symbolon_testkit::rounds("SYMBOLON_RADIUS_ROUNDS", 100);
    let people = cluster.people("user", rounds).await;
    for (round, person) in people.iter().enumerate() {
        let lost = match round % 25 {
            0 => Lost::Killed,
            1..=8 => Lost::Frozen,
            _ => Lost::Reply,
        };
        let (primary, secondary) = (1 + round % 3, 1 + (round + 1) % 3);
        let request = access_request(&person.username, &person.otp.code(), SECRET, true);
        let at = |node| radius(&cluster, node);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let reply = match lost {
            Lost::Frozen => {
                cluster.node(primary).freeze();
                socket.send_to(&request, at(primary)).await.unwrap();
                let reply = exchange(at(secondary), &request).await;
                cluster.node(primary).thaw();
                reply
            }
            Lost::Killed => {
                send(&socket, at(primary), &request).await.unwrap();
                cluster.node(primary).kill9();
                let reply = exchange(at(secondary), &request).await;
                cluster.node(primary).start().await;
                reply
            }
            Lost::Reply => {
                socket.send_to(&request, at(primary)).await.unwrap();
                exchange(at(secondary), &request).await
            }
        };
        let reply = reply.unwrap_or_else(|| panic!("round {round}, {lost:?}: nothing"));
        assert_eq!(reply[0], ACCEPT, "round {round}, {lost:?}");
        let thief = access_request("somebody", &person.otp.code(), SECRET, true);
        let told = exchange(at(secondary), &thief).await.unwrap();
        assert_eq!(told[0], REJECT, "the same code by somebody else");
    }
    cluster.assert_same_state().await;
}
