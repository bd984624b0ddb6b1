//! What the tests of this binary share.

use std::path::Path;

use symbolon_testkit::{Cluster, Person};

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

/// That nobody of these has failures against their name.
pub(crate) async fn assert_no_failures(cluster: &Cluster, people: &[Person]) {
    let users = cluster.admin(1).list_users().await.unwrap();
    for person in people {
        let user = users.iter().find(|user| user.username == person.username);
        let failures = user.map(|user| user.failures);
        assert_eq!(failures, Some(0), "{}", person.username);
    }
}
