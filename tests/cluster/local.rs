//! Root on a node's machine has the node's local socket, where no token is needed and nothing can be written.

use symbolon_testkit::v1::EventType;
use symbolon_testkit::v1::audit_event::Details;
use symbolon_testkit::{Code, wait_until};

use crate::merge::events;
use crate::seize::{CLUSTER, PATIENCE, leads_in, linked, together_in};

#[tokio::test(flavor = "multi_thread")]
async fn root_on_a_node_hands_over_and_seizes_without_a_token() {
    let (cluster, _) = linked(2).await;
    let first = cluster.wait_for_master().await;
    let second = cluster.other_than(first);
    let (first_node, second_node) = (cluster.node(first), cluster.node(second));
    let previous = second_node.local().promote_subordinate(second_node.name()).await.unwrap();
    assert_eq!(previous, first_node.name());
    assert_eq!(cluster.wait_for_master().await, second);
    cluster.settled().await;

    second_node.kill9();
    let root = first_node.local();
    wait_until("the master is missed", PATIENCE, async || {
        root.status().await.is_ok_and(|status| status.master.is_empty())
    })
    .await;
    let refused = root.create_user("by-root").await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("with a bearer token"), "{}", refused.message());
    let elsewhere = root.seize(second_node.name(), CLUSTER).await.err().unwrap();
    assert!(elsewhere.message().contains("only the node itself"), "{}", elsewhere.message());
    let seizure = root.seize(first_node.name(), CLUSTER).await.unwrap();
    assert!(seizure.begun);
    leads_in(&cluster, first, 2).await;
    // The socket is another one since the node started again.
    assert_eq!(root.status().await.unwrap().epoch, 2);
    // Nothing else is decided before the epoch is told.
    cluster.admin(first).create_user("of-epoch-two").await.unwrap();
    let told = events(&cluster.admin(first), EventType::EpochStarted).await;
    let [Details::EpochStarted(started)] = &told[..] else { panic!("{} events", told.len()) };
    assert_eq!((&*started.administrator_id, &*started.name), ("", first_node.name()));

    second_node.spawn();
    together_in(&cluster, 2).await;
    assert_eq!(second_node.local().quarantines().await.unwrap().len(), 1);
}
