//! Nodes are killed at any moment of a change of who takes part, and the documented way leads on.

use std::time::Duration;

use symbolon_testkit::v1::{GetStatusResponse, Role};
use symbolon_testkit::{Cluster, Code, Status, rounds, wait_until};
use tokio::time::sleep;

use crate::recover::recovering;
use crate::seize::{CLUSTER, PATIENCE, leads_in, linked, together_in, usernames};
use crate::support::cluster_of;

/// How often, unless somebody wants it more often.
const ROUNDS: usize = 4;
/// A seize, a return or a change of members takes about so long.
const LONGEST_MILLISECONDS: u64 = 1500;
/// What is asked for has only begun by then.
const SHORT_MILLISECONDS: u64 = 30;

/// Moments that look random and are the same in each run (the generator of C's standard).
struct Moments(u64);

impl Moments {
    /// Every other moment is soon.
    async fn next(&mut self, what: &str) {
        self.0 = self.0.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        let is_soon = (self.0 >> 7).is_multiple_of(2);
        let longest = if is_soon { SHORT_MILLISECONDS } else { LONGEST_MILLISECONDS };
        let moment = (self.0 >> 8) % longest;
        println!("{what}: killed after {moment} ms");
        sleep(Duration::from_millis(moment)).await;
    }
}

/// Whether it says that there is no such node.
fn is_gone(result: &Result<(), Status>) -> bool {
    matches!(result, Err(status) if status.code() == Code::NotFound)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_in_its_seize_or_its_return_goes_on_at_the_next_start() {
    let (cluster, _) = linked(2).await;
    let mut moments = Moments(6);
    let mut again = 0;
    for epoch in 2..2 + rounds("SYMBOLON_SEIZE_KILLS", ROUNDS) as u64 {
        let lost = cluster.wait_for_master().await;
        let next = cluster.other_than(lost);
        cluster.node(lost).kill9();
        let (admin, name) = (cluster.admin(next), cluster.node(next).name().to_owned());
        let seizes = tokio::spawn(async move { admin.seize(&name, CLUSTER).await });
        moments.next("seize").await;
        cluster.node(next).kill9();
        let begun = seizes.await.unwrap().is_ok_and(|seizure| seizure.begun);

        cluster.node(next).spawn();
        cluster.node(next).alive().await;
        let is_in = async || cluster.admin(next).status().await.map(|status| status.epoch);
        if is_in().await.unwrap() != epoch {
            assert!(!begun, "what was said to be begun is done");
            again += 1;
            let name = cluster.node(next).name();
            assert!(cluster.admin(next).seize(name, CLUSTER).await.unwrap().begun);
        }
        leads_in(&cluster, next, epoch).await;
        let written = format!("written-in-{epoch}");
        cluster.admin(next).create_user(&written).await.unwrap();

        cluster.node(lost).spawn();
        moments.next("return").await;
        cluster.node(lost).kill9();
        cluster.node(lost).spawn();
        together_in(&cluster, epoch).await;
        let users = usernames(&cluster, lost).await;
        assert_eq!(users.len() as u64, epoch - 1, "{users:?}");
        cluster.assert_same_state().await;
    }
    println!("{again} seizes had not begun and were asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_while_it_is_recovered_is_as_it_was_or_seized() {
    let (cluster, _) = linked(2).await;
    let mut moments = Moments(11);
    for epoch in 2..2 + rounds("SYMBOLON_SEIZE_KILLS", ROUNDS) as u64 {
        let lost = cluster.wait_for_master().await;
        let next = cluster.other_than(lost);
        let node = cluster.node(next);
        cluster.admin(lost).create_user(&format!("written-before-{epoch}")).await.unwrap();
        cluster.settled().await;
        let seen = cluster.admin(next).status().await.unwrap().applied_index;
        cluster.node(lost).kill9();
        node.kill9();
        let (root, name) = (recovering(node).await, node.name().to_owned());
        let held = root.status().await.unwrap().applied_index;
        assert!(held >= seen, "of {seen} entries {held} are told of");
        let seizes = tokio::spawn(async move { root.seize(&name, CLUSTER).await });
        moments.next("recovery").await;
        node.kill9();
        let begun = seizes.await.unwrap().is_ok_and(|seizure| seizure.begun);

        node.spawn();
        node.alive().await;
        if cluster.admin(next).status().await.unwrap().epoch != epoch {
            assert!(!begun, "what was said to be planned is done");
            assert!(cluster.admin(next).seize(node.name(), CLUSTER).await.unwrap().begun);
        }
        leads_in(&cluster, next, epoch).await;
        cluster.admin(next).create_user(&format!("written-in-{epoch}")).await.unwrap();
        cluster.node(lost).spawn();
        together_in(&cluster, epoch).await;
        assert_eq!(usernames(&cluster, lost).await.len() as u64, 2 * (epoch - 1));
        cluster.assert_same_state().await;
    }
}

fn voters(status: &GetStatusResponse) -> usize {
    let votes = |role| matches!(role, Role::Master | Role::Subordinate);
    status.nodes.iter().filter(|node| votes(node.role())).count()
}

/// Waits until a node that runs knows so many nodes, and so many that vote.
async fn has(cluster: &Cluster, nodes: usize, voting: usize) {
    wait_until(&format!("{nodes} nodes, {voting} vote"), PATIENCE, async || {
        let status = cluster.admin(cluster.any_running()).status().await;
        status.is_ok_and(|it| it.nodes.len() == nodes && voters(&it) == voting)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies_while_a_node_joins_or_is_removed_is_no_end_of_it() {
    let (mut cluster, _) = cluster_of(2).await;
    // Failures are kept back for each node that was removed lately.
    cluster.admin(1).set(&[("island.allowance", 1)]).await.unwrap();
    let mut moments = Moments(7);
    for round in 0..rounds("SYMBOLON_MEMBER_KILLS", ROUNDS / 2) {
        // The third node: learners become voters.
        cluster.add_node().await;
        let joined = cluster.nodes().len();
        let master = cluster.wait_for_master().await;
        moments.next("join").await;
        cluster.node(master).kill9();
        cluster.node(master).start().await;
        has(&cluster, 3, 3).await;
        cluster.wait_for_master().await;
        let written = format!("written-by-three-{round}");
        cluster.admin(joined).create_user(&written).await.unwrap();

        // It leaves, and one votes again.
        let name = cluster.node(joined).name().to_owned();
        let master = cluster.wait_for_master().await;
        if master == joined {
            let other = cluster.node(cluster.other_than(joined)).name();
            cluster.admin(joined).promote_subordinate(other).await.unwrap();
        }
        let master = cluster.wait_for_master().await;
        let admin = cluster.admin(master);
        let removes = tokio::spawn(async move { admin.remove_node(&name).await.map(|_| ()) });
        moments.next("removal").await;
        cluster.node(master).kill9();
        let result = removes.await.unwrap();
        cluster.node(joined).kill9();
        cluster.node(master).start().await;
        let name = cluster.node(joined).name();
        if result.is_err() {
            wait_until("it is removed", PATIENCE, async || {
                let asked = cluster.any_running();
                let result = cluster.admin(asked).remove_node(name).await.map(|_| ());
                result.is_ok() || is_gone(&result)
            })
            .await;
        }
        has(&cluster, 2, 1).await;
        let master = cluster.wait_for_master().await;
        cluster.admin(master).create_user(&format!("written-by-two-{round}")).await.unwrap();
    }
}
