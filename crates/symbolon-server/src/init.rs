//! `symbolon init`: the first node of a new cluster.

use symbolon_core::Name;

use crate::config::Config;
use crate::failure::Failure;

/// Makes a cluster of that name with this node in it.
pub(crate) async fn init(_config: Config, cluster: Name) -> Result<(), Failure> {
    Err(Failure::new(
        Failure::GENERAL,
        format!("making the cluster {cluster} is not built yet"),
        "Wait for a later version.",
    ))
}
