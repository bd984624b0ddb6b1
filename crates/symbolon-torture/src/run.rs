//! What happens in a run: a cluster is made; then, round after round, it works under faults, heals and is
//! looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use symbolon_check::{Emptied, Problem, PutBack, Rng, SECOND};
use symbolon_core::LineageId;
use symbolon_testkit::{Cluster, Options, Place};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::args::Args;
use crate::client::{Clients, Tally};
use crate::fault::Faults;
use crate::floods::FLOODED;
use crate::history::History;
use crate::machine::{self, Machine};
use crate::people::Holder;
use crate::switch::Switch;
use crate::{cage, evidence, heal, report, watch as look};

/// People with a token each: in each 30 s each has one code.
const PEOPLE: usize = 400;
/// Clients that sign in.
const PERSONS: usize = 16;
const ADMINISTRATORS: usize = 2;
/// There are faults for so long in one round.
const ROUND: u64 = 110;
/// Healing and checking take no longer, as a rule.
const HEALING: u64 = 35;
const ROUND_MIN: u64 = 30;

/// A run that is under way.
pub(crate) struct World {
    pub(crate) args: Args,
    pub(crate) cluster: Cluster,
    pub(crate) machines: Vec<Machine>,
    pub(crate) switch: Switch,
    pub(crate) clients: Clients,
    /// The application whose floods come.
    pub(crate) flood_key: String,
    pub(crate) history: History,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    problems: Mutex<Vec<Problem>>,
    pub(crate) put_back: Mutex<Vec<PutBack>>,
    pub(crate) emptied: Mutex<Vec<Emptied>>,
    /// The lineage that each node was last seen in.
    pub(crate) lineages: Mutex<Vec<Option<LineageId>>>,
    /// Whoever takes data from a machine that no other fault may take from another at the same time.
    pub(crate) taking: tokio::sync::Mutex<()>,
    /// So many wait for all to be well: no other fault begins meanwhile.
    truces: Arc<AtomicU64>,
    /// Faults go on while this says so.
    pub(crate) faults: watch::Sender<bool>,
    clients_go_on: watch::Sender<bool>,
}

/// See [`World::truce`].
pub(crate) struct Truce(Arc<AtomicU64>);

impl Drop for Truce {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The whole of it, until it is over or somebody ends it. Whether all was good.
pub(crate) async fn until_ended(args: Args) -> bool {
    // The first process of its namespace is sent no signal that it does not ask for.
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [mut interrupt, mut terminate, mut hangup] =
        signals.map(|kind| signal(kind).unwrap_or_else(|error| panic!("no signals: {error}")));
    tokio::select! {
        good = go(args) => good,
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
        _ = hangup.recv() => false,
    }
}

async fn go(args: Args) -> bool {
    let began = Instant::now();
    let place = tempfile::TempDir::with_prefix("symbolon-torture-");
    let mut place = place.unwrap_or_else(|error| panic!("no temporary directory: {error}"));
    let mut rng = Rng::new(args.seed);
    let nodes = args.nodes.unwrap_or_else(|| *rng.pick(&[3, 3, 3, 5]));
    println!("seed {}, {nodes} nodes, {} minutes", args.seed, args.minutes);
    // It stays there unless all is good.
    place.disable_cleanup(true);
    let world = World::begin(args, nodes, place.path(), &mut rng).await;
    world.history.tell("torture", "the cluster is there");
    world.rounds(&mut rng, began + Duration::from_secs(world.args.minutes * 60)).await;
    let is_good = report::tell(&world, began.elapsed()).await;
    place.disable_cleanup(!is_good);
    world.end(place.path(), !is_good);
    is_good
}

impl World {
    async fn begin(args: Args, nodes: usize, place: &Path, rng: &mut Rng) -> Arc<Self> {
        let ports = (0..=nodes).map(cage::port).collect();
        let switch = Switch::start(ports, rng.fork());
        let history = History::new(&place.join("history"));
        let disks: Vec<_> = (1..=nodes).map(|port| place.join(format!("disk-{port}"))).collect();
        disks.iter().for_each(|disk| machine::mount(disk));
        let places = disks.iter().zip(1..).map(|(disk, port)| Place {
            enter: cage::way_in(port),
            address: cage::address(port),
            disk: disk.clone(),
        });
        let options = Options {
            nodes,
            storage: "disk_reserve = \"8MiB\"".to_owned(),
            with_clocks: true,
            places: places.collect(),
            plant: args.plant.clone(),
            directory: Some(place.to_owned()),
            ..Options::default()
        };
        let cluster = Cluster::start_with(&args.binary, options).await;
        let key = cluster.application("vpn").await;
        let flood_key = cluster.application("flood").await;
        let people = cluster.people("user", PEOPLE).await;
        cluster.person(FLOODED).await;
        cluster.terminate_all().await;
        let machines = cluster.nodes().iter().zip(disks);
        let machines = machines.map(|(node, disk)| Machine::below(node, disk)).collect();
        cluster.start_all().await;
        cluster.wait_for_master().await;
        let (clients_go_on, goes_on) = watch::channel(true);
        let clients = Clients {
            application: cluster.clients(&key),
            administrator: cluster.clients(cluster.admin_token()),
            people: Arc::new(people.into_iter().map(Holder::new).collect()),
            history: history.clone(),
            tally: Arc::<Tally>::default(),
            goes_on,
        };
        Arc::new(Self {
            args,
            lineages: Mutex::new(vec![None; nodes]),
            cluster,
            machines,
            switch,
            clients,
            flood_key,
            history,
            counts: Mutex::default(),
            problems: Mutex::default(),
            put_back: Mutex::default(),
            emptied: Mutex::default(),
            taking: tokio::sync::Mutex::default(),
            truces: Arc::default(),
            faults: watch::Sender::new(false),
            clients_go_on,
        })
    }

    async fn rounds(self: &Arc<Self>, rng: &mut Rng, end: Instant) {
        let mut helpers = JoinSet::new();
        for id in 0..self.machines.len() {
            helpers.spawn(Arc::clone(self).keep_running(id));
        }
        helpers.spawn(look::watch(Arc::clone(self)));
        for number in 1.. {
            let left = end.saturating_duration_since(Instant::now()).as_secs();
            // Two rounds of equal length are better than a long one and none.
            let span =
                if left > 2 * (ROUND + HEALING) { ROUND } else { left.saturating_sub(HEALING) };
            let span = span.min(ROUND + HEALING);
            if span < ROUND_MIN || !self.problems().is_empty() {
                break;
            }
            let span = if span > ROUND { span / 2 } else { span };
            self.round(rng, number, Duration::from_secs(span)).await;
        }
        helpers.shutdown().await;
    }

    async fn round(self: &Arc<Self>, rng: &mut Rng, number: u64, span: Duration) {
        self.count("rounds", 1);
        let mut faults = Faults::new(rng.fork(), number, &self.args.only);
        self.history.tell("round", &format!("{number}: {}", faults.named()));
        self.clients_go_on.send_replace(true);
        self.faults.send_replace(true);
        let mut clients = JoinSet::new();
        for _ in 0..PERSONS {
            clients.spawn(self.clients.clone().person(rng.fork()));
        }
        for administrator in 0..ADMINISTRATORS {
            let clerk = usize::try_from(number).unwrap_or(0) * ADMINISTRATORS + administrator;
            clients.spawn(self.clients.clone().administer(rng.fork(), clerk));
        }
        let end = Instant::now() + span;
        let mut under_way = JoinSet::new();
        while let Some(next) = faults.next(end) {
            sleep_until(next).await;
            if self.truces.load(Ordering::SeqCst) == 0 {
                faults.begin(self, &mut under_way);
            }
        }
        sleep_until(end).await;
        self.faults.send_replace(false);
        self.clients_go_on.send_replace(false);
        self.history.tell("round", &format!("{number}: all faults end"));
        while let Some(ended) = under_way.join_next().await {
            if let Err(error) = ended {
                self.problem("harness", format!("a fault did not end well: {error}"));
            }
        }
        clients.join_all().await;
        let since = self.history.now();
        heal::heal(self, rng).await;
        if self.problems().is_empty() {
            evidence::check(self).await;
            self.replace_damaged().await;
        }
        let took = (self.history.now() - since) / SECOND;
        self.history.tell("round", &format!("{number}: healed and checked within {took} s"));
    }

    pub(crate) fn count(&self, what: &'static str, number: u64) {
        *lock(&self.counts).entry(what).or_default() += number;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.counts).clone()
    }

    pub(crate) fn problem(&self, checker: &'static str, what: impl Into<String>) {
        let problem = Problem::new(checker, what);
        self.history.tell("FAILED", &format!("{checker}: {}", problem.what));
        lock(&self.problems).push(problem);
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        lock(&self.problems).clone()
    }

    /// Waits so long, or until the faults end.
    pub(crate) async fn pause(&self, time: Duration) {
        let mut faults = self.faults.subscribe();
        // Either is as good, and the sender lives as long as this.
        let _ = tokio::time::timeout(time, faults.wait_for(|go_on| !go_on)).await;
    }

    /// No fault begins until this is dropped.
    pub(crate) fn truce(&self) -> Truce {
        self.truces.fetch_add(1, Ordering::SeqCst);
        Truce(Arc::clone(&self.truces))
    }

    /// Whether faults go on.
    pub(crate) fn is_cruel(&self) -> bool {
        *self.faults.borrow()
    }

    /// Ends the nodes and takes their disks away. What is on these is kept elsewhere, if somebody wants it.
    fn end(&self, place: &Path, keep: bool) {
        self.cluster.kill9_all();
        for (node, machine) in self.cluster.nodes().iter().zip(&self.machines) {
            if keep {
                let log = node.config_file().with_file_name("log");
                let name = |what| place.join(format!("{}.{what}", node.name()));
                // Where it fails there is nothing to keep.
                let _ = std::fs::copy(log, name("log"));
                node.copy_data(&name("data"));
            }
            machine.unmount();
        }
    }
}
