//! What an attacker has and the product's own clients have not.

pub(crate) mod callers;
pub(crate) mod documented;
pub(crate) mod identity;
pub(crate) mod machine;
pub(crate) mod method;
pub(crate) mod peer;
pub(crate) mod reflected;
pub(crate) mod state;
pub(crate) mod tls;
pub(crate) mod wire;

use std::path::Path;
use std::time::Duration;

use symbolon_testkit::{Cluster, wait_until};

use wire::Wire;

/// For anything that comes about by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn cluster() -> Cluster {
    Cluster::start(Path::new(env!("CARGO_BIN_EXE_symbolon")), 3).await
}

/// A connection to the API of a node, by nobody in particular.
pub(crate) async fn stranger(cluster: &Cluster, number: usize) -> Wire {
    let config = tls::client(cluster, rustls::ALL_VERSIONS);
    Wire::connect(cluster.node(number).api(), config).await.unwrap()
}

pub(crate) async fn administrator(cluster: &Cluster, number: usize) -> Wire {
    stranger(cluster, number).await.bearing(cluster.admin_token())
}

pub(crate) async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) {
    wait_until(what, PATIENCE, is_so).await;
}

pub(crate) fn assert_all_run(cluster: &Cluster) {
    for node in cluster.nodes() {
        assert!(node.is_running(), "{} has ended", node.name());
    }
}
