//! A node whose server does not start as part of its cluster is seized without one.

use std::net::TcpListener;

use symbolon_testkit::{Client, Code, Node, wait_for, wait_until};

use crate::seize::{CLUSTER, PATIENCE, leads_in, linked, together_in, usernames};

/// Starts the node without its cluster, and waits until its socket answers.
pub(crate) async fn recovering(node: &Node) -> Client {
    node.spawn_recovering();
    let root = node.local();
    wait_until(&format!("{} is recovering", node.name()), PATIENCE, async || {
        root.status().await.is_ok_and(|status| status.recovering)
    })
    .await;
    root
}

/// What its disk holds, and what can be done with it.
async fn it_tells_what_it_holds(root: &Client, (own, lost): (&str, &str)) {
    let status = root.status().await.unwrap();
    assert_eq!((status.epoch, &*status.master, &*status.node), (1, "", own));
    assert!(status.last_log_index >= status.applied_index && status.applied_index > 0);
    let nodes: Vec<_> = status.nodes.iter().map(|node| &*node.name).collect();
    assert!(nodes.len() == 2 && nodes.contains(&own) && nodes.contains(&lost), "{nodes:?}");
    let told = status.warnings.iter().any(|it| it.contains("takes part in nothing"));
    assert!(told, "{:?}", status.warnings);
    let refused = root.promote_subordinate(lost).await.err().unwrap();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("--recover"), "{}", refused.message());
    let wrong = root.seize(own, "other").await.err().unwrap();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let outlook = root.seize(own, "").await.unwrap();
    assert!(!outlook.begun);
    assert_eq!(outlook.left_behind, [lost]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_server_does_not_start_is_seized_and_leads_when_it_does() {
    let (cluster, _) = linked(2).await;
    let lost = cluster.wait_for_master().await;
    let left = cluster.other_than(lost);
    cluster.admin(lost).create_user("of-both").await.unwrap();
    cluster.settled().await;
    let (node, master) = (cluster.node(left), cluster.node(lost));
    assert_eq!(node.terminate().await.code(), Some(0));
    wait_for("a write of the master alone", PATIENCE, async || {
        cluster.admin(lost).create_user("of-the-lost").await.ok()
    })
    .await;
    master.kill9();

    // Somebody else has its port.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (free, taken_port) = ("api = \"127.0.0.1:0\"", taken.local_addr().unwrap());
    let not_free = format!("api = \"{taken_port}\"");
    node.change_settings(free, &not_free);
    node.spawn();
    assert_eq!(node.ended().await.code(), Some(1));
    let root = recovering(node).await;
    it_tells_what_it_holds(&root, (node.name(), master.name())).await;
    let seizure = root.seize(node.name(), CLUSTER).await.unwrap();
    assert!(seizure.begun && seizure.epoch == 2);
    assert_eq!(node.ended().await.code(), Some(0));
    // Once is enough.
    node.spawn_recovering();
    assert_eq!(node.ended().await.code(), Some(0));
    let said = node.log_text().matches("start it as usual").count();
    assert_eq!(said, 2, "{}", node.log_end());

    node.change_settings(&not_free, free);
    node.start().await;
    leads_in(&cluster, left, 2).await;
    cluster.admin(left).create_user("of-epoch-two").await.unwrap();
    // The old master has nothing left to seize, and comes back empty.
    let root = recovering(master).await;
    let refused = root.seize(master.name(), CLUSTER).await.err().unwrap();
    assert!(refused.message().contains("went on without this node"), "{}", refused.message());
    assert_eq!(master.terminate().await.code(), Some(0));
    master.spawn();
    together_in(&cluster, 2).await;
    assert_eq!(cluster.wait_for_master().await, left);
    let users = usernames(&cluster, lost).await;
    assert!(users == ["of-both", "of-epoch-two"], "{users:?}");
    assert_eq!(cluster.admin(lost).quarantines().await.unwrap().len(), 1);
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recovered_while_a_quorum_answers() {
    let (cluster, _) = linked(3).await;
    let node = cluster.node(3);
    assert_eq!(node.terminate().await.code(), Some(0));
    cluster.wait_for_master().await;
    let root = recovering(node).await;
    // With one of them it would be one.
    for gone in [None, Some(1)] {
        gone.iter().for_each(|gone| cluster.node(*gone).kill9());
        let refused = root.seize(node.name(), CLUSTER).await.err().unwrap();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("a quorum answers"), "{}", refused.message());
    }
    cluster.node(2).kill9();
    assert!(root.seize(node.name(), CLUSTER).await.unwrap().begun);
    assert_eq!(node.ended().await.code(), Some(0));
    node.start().await;
    leads_in(&cluster, 3, 2).await;
}
