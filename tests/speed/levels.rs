//! The levels of one server or cluster: what is asked, what it took of the machine, and the best of it.

use std::time::Duration;

use symbolon_testkit::{Cluster, Metrics, Node};
use tokio::time::sleep;

use crate::plan::Plan;
use crate::proc;
use crate::results::{Kind, Line};
use crate::session::{Order, Session, Told};

/// Nodes count anew so often.
const COUNTED: Duration = Duration::from_millis(600);

/// What is measured beside the answers.
pub(crate) struct Watched<'a> {
    pub(crate) pids: Vec<u32>,
    /// None of the floor.
    pub(crate) cluster: Option<&'a Cluster>,
}

/// Counted so far.
struct Counted {
    servers: f64,
    client: f64,
    entries: f64,
    proposals: f64,
    /// Of all nodes.
    syncs: f64,
    nodes: usize,
}

impl Watched<'_> {
    pub(crate) fn of(cluster: &Cluster) -> Watched<'_> {
        let pids = cluster.nodes().iter().filter_map(Node::pid).collect();
        Watched { pids, cluster: Some(cluster) }
    }

    async fn count(&self, session: &Session) -> Counted {
        let mut metrics = Vec::new();
        if let Some(cluster) = self.cluster {
            sleep(COUNTED).await;
            for node in cluster.nodes() {
                metrics.push(node.metrics().await);
            }
        }
        let sum = |name: &str| metrics.iter().map(|of: &Metrics| of.sum(name, &[])).sum();
        Counted {
            servers: proc::processor_seconds(&self.pids),
            client: proc::processor_seconds(&[session.pid()]),
            entries: sum("symbolon_entry_proposals_count"),
            proposals: sum("symbolon_entry_proposals_sum"),
            syncs: sum("symbolon_syncs_total"),
            nodes: metrics.len(),
        }
    }

    /// One level, and used codes of it again.
    async fn measure(&self, session: &mut Session, plan: &Plan, order: Order, kind: Kind) -> Line {
        session.have_codes(order, plan.enough_codes).await;
        let before = self.count(session).await;
        let told = session.level(order).await;
        // Before the nodes have counted: they do so while nothing happens.
        let servers = proc::processor_seconds(&self.pids) - before.servers;
        let after = self.count(session).await;
        session.replay().await;
        line(order, kind, told, servers, &before, &after)
    }

    /// The best over numbers of connections.
    pub(crate) async fn best(
        &self,
        session: &mut Session,
        plan: &Plan,
        order: Order,
        kind: Kind,
    ) -> Line {
        let mut lines = Vec::new();
        for connections in plan.connections {
            // More connections than are used at once are none.
            if *connections <= order.concurrency || lines.is_empty() {
                let order = Order { connections: *connections, ..order };
                lines.push(self.measure(session, plan, order, kind).await);
            }
        }
        let worst = lines.iter().map(|line| line.per_second).fold(f64::INFINITY, f64::min);
        let best = lines.into_iter().max_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let best = Line { worst_per_second: worst, ..best.unwrap() };
        tell(&best);
        best
    }

    /// One level with so many connections.
    pub(crate) async fn one(
        &self,
        session: &mut Session,
        plan: &Plan,
        order: Order,
        kind: Kind,
    ) -> Line {
        let line = self.measure(session, plan, order, kind).await;
        tell(&line);
        line
    }
}

fn line(
    order: Order,
    kind: Kind,
    told: Told,
    servers: f64,
    before: &Counted,
    after: &Counted,
) -> Line {
    let Told { answered, per_second, p50_ms, p99_ms, p999_ms, longest_ms } = told;
    let entries = after.entries - before.entries;
    let proposals = after.proposals - before.proposals;
    let syncs = after.syncs - before.syncs;
    let nodes = after.nodes;
    let is_cluster = after.entries > 0.0;
    Line {
        kind,
        concurrency: order.concurrency,
        connections: order.connections,
        per_second,
        worst_per_second: per_second,
        p50_ms,
        p99_ms,
        p999_ms,
        longest_ms,
        server_us: servers / answered * 1e6,
        client_us: (after.client - before.client) / answered * 1e6,
        per_entry: is_cluster.then_some(proposals / entries.max(1.0)),
        per_sync: is_cluster.then_some(entries * nodes as f64 / syncs.max(1.0)),
    }
}

fn tell(line: &Line) {
    let Line { kind, concurrency, connections, per_second, worst_per_second, .. } = line;
    let Line { p50_ms, p99_ms, server_us, client_us, .. } = line;
    println!(
        "  {kind:?}, {concurrency} at once, {connections} connections: {per_second:.0} a second (worst \
         {worst_per_second:.0}), p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {server_us:.0} us of the servers, \
         {client_us:.0} us of the client"
    );
}
