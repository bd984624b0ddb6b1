//! The steps of the tour on two nodes: the quorum is gone, and an administrator decides.

use super::{
    checks,
    tour::{Ended, Tour},
};
use crate::local::LocalCluster;

/// All of them, in order.
pub(super) async fn all(tour: &mut Tour, cluster: &mut LocalCluster) -> Result<(), Ended> {
    tour.say("\nAnother cluster, of two nodes: no majority is left when the master is lost.");
    let master = tour.step("Two nodes start, one as master.", checks::start(cluster)).await?;
    tour.step("The master is killed with kill -9.", checks::kill(cluster, &master)).await?;
    let running: Vec<_> = cluster.nodes.iter().filter(|node| node.is_running()).collect();
    let left: Vec<_> = running.iter().filter_map(|node| node.server()).collect();
    let other = running.first().map(|node| node.name.clone()).unwrap_or_default();
    tour.step("The administrator has the other one go on alone.", checks::seize(cluster, &other))
        .await?;
    tour.step("A user can be added again.", checks::add_carol(cluster, &left)).await?;
    tour.step(
        "The old master starts again, finds out, and comes back by itself, empty.",
        checks::restart(cluster, &master, &left),
    )
    .await?;
    tour.step("It is no master any more.", checks::fenced(cluster, &master, &left)).await?;
    tour.step("Both nodes hold the same state.", checks::equal_digests(cluster)).await
}
