//! An administrator chooses the master, and nobody who signs in notices.

use std::time::Duration;

use symbolon_proto::v1::Role;
use symbolon_testkit::{Cluster, wait_until};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::load::Load;
use crate::seize::{seize_if_needed, together_in};
use crate::support::{assert_no_failures, cluster_of, milliseconds, next_of, random};

const PEOPLE: usize = 3000;
const CALLS_A_SECOND: u32 = 100;
const USUAL: usize = 40;
const CHANGES: usize = 20;
/// A user can be added again within this time; what is printed is well below it.
const WRITES_PAUSE_MAX: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// Changes in every other of which the node that is to lead dies.
const PERILS: usize = 10;
/// Of the last ones so many where the old master is seized if it must be.
const SEIZED: usize = 4;
const SOON_MILLISECONDS: u16 = 150;
const FEW_CALLS_A_SECOND: u32 = 20;
const FEW_PEOPLE: usize = 900;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_change_places_again_and_again_and_nobody_is_refused() {
    nodes_change_places(2, Role::Learner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_lead_in_turn_and_nobody_is_refused() {
    nodes_change_places(3, Role::Subordinate).await;
}

/// `before`: the role that a master has afterwards.
async fn nodes_change_places(nodes: usize, before: Role) {
    let (cluster, key) = cluster_of(nodes).await;
    let people = cluster.people("user", PEOPLE).await;
    let load = Load::start(&cluster, &key, people.clone(), CALLS_A_SECOND);
    let mut longest = Duration::ZERO;
    for change in 0..CHANGES {
        load.usual(USUAL).await;
        let old = cluster.wait_for_master().await;
        let new = next_of(old, nodes);
        // Whichever node is asked.
        let admin = cluster.admin(next_of(change, nodes));
        let asked = Instant::now();
        let previous = admin.promote_subordinate(cluster.node(new).name()).await.unwrap();
        admin.create_user(&format!("written-{change}")).await.unwrap();
        longest = longest.max(asked.elapsed());
        assert_eq!(previous, cluster.node(old).name());
        assert_eq!(cluster.wait_for_master().await, new);
        assert!(role(&cluster, old).await == before, "the role of a master that was");
    }
    println!("{CHANGES} changes on {nodes} nodes; writes paused for {longest:.1?} at most");
    load.usual(USUAL).await;
    let calls = load.stop().await;
    calls.summary("the master was changed");
    calls.assert_all_allowed();
    assert_no_failures(&cluster, &people).await;
    assert!(longest <= WRITES_PAUSE_MAX, "writes paused for {longest:?}");
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_while_two_nodes_change_places_there_is_one_master_again() {
    let (cluster, key) = cluster_of(2).await;
    let people = cluster.people("user", FEW_PEOPLE).await;
    let load = Load::start(&cluster, &key, people, FEW_CALLS_A_SECOND);
    let mut epoch = 1;
    let mut seized = 0;
    for change in 0..PERILS {
        // After a seize no code is taken for a minute.
        if epoch == 1 {
            load.usual(USUAL).await;
        }
        let old = cluster.wait_for_master().await;
        let new = cluster.other_than(old);
        let admin = cluster.admin(old);
        let name = cluster.node(new).name().to_owned();
        let asked = tokio::spawn(async move { admin.promote_subordinate(&name).await });
        if change % 2 == 0 {
            assert_eq!(asked.await.unwrap().unwrap(), cluster.node(old).name());
            // On a busy machine the other may tell of the old one for a moment.
            wait_until("all say that it leads", PATIENCE, async || {
                cluster.wait_for_master().await == new
            })
            .await;
        } else {
            sleep(milliseconds(random() % SOON_MILLISECONDS)).await;
            cluster.node(new).kill9();
            // It comes back, or in the end the old master goes on without it.
            let is_late = change >= PERILS - SEIZED;
            if is_late && seize_if_needed(&cluster, old, epoch + 1).await {
                (epoch, seized) = (epoch + 1, seized + 1);
            }
            cluster.node(new).spawn();
            // Whatever has become of it.
            let _ = asked.await.unwrap();
        }
        together_in(&cluster, epoch).await;
        let master = cluster.wait_for_master().await;
        cluster.admin(master).create_user(&format!("written-{change}")).await.unwrap();
    }
    load.stop().await.summary("the next master died on its way");
    println!("of {PERILS} changes {seized} ended with a seize");
    cluster.wait_for_master().await;
    cluster.assert_same_state().await;
}

/// The role of a node as the master has it.
async fn role(cluster: &Cluster, number: usize) -> Role {
    let master = cluster.wait_for_master().await;
    let status = cluster.admin(master).status().await.unwrap();
    let name = cluster.node(number).name();
    status.nodes.iter().find(|node| node.name == name).unwrap().role()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_lead_is_not_promoted_and_the_reason_is_told() {
    let (cluster, _) = cluster_of(4).await;
    let master = cluster.wait_for_master().await;
    let admin = cluster.admin(master);
    let refused = async |name: &str| admin.promote_subordinate(name).await.unwrap_err();

    let nobody = refused("nobody").await;
    assert_eq!(
        (nobody.code(), nobody.message()),
        (Code::NotFound, "there is no node of that name")
    );
    assert_eq!(admin.promote_subordinate(cluster.node(master).name()).await.unwrap(), "");

    let mut learner = None;
    for number in cluster.numbers() {
        if role(&cluster, number).await == Role::Learner {
            learner = Some(number);
        }
    }
    let error = refused(cluster.node(learner.unwrap()).name()).await;
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("is a learner"), "{}", error.message());

    let voters: Vec<_> =
        cluster.numbers().filter(|number| Some(*number) != learner && *number != master).collect();
    cluster.node(voters[0]).kill9();
    let name = cluster.node(voters[0]).name();
    wait_until("the master misses it", PATIENCE, async || {
        let nodes = admin.status().await.unwrap().nodes;
        nodes.iter().any(|node| node.name == name && !node.reachable)
    })
    .await;
    // Also from a node that is not the master.
    for asked in [master, voters[1]] {
        let error = cluster.admin(asked).promote_subordinate(name).await.unwrap_err();
        assert_eq!(error.code(), Code::FailedPrecondition);
        assert!(error.message().contains("did not answer the master"), "{}", error.message());
    }
    assert_eq!(cluster.wait_for_master().await, master, "it leads on");

    // Without a quorum nobody can hand over.
    cluster.node(voters[1]).kill9();
    wait_until("the majority is missed", PATIENCE, async || {
        admin.status().await.unwrap().master.is_empty()
    })
    .await;
    let error = refused(cluster.node(voters[1]).name()).await;
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("no master that a majority follows"), "{}", error.message());
}
