//! SIGTERM: a node hands over, finishes what it has begun, and ends well.

use std::path::Path;
use std::time::Duration;

use symbolon_testkit::{Cluster, Verdict, wait_for, wait_until};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::load::Load;
use crate::seize::{PATIENCE, linked, seize};
use crate::support::{assert_no_failures, cluster_of};

const PEOPLE: usize = 1500;
const CALLS_A_SECOND: u32 = 100;
const USUAL: usize = 100;
/// Fewer than a connection may have under way at once.
const BEGUN: usize = 200;
const NEW_MASTER_WITHIN: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_is_asked_to_end_hands_over_first() {
    let (cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", PEOPLE).await;
    let load = Load::start(&cluster, &key, people.clone(), CALLS_A_SECOND);
    load.usual(USUAL).await;

    let old = cluster.wait_for_master().await;
    let asked = Instant::now();
    cluster.node(old).signal_term();
    let new = successor(&cluster, old).await;
    let took = asked.elapsed();
    let status = cluster.node(old).ended().await;
    println!(
        "node {new} is master {took:.1?} after SIGTERM; node {old} ended after {:.1?}",
        asked.elapsed()
    );
    assert_eq!(status.code(), Some(0));
    assert!(took <= NEW_MASTER_WITHIN, "a new master only after {took:?}");

    load.usual(USUAL).await;
    let calls = load.stop().await;
    calls.summary("the master handed over");
    calls.assert_all_allowed();
    calls.assert_drained();
    assert_no_failures(&cluster, &people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_are_restarted_in_turn_and_nobody_is_refused() {
    let (cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", PEOPLE).await;
    let load = Load::start(&cluster, &key, people.clone(), CALLS_A_SECOND);
    for number in cluster.numbers() {
        load.usual(USUAL).await;
        let status = cluster.node(number).terminate().await;
        assert_eq!(status.code(), Some(0));
        cluster.node(number).start().await;
        cluster.settled().await;
    }
    load.usual(USUAL).await;
    let calls = load.stop().await;
    calls.summary("all nodes restarted in turn");
    calls.assert_all_allowed();
    calls.assert_drained();
    assert_no_failures(&cluster, &people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_has_begun_it_finishes() {
    let (cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", BEGUN).await;
    let master = cluster.wait_for_master().await;
    let client = &cluster.clients(&key)[master - 1];
    // The connection is there, so that all calls leave at once.
    client.verdict(cluster.person("first").await.request()).await.unwrap();

    let mut calls = JoinSet::new();
    for person in people {
        let client = client.clone();
        calls.spawn(async move { client.verdict(person.request()).await });
    }
    let first = calls.join_next().await.unwrap();
    assert!(first.unwrap().unwrap().is_allow());
    cluster.node(master).signal_term();
    let answers = calls.join_all().await;
    let cut = answers.iter().filter(|answer| !answer.as_ref().is_ok_and(Verdict::is_allow));
    let cut: Vec<_> = cut.collect();
    assert!(cut.is_empty(), "{} of {BEGUN} calls were cut: {:?}", cut.len(), cut.first());
    assert_eq!(cluster.node(master).ended().await.code(), Some(0));
}

/// The master that the other nodes agree upon, once it is another one.
async fn successor(cluster: &Cluster, old: usize) -> usize {
    wait_for("the others agree upon a new master", SOON, async || {
        let mut named = None;
        for number in cluster.numbers().filter(|number| *number != old) {
            let master = cluster.admin(number).status().await.ok()?.master;
            let master = cluster.numbers().find(|n| cluster.node(*n).name() == master)?;
            if master == old || named.is_some_and(|other| other != master) {
                return None;
            }
            named = Some(master);
        }
        named
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "the file is not the product's store")]
fn remove(file: &Path) {
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_node_that_is_told_to_stop_while_it_finds_out_that_it_was_left_behind_stops() {
    let (cluster, _) = linked(3).await;
    for number in [1, 2] {
        cluster.node(number).kill9();
    }
    seize(&cluster, 3, 2).await;
    let node = cluster.node(1);
    let socket = node.data_dir().join("run/admin.sock");
    remove(&socket);
    // It starts, and waits for what the other one says.
    cluster.node(3).freeze();
    node.spawn();
    wait_until("it hears signals", PATIENCE, async || socket.exists()).await;
    node.signal_term();
    wait_until("it was told", PATIENCE, async || node.log_text().contains("stopping; a second"))
        .await;
    cluster.node(3).thaw();
    wait_until("it ends", PATIENCE, async || node.exit_status().is_some()).await;
    assert_eq!(node.exit_status().unwrap().code(), Some(0), "{}", node.log_end());
}
