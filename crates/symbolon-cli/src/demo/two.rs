//! The steps of the tour on two nodes: the quorum is gone, and an administrator decides.

use super::{
    checks,
    codes::{self, Codes},
    tour::{Ended, Tour},
};
use crate::local::LocalCluster;

/// Sign-ins go on while the master is down, and count afterwards.
async fn island(tour: &mut Tour, cluster: &mut LocalCluster, master: &str) -> Result<(), Ended> {
    let codes = Codes::find().await;
    let (alice, _) =
        tour.step("Users alice and bob get a token each.", checks::enrol(cluster)).await?;
    let asker =
        tour.step("An application asks with its API key.", checks::asker(cluster, master)).await?;
    tour.step("The master is killed with kill -9.", checks::kill(cluster, master)).await?;
    let at = asker.context.at(&asker.first);
    let (step, _) = codes::now(alice.period_seconds);
    let used = tour
        .step(
            "alice signs in at the other node: it decides by itself.",
            checks::sign_in_at_island(&at, codes, "alice", &alice, step),
        )
        .await?;
    tour.step(
        "A user cannot be added there, and it says why.",
        checks::refuses_a_user(cluster, &asker.first),
    )
    .await?;
    tour.step("The master starts again.", checks::start_again(cluster, master)).await?;
    tour.step(
        "What was decided without it counts: the code is used at both nodes.",
        checks::merged(&asker, &used),
    )
    .await
}

/// All of them, in order.
pub(super) async fn all(tour: &mut Tour, cluster: &mut LocalCluster) -> Result<(), Ended> {
    tour.say("\nAnother cluster, of two nodes: no majority is left when the master is lost.");
    let master = tour.step("Two nodes start, one as master.", checks::start(cluster)).await?;
    island(tour, cluster, &master).await?;
    tour.step("The master is killed once more.", checks::kill(cluster, &master)).await?;
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
