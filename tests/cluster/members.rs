//! Who votes: one node until the third has joined, then three.

use std::collections::BTreeSet;
use std::time::Duration;

use symbolon_testkit::v1::{GetStatusResponse, Role};
use symbolon_testkit::{Cluster, wait_until};

use crate::support::cluster_of;

const SOON: Duration = Duration::from_secs(30);
/// Enough to keep the cluster busy for longer than the master takes to change members.
const WRITES: usize = 200;

fn roles(status: &GetStatusResponse) -> Vec<&'static str> {
    let mut roles: Vec<_> = status.nodes.iter().map(|node| node.role().as_str_name()).collect();
    roles.sort_unstable();
    roles
}

fn voters(status: &GetStatusResponse) -> usize {
    let votes = |role| matches!(role, Role::Master | Role::Subordinate);
    status.nodes.iter().filter(|node| votes(node.role())).count()
}

async fn status(cluster: &Cluster, number: usize) -> GetStatusResponse {
    cluster.admin(number).status().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_voter_until_the_third_node_joins_then_three() {
    let (mut cluster, _) = cluster_of(1).await;
    assert_eq!(roles(&status(&cluster, 1).await), ["MASTER"]);

    cluster.add_node().await;
    let mut seen = BTreeSet::new();
    wait_until("the second node learns", SOON, async || {
        let status = status(&cluster, 1).await;
        seen.insert(voters(&status));
        roles(&status) == ["LEARNER", "MASTER"]
    })
    .await;
    cluster.settled().await;
    for number in 1..=WRITES {
        cluster.admin(2).create_user(&format!("user-{number}")).await.unwrap();
        seen.insert(voters(&status(&cluster, 2).await));
    }
    assert_eq!(seen, BTreeSet::from([1]), "voters of two nodes");

    cluster.add_node().await;
    let mut seen = BTreeSet::new();
    wait_until("there are three voters", SOON, async || {
        let status = status(&cluster, 1).await;
        seen.insert(voters(&status));
        roles(&status) == ["MASTER", "SUBORDINATE", "SUBORDINATE"]
    })
    .await;
    assert!(seen.is_subset(&BTreeSet::from([1, 3])), "voters while the third joined: {seen:?}");
    cluster.settled().await;
    assert!(status(&cluster, 3).await.warnings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_the_subordinate_may_die() {
    let (cluster, key) = cluster_of(2).await;
    let clients = cluster.clients(&key);
    let before = cluster.person("before").await;
    assert!(clients[1].verdict(before.request()).await.unwrap().is_allow());

    cluster.node(2).kill9();
    for number in 1..=20 {
        let person = cluster.person(&format!("after-{number}")).await;
        assert!(clients[0].verdict(person.request()).await.unwrap().is_allow());
    }
    let again = before.request_with(before.otp.code_of(before.otp.step_now() + 1));
    assert!(clients[0].verdict(again.clone()).await.unwrap().is_allow());

    cluster.node(2).start().await;
    cluster.settled().await;
    assert!(clients[1].verdict(again).await.unwrap().is_used());
}

/// Has leadership handed on until `number` leads.
async fn lead(cluster: &Cluster, number: usize) {
    for _ in 0..50 {
        let master = cluster.wait_for_master().await;
        if master == number {
            return;
        }
        assert!(cluster.node(master).terminate().await.success());
        cluster.node(master).start().await;
        cluster.settled().await;
    }
    panic!("node {number} never led");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_whoever_is_master() {
    let (mut cluster, key) = cluster_of(3).await;
    lead(&cluster, 3).await;
    cluster.add_node().await;
    cluster.settled().await;
    let person = cluster.person("ann").await;
    assert!(cluster.clients(&key)[3].verdict(person.request()).await.unwrap().is_allow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_comes_back_to_a_master_that_joined_while_it_was_away() {
    let (mut cluster, key) = cluster_of(3).await;
    cluster.node(2).kill9();
    cluster.add_node().await;
    cluster.add_node().await;
    wait_until("there are five voters", SOON, async || voters(&status(&cluster, 1).await) == 5)
        .await;
    // Node 2 has never heard of nodes 4 and 5.
    let mut master = cluster.wait_for_master().await;
    for _ in 0..50 {
        if master > 3 {
            break;
        }
        assert!(cluster.node(master).terminate().await.success());
        cluster.node(master).start().await;
        master = cluster.wait_for_master().await;
    }
    assert!(master > 3, "node {master} leads");
    let person = cluster.person("ann").await;
    cluster.node(2).start().await;
    cluster.settled().await;
    assert!(cluster.clients(&key)[1].verdict(person.request()).await.unwrap().is_allow());
}
