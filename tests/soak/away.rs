//! A node is away for very many log entries, and catches up by a snapshot while the others work.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use symbolon_testkit::{Client, Cluster, Options, Person, request_id, wait_until};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::load::Load;

const CALLS_A_SECOND: u32 = 500;
/// Calls under way at once while the node is away: few, so that each is nearly an entry of its own.
const CALLERS: usize = 8;
const EVER: Duration = Duration::from_secs(6 * 3600);
const STEP: Duration = Duration::from_secs(1);

/// The longest that applying an entry took at any node, so far.
struct Stalls(Vec<f64>);

impl Stalls {
    async fn look(&mut self, cluster: &Cluster) {
        for (longest, node) in self.0.iter_mut().zip(cluster.nodes()) {
            if node.is_running() {
                let metrics = node.metrics().await;
                let stall = metrics.sum("symbolon_apply_seconds", &[("quantile", "1")]);
                *longest = longest.max(stall * 1000.0);
            }
        }
    }
}

/// Prints how it went; panics when it went wrong.
pub(crate) async fn run(binary: &Path, people: usize, entries: u64) {
    let cluster = Cluster::start_with(binary, options()).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", people).await;
    println!("{} people are enrolled", people.len());
    let master = cluster.wait_for_master().await;
    let away = cluster.other_than(master);
    let applied = async |number: usize| cluster.admin(number).status().await.unwrap().applied_index;
    let before = applied(away).await;
    cluster.node(away).kill9();

    let start = Instant::now();
    write_entries(&cluster, &key, &people, async || applied(master).await >= before + entries)
        .await;
    let written = applied(master).await - before;
    println!("{written} entries without node {away}, in {:.0?}", start.elapsed());

    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    load.usual(2000).await;
    let mut stalls = Stalls(vec![0.0; cluster.nodes().len()]);
    let start = Instant::now();
    cluster.node(away).start().await;
    println!("node {away} is ready after {:.1?}", start.elapsed());
    wait_until("the node has caught up", EVER, async || {
        stalls.look(&cluster).await;
        sleep(STEP).await;
        applied(away).await + 1000 > applied(master).await
    })
    .await;
    println!("it has caught up after {:.1?}", start.elapsed());
    wait_until("its audit is whole", EVER, async || {
        stalls.look(&cluster).await;
        sleep(STEP).await;
        let metrics = cluster.node(away).metrics().await;
        metrics.sum("symbolon_audit_missing_entries", &[]) == 0.0
    })
    .await;
    println!("its audit is whole after {:.1?}", start.elapsed());
    load.usual(2000).await;
    let calls = load.stop().await;
    calls.summary("the others, meanwhile");
    calls.assert_all_allowed();
    for (stall, node) in stalls.0.iter().zip(cluster.nodes()) {
        println!("{}: longest time to apply an entry {stall:.1} ms", node.name());
    }
    cluster.assert_same_state().await;
    println!("all digests are equal");
}

fn options() -> Options {
    Options { nodes: 3, log_filter: "warn,symbolon_cluster=info".to_owned(), ..Options::default() }
}

/// Wrong codes, one after the other by each caller, until there are enough.
async fn write_entries(
    cluster: &Cluster,
    key: &str,
    people: &[Person],
    enough: impl AsyncFn() -> bool,
) {
    let stopped = Arc::new(AtomicBool::new(false));
    let running: Vec<Client> = cluster
        .nodes()
        .iter()
        .zip(cluster.clients(key))
        .filter_map(|(node, client)| node.is_running().then_some(client))
        .collect();
    let mut callers = JoinSet::new();
    for (people, client) in
        people.chunks(people.len().div_ceil(CALLERS)).zip(running.iter().cycle())
    {
        let (people, client, stopped) = (people.to_vec(), client.clone(), Arc::clone(&stopped));
        callers.spawn(async move {
            for person in people.iter().cycle() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut request = person.request_with(person.otp.wrong_code());
                request.request_id = request_id().to_vec();
                let _ = client.verdict(request).await;
            }
        });
    }
    while !enough().await {
        sleep(STEP).await;
    }
    stopped.store(true, Ordering::SeqCst);
    callers.join_all().await;
}
