//! `symbolon bench`

mod fleet;
mod lines;
mod load;
mod report;

use std::time::Duration;

use self::fleet::Fleet;
use self::lines::Lines;
use self::load::{Level, Plan};
use self::report::Report;
use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    signals::Signals,
};

/// Users that one command may make.
const USERS_MAX: u32 = 1_000_000;
/// Verifications under way at once.
const CONCURRENCY_MAX: u32 = 4_096;

/// Arguments of `symbolon bench`.
#[derive(clap::Args)]
pub struct BenchArguments {
    #[command(flatten)]
    options: Options,
    /// Users to make, each with a token; a code is used once, so more are needed for more load
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(USERS_MAX)))]
    users: u32,
    /// Verifications under way at once; several are measured one after the other
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [1, 16, 64],
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CONCURRENCY_MAX))
    )]
    concurrency: Vec<u32>,
    /// How long each is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// So many verifications in a second, whether or not earlier ones were answered; without it, as many
    /// as are answered
    #[arg(long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Connections to each server
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
    /// Show wrong codes
    #[arg(long)]
    wrong: bool,
    /// Remove what an earlier command has left, and do nothing else
    #[arg(long, value_name = "NAME", conflicts_with = "users")]
    remove: Option<String>,
}

pub(crate) async fn run(arguments: BenchArguments) -> Result<Exit, Failure> {
    let context = Context::new(&arguments.options)?;
    let format = arguments.options.output.output;
    let mut signals = Signals::watch()?;
    if let Some(name) = &arguments.remove {
        let lines = Lines::connect(&context, 1).await?;
        fleet::remove(&context, &lines, name).await?;
        output::note(&format!("Removed {}.", output::printable(name)));
        return Ok(Exit::Done);
    }
    let name = fleet::draw_name()?;
    output::note(&format!(
        "Users and an application named {name} are made, and removed at the end. If that does not come to \
         pass: symbolon bench --remove {name}"
    ));
    let lines = Lines::connect(&context, arguments.connections).await?;
    let measured = tokio::select! {
        measured = measure(&context, &lines, &name, &arguments) => measured,
        () = signals.next() => Err(Failure::new(
            Exit::TryAgain,
            "It was ended before it was done.",
            "Run it again.",
        )),
    };
    output::progress("");
    let removed = fleet::remove(&context, &lines, &name).await;
    output::progress("");
    if let Ok(report) = &measured {
        match format {
            Format::Json => output::json(report)?,
            Format::Table => output::line(&report.to_text())?,
        }
    }
    // Something that is left behind is worse than a figure that is missing.
    removed?;
    let report = measured?;
    Ok(if report.is_as_expected() { Exit::Done } else { Exit::No })
}

async fn measure(
    context: &Context,
    lines: &Lines,
    name: &str,
    arguments: &BenchArguments,
) -> Result<Report, Failure> {
    let fleet = Fleet::make(context, name, arguments.users).await?;
    let mut levels: Vec<Level> = Vec::new();
    for concurrency in &arguments.concurrency {
        output::progress(&format!("{concurrency} at once"));
        let plan = Plan {
            concurrency: *concurrency,
            time: Duration::from_secs(arguments.seconds.into()),
            rate: arguments.rate,
            wrong: arguments.wrong,
        };
        levels.push(load::run(lines, &fleet, plan).await);
    }
    Ok(Report::new(name, arguments.users, lines.len(), levels))
}
