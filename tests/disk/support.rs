//! Work for a cluster, and a record of what it has acknowledged.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use symbolon_testkit::v1::VerifyRequest;
use symbolon_testkit::{
    Client, Cluster, Node, Person, Status, Verdict, request_id, step_now, wait_until,
};
use tokio::task::JoinSet;

/// Longest wait for what a crowd does in a few seconds.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How long people wait for their next code before they look again.
const PAUSE: Duration = Duration::from_millis(50);
/// Calls at once when something is looked up.
const CHECKS_AT_ONCE: usize = 64;

/// The program under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_symbolon"))
}

/// What the cluster has said yes to.
#[derive(Default)]
pub(crate) struct Acknowledged {
    pub(crate) users: Vec<String>,
    pub(crate) sign_ins: Vec<(VerifyRequest, Verdict)>,
    /// Calls that ended in a status; whoever made one makes no more.
    pub(crate) refused: Vec<Status>,
}

/// People with codes that were never shown.
pub(crate) struct People(Mutex<VecDeque<(Person, u64)>>);

impl People {
    pub(crate) fn new(people: Vec<Person>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(people.into_iter().map(|person| (person, 0)).collect())))
    }

    /// A question with a code that is right now and will be for 30 s; `None` when all have shown what
    /// they have.
    pub(crate) fn question(&self) -> Option<VerifyRequest> {
        let mut people = self.0.lock().unwrap();
        let (_, unused) = people.front()?;
        let now = step_now();
        let step = now.max(*unused);
        if step > now + 1 {
            return None;
        }
        let (person, _) = people.pop_front()?;
        let question = person.request_with(person.otp.code_of(step));
        people.push_back((person, step + 1));
        Some(VerifyRequest { request_id: request_id().to_vec(), ..question })
    }
}

/// People who sign in and administrators who add users, all at once, until they are told to stop.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    tasks: JoinSet<Acknowledged>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    signed_in: AtomicUsize,
}

impl Crowd {
    /// So many calls at once, spread over these nodes. One in eight adds users.
    pub(crate) fn at(
        cluster: &Cluster,
        nodes: &[usize],
        key: &str,
        people: &Arc<People>,
        calls: usize,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for (number, node) in (0..calls).zip(nodes.iter().copied().cycle()) {
            let shared = Arc::clone(&shared);
            if number % 8 == 0 {
                tasks.spawn(add_users(cluster.admin(node), shared));
            } else {
                let client = cluster.anonymous(node).with_bearer(key);
                tasks.spawn(sign_in(client, Arc::clone(people), shared));
            }
        }
        Self { shared, tasks }
    }

    /// Waits until so many more people have signed in.
    pub(crate) async fn signed_in(&self, people: usize) {
        let signed_in = || self.shared.signed_in.load(Ordering::SeqCst);
        let wanted = signed_in() + people;
        wait_until("people sign in", SOON, async || signed_in() >= wanted).await;
    }

    /// Lets everybody finish, and returns what they were told.
    pub(crate) async fn stop(self) -> Acknowledged {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let mut all = Acknowledged::default();
        for one in self.tasks.join_all().await {
            all.users.extend(one.users);
            all.sign_ins.extend(one.sign_ins);
            all.refused.extend(one.refused);
        }
        all
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }
}

async fn add_users(admin: Client, shared: Arc<Shared>) -> Acknowledged {
    let mut told = Acknowledged::default();
    while shared.goes_on() {
        let name = format!("late-{}", u128::from_be_bytes(request_id()));
        match admin.create_user(&name).await {
            Ok(_) => told.users.push(name),
            Err(status) => {
                told.refused.push(status);
                break;
            }
        }
    }
    told
}

async fn sign_in(client: Client, people: Arc<People>, shared: Arc<Shared>) -> Acknowledged {
    let mut told = Acknowledged::default();
    while shared.goes_on() {
        let Some(question) = people.question() else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let verdict = match client.verdict(question.clone()).await {
            Ok(verdict) => verdict,
            Err(status) => {
                told.refused.push(status);
                break;
            }
        };
        assert!(verdict.is_allow(), "a code that was never shown: {verdict:?}");
        shared.signed_in.fetch_add(1, Ordering::SeqCst);
        told.sign_ins.push((question, verdict));
    }
    told
}

/// What of all that the cluster does not know any more: names of users, and of those whose codes
/// could be used again.
pub(crate) async fn lost(cluster: &Cluster, key: &str, told: &Acknowledged) -> Vec<String> {
    let users = cluster.admin(cluster.any_running()).list_users().await.unwrap();
    let names: BTreeSet<_> = users.into_iter().map(|user| user.username).collect();
    let mut lost: Vec<_> =
        told.users.iter().filter(|name| !names.contains(*name)).cloned().collect();
    let clients = cluster.clients(key);
    let checks = stream::iter(told.sign_ins.iter().zip(clients.iter().cycle()));
    let again = checks.map(|((question, _), client)| async move {
        let again = VerifyRequest { request_id: request_id().to_vec(), ..question.clone() };
        (client.verdict(again).await.unwrap(), question.username.clone())
    });
    let again: Vec<_> = again.buffer_unordered(CHECKS_AT_ONCE).collect().await;
    // On a machine that is slow enough some codes are too old to be told from wrong ones.
    let known = again.iter().filter(|(verdict, _)| verdict.is_used()).count();
    println!("{known} of {} codes are known as used", again.len());
    lost.extend(again.into_iter().filter(|(verdict, _)| verdict.is_allow()).map(|(_, name)| name));
    lost
}

/// That sled has put nothing into files that it never syncs.
#[expect(clippy::disallowed_methods, reason = "looks at the disk from outside")]
pub(crate) fn assert_no_blobs(node: &Node) {
    let blobs = node.data_dir().join("store/blobs");
    let found = fs::read_dir(&blobs).map_or(0, Iterator::count);
    assert_eq!(found, 0, "files in {}", blobs.display());
}
