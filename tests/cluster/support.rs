//! What the tests of this binary share.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use symbolon_testkit::{Cluster, Person, now};

/// The program under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_symbolon"))
}

/// A settled cluster, and the API key of an application.
pub(crate) async fn cluster_of(nodes: usize) -> (Cluster, String) {
    let cluster = Cluster::start(binary(), nodes).await;
    let key = cluster.application("portal").await;
    (cluster, key)
}

/// The next of `count` nodes, counted from 1, in a ring.
pub(crate) fn next_of(number: usize, count: usize) -> usize {
    number % count + 1
}

/// A number that is another one each time.
pub(crate) fn random() -> u16 {
    let now = now().duration_since(UNIX_EPOCH).unwrap();
    u16::try_from(now.subsec_micros() % u32::from(u16::MAX)).unwrap()
}

pub(crate) fn milliseconds(count: u16) -> Duration {
    Duration::from_millis(count.into())
}

/// That nobody of these has failures against their name.
pub(crate) async fn assert_no_failures(cluster: &Cluster, people: &[Person]) {
    let users = cluster.admin(cluster.any_running()).list_users().await.unwrap();
    for person in people {
        let user = users.iter().find(|user| user.username == person.username);
        let failures = user.map(|user| user.failures);
        assert_eq!(failures, Some(0), "{}", person.username);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_leaves_nothing_behind() {
    let cluster = Cluster::start(binary(), 2).await;
    let pids: Vec<_> = cluster.nodes().iter().filter_map(symbolon_testkit::Node::pid).collect();
    let directory = cluster.directory().to_owned();
    let is_there = |pid: &u32| Path::new("/proc").join(pid.to_string()).exists();
    assert!(pids.len() == 2 && pids.iter().all(is_there) && directory.exists());
    drop(cluster);
    assert!(!pids.iter().any(is_there) && !directory.exists());
}
