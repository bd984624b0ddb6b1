//! The people who run the cluster: what they do while there are faults, and what the manual has them do
//! afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use symbolon_core::LineageId;
use symbolon_service::Service;
use tokio::time::Instant;

use crate::faults::Kind;
use crate::host::Running;
use crate::net::HostId;
use crate::world::World;

/// Most seizes of a run.
const SEIZES_MAX: u64 = 3;

/// Somebody who may do everything.
pub(crate) struct Operator {
    bearer: String,
    seizes: u64,
}

pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(15)
}

/// The lineages in which nodes are that run.
pub(crate) fn lineages(world: &World) -> BTreeMap<HostId, LineageId> {
    let running = (0..world.hosts.len()).filter_map(|id| Some((id, world.running(id)?)));
    running.map(|(id, running)| (id, running.service.ledger().status().lineage)).collect()
}

/// Whether all nodes run, in one lineage.
pub(crate) fn is_one(world: &World) -> bool {
    let all = lineages(world);
    all.len() == world.hosts.len() && all.values().collect::<BTreeSet<_>>().len() == 1
}

impl Operator {
    pub(crate) const fn new(bearer: String) -> Self {
        Self { bearer, seizes: 0 }
    }

    /// Hands leadership to a node, or has it seize the cluster.
    pub(crate) fn act(&mut self, world: &World, kind: Kind, id: HostId) -> Option<String> {
        let name = world.hosts[id].machine.name.clone();
        if kind == Kind::Promote {
            let asked = (id + 1) % world.hosts.len();
            let running = world.running(asked)?;
            self.order(world, running, "promotion", async move |service, principal| {
                let done = service.promote_subordinate(&principal, &name, deadline()).await;
                done.map_or_else(
                    |error| error.to_string(),
                    |before| format!("done, from {before:?}"),
                )
            });
            return Some(format!("host-{id} by host-{asked}"));
        }
        // Whoever decides alone is asked; the node itself refuses where nothing need be seized.
        let alone = (0..world.hosts.len()).map(|offset| (id + offset) % world.hosts.len());
        let alone = alone.filter_map(|id| Some((id, world.running(id)?)));
        let (id, running) = alone.into_iter().find(|(_, it)| it.node.decides_alone())?;
        if self.seizes >= SEIZES_MAX {
            return None;
        }
        self.seizes += 1;
        let name = world.hosts[id].machine.name.clone();
        self.order(world, running, "seize", async move |service, principal| {
            let done = service.seize(&principal, &name, Some("sim")).await;
            done.map_or_else(|error| error.to_string(), |seizure| format!("SEIZED {seizure:?}"))
        });
        Some(format!("host-{id}"))
    }

    /// Where epochs are apart, one is chosen: that of the lowest host.
    pub(crate) fn discard(&self, world: &World) {
        for id in 0..world.hosts.len() {
            let Some(running) = world.running(id) else { continue };
            let state = running.service.ledger().view().state;
            let others = state.cluster().map_or(&[][..], |cluster| &cluster.others);
            let Some(other) = others.iter().find(|other| !other.is_discarded()).copied() else {
                continue;
            };
            self.order(world, running, "discard", async move |service, principal| {
                let which = (other.epoch, other.lineage);
                let done = service.discard_epoch(&principal, None, which, "sim", deadline()).await;
                done.map_or_else(
                    |error| error.to_string(),
                    |index| format!("DISCARDED {which:?} {index}"),
                )
            });
            return;
        }
    }

    /// Has a node do something, and writes down what came of it.
    pub(crate) fn order<F, Fut>(
        &self,
        world: &World,
        running: Running,
        what: &'static str,
        order: F,
    ) where
        F: FnOnce(std::sync::Arc<Service>, symbolon_service::Principal) -> Fut + Send + 'static,
        Fut: Future<Output = String> + Send + 'static,
    {
        let (bearer, trace) = (self.bearer.clone(), world.trace.clone());
        let runtime = running.runtime.clone();
        runtime.spawn(async move {
            let service = running.service;
            let told = match service.authenticate(&bearer, None, deadline()).await {
                Ok(principal) => order(service, principal).await,
                Err(error) => error.to_string(),
            };
            trace.say("operator", &format!("{what}: {told}"));
        });
    }
}
