//! Who was enrolled at one node is let in at any other at once.

use crate::support::{assert_no_failures, cluster_of};

const ROUNDS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn enrolled_at_one_node_and_verified_at_another_at_once() {
    let (cluster, key) = cluster_of(3).await;
    // The master is the first to know, and a subordinate that forwards nothing the last.
    let first = cluster.wait_for_master().await;
    let second = cluster.other_than(first);
    let (admin, client) = (cluster.admin(first), &cluster.clients(&key)[second - 1]);
    let mut people = Vec::new();
    for round in 1..=ROUNDS {
        let person = admin.create_person(&format!("new-{round}")).await.unwrap();
        let verdict = client.verdict(person.request()).await.unwrap();
        assert!(verdict.is_allow(), "round {round}: {verdict:?}");
        people.push(person);
    }
    assert_no_failures(&cluster, &people).await;
}
