//! What people wait when a master is killed.

use std::time::Duration;

use crate::load::Load;
use crate::plan::Plan;
use crate::results::Failover;
use crate::runs;

const CALLS_A_SECOND: u32 = 200;
const CALLS_BETWEEN_KILLS: usize = 300;

pub(crate) async fn run(plan: &Plan) -> Failover {
    let cluster = runs::start(3, "").await;
    let key = cluster.application("portal").await;
    // Each has two codes in the first 30 s, and one more in each 30 s after that.
    let people = if plan.is_quick { 1_500 } else { 6_000 };
    let people = cluster.people("user", people).await;
    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    for _ in 0..plan.kills {
        load.usual(CALLS_BETWEEN_KILLS).await;
        let master = cluster.wait_for_master().await;
        cluster.node(master).kill9();
        cluster.wait_for_master().await;
        cluster.node(master).start().await;
    }
    cluster.wait_for_master().await;
    let calls = load.stop().await;
    let longest = calls.summary(&format!("  {} masters killed", plan.kills));
    calls.assert_all_allowed();
    cluster.assert_same_state().await;
    let mut waits: Vec<Duration> = calls.counted().map(|call| call.took).collect();
    waits.sort();
    let median = waits.get(waits.len() / 2).copied().unwrap_or_default();
    Failover {
        kills: plan.kills,
        rate: CALLS_A_SECOND,
        calls: waits.len(),
        p50_ms: median.as_secs_f64() * 1000.0,
        longest_ms: longest.as_secs_f64() * 1000.0,
    }
}
