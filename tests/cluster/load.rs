//! Sign-ins at a steady rate, whatever becomes of the answers: an open loop. How long a call took is
//! counted from when it was due, so that a generator that falls behind hides nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use symbolon_testkit::v1::VerifyRequest;
use symbolon_testkit::{
    Client, Cluster, Life, Person, Pulse, Status, Verdict, request_id, step_now, wait_until,
};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Longest wait for the calls of a few seconds.
const USUAL_TIME_MAX: Duration = Duration::from_secs(60);

/// A node, as those who send it calls know it.
#[derive(Clone)]
struct Target {
    number: usize,
    client: Client,
    pulse: Pulse,
}

/// How one call went.
pub(crate) struct Call {
    /// The node that was asked.
    pub(crate) node: usize,
    pub(crate) person: Person,
    pub(crate) request: VerifyRequest,
    /// When it was due.
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) result: Result<Verdict, Status>,
    /// Whether the node was alive from the call to the answer.
    pub(crate) alive: bool,
    /// What another node said to the same request, where this one did not answer.
    pub(crate) retried: Option<Result<Verdict, Status>>,
}

/// People with codes that were never shown.
struct Pool(Mutex<VecDeque<(Person, u64)>>);

impl Pool {
    /// Somebody with a code that is right now and will be for 30 s, and its time step; `None` when
    /// all have shown what they have.
    fn take(&self) -> Option<(Person, u64)> {
        let mut people = self.0.lock().unwrap();
        let (_, unused) = people.front()?;
        let now = step_now();
        let step = now.max(*unused);
        // One step ahead is inside the window, and stays there when the step ends meanwhile.
        if step > now + 1 {
            return None;
        }
        let (person, _) = people.pop_front()?;
        if person.otp.is_distinct(step) {
            return Some((person, step));
        }
        people.push_back((person, step + 1));
        drop(people);
        self.take()
    }

    fn give_back(&self, person: Person, step: u64) {
        self.0.lock().unwrap().push_back((person, step + 1));
    }
}

/// A load under way.
pub(crate) struct Load {
    shared: Arc<Shared>,
    generator: JoinHandle<Vec<Call>>,
}

struct Shared {
    targets: Vec<Target>,
    pool: Pool,
    allowed: AtomicUsize,
    /// Whether nobody had a code left.
    exhausted: AtomicBool,
    stopped: AtomicBool,
}

impl Load {
    /// Starts sending so many calls a second to the nodes in turn, to none that is known to be dead.
    pub(crate) fn start(cluster: &Cluster, key: &str, people: Vec<Person>, rate: u32) -> Self {
        let clients = cluster.clients(key).into_iter();
        let targets = clients.zip(cluster.numbers()).map(|(client, number)| Target {
            number,
            client,
            pulse: cluster.node(number).pulse(),
        });
        let people = people.into_iter().map(|person| (person, 0)).collect();
        let shared = Arc::new(Shared {
            targets: targets.collect(),
            pool: Pool(Mutex::new(people)),
            allowed: AtomicUsize::new(0),
            exhausted: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let period = Duration::from_secs(1) / rate;
        let generator = tokio::spawn(generate(Arc::clone(&shared), period));
        Self { shared, generator }
    }

    /// Waits until so many more calls are allowed: for things to be as usual for a while.
    pub(crate) async fn usual(&self, calls: usize) {
        let allowed = || self.shared.allowed.load(Ordering::SeqCst);
        let wanted = allowed() + calls;
        wait_until("calls are allowed", USUAL_TIME_MAX, async || {
            self.assert_not_exhausted();
            allowed() >= wanted
        })
        .await;
    }

    fn assert_not_exhausted(&self) {
        let exhausted = self.shared.exhausted.load(Ordering::SeqCst);
        assert!(!exhausted, "the machine is too slow for this many people: enrol more");
    }

    /// Sends no more, and waits for all answers.
    pub(crate) async fn stop(self) -> Calls {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.assert_not_exhausted();
        Calls(self.generator.await.unwrap())
    }
}

async fn generate(shared: Arc<Shared>, period: Duration) -> Vec<Call> {
    let mut due = interval(period);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    let mut turn = 0;
    while !shared.stopped.load(Ordering::SeqCst) {
        let at = due.tick().await;
        turn += 1;
        under_way.spawn(call(Arc::clone(&shared), turn, at));
    }
    under_way.join_all().await.into_iter().flatten().collect()
}

/// The first node from `turn` on that is alive.
fn alive(targets: &[Target], turn: usize) -> Option<(&Target, Life)> {
    (0..targets.len())
        .map(|more| &targets[(turn + more) % targets.len()])
        .find_map(|target| Some((target, target.pulse.life()?)))
}

/// One sign-in; none when all nodes are dead.
async fn call(shared: Arc<Shared>, turn: usize, at: Instant) -> Option<Call> {
    let Shared { targets, pool, allowed, exhausted, .. } = &*shared;
    let (target, life) = alive(targets, turn)?;
    let Some((person, step)) = pool.take() else {
        exhausted.store(true, Ordering::SeqCst);
        return None;
    };
    let mut request = person.request_with(person.otp.code_of(step));
    request.request_id = request_id().to_vec();
    let result = target.client.verdict(request.clone()).await;
    let took = at.elapsed();
    let was_alive = target.pulse.life() == Some(life);
    let other = alive(targets, turn + 1).filter(|_| result.is_err() && !was_alive);
    let retried = match other {
        Some((other, _)) => Some(other.client.verdict(request.clone()).await),
        None => None,
    };
    pool.give_back(person.clone(), step);
    if result.as_ref().is_ok_and(Verdict::is_allow) {
        allowed.fetch_add(1, Ordering::SeqCst);
    }
    Some(Call { node: target.number, person, request, at, took, result, alive: was_alive, retried })
}

/// How all calls went.
pub(crate) struct Calls(pub(crate) Vec<Call>);

impl Calls {
    /// Those whose node was alive all the time.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Call> {
        self.0.iter().filter(|call| call.alive)
    }

    /// That each of those was allowed. Tells of the first that was not.
    pub(crate) fn assert_all_allowed(&self) {
        let bad: Vec<_> = self.counted().filter(|call| !is_allowed(call)).collect();
        if let Some(first) = bad.first() {
            let Call { node, took, result, .. } = first;
            panic!(
                "{} calls failed; the first at node {node} after {took:?}: {result:?}",
                bad.len()
            );
        }
    }

    /// That the calls which a node had begun when it was asked to end were allowed as well.
    pub(crate) fn assert_drained(&self) {
        for call in self.0.iter().filter(|call| !call.alive) {
            let Call { node, took, result, .. } = call;
            assert!(is_allowed(call), "node {node} had begun and said after {took:?}: {result:?}");
        }
    }

    /// Answers of calls that were allowed, wherever.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &Call> {
        self.0.iter().filter(|call| is_allowed(call))
    }

    /// Prints what people wait, and returns the longest wait.
    pub(crate) fn summary(&self, what: &str) -> Duration {
        let mut waits: Vec<_> = self.counted().map(|call| call.took).collect();
        waits.sort();
        let (total, counted) = (self.0.len(), waits.len());
        let of = |thousandth: usize| waits[(counted * thousandth / 1000).min(counted - 1)];
        let (p50, p99, longest) = (of(500), of(990), of(1000));
        println!(
            "{what}: {counted} of {total} calls counted; p50 {p50:.1?}, p99 {p99:.1?}, longest {longest:.1?}"
        );
        longest
    }
}

fn is_allowed(call: &Call) -> bool {
    call.result.as_ref().is_ok_and(Verdict::is_allow)
}
