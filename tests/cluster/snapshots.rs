//! A node that was away for longer than the log goes back is given a snapshot, while the others work.

use std::time::Duration;

use prost::Message as _;
use symbolon_proto::store::v1::SnapshotHeader;
use symbolon_store::Snapshots;
use symbolon_testkit::{Cluster, Node, Options, wait_until};

use crate::audit;
use crate::load::Load;
use crate::support::binary;

/// Log entries from one snapshot to the next: the fewest that the settings allow.
const SNAPSHOT_ENTRIES: u64 = 1_000;
const CALLS_A_SECOND: u32 = 200;
const PEOPLE: usize = 5000;
/// For a cluster on a busy machine to write some thousand entries.
const WORK_TIME_MAX: Duration = Duration::from_secs(120);
/// For a node to catch up by a snapshot.
const CATCH_UP_TIME_MAX: Duration = Duration::from_secs(60);
/// Times that the node is killed while it catches up.
const KILLS: u32 = 8;

fn options() -> Options {
    let storage = format!("disk_reserve = \"16MiB\"\nsnapshot_entries = {SNAPSHOT_ENTRIES}");
    Options { storage, ..Options::default() }
}

/// The first log entry whose audit is in the newest snapshot of a node.
fn audit_begins(node: &Node) -> u64 {
    let snapshots = Snapshots::look(&node.data_dir().join("snapshots"));
    let newest = snapshots.latest().unwrap().unwrap();
    // It may have given way to a newer one.
    let Ok(mut reader) = snapshots.read(&newest.name) else { return 0 };
    let header = reader.next_chunk().unwrap().unwrap();
    let header = SnapshotHeader::decode(&header[..]).unwrap();
    header.audit_from.unwrap().log_index
}

async fn print_stalls(cluster: &Cluster) {
    for number in cluster.numbers() {
        let metrics = cluster.node(number).metrics().await;
        let stall = metrics.sum("symbolon_apply_seconds", &[("quantile", "1")]);
        println!("node {number}: longest time to apply an entry {:.1} ms", stall * 1000.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_for_long_gets_a_snapshot_while_the_others_work() {
    let cluster = Cluster::start_with(binary(), options()).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", PEOPLE).await;
    let master = cluster.wait_for_master().await;
    let away = cluster.other_than(master);
    let node = cluster.node(away);
    let applied = async |number: usize| cluster.admin(number).status().await.unwrap().applied_index;
    let before = applied(away).await;
    node.kill9();

    // One after the other, each user is an entry; sign-ins share them.
    let admin = cluster.admin(master);
    let mut number = 0;
    wait_until("the log goes back no further", WORK_TIME_MAX, async || {
        for _ in 0..100 {
            number += 1;
            admin.create_user(&format!("late-{number}")).await.unwrap();
        }
        applied(master).await > before + 2 * SNAPSHOT_ENTRIES + SNAPSHOT_ENTRIES / 2
    })
    .await;
    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    load.usual(100).await;
    wait_until("snapshots leave out audit that the node lacks", WORK_TIME_MAX, async || {
        audit_begins(cluster.node(master)) > before + 1
    })
    .await;
    // Killed at some point of receiving or installing, again and again.
    for kill in 0..KILLS {
        node.spawn();
        node.alive().await;
        tokio::time::sleep(Duration::from_millis(u64::from(kill) * 40)).await;
        node.kill9();
    }
    node.start().await;
    wait_until("the node has caught up", CATCH_UP_TIME_MAX, async || {
        let behind = cluster.admin(away).status().await.map(|status| status.applied_index);
        let first = applied(master).await;
        behind.is_ok_and(|index| index + 100 > first)
    })
    .await;
    let installed = node.log_text().matches("installed a snapshot").count();
    assert!(installed >= 1, "it caught up without a snapshot");
    load.usual(200).await;
    let calls = load.stop().await;

    calls.summary("a snapshot while others work");
    print_stalls(&cluster).await;
    calls.assert_all_allowed();
    cluster.assert_same_state().await;

    // The snapshot brought no audit from before it: that came by and by.
    wait_until("the audit is whole", CATCH_UP_TIME_MAX, async || {
        node.metrics().await.sum("symbolon_audit_missing_entries", &[]) == 0.0
    })
    .await;
    assert!(node.log_text().contains("the audit is whole again"));
    // What it was given is on its disk as well.
    node.terminate().await;
    node.start().await;
    cluster.assert_same_state().await;
    cluster.terminate_all().await;
    let all = audit::events(cluster.node(master));
    for node in cluster.nodes() {
        assert!(audit::events(node) == all, "{} has another audit", node.name());
    }
}
