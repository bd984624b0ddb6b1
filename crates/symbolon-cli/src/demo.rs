//! `symbolon demo`: a tour that checks what it tells, on a cluster that is gone afterwards.

use crate::{
    args::OutputOption, error::Failure, exit::Exit, local::LocalCluster, output, signals::Signals,
};

mod checks;
mod codes;
mod steps;
mod tour;

use tour::Tour;

const NODES: usize = 3;

/// Arguments of `symbolon demo`.
#[derive(clap::Args)]
pub struct DemoArguments {
    #[command(flatten)]
    output: OutputOption,
}

pub(crate) async fn run(arguments: DemoArguments) -> Result<Exit, Failure> {
    let mut signals = Signals::watch()?;
    let mut cluster = LocalCluster::temporary(NODES)?;
    let mut tour = Tour::new(arguments.output.output);
    let ended = tokio::select! {
        ended = steps::all(&mut tour, &mut cluster) => ended.is_ok(),
        () = signals.next() => false,
    };
    cluster.stop(&mut signals).await;
    let removed = cluster.remove();
    let held = tour.finish(ended)?;
    removed?;
    if !ended {
        output::note("The tour ended before its time.");
    }
    Ok(if held { Exit::Done } else { Exit::No })
}
