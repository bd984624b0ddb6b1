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
