//! Looks at the nodes while they work: counts, and what must never be seen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use symbolon_check::{Nanos, SECOND};
use tokio::time::sleep;

use crate::run::World;

const INTERVAL: Duration = Duration::from_millis(250);
/// Nodes that are all well are islands no longer than that: 5 s, an election, and a machine that is busy.
const ISLAND_ENDS_WITHIN: Nanos = 30 * SECOND;

/// Until this is dropped.
pub(crate) async fn watch(world: Arc<World>) {
    let count = world.machines.len();
    let (mut alone, mut well_since) = (vec![false; count], vec![None; count]);
    let mut masters = BTreeSet::new();
    loop {
        sleep(INTERVAL).await;
        let network = world.switch.is_well();
        for id in 0..count {
            let node = world.cluster.node(id + 1);
            let told = if node.is_running() { node.get("/readyz").await } else { None };
            let is_alone =
                told.is_some_and(|(code, text)| code == 200 && text.contains("without a quorum"));
            if is_alone != alone[id] {
                let what = if is_alone { "decides alone" } else { "decides alone no more" };
                world.history.say("watch", &format!("node-{} {what}", id + 1));
                world.count("islands", u64::from(is_alone));
                alone[id] = is_alone;
            }
            if let Some(status) = world.status(id).await
                && status.master == status.node
                && masters.insert((status.epoch, status.term, status.node))
            {
                world.count("masters", 1);
            }
            let is_well = network
                && world.machines.iter().all(|machine| !machine.is_busy())
                && world.one_lineage().await.is_some();
            well_since[id] = well_since[id].filter(|_| is_well && is_alone);
            let since = *well_since[id].get_or_insert_with(|| world.history.now());
            if is_well && is_alone && world.history.now() > since + ISLAND_ENDS_WITHIN {
                let what = format!("node-{} decides alone though all is well", id + 1);
                world.problem("no island", what);
                well_since[id] = None;
            }
        }
    }
}
