//! `symbolon server`: the node at work, until it is told to stop.

use crate::config::Config;
use crate::failure::Failure;

/// Runs the node. Returns after it has stopped well.
pub(crate) async fn serve(_config: Config) -> Result<(), Failure> {
    Err(Failure::new(
        Failure::GENERAL,
        "running a node is not built yet",
        "Wait for a later version.",
    ))
}
