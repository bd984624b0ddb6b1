//! Nodes that die while they are given a snapshot, or take one.

#![expect(clippy::disallowed_methods, reason = "looks at what is in a data directory")]

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use symbolon_testkit::{Cluster, Node, Options, Shadow, wait_until};
use tokio::time::{Instant, sleep};

use crate::support::{Acknowledged, Crowd, People, SOON, assert_no_blobs, binary, lost};

/// Log entries from one snapshot to the next: the fewest that the settings allow.
const SNAPSHOT_ENTRIES: u64 = 1_000;
/// So that a snapshot takes a while.
const PEOPLE: usize = 1000;
/// More than stay in the log behind a snapshot.
const BEHIND: u64 = SNAPSHOT_ENTRIES + SNAPSHOT_ENTRIES / 10 + 100;
/// Times that the node is away, and where it dies each time.
const ROUNDS: usize = 2;
const DEATHS: [Point; 8] = [
    Point::Comes,
    Point::Received,
    Point::Written,
    Point::Comes,
    Point::Received,
    Point::Written,
    Point::Durable,
    Point::Installed,
];
/// Times that all nodes die while they take a snapshot.
const SNAPSHOTS: usize = 2;
/// Looks for what is there for some milliseconds alone.
const MOMENT: Duration = Duration::from_micros(200);

async fn cluster() -> Cluster {
    let storage = format!("disk_reserve = \"16MiB\"\nsnapshot_entries = {SNAPSHOT_ENTRIES}");
    let cluster = Cluster::start_with(binary(), Options { storage, ..Options::default() }).await;
    cluster.people("user", PEOPLE).await;
    cluster
}

/// Administrators who add users at these nodes, one after the other: each user is an entry. Codes
/// would be too old to be asked for again when a node is back; digests compare what they left.
struct Writers(Vec<Crowd>);

impl Writers {
    fn at(cluster: &Cluster, nodes: &[usize]) -> Self {
        let nobody = People::new(Vec::new());
        Self(nodes.iter().map(|node| Crowd::at(cluster, &[*node], "", &nobody, 1)).collect())
    }

    async fn stop(self) -> Acknowledged {
        let mut all = Acknowledged::default();
        for writer in self.0 {
            let told = writer.stop().await;
            all.users.extend(told.users);
            all.refused.extend(told.refused);
        }
        all
    }
}

/// Names of files in a folder of the data directory that were written since.
fn names(node: &Node, folder: &str, since: SystemTime) -> Vec<String> {
    let entries = fs::read_dir(node.data_dir().join(folder)).into_iter().flatten().flatten();
    let is_new = |entry: &fs::DirEntry| {
        entry.metadata().and_then(|about| about.modified()).is_ok_and(|at| at >= since)
    };
    let names = entries.filter(is_new).filter_map(|entry| entry.file_name().into_string().ok());
    names.collect()
}

/// The index of the newest snapshot that is whole: in 20 digits its name begins.
fn newest(node: &Node) -> u64 {
    let names = names(node, "snapshots", SystemTime::UNIX_EPOCH);
    let whole = names.iter().filter(|name| name.ends_with(".snap"));
    whole.filter_map(|name| name.get(..20)?.parse().ok()).max().unwrap_or_default()
}

fn installed(node: &Node) -> usize {
    node.log_text().matches("installed a snapshot").count()
}

/// Points of a snapshot's way into a node.
#[derive(Clone, Copy, Debug)]
enum Point {
    Comes,
    Received,
    Written,
    Durable,
    Installed,
}

/// A life of a node that began at a time, when its newest snapshot was `before` and it had installed
/// so many.
struct Life<'a> {
    node: &'a Node,
    since: SystemTime,
    before: u64,
    installs: usize,
}

impl Life<'_> {
    /// Whether the node is there or further.
    fn has_reached(&self, point: Point) -> bool {
        let has = |folder, end| {
            names(self.node, folder, self.since).iter().any(|name| name.ends_with(end))
        };
        let durable = newest(self.node) > self.before;
        match point {
            Point::Comes => durable || has("incoming", ".tmp") || has("incoming", ".snap"),
            Point::Received => durable || has("incoming", ".snap"),
            Point::Written => durable || has("snapshots", ".tmp"),
            Point::Durable => durable,
            Point::Installed => installed(self.node) > self.installs,
        }
    }

    /// Waits for a point that passes at once, or until it will not come any more.
    async fn reaches(&self, point: Point, is_vain: impl Fn() -> bool) {
        let give_up = Instant::now() + SOON;
        while !self.has_reached(point) && !is_vain() {
            let (node, name) = (self.node, self.node.name());
            assert!(node.is_running(), "{name} has ended:\n{}", node.log_end());
            assert!(Instant::now() < give_up, "{name} has never reached {point:?}");
            sleep(MOMENT).await;
        }
    }

    /// Ends some milliseconds later, with the power or without.
    async fn ends(self, disk: &Shadow, more: u64, power: bool) {
        sleep(Duration::from_millis(more)).await;
        self.node.kill9();
        let left = |folder| names(self.node, folder, self.since);
        let (coming, own) = (left("incoming"), left("snapshots"));
        println!("{}, power {power}: {coming:?} {own:?}", self.node.name());
        if power { disk.keep_power() } else { disk.lose_power() }
    }
}

async fn assert_all_is_there(cluster: &Cluster, users: &[String]) {
    cluster.assert_same_state().await;
    let told = Acknowledged { users: users.to_vec(), ..Acknowledged::default() };
    assert_eq!(lost(cluster, "", &told).await, Vec::<String>::new());
    cluster.nodes().iter().for_each(assert_no_blobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_while_it_is_given_a_snapshot_is_whole_afterwards() {
    let cluster = cluster().await;
    let away = cluster.other_than(cluster.wait_for_master().await);
    let others: Vec<_> = cluster.numbers().filter(|number| *number != away).collect();
    let node = cluster.node(away);
    node.terminate().await;
    let disk = Shadow::below(node);
    node.start().await;
    let mut users = Vec::new();
    for round in 0..ROUNDS {
        cluster.assert_same_state().await;
        let applied = cluster.admin(away).status().await.unwrap().applied_index;
        let before = newest(node);
        node.kill9();
        disk.keep_power();
        let writers = Writers::at(&cluster, &others);
        wait_until("the log goes back no further", SOON, async || {
            others.iter().all(|other| newest(cluster.node(*other)) > applied + BEHIND)
        })
        .await;
        for (number, point) in DEATHS.into_iter().enumerate() {
            // So that there is time to die in.
            disk.slow_syncs(true);
            let (since, installs) = (SystemTime::now(), installed(node));
            node.spawn();
            let life = Life { node, since, before, installs };
            life.reaches(point, || false).await;
            let more = number * 5 + round * 3;
            life.ends(&disk, more as u64 % 12, (number + round).is_multiple_of(2)).await;
        }
        disk.slow_syncs(false);
        let told = writers.stop().await;
        assert!(told.refused.is_empty(), "the others refuse: {:?}", told.refused);
        users.extend(told.users);
        node.start().await;
        assert_all_is_there(&cluster, &users).await;
    }
    // What it was given is on its disk as well.
    node.kill9();
    disk.lose_power();
    node.start().await;
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_die_while_they_take_snapshots_are_whole_afterwards() {
    let cluster = cluster().await;
    cluster.terminate_all().await;
    let disks: Vec<_> = cluster.nodes().iter().map(Shadow::below).collect();
    cluster.start_all().await;
    let mut users = Vec::new();
    for round in 0..SNAPSHOTS {
        cluster.assert_same_state().await;
        let writers = Writers::at(&cluster, &[1, 2, 3]);
        let dead = AtomicUsize::new(0);
        let deaths =
            cluster.nodes().iter().zip(&disks).enumerate().map(|(number, (node, disk))| {
                let (since, installs) = (SystemTime::now(), installed(node));
                let life = Life { node, since, before: newest(node), installs };
                let dead = &dead;
                async move {
                    let number = number + round;
                    let point =
                        if number.is_multiple_of(3) { Point::Durable } else { Point::Written };
                    // One alone goes no further.
                    life.reaches(point, || dead.load(Ordering::SeqCst) == 2).await;
                    life.ends(disk, number as u64 % 2 * 5, !round.is_multiple_of(2)).await;
                    dead.fetch_add(1, Ordering::SeqCst);
                }
            });
        join_all(deaths).await;
        users.extend(writers.stop().await.users);
        cluster.start_all().await;
        cluster.wait_for_master().await;
        assert_all_is_there(&cluster, &users).await;
    }
}
