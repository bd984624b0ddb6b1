//! A cluster of one node that grows: what its users take of memory and disk, how long it takes to start,
//! to write a snapshot, and to let another node join.

use std::time::{Duration, Instant};

use symbolon_testkit::{Cluster, Options, wait_until};

use crate::plan::Plan;
use crate::proc;
use crate::results::{Scale, Size};
use crate::runs::{self, target};
use crate::session::{Order, Session};
use crate::snapshots::Watch;

/// Log entries from one snapshot to the next: the fewest that the settings allow.
const SNAPSHOT_ENTRIES: &str = "snapshot_entries = 1000";
/// People who sign in during a snapshot, and how many of them in a second: one alone is a log entry, so
/// that snapshots follow each other.
const VISITORS: u32 = 3_000;
const RATE: u32 = 300;
/// Of a cluster.
const USERS_MAX: u32 = 1_000_000;
const VISIT_SECONDS: f64 = 12.0;
const CATCH_UP_TIME_MAX: Duration = Duration::from_secs(300);
/// For memory to come to rest.
const REST: Duration = Duration::from_secs(2);
/// For a node to give back what only its start needed.
const REST_AFTER_START: Duration = Duration::from_secs(5);

pub(crate) async fn run(plan: &Plan) -> Scale {
    let cluster = runs::start(1, "").await;
    tokio::time::sleep(REST).await;
    let mut scale = Scale { empty: usage(&cluster, 0), sizes: Vec::new() };
    println!("  empty: {:?}", scale.empty);
    let mut users = 0;
    for size in plan.sizes {
        let begin = Instant::now();
        // Those who sign in are among the most users that a cluster can have.
        let more = (*size).min(USERS_MAX - VISITORS) - users;
        Session::begin(&target(&cluster), more).await.end().await;
        let made_per_second = f64::from(more) / begin.elapsed().as_secs_f64();
        users += more;
        tokio::time::sleep(REST).await;
        let mut size = Size { made_per_second, ..usage(&cluster, *size) };
        cluster.terminate_all().await;
        measure_copy(plan, &cluster, &mut size).await;
        println!("  {size:?}");
        if Some(&size.users) != plan.sizes.last() {
            cluster.start_all().await;
        }
        scale.sizes.push(size);
    }
    scale
}

fn usage(cluster: &Cluster, users: u32) -> Size {
    let node = cluster.node(1);
    let usage = node.usage();
    Size {
        users,
        resident_bytes: usage.resident_bytes,
        peak_bytes: node.pid().map_or(0, proc::peak_bytes),
        disk_bytes: usage.disk_bytes,
        ..Size::default()
    }
}

/// What cannot be undone is done to a copy.
async fn measure_copy(plan: &Plan, cluster: &Cluster, size: &mut Size) {
    let storage = format!("disk_reserve = \"16MiB\"\n{SNAPSHOT_ENTRIES}");
    let options =
        Options { nodes: 1, log_filter: "warn".to_owned(), storage, ..Options::default() };
    let mut copy = cluster.copy(options).await;
    // Once more, when the copy is no longer on its way to the disk.
    let begin = Instant::now();
    copy.kill9_all();
    let node = copy.node(1);
    let killed = begin.elapsed();
    node.start().await;
    size.restart_seconds = (begin.elapsed() - killed).as_secs_f64();
    tokio::time::sleep(REST_AFTER_START).await;
    size.restarted_bytes = node.usage().resident_bytes;

    let mut session = Session::begin(&target(&copy), VISITORS).await;
    let watch = Watch::begin(&node.data_dir().join("snapshots"));
    let seconds = if plan.is_quick { VISIT_SECONDS / 2.0 } else { VISIT_SECONDS };
    let order = Order { concurrency: 256, connections: 2, seconds, rate: Some(RATE), wrong: false };
    let told = session.level(order).await;
    let snapshot = watch.end();
    session.replay().await;
    session.end().await;
    let metrics = node.metrics().await;
    let stall = metrics.sum("symbolon_apply_seconds", &[("quantile", "1")]);
    size.snapshot_seconds = snapshot.longest.map(|time| time.as_secs_f64());
    size.snapshot_bytes = snapshot.bytes;
    size.stall_ms = stall * 1000.0;
    size.longest_wait_ms = told.longest_ms;
    size.p99_ms = told.p99_ms;

    let applied = async |copy: &Cluster, number: usize| {
        copy.admin(number).status().await.map_or(0, |status| status.applied_index)
    };
    let all = applied(&copy, 1).await;
    let begin = Instant::now();
    copy.add_node().await;
    wait_until("the new node has what the other has", CATCH_UP_TIME_MAX, async || {
        applied(&copy, 2).await >= all
    })
    .await;
    size.join_seconds = begin.elapsed().as_secs_f64();
}
