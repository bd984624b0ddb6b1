//! The faults are over, and within bounded time all must be well again.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use symbolon_check::{Nanos, Rng, SECOND, Shown};
use symbolon_core::{LineageId, RequestId};
use symbolon_testkit::v1::GetStatusResponse;
use tokio::time::sleep;

use crate::operator::{CLUSTER, says};
use crate::run::World;

/// All is well again within that.
const HEALS_WITHIN: Nanos = 180 * SECOND;
/// From one look of the operator to the next.
const OPERATOR: Nanos = 15 * SECOND;
/// It must stay well for so long.
const STAYS: Nanos = 3 * SECOND;

/// Lets the cluster heal, and asks each node to decide something.
pub(crate) async fn heal(world: &World, rng: &mut Rng) {
    let began = world.history.now();
    let (mut well_since, mut next_look) = (None, began + OPERATOR);
    loop {
        let now = world.history.now();
        if is_healed(world).await {
            let since = *well_since.get_or_insert(now);
            if now >= since + STAYS {
                break;
            }
        } else {
            well_since = None;
        }
        if now > began + HEALS_WITHIN {
            world.problem("heals", ills(world).await);
            return;
        }
        if now > next_look {
            look_after(world).await;
            next_look = world.history.now() + OPERATOR;
        }
        sleep(Duration::from_millis(100)).await;
    }
    world.history.say("world", "healed");
    for host in 0..world.machines.len() {
        let holder = &world.clients.people[0];
        let (code, request) = (holder.wrong(rng), RequestId(rng.bytes()));
        let shown = Shown { token: 0, step: None };
        let told = world.clients.verify(host, shown, code, request).await;
        if told.told().is_none_or(|told| told.island) {
            let what = format!("node-{} decides nothing through the log: {told:?}", host + 1);
            world.problem("heals", what);
        }
    }
}

async fn is_healed(world: &World) -> bool {
    let Some(all) = world.one_lineage().await else { return false };
    let count = world.machines.len();
    if all.iter().any(|status| status.nodes.len() != count || status.master.is_empty()) {
        return false;
    }
    for id in 0..count {
        let node = world.cluster.node(id + 1);
        let is_ready =
            says(world, id, "/readyz").await && says(world, id, "/readyz?for=quorum").await;
        if !is_ready || world.machines[id].is_busy() {
            return false;
        }
        if node.metrics().await.sum("symbolon_island_records", &[]) > 0.5 {
            return false;
        }
    }
    true
}

/// What stands in the way, for people.
pub(crate) async fn ills(world: &World) -> String {
    let mut all = Vec::new();
    for id in 0..world.machines.len() {
        let node = world.cluster.node(id + 1);
        let Some(status) = world.status(id).await else {
            all.push(format!("node-{} does not answer: {}", id + 1, node.log_end()));
            continue;
        };
        let ready = node.get("/readyz?for=quorum").await;
        all.push(format!(
            "node-{} epoch {} term {} applied {} master {:?} ready {ready:?} nodes {} warnings {:?}",
            id + 1,
            status.epoch,
            status.term,
            status.applied_index,
            status.master,
            status.nodes.len(),
            status.warnings
        ));
    }
    all.join("; ")
}

/// What the manual has people do, where a node says that it is needed.
async fn look_after(world: &World) {
    for id in 0..world.machines.len() {
        let machine = &world.machines[id];
        let Some(why) = machine.refusal() else { continue };
        let often = machine.put_back.load(Ordering::SeqCst) > 1;
        let is_due = machine.damaged.load(Ordering::SeqCst)
            || why.contains("is a copy of it")
            || (often && why.contains("has gone back in time"));
        if !is_due || world.cluster.node(id + 1).is_running() {
            continue;
        }
        if let Some(_claim) = machine.claim() {
            world.replace(id).await;
            return;
        }
    }
    discard(world).await;
}

/// Where epochs are apart, one is chosen: that of the first node.
async fn discard(world: &World) {
    let mut all = Vec::new();
    for id in 0..world.machines.len() {
        all.extend(world.status(id).await);
    }
    let sides: BTreeSet<_> = all.iter().map(|it| (it.epoch, it.lineage.clone())).collect();
    let is_apart =
        |status: &GetStatusResponse| status.warnings.iter().any(|it| it.contains("apart"));
    let Some(chosen) = all.first().filter(|_| all.iter().any(is_apart)) else { return };
    let client = world.administrator(0);
    for (epoch, lineage) in sides.iter().filter(|it| it.1 != chosen.lineage) {
        let told = client.discard_epoch(*epoch, lineage, CLUSTER).await;
        let told = told.map_or_else(|status| status.message().to_owned(), |()| "done".to_owned());
        world.history.say("operator", &format!("DISCARD {epoch} {lineage}: {told}"));
    }
}

/// The lineage that all are in.
pub(crate) async fn lineage(world: &World) -> Option<LineageId> {
    let all = world.one_lineage().await?;
    all.first().and_then(crate::client::lineage_of)
}
