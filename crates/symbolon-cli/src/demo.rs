//! `symbolon demo`: a tour that checks what it tells, on a cluster that is gone afterwards.

use crate::{
    args::OutputOption, error::Failure, exit::Exit, local::LocalCluster, output, signals::Signals,
};

mod checks;
mod codes;
mod steps;
mod tour;
mod two;

use tour::{Ended, Tour};

/// Arguments of `symbolon demo`.
#[derive(clap::Args)]
pub struct DemoArguments {
    #[command(flatten)]
    output: OutputOption,
}

pub(crate) async fn run(arguments: DemoArguments) -> Result<Exit, Failure> {
    let mut signals = Signals::watch()?;
    let mut three = LocalCluster::temporary(3)?;
    let mut two = LocalCluster::temporary(2)?;
    let mut tour = Tour::new(arguments.output.output);
    let ended = tokio::select! {
        ended = all(&mut tour, &mut three, &mut two) => ended.is_ok(),
        () = signals.next() => false,
    };
    let mut removed = Vec::new();
    for mut cluster in [three, two] {
        cluster.stop(&mut signals).await;
        removed.push(cluster.remove());
    }
    let held = tour.finish(ended)?;
    removed.into_iter().collect::<Result<(), _>>()?;
    if !ended {
        output::note("The tour ended before its time.");
    }
    Ok(if held { Exit::Done } else { Exit::No })
}

async fn all(
    tour: &mut Tour,
    three: &mut LocalCluster,
    two: &mut LocalCluster,
) -> Result<(), Ended> {
    steps::all(tour, three).await?;
    two::all(tour, two).await
}
