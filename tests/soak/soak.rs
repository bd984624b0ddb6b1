//! Very many verifications, and what becomes of disk and memory meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use symbolon_testkit::{Client, Cluster, Options, Person, Usage, request_id, step_now};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) people: usize,
    pub(crate) verifications: u64,
    /// The least time that it takes: rows younger than 65 s are never pruned.
    pub(crate) at_least: Duration,
    /// Calls under way at once.
    pub(crate) concurrent: usize,
    pub(crate) audit_rows: u64,
    pub(crate) snapshot_entries: u64,
    /// From one sample to the next.
    pub(crate) interval: Duration,
}

/// How things were at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Since the first verification.
    pub(crate) elapsed: Duration,
    pub(crate) verifications: u64,
    /// Of each node.
    pub(crate) nodes: Vec<Usage>,
    /// Audit events on the disk of each node.
    pub(crate) audit: Vec<u64>,
    /// Calls that were not answered and had to be made again.
    pub(crate) repeated: u64,
}

struct Shared {
    asked: AtomicU64,
    repeated: AtomicU64,
    stopped: AtomicBool,
}

/// Works off the plan with three nodes of that program, and tells of each sample as it is taken.
pub(crate) async fn run(binary: &Path, plan: Plan, mut tell: impl FnMut(&Sample)) -> Vec<Sample> {
    let Plan { people, audit_rows, snapshot_entries, .. } = plan;
    let storage = format!(
        "disk_reserve = \"16MiB\"\naudit_rows = {audit_rows}\naudit_min_hours = 0\n\
         snapshot_entries = {snapshot_entries}"
    );
    let options =
        Options { nodes: 3, log_filter: "warn".to_owned(), storage, ..Options::default() };
    let cluster = Cluster::start_with(binary, options).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", people).await;

    let shared = Arc::new(Shared { asked: 0.into(), repeated: 0.into(), stopped: false.into() });
    let clients = cluster.clients(&key);
    let share = people.len() / plan.concurrent;
    let mut workers = JoinSet::new();
    for (people, client) in people.chunks(share.max(1)).zip(clients.iter().cycle()) {
        let (people, client) = (people.to_vec(), client.clone());
        workers.spawn(sign_in(Arc::clone(&shared), people, client));
    }
    let start = Instant::now();
    let mut samples = Vec::new();
    loop {
        let sample = sample(&cluster, &shared, start).await;
        let done = sample.verifications >= plan.verifications && sample.elapsed >= plan.at_least;
        tell(&sample);
        samples.push(sample);
        if done {
            break;
        }
        // A worker ends before the others only by a panic.
        tokio::select! {
            () = sleep(plan.interval) => {}
            Some(ended) = workers.join_next() => ended.unwrap(),
        }
    }
    shared.stopped.store(true, Ordering::SeqCst);
    workers.join_all().await;
    cluster.assert_same_state().await;
    samples
}

async fn sample(cluster: &Cluster, shared: &Shared, start: Instant) -> Sample {
    let mut audit = Vec::new();
    for node in cluster.nodes() {
        audit.push(node.metrics().await.sum("symbolon_audit_events", &[]) as u64);
    }
    Sample {
        elapsed: start.elapsed(),
        verifications: shared.asked.load(Ordering::SeqCst),
        nodes: cluster.nodes().iter().map(symbolon_testkit::Node::usage).collect(),
        audit,
        repeated: shared.repeated.load(Ordering::SeqCst),
    }
}

/// Wrong codes in a row from one person: not so many that a wait follows.
const WRONG_MAX: u32 = 5;

/// One call after the other: right codes as long as people have some that they have not shown, in
/// between wrong ones, then used ones.
async fn sign_in(shared: Arc<Shared>, people: Vec<Person>, client: Client) {
    let mut told = vec![(0, 0_u32); people.len()];
    loop {
        for (person, (shown, wrong)) in people.iter().zip(&mut told) {
            if shared.stopped.load(Ordering::SeqCst) {
                return;
            }
            let now = step_now();
            // One step ahead is inside the window, and stays there when the step ends meanwhile.
            let step = (*shown + 1).max(now);
            let distinct = step > now + 1 || person.otp.is_distinct(step);
            let step = Some(step).filter(|step| *step <= now + 1 && distinct);
            let code = match step {
                Some(step) => person.otp.code_of(step),
                None if *wrong < WRONG_MAX => person.otp.wrong_code(),
                None => person.otp.code_of(*shown),
            };
            let mut request = person.request_with(code);
            request.request_id = request_id().to_vec();
            let verdict = loop {
                match client.verdict(request.clone()).await {
                    Ok(verdict) => break verdict,
                    Err(_) => shared.repeated.fetch_add(1, Ordering::SeqCst),
                };
            };
            assert_eq!(verdict.is_allow(), step.is_some(), "{}: {verdict:?}", person.username);
            match step {
                Some(step) => (*shown, *wrong) = (step, 0),
                None => *wrong += 1,
            }
            shared.asked.fetch_add(1, Ordering::SeqCst);
        }
    }
}
