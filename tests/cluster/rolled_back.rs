//! A data directory is copied, the cluster goes on, and the copy is put back: what the node has forgotten
//! is noticed, whatever it was, and the node takes part in nothing.

use std::path::PathBuf;
use std::time::Duration;

use symbolon_testkit::{Cluster, wait_until};

use crate::support::cluster_of;

const REFUSED: i32 = 78;
const PATIENCE: Duration = Duration::from_secs(20);

/// A copy of a node's disk, made while it does not run.
async fn copied(cluster: &Cluster, number: usize) -> PathBuf {
    let node = cluster.node(number);
    assert_eq!(node.terminate().await.code(), Some(0));
    let copy = cluster.directory().join("old-data");
    node.copy_data(&copy);
    node.start().await;
    cluster.settled().await;
    copy
}

/// Neither is ready without the other.
async fn start_together(cluster: &Cluster, numbers: [usize; 2]) {
    numbers.iter().for_each(|number| cluster.node(*number).spawn());
    for number in numbers {
        cluster.node(number).ready().await;
    }
}

/// That it does not start, now and again, and says why.
async fn assert_refused(cluster: &Cluster, number: usize) {
    let node = cluster.node(number);
    node.spawn();
    assert_eq!(node.ended().await.code(), Some(REFUSED));
    let told = node.log_text();
    assert!(told.contains("the disk of this node has gone back in time: node "), "{told}");
    assert!(told.contains("join again under a new node name"), "{told}");
    node.spawn();
    assert_eq!(node.ended().await.code(), Some(REFUSED), "it stays refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_of_one_of_three_takes_part_in_nothing() {
    let (cluster, _) = cluster_of(3).await;
    let copy = copied(&cluster, 3).await;
    cluster.admin(1).create_user("after-the-copy").await.unwrap();
    cluster.settled().await;
    assert_eq!(cluster.node(3).terminate().await.code(), Some(0));
    cluster.node(3).put_data_back(&copy);
    assert_refused(&cluster, 3).await;

    // The others go on, and remember when all of them were restarted.
    cluster.admin(1).create_user("without-it").await.unwrap();
    cluster.node(3).put_data_back(&copy);
    for number in [1, 2] {
        assert_eq!(cluster.node(number).terminate().await.code(), Some(0));
    }
    start_together(&cluster, [1, 2]).await;
    assert_refused(&cluster, 3).await;
    let users = cluster.admin(2).list_users().await.unwrap();
    assert!(users.iter().any(|user| user.username == "without-it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_of_the_only_voter_is_refused_by_what_the_learner_knows() {
    let (cluster, _) = cluster_of(2).await;
    let master = cluster.wait_for_master().await;
    let copy = copied(&cluster, master).await;
    let users = |number: usize| cluster.admin(number);
    users(cluster.wait_for_master().await).create_user("after-the-copy").await.unwrap();
    cluster.settled().await;
    assert_eq!(cluster.node(master).terminate().await.code(), Some(0));
    cluster.node(master).put_data_back(&copy);
    assert_refused(&cluster, master).await;
}

/// Nothing was written but that it was started once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_from_before_a_start_is_noticed() {
    let (cluster, _) = cluster_of(3).await;
    let copy = copied(&cluster, 2).await;
    for _ in 0..2 {
        assert_eq!(cluster.node(2).terminate().await.code(), Some(0));
        cluster.node(2).start().await;
    }
    assert_eq!(cluster.node(2).terminate().await.code(), Some(0));
    cluster.node(2).put_data_back(&copy);
    assert_refused(&cluster, 2).await;
}

/// Its peers were away when it started. It is told of it with their first greeting.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_that_started_alone_serves_nobody_once_its_peers_are_back() {
    let (cluster, _) = cluster_of(3).await;
    let copy = copied(&cluster, 3).await;
    cluster.admin(1).create_user("after-the-copy").await.unwrap();
    cluster.settled().await;
    for number in [3, 2, 1] {
        assert_eq!(cluster.node(number).terminate().await.code(), Some(0));
    }
    cluster.node(3).put_data_back(&copy);
    cluster.node(3).spawn();
    cluster.node(3).alive().await;
    start_together(&cluster, [1, 2]).await;
    wait_until("the node is told", PATIENCE, async || {
        cluster.node(3).log_text().contains("the disk of this node has gone back in time")
    })
    .await;
    wait_until("the others lead on", PATIENCE, async || {
        cluster.admin(1).create_user("without-it").await.is_ok()
    })
    .await;
    let (code, _) = cluster.node(3).get("/readyz").await.unwrap();
    assert_eq!(code, 503);
    cluster.node(3).kill9();
    cluster.node(3).spawn();
    assert_eq!(cluster.node(3).ended().await.code(), Some(REFUSED));
}
