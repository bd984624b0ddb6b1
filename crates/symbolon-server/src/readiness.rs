//! What this node can do right now: for `/readyz`, `grpc.health.v1` and the metrics.

use std::sync::Arc;
use std::time::Duration;

use symbolon_cluster::ClusterNode;
use symbolon_grpc::Health;
use symbolon_service::{Ledger as _, Service};

use crate::ops::Readiness;
use crate::stop::Stop;

/// How often health and metrics are brought up to date.
const INTERVAL: Duration = Duration::from_millis(500);

/// Reads a node's readiness.
pub(crate) struct NodeReadiness {
    node: Arc<ClusterNode>,
    stop: Stop,
}

impl NodeReadiness {
    pub(crate) const fn new(node: Arc<ClusterNode>, stop: Stop) -> Self {
        Self { node, stop }
    }
}

impl Readiness for NodeReadiness {
    fn decides(&self) -> Result<(), String> {
        if self.stop.is_requested() {
            return Err("this node is stopping".to_owned());
        }
        if let Some(at) = self.node.halted_at() {
            let index = at.0;
            return Err(format!(
                "this node's state differs from that of the majority since log index {index}; see \
                 its log"
            ));
        }
        if self.node.is_disk_full() {
            return Err("the disk of this node is full: give it space".to_owned());
        }
        // Other codes it still takes: who asks it nevertheless is told so.
        if self.node.is_clock_off() {
            return Err("the clock of this node is over 30 s off: correct its time".to_owned());
        }
        if !self.node.is_ready() {
            return Err("this node has not yet caught up with its cluster".to_owned());
        }
        // Until the node is sure that there is none, verifications wait for a quorum.
        if self.node.decides_alone() { Ok(()) } else { self.quorum() }
    }

    fn quorum(&self) -> Result<(), String> {
        if self.node.has_quorum_contact() {
            Ok(())
        } else {
            Err("no master with a quorum was heard from within 2 s".to_owned())
        }
    }

    fn writes(&self) -> Result<(), String> {
        if let Some((relay, master)) = self.node.relay() {
            return Err(format!(
                "node {master} is the master, and reached only through node {relay}"
            ));
        }
        self.quorum()?;
        self.decides()
    }
}

/// Keeps health and metrics up to date, until `stop`.
pub(crate) async fn watch(
    readiness: Arc<NodeReadiness>,
    service: Arc<Service>,
    health: Health,
    stop: Stop,
) {
    loop {
        let now = symbolon_grpc::Readiness {
            decides: readiness.decides().is_ok(),
            quorum: readiness.quorum().is_ok(),
            writes: readiness.writes().is_ok(),
        };
        health.set(now).await;
        count(&readiness.node, &service, now.decides);
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
fn count(node: &ClusterNode, service: &Service, ready: bool) {
    let view = node.view();
    let syncs = node.sync_stats();
    metrics::gauge!("symbolon_ready").set(f64::from(u8::from(ready)));
    metrics::gauge!("symbolon_is_master").set(f64::from(u8::from(node.master().1)));
    metrics::gauge!("symbolon_applied_index").set(view.applied.0 as f64);
    metrics::gauge!("symbolon_users").set(view.state.users_len() as f64);
    metrics::gauge!("symbolon_verifications_under_way")
        .set(service.admission().verifications() as f64);
    metrics::counter!("symbolon_syncs_total").absolute(syncs.syncs);
    metrics::counter!("symbolon_synced_writes_total").absolute(syncs.callbacks);
}
