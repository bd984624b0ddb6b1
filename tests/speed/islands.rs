//! What people wait at nodes that no quorum is in reach of.

use symbolon_testkit::{Cluster, Options, Person};

use crate::load::Load;
use crate::plan::Plan;
use crate::results::{Islands, Waits};

const CALLS_A_SECOND: u32 = 200;

pub(crate) async fn run(plan: &Plan) -> Islands {
    let calls = if plan.is_quick { 200 } else { 2_000 };
    let storage = "disk_reserve = \"16MiB\"\n".to_owned();
    let (log_filter, nodes) = ("warn".to_owned(), 3);
    let options = Options { nodes, log_filter, storage, with_links: true, ..Options::default() };
    let cluster = Cluster::start_with(crate::binary(), options).await;
    let key = cluster.application("portal").await;
    // Each has two codes in the first 30 s, and more after that.
    let people = cluster.people("user", 3 * calls).await;
    let mut people = people.chunks(calls);
    let mut next = || people.next().map(<[Person]>::to_vec).unwrap_or_default();

    let whole = measure(&cluster, &key, next(), calls, "a quorum is there").await;
    cluster.cut_all().await;
    let cut = measure(&cluster, &key, next(), calls, "each node is cut off").await;
    cluster.heal();
    cluster.all_merged().await;
    cluster.node(1).kill9();
    cluster.node(2).kill9();
    cluster.node(3).island().await;
    let killed = measure(&cluster, &key, next(), calls, "the others are killed").await;
    Islands { rate: CALLS_A_SECOND, calls, whole, cut, killed }
}

async fn measure(
    cluster: &Cluster,
    key: &str,
    people: Vec<Person>,
    calls: usize,
    what: &str,
) -> Waits {
    let load = Load::start(cluster, key, people, CALLS_A_SECOND);
    load.usual(calls).await;
    let calls = load.stop().await;
    let longest = calls.summary(&format!("  {what}"));
    calls.assert_all_allowed();
    let mut waits: Vec<_> = calls.counted().map(|call| call.took).collect();
    waits.sort();
    let at = |hundredths: usize| {
        let wait = waits.get(waits.len() * hundredths / 100).copied().unwrap_or_default();
        wait.as_secs_f64() * 1000.0
    };
    Waits { p50_ms: at(50), p99_ms: at(99), longest_ms: longest.as_secs_f64() * 1000.0 }
}
