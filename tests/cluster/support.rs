//! What the tests of this binary share.

use std::path::Path;

use symbolon_testkit::Cluster;

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
