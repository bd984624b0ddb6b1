//! The steps of the tour on three nodes.

use tokio::time::sleep;

use super::{
    checks::{self, Asker, Used},
    codes::{self, Codes},
    tour::{Ended, Tour},
};
use crate::{
    context::Context,
    local::{LocalCluster, node::Node},
    otpauth::OtpauthUri,
    server_address::ServerAddress,
};

/// All of them, in order.
pub(super) async fn all(tour: &mut Tour, cluster: &mut LocalCluster) -> Result<(), Ended> {
    let codes = Codes::find().await;
    tour.say("A cluster of three nodes on this machine, gone at the end of the tour.");
    tour.say(&format!("The codes are made by {}.", codes.whose()));

    let master =
        tour.step("Three nodes start and agree on a master.", checks::start(cluster)).await?;
    let (alice, bob) =
        tour.step("Users alice and bob get a token each.", checks::enrol(cluster)).await?;
    let asker =
        tour.step("An application asks with its API key.", checks::asker(cluster, &master)).await?;
    let alice = one_time(tour, &asker, codes, alice).await?;

    tour.step("The master is killed with kill -9.", checks::kill(cluster, &master)).await?;
    let running = cluster.nodes.iter().filter(|node| node.is_running());
    let left: Vec<_> = running.filter_map(Node::server).collect();
    let survivors = Context { servers: left.clone(), ..asker.context.clone() };
    let (now, _) = codes::now(bob.period_seconds);
    tour.step(
        "bob signs in right away: a failover takes time, but no sign-in fails.",
        checks::sign_in(&survivors, codes, "bob", &bob, now),
    )
    .await?;
    writes_go_on(tour, cluster, &left, &master).await?;
    let used = next_code(tour, &survivors, codes, alice).await?;

    let returned = tour
        .step(
            "The killed node starts again and catches up.",
            checks::restart(cluster, &master, &left),
        )
        .await?;
    tour.step(
        "It knows which code was used while it was away.",
        checks::refused(&asker.context, &[returned], &used),
    )
    .await?;
    tour.step("All three nodes hold the same state.", checks::equal_digests(cluster)).await?;
    tour.step("An administrator has it be the master again.", checks::promote(cluster, &master))
        .await
}

/// A user whose code of a time step was accepted.
struct SignedIn {
    uri: OtpauthUri,
    step: u64,
}

async fn one_time(
    tour: &mut Tour,
    asker: &Asker,
    codes: Codes,
    alice: OtpauthUri,
) -> Result<SignedIn, Ended> {
    let at = asker.context.at(&asker.first);
    let (step, _) = codes::now(alice.period_seconds);
    let used = tour
        .step("alice's code is good.", checks::sign_in(&at, codes, "alice", &alice, step))
        .await?;
    tour.step(
        "The same code is good nowhere else: one-time holds for the whole cluster.",
        checks::refused(&asker.context, &asker.others, &used),
    )
    .await?;
    Ok(SignedIn { uri: alice, step })
}

async fn writes_go_on(
    tour: &mut Tour,
    cluster: &LocalCluster,
    left: &[ServerAddress],
    killed: &str,
) -> Result<(), Ended> {
    tour.step("The others have a new master.", checks::new_master(cluster, left, killed)).await?;
    tour.step("A user can be added again.", checks::add_carol(cluster, left)).await
}

async fn next_code(
    tour: &mut Tour,
    at: &Context,
    codes: Codes,
    SignedIn { uri, step }: SignedIn,
) -> Result<Used, Ended> {
    let (now, until_next) = codes::now(uri.period_seconds);
    if now <= step {
        let seconds = until_next.as_secs() + 1;
        tour.say(&format!("\nWaiting {seconds} s for alice's app to show its next code ..."));
        sleep(until_next).await;
    }
    let (next, _) = codes::now(uri.period_seconds);
    tour.step("alice's next code is good.", checks::sign_in(at, codes, "alice", &uri, next)).await
}
