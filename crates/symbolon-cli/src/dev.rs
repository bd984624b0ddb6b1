//! `symbolon dev`: a whole cluster on this machine, until Ctrl-C.

use std::path::PathBuf;

use crate::{
    args::OutputOption,
    error::Failure,
    exit::Exit,
    local::LocalCluster,
    output::{self, Format},
    signals::Signals,
};

mod summary;

use summary::Summary;

pub(crate) const NODES_DEFAULT: usize = 3;

/// Arguments of `symbolon dev`.
#[derive(clap::Args)]
pub struct DevArguments {
    #[command(flatten)]
    output: OutputOption,
    /// Nodes to run: 1, 2, 3 or 5 [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = node_count)]
    nodes: Option<usize>,
    /// Keep the cluster in this directory and start it again from there; without it the cluster is
    /// gone at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

fn node_count(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(count @ (1 | 2 | 3 | 5)) => Ok(count),
        _ => Err("a cluster for trying out has 1, 2, 3 or 5 nodes"),
    }
}

pub(crate) async fn run(arguments: DevArguments) -> Result<Exit, Failure> {
    let mut signals = Signals::watch()?;
    let mut cluster = match &arguments.data_dir {
        Some(directory) => LocalCluster::at(directory, arguments.nodes)?,
        None => LocalCluster::temporary(arguments.nodes.unwrap_or(NODES_DEFAULT))?,
    };
    let outcome = tokio::select! {
        outcome = serve(&mut cluster, arguments.output.output) => outcome,
        () = signals.next() => Ok(()),
    };
    output::note("Stopping ...");
    cluster.stop(&mut signals).await;
    let removed = cluster.remove();
    outcome.and(removed)?;
    Ok(Exit::Done)
}

/// Runs the cluster for as long as a node of it runs.
async fn serve(cluster: &mut LocalCluster, format: Format) -> Result<(), Failure> {
    let is_new = cluster.is_new();
    let status = cluster.start().await?;
    let users = match is_new {
        true => {
            let users = cluster.provision().await?;
            cluster.record()?;
            users
        }
        false => cluster.provisioned(),
    };
    let summary = Summary::of(cluster, &status, users);
    match format {
        Format::Json => output::json(&summary)?,
        Format::Table => output::line(&summary.in_words()?)?,
    }
    while let Some((name, how)) = cluster.next_exit().await {
        output::note(&format!("{name} has ended ({how}). The others go on."));
    }
    Err(Failure::new(
        Exit::Unavailable,
        "No node runs any more.",
        format!("Look into the logs below {}.", cluster.directory().display()),
    ))
}
