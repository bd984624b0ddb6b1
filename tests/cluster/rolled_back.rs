//! A data directory is copied, the cluster goes on, and the copy is put back: what the node has forgotten
//! is noticed, whatever it was. It takes part in nothing as it is, and comes back empty.

use std::path::PathBuf;
use std::time::Duration;

use symbolon_testkit::v1::NodeStatus;
use symbolon_testkit::{Cluster, wait_until};

use crate::recover::recovering;
use crate::seize::{CLUSTER, leads_in, linked, seize, together_in};
use crate::support::cluster_of;

const REFUSED: i32 = 78;
const PATIENCE: Duration = Duration::from_secs(60);

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

/// A node that does not lead, a copy of its disk, and who leads after that.
async fn copied_subordinate(cluster: &Cluster) -> (usize, PathBuf, usize) {
    let number = cluster.other_than(cluster.wait_for_master().await);
    let copy = copied(cluster, number).await;
    (number, copy, cluster.wait_for_master().await)
}

/// Neither is ready without the other.
async fn start_together(cluster: &Cluster, numbers: [usize; 2]) {
    numbers.iter().for_each(|number| cluster.node(*number).spawn());
    for number in numbers {
        cluster.node(number).ready().await;
    }
}

/// That it is back in the cluster under another number, and what it had is kept.
async fn assert_back(cluster: &Cluster, number: usize) {
    wait_until("its number is new", PATIENCE, async || {
        let Ok(status) = cluster.admin(number).status().await else { return false };
        let own = status.nodes.iter().find(|node| node.name == status.node);
        own.is_some_and(|node| node.id > cluster.nodes().len() as u64)
    })
    .await;
    cluster.settled().await;
    cluster.assert_same_state().await;
    assert!(cluster.node(number).data_dir().join(format!("quarantine/node-{number}")).exists());
    let told = cluster.node(number).log_text();
    assert!(told.contains("gone back in time"), "{told}");
    assert_eq!(cluster.admin(number).quarantines().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_of_one_of_three_comes_back_empty() {
    let (cluster, _) = cluster_of(3).await;
    let copy = copied(&cluster, 3).await;
    cluster.admin(1).create_user("after-the-copy").await.unwrap();
    cluster.assert_same_state().await;
    assert_eq!(cluster.node(3).terminate().await.code(), Some(0));
    cluster.node(3).put_data_back(&copy);
    // The others remember also when all of them were restarted.
    for number in [1, 2] {
        assert_eq!(cluster.node(number).terminate().await.code(), Some(0));
    }
    start_together(&cluster, [1, 2]).await;
    cluster.admin(1).create_user("without-it").await.unwrap();
    cluster.node(3).start().await;
    assert_back(&cluster, 3).await;
    let users = cluster.admin(3).list_users().await.unwrap();
    assert!(users.iter().any(|user| user.username == "without-it"));
    // It counts as a voter: another may be lost.
    assert_eq!(cluster.node(1).terminate().await.code(), Some(0));
    wait_until("the others lead on", PATIENCE, async || {
        cluster.admin(3).create_user("with-it").await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_while_another_came_back_follows_that_one() {
    let (cluster, _) = cluster_of(5).await;
    let copy = copied(&cluster, 2).await;
    cluster.admin(1).create_user("after-the-copy").await.unwrap();
    cluster.assert_same_state().await;
    // It knows the second by the number that it had.
    cluster.node(5).kill9();
    assert_eq!(cluster.node(2).terminate().await.code(), Some(0));
    cluster.node(2).put_data_back(&copy);
    cluster.node(2).start().await;
    let name = cluster.node(2).name();
    wait_until("it is back under another number, and leads", PATIENCE, async || {
        let status = cluster.admin(1).status().await;
        let is_back = |node: &NodeStatus| node.name == name && node.id > 5;
        if !status.is_ok_and(|status| status.nodes.iter().any(is_back)) {
            return false;
        }
        // Refused until it votes.
        let _ = cluster.admin(1).promote_subordinate(name).await;
        cluster.master().await == Some(2)
    })
    .await;
    cluster.admin(1).create_user("while-it-was-away").await.unwrap();
    cluster.node(5).start().await;
    wait_until("it follows", PATIENCE, async || {
        let users = cluster.admin(5).list_users().await;
        users.is_ok_and(|users| users.iter().any(|user| user.username == "while-it-was-away"))
    })
    .await;
    cluster.settled().await;
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_of_the_only_voter_is_refused_until_the_learner_has_gone_on() {
    let (cluster, _) = cluster_of(2).await;
    let master = cluster.wait_for_master().await;
    let copy = copied(&cluster, master).await;
    let learner = cluster.other_than(master);
    cluster.admin(cluster.wait_for_master().await).create_user("after-the-copy").await.unwrap();
    cluster.assert_same_state().await;
    assert_eq!(cluster.node(master).terminate().await.code(), Some(0));
    cluster.node(master).put_data_back(&copy);
    let node = cluster.node(master);
    for _ in 0..2 {
        node.spawn();
        assert_eq!(node.ended().await.code(), Some(REFUSED));
    }
    let choice = format!("symbolon promote-subordinate {} --seize", cluster.node(learner).name());
    let told = node.log_text();
    assert!(
        told.contains("it is the only voter") || told.contains("It is the only voter"),
        "{told}"
    );
    assert!(told.contains(&choice), "{told}");
    // Nor when the one that knows is away.
    cluster.node(learner).kill9();
    node.spawn();
    assert_eq!(node.ended().await.code(), Some(REFUSED));
    assert!(!node.data_dir().join("quarantine").exists(), "it may be all that there is");

    cluster.node(learner).spawn();
    cluster.node(learner).alive().await;
    seize(&cluster, learner, 2).await;
    node.spawn();
    together_in(&cluster, 2).await;
    assert_back(&cluster, master).await;
    let users = cluster.admin(master).list_users().await.unwrap();
    assert!(users.iter().any(|user| user.username == "after-the-copy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_of_the_only_voter_goes_on_by_recovery_where_nothing_newer_is_left() {
    let (cluster, _) = cluster_of(2).await;
    let master = cluster.wait_for_master().await;
    let copy = copied(&cluster, master).await;
    let learner = cluster.other_than(master);
    cluster.admin(cluster.wait_for_master().await).create_user("after-the-copy").await.unwrap();
    cluster.assert_same_state().await;
    let node = cluster.node(master);
    assert_eq!(node.terminate().await.code(), Some(0));
    node.put_data_back(&copy);
    node.spawn();
    assert_eq!(node.ended().await.code(), Some(REFUSED));
    // The other holds more.
    let root = recovering(node).await;
    let refused = root.seize(node.name(), CLUSTER).await.err().unwrap();
    assert!(refused.message().contains("holds more of the log"), "{}", refused.message());
    cluster.node(learner).kill9();
    let warnings = root.status().await.unwrap().warnings;
    assert!(warnings.iter().any(|it| it.contains("gone back in time")), "{warnings:?}");
    assert!(root.seize(node.name(), CLUSTER).await.unwrap().begun);
    assert_eq!(node.ended().await.code(), Some(0));
    node.start().await;
    leads_in(&cluster, master, 2).await;
    cluster.node(learner).spawn();
    together_in(&cluster, 2).await;
    cluster.assert_same_state().await;
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
    cluster.node(2).start().await;
    assert_back(&cluster, 2).await;
}

/// Its peers were away when it started. It is told of it with their first greeting.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_that_started_alone_comes_back_once_its_peers_are_there() {
    let (cluster, _) = cluster_of(3).await;
    let copy = copied(&cluster, 3).await;
    cluster.admin(1).create_user("after-the-copy").await.unwrap();
    cluster.assert_same_state().await;
    for number in [3, 2, 1] {
        assert_eq!(cluster.node(number).terminate().await.code(), Some(0));
    }
    cluster.node(3).put_data_back(&copy);
    cluster.node(3).spawn();
    cluster.node(3).alive().await;
    start_together(&cluster, [1, 2]).await;
    assert_back(&cluster, 3).await;
}

/// The master of its term had its word for what it has lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_that_starts_cut_off_ends_no_master() {
    let (cluster, _) = linked(3).await;
    let (number, copy, master) = copied_subordinate(&cluster).await;
    let pid = cluster.node(master).pid();
    cluster.admin(master).create_user("after-the-copy").await.unwrap();
    cluster.assert_same_state().await;
    assert_eq!(cluster.node(number).terminate().await.code(), Some(0));
    cluster.numbers().filter(|other| *other != number).for_each(|other| cluster.cut(number, other));
    cluster.node(number).put_data_back(&copy);
    cluster.node(number).spawn();
    cluster.node(number).alive().await;
    cluster.heal();
    assert_back(&cluster, number).await;
    assert!(cluster.node(master).is_running() && cluster.node(master).pid() == pid);
}

/// It had acknowledged an entry to the master, and was gone before it told anybody what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_that_only_the_master_knows_better_comes_back_empty() {
    let (cluster, _) = cluster_of(3).await;
    let (number, copy, master) = copied_subordinate(&cluster).await;
    let third = cluster.numbers().find(|other| ![master, number].contains(other)).unwrap();
    cluster.node(third).kill9();
    cluster.admin(master).create_user("acknowledged-by-both").await.unwrap();
    cluster.node(number).kill9();
    cluster.node(third).start().await;
    cluster.admin(master).create_user("after-it").await.unwrap();
    cluster.node(number).put_data_back(&copy);
    cluster.node(number).start().await;
    assert_back(&cluster, number).await;
}

/// A copy of a node that runs, of the same epoch, in another place.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_node_that_is_there_does_not_take_its_place() {
    let (cluster, _) = cluster_of(3).await;
    assert_eq!(cluster.node(3).terminate().await.code(), Some(0));
    let copy = cluster.copy_of(3, 0);
    // Its peers have heard of more starts than the copy knows of.
    for _ in 0..2 {
        cluster.node(3).start().await;
        cluster.settled().await;
        assert_eq!(cluster.node(3).terminate().await.code(), Some(0));
    }
    cluster.node(3).start().await;
    cluster.settled().await;
    for _ in 0..2 {
        copy.spawn();
        assert_eq!(copy.ended().await.code(), Some(REFUSED));
        assert!(copy.log_text().contains("is a copy of it"), "{}", copy.log_end());
    }
    cluster.settled().await;
    cluster.assert_same_state().await;
    let status = cluster.admin(3).status().await.unwrap();
    assert_eq!(status.nodes.iter().map(|node| node.id).collect::<Vec<_>>(), [1, 2, 3]);
}
