//! What a node writes while it dies: no secret, however much it logs.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use symbolon_testkit::v1::EnrollTokenRequest;
use symbolon_testkit::{Client, Cluster, Node, Options, Secrets, Shadow, request_id, wait_until};
use tokio::task::JoinSet;

use crate::support::{SOON, binary};

/// A level alone leaves the libraries that could log what they carry at `warn`: they are named.
const LOG_FILTER: &str = "trace,h2=trace,openraft=trace,rustls=trace,sled=trace,tonic=trace";
const ENROLLED_AT_ONCE: usize = 16;
const ENROLLED: usize = 50;
/// Exit code of a node that cannot go on: EX_SOFTWARE.
const STOPPED: i32 = 70;

/// Administrators who bring seeds, until nobody answers.
struct Enrolment {
    enrolled: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Enrolment {
    /// Each seed is noted before it is sent: that of a call without an answer is a secret too.
    fn at(admin: &Client, secrets: &Arc<Mutex<Secrets>>) -> Self {
        let enrolled = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..ENROLLED_AT_ONCE {
            tasks.spawn(enrol(admin.clone(), Arc::clone(secrets), Arc::clone(&enrolled)));
        }
        Self { enrolled, tasks }
    }

    async fn under_way(&self) {
        let enough = async || self.enrolled.load(Ordering::SeqCst) >= ENROLLED;
        wait_until("tokens are enrolled", SOON, enough).await;
    }
}

async fn enrol(admin: Client, secrets: Arc<Mutex<Secrets>>, enrolled: Arc<AtomicUsize>) {
    loop {
        let username = format!("user-{}", u128::from_be_bytes(request_id()));
        let seed = Sha256::digest(request_id()).to_vec();
        secrets.lock().unwrap().add("a seed", &seed);
        if admin.create_user(&username).await.is_err() {
            return;
        }
        let request = EnrollTokenRequest { username, seed, ..EnrollTokenRequest::default() };
        if admin.enroll_token(request).await.is_err() {
            return;
        }
        enrolled.fetch_add(1, Ordering::SeqCst);
    }
}

/// Lets a node die at work in that way.
async fn dies(
    node: &Node,
    admin: &Client,
    secrets: &Arc<Mutex<Secrets>>,
    kill: impl Fn(),
) -> ExitStatus {
    node.start().await;
    let enrolment = Enrolment::at(admin, secrets);
    enrolment.under_way().await;
    kill();
    let status = node.ended().await;
    enrolment.tasks.join_all().await;
    println!("{status}");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_tells_no_secret() {
    let options = Options { nodes: 1, log_filter: LOG_FILTER.to_owned(), ..Options::default() };
    let cluster = Cluster::start_with(binary(), options).await;
    let (node, admin) = (cluster.node(1), cluster.admin(1).with_timeout(SOON));
    let mut secrets = Secrets::default();
    secrets.add_bearer("the administrator's token", cluster.admin_token());
    secrets.add_bearer("an API key", &cluster.application("portal").await);
    secrets.add_join_token(&admin.create_join_token(0).await.unwrap().join_token);
    let secrets = Arc::new(Mutex::new(secrets));
    cluster.terminate_all().await;
    let disk = Shadow::below(node);
    node.add_environment([("RUST_BACKTRACE".to_owned(), "full".to_owned())]);

    let status = dies(node, &admin, &secrets, || disk.fail_syncs(true)).await;
    assert_eq!(status.code(), Some(STOPPED), "{status}");
    assert!(node.log_text().contains("Input/output error"), "{}", node.log_end());
    disk.fail_syncs(false);
    disk.lose_power();

    let abort = || {
        let pid = Pid::from_raw(node.pid().unwrap().try_into().unwrap());
        kill_process(pid.unwrap(), Signal::ABORT).unwrap();
    };
    let status = dies(node, &admin, &secrets, abort).await;
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");

    let log = node.log_text();
    assert!(log.contains("\"level\":\"TRACE\",\"target\":\"sled"), "little is logged");
    secrets.lock().unwrap().assert_absent("what the node has written", log.as_bytes());
}
