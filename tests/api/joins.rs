//! Join tokens: each admits one node, once, while it lasts.

use symbolon_testkit::{Cluster, Code, now_seconds};
use tonic::Status;

use crate::support::identity::Identity;
use crate::support::peer::{Guest, JOIN, JoinToken, assert_refused, connect, join};
use crate::support::{assert_all_run, cluster, state, until};

const NODES_MAX: usize = 9;

#[tokio::test]
async fn a_join_token_admits_one_node_once() {
    let cluster = cluster().await;
    let person = cluster.person("alice").await;
    let before = state::users(&cluster).await;

    what_is_no_token(&cluster).await;
    used_token(&cluster).await;
    expired_token(&cluster).await;
    taken_names(&cluster).await;
    more_to_guess(&cluster).await;
    for round in 0..3 {
        two_at_once(&cluster, round).await;
    }
    too_many_nodes(&cluster).await;

    assert_all_run(&cluster);
    assert!(state::users(&cluster).await == before);
    let key = cluster.application("portal").await;
    for number in cluster.numbers() {
        let application = cluster.anonymous(number).with_bearer(&key);
        let verdict = application.verdict(person.request()).await.unwrap();
        assert!(if number == 1 { verdict.is_allow() } else { verdict.is_used() }, "{verdict:?}");
    }
    cluster.assert_same_state().await;
}

async fn registered(cluster: &Cluster) -> usize {
    cluster.admin(1).status().await.unwrap().nodes.len()
}

fn assert_no_token(refused: &Status, words: &str) {
    assert_refused(refused, Code::PermissionDenied, "the join token ", "join");
    assert!(refused.message().contains(words), "{refused:?}");
    assert!(refused.message().contains("make "), "no way out: {refused:?}");
}

async fn what_is_no_token(cluster: &Cluster) {
    let token = JoinToken::of(cluster, 0).await;
    let own = Identity::new();
    let guessed = [
        JoinToken { id: 0, secret: Vec::new() },
        JoinToken { id: 0, ..token.clone() },
        JoinToken { secret: vec![0; 32], ..token.clone() },
        JoinToken { secret: Vec::new(), ..token.clone() },
        JoinToken { secret: vec![0; 16_000], ..token.clone() },
    ];
    for node in cluster.nodes() {
        for token in &guessed {
            let refused = join(node.peer(), &own, token, "guest").await.err().unwrap();
            assert_no_token(&refused, "not one of this cluster");
        }
    }
    let node = cluster.node(2);
    let endless = JoinToken { secret: vec![0; 16 << 10], ..token.clone() };
    let refused = join(node.peer(), &own, &endless, "guest").await.err().unwrap();
    assert_eq!(refused.code(), Code::OutOfRange, "a message of over 16 KiB: {refused:?}");
    for (field, name) in [("name", ""), ("name", "two words"), ("name", &*"n".repeat(65))] {
        let refused = join(node.peer(), &own, &token, name).await.err().unwrap();
        assert_refused(&refused, Code::InvalidArgument, field, name);
    }
    let wire = connect(node.peer(), &own).await;
    for (field, length) in [("peer_address", 0), ("peer_address", 281), ("api_address", 281)] {
        let mut request = token.request("guest");
        match field {
            "peer_address" => request.peer_address = "a".repeat(length),
            _ => request.api_address = "a".repeat(length),
        }
        let refused = wire.ask::<()>(JOIN, &request).await.err().unwrap();
        assert_refused(&refused, Code::InvalidArgument, field, field);
    }
    assert_eq!(registered(cluster).await, 3);
}

async fn used_token(cluster: &Cluster) {
    let token = JoinToken::of(cluster, 0).await;
    let own = Identity::new();
    let first = join(cluster.node(1).peer(), &own, &token, "first").await.unwrap();
    assert_eq!(first.node, 4);
    assert_eq!(first.known_node.len(), 3);
    assert!(!first.data_key.is_empty());

    for node in cluster.nodes() {
        // A join whose answer got lost is repeated, at any node.
        let again = join(node.peer(), &own, &token, "first").await.unwrap();
        assert!(again == first, "the same join was answered otherwise");
        for (key, name) in
            [(&Identity::new(), "first"), (&Identity::new(), "second"), (&own, "second")]
        {
            let refused = join(node.peer(), key, &token, name).await.err().unwrap();
            assert_no_token(&refused, "has admitted another node");
        }
    }
    assert_eq!(registered(cluster).await, 4);
}

async fn expired_token(cluster: &Cluster) {
    let made = cluster.admin(3).create_join_token(1).await.unwrap();
    let end = u64::try_from(made.expires_at.unwrap().seconds).unwrap() + 1;
    until("the token has expired", async || now_seconds() > end).await;
    let token = JoinToken::parse(&made.join_token);
    for node in cluster.nodes() {
        let refused = join(node.peer(), &Identity::new(), &token, "late").await.err().unwrap();
        assert_no_token(&refused, "expired");
    }
    assert_eq!(registered(cluster).await, 4);
}

async fn taken_names(cluster: &Cluster) {
    let guest = Guest::join(cluster, "guest").await;
    let token = JoinToken::of(cluster, 0).await;
    let peer = cluster.node(3).peer();
    let new = Identity::new();
    for (own, name) in [(&new, "node-1"), (&new, "guest"), (&guest.own, "guest-2")] {
        let refused = join(peer, own, &token, name).await.err().unwrap();
        assert_refused(&refused, Code::AlreadyExists, "node", name);
    }
    assert_eq!(registered(cluster).await, 5);
    // What was refused for another reason has not used the token up.
    assert_eq!(join(peer, &new, &token, "guest-2").await.unwrap().node, 6);
}

/// With one node more, more could be guessed than the hard limit allows.
async fn more_to_guess(cluster: &Cluster) {
    let nodes = registered(cluster).await;
    let (allowance, hard_limit) = (3, 100);
    let threshold = hard_limit - allowance * nodes as u64;
    let admin = cluster.admin(1);
    admin.set(&[("lockout.threshold", threshold)]).await.unwrap();
    let token = JoinToken::of(cluster, 0).await;
    let refused = join(cluster.node(2).peer(), &Identity::new(), &token, "guessed").await;
    let refused = refused.err().unwrap();
    assert_refused(&refused, Code::ResourceExhausted, "island.allowance", "a node too many");
    assert_eq!(registered(cluster).await, nodes);
    admin.set(&[("lockout.threshold", 10)]).await.unwrap();
}

async fn two_at_once(cluster: &Cluster, round: usize) {
    let nodes = registered(cluster).await;
    let token = JoinToken::of(cluster, 0).await;
    let (one, two) = (Identity::new(), Identity::new());
    let (name_one, name_two) = (format!("one-{round}"), format!("two-{round}"));
    let (peer_one, peer_two) = (cluster.node(1).peer(), cluster.node(1 + round).peer());
    let (one, two) = tokio::join!(
        join(peer_one, &one, &token, &name_one),
        join(peer_two, &two, &token, &name_two),
    );
    let (admitted, refused) = match (one, two) {
        (Ok(admitted), Err(refused)) | (Err(refused), Ok(admitted)) => (admitted, refused),
        (one, two) => panic!("admitted: {} and {}", one.is_ok(), two.is_ok()),
    };
    assert_eq!(admitted.node, 1 + nodes as u64);
    assert_no_token(&refused, "has admitted another node");
    assert_eq!(registered(cluster).await, 1 + nodes);
}

async fn too_many_nodes(cluster: &Cluster) {
    assert_eq!(registered(cluster).await, NODES_MAX);
    let token = JoinToken::of(cluster, 0).await;
    let refused = join(cluster.node(2).peer(), &Identity::new(), &token, "tenth").await;
    let refused = refused.err().unwrap();
    assert_refused(&refused, Code::ResourceExhausted, "9 nodes", "the tenth node");
    assert_eq!(registered(cluster).await, NODES_MAX);
}
