//! Verifications: of a server that does nothing, and of clusters.

use std::time::Instant;

use symbolon_testkit::{Cluster, Options};

use crate::binary;
use crate::levels::Watched;
use crate::plan::Plan;
use crate::results::{Kind, Line, OfCluster};
use crate::session::{Order, Session, Target};

/// Verifications at once when each comes at its moment: more than are ever under way.
const PACED_AT_ONCE: u32 = 256;
/// Users of the floor, which shows codes again.
const FLOOR_USERS_MAX: u32 = 200_000;

pub(crate) async fn floor(plan: &Plan) -> Vec<Line> {
    let target = Target { is_floor: true, ..Target::default() };
    // There is one process, which counts as the client.
    let watched = Watched { pids: Vec::new(), cluster: None };
    let mut session = Session::begin(&target, plan.users.min(FLOOR_USERS_MAX)).await;
    let mut lines = Vec::new();
    for concurrency in plan.concurrency {
        let order = right(plan, *concurrency);
        lines.push(watched.best(&mut session, plan, order, Kind::Right).await);
    }
    session.end().await;
    lines
}

pub(crate) async fn cluster(plan: &Plan, nodes: usize) -> OfCluster {
    let cluster = start(nodes, "").await;
    let target = target(&cluster);
    let watched = Watched::of(&cluster);
    let begin = Instant::now();
    let mut session = Session::begin(&target, plan.users).await;
    let made_per_second = f64::from(plan.users) / begin.elapsed().as_secs_f64();
    println!("  {} users were made, {made_per_second:.0} a second", plan.users);
    let mut lines = Vec::new();
    for concurrency in plan.concurrency {
        let order = right(plan, *concurrency);
        lines.push(watched.best(&mut session, plan, order, Kind::Right).await);
    }
    let most = lines.iter().max_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let (most, connections) = most.map(|line| (line.per_second, line.connections)).unwrap();
    for hundredths in plan.paces {
        let rate = (most * f64::from(*hundredths) / 100.0).max(1.0) as u32;
        let order = Order { rate: Some(rate), connections, ..right(plan, PACED_AT_ONCE) };
        lines.push(watched.one(&mut session, plan, order, Kind::Paced(*hundredths)).await);
    }
    for concurrency in plan.wrong {
        let order = Order { wrong: true, connections, ..right(plan, *concurrency) };
        lines.push(watched.one(&mut session, plan, order, Kind::Wrong).await);
    }
    let check = session.end().await.unwrap();
    cluster.assert_same_state().await;
    println!(
        "  each code was there once: {} answers were ALLOW, the audit has {}; {} used codes were denied; {} \
         marks are right",
        check.allowed, check.audited, check.replayed, check.marks
    );
    OfCluster { nodes, lines, check, made_per_second }
}

/// A cluster with little kept on the disk ahead, and more lines of `[storage]`.
pub(crate) async fn start(nodes: usize, storage: &str) -> Cluster {
    let storage = format!("disk_reserve = \"16MiB\"\n{storage}");
    let options = Options { nodes, log_filter: "warn".to_owned(), storage, ..Options::default() };
    Cluster::start_with(binary(), options).await
}

/// All nodes of it.
pub(crate) fn target(cluster: &Cluster) -> Target {
    let servers = cluster.nodes().iter().map(|node| format!("https://{}", node.api()));
    Target {
        servers: servers.collect(),
        ca: cluster.ca_file(),
        token_file: cluster.admin_token_file(),
        is_floor: false,
    }
}

const fn right(plan: &Plan, concurrency: u32) -> Order {
    Order { concurrency, connections: 1, seconds: plan.seconds, rate: None, wrong: false }
}
