//! `symbolon bench`

mod check;
mod enrol;
mod fleet;
mod lines;
mod load;
mod orders;
mod pace;
mod report;

use std::sync::Arc;
use std::time::Duration;

use self::check::Check;
use self::fleet::Fleet;
use self::lines::Lines;
use self::load::Plan;
use self::orders::{Order, Orders};
use self::report::{Measured, Report};
use crate::{
    args::Options,
    clock,
    context::{BearerToken, Context},
    error::Failure,
    exit::Exit,
    output::{self, Format},
    signals::Signals,
};

/// Users that one command may make.
const USERS_MAX: u32 = 1_000_000;
/// Verifications under way at once.
const CONCURRENCY_MAX: u32 = 4_096;
/// Connections to one server.
const CONNECTIONS_MAX: u32 = 64;
/// Connections to each server while users are made and removed: as many as a node takes imports at once.
const CONNECTIONS_TO_MAKE: u32 = 2;

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
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    connections: u32,
    /// Threads that ask, each over connections of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// Show wrong codes
    #[arg(long)]
    wrong: bool,
    /// How many of the used codes of each level are shown again: none may be accepted
    #[arg(long, value_name = "CODES", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    replays: u32,
    /// Leave the users there, in no group, and the application: for clusters that are thrown away
    #[arg(long)]
    keep: bool,
    /// Read what to measure from standard input, and tell of each as a line of JSON
    #[arg(long, conflicts_with_all = ["concurrency", "rate", "wrong"])]
    interactive: bool,
    /// The server decides nothing: nothing is made there, and nothing compared
    #[arg(long, hide = true)]
    floor: bool,
    /// Remove what an earlier command has left, and do nothing else
    #[arg(long, value_name = "NAME", conflicts_with = "users")]
    remove: Option<String>,
}

pub(crate) async fn run(arguments: BenchArguments) -> Result<Exit, Failure> {
    let context = Context::new(&arguments.options)?;
    let mut signals = Signals::watch()?;
    let lines = Lines::connect(&context, CONNECTIONS_TO_MAKE).await?;
    if let Some(name) = &arguments.remove {
        enrol::remove(&context, &lines, name).await?;
        output::note(&format!("Removed {}.", output::printable(name)));
        return Ok(Exit::Done);
    }
    let name = fleet::draw_name()?;
    let is_removed = !arguments.keep && !arguments.floor;
    if is_removed {
        output::note(&format!(
            "Users and an application named {name} are made, and removed at the end. If that does not \
             come to pass: symbolon bench --remove {name}"
        ));
    }
    let bench = Bench { context: &context, lines: &lines, name: &name, arguments: &arguments };
    let measured = tokio::select! {
        measured = bench.measure() => measured,
        () = signals.next() => Err(Failure::new(
            Exit::TryAgain,
            "It was ended before it was done.",
            "Run it again.",
        )),
    };
    output::progress("");
    let removed = match is_removed {
        true => enrol::remove(&context, &lines, &name).await,
        false => Ok(()),
    };
    output::progress("");
    if let Ok(report) = &measured {
        match arguments.options.output.output {
            Format::Json => output::json(report)?,
            Format::Table => output::line(&report.to_text())?,
        }
    }
    // Something that is left behind is worse than a figure that is missing.
    removed?;
    let report = measured?;
    if !report.is_once() {
        return Err(Failure::new(
            Exit::No,
            "A code was not there exactly once: see the figures.",
            "Keep the data directories and the audit of all nodes, and report this as a defect.",
        ));
    }
    Ok(if report.is_as_expected() { Exit::Done } else { Exit::No })
}

/// One command.
struct Bench<'a> {
    context: &'a Context,
    lines: &'a Lines,
    name: &'a str,
    arguments: &'a BenchArguments,
}

impl Bench<'_> {
    async fn measure(&self) -> Result<Report, Failure> {
        let Self { context, arguments, name, .. } = *self;
        let fleet = Arc::new(self.make().await?);
        let mut check = Check::default();
        let levels = match arguments.interactive {
            true => self.obey(&fleet, &mut check).await?,
            false => self.usual(&fleet, &mut check).await?,
        };
        let is_checked = !arguments.floor && !levels.is_empty();
        if is_checked {
            check.finish(context, &fleet, self.group()).await?;
        }
        let check = is_checked.then_some(check);
        Ok(Report::new(name, arguments.users, self.lines.len(), levels, check))
    }

    async fn make(&self) -> Result<Fleet, Failure> {
        let Self { context, lines, name, arguments } = *self;
        let people = fleet::draw_people(name, arguments.users)?;
        let key = match arguments.floor {
            true => context.token.clone().or_else(|| BearerToken::new(name)),
            false => {
                enrol::make_people(lines, self.group(), &people).await?;
                Some(enrol::make_application(context, name).await?)
            }
        };
        let key = key.ok_or_else(|| Failure::usage("There is no token.", "Name its file."))?;
        Ok(Fleet::new(name, people, key, arguments.floor))
    }

    /// People who are to be removed are found by their group.
    fn group(&self) -> Option<&str> {
        (!self.arguments.keep).then_some(self.name)
    }

    fn plan(&self, concurrency: u32) -> Plan {
        let BenchArguments { connections, threads, seconds, rate, wrong, .. } = *self.arguments;
        let time = Duration::from_secs(seconds.into());
        Plan { concurrency, connections, threads, time, rate, wrong }
    }

    /// The levels of the command line.
    async fn usual(&self, fleet: &Arc<Fleet>, check: &mut Check) -> Result<Vec<Measured>, Failure> {
        let mut levels = Vec::new();
        for concurrency in &self.arguments.concurrency {
            output::progress(&format!("{concurrency} at once"));
            levels.push(self.level(fleet, check, self.plan(*concurrency)).await?);
            if !self.arguments.floor {
                check.replay(self.lines, fleet).await?;
            }
        }
        Ok(levels)
    }

    /// The levels that somebody asks for, one after the other.
    async fn obey(&self, fleet: &Arc<Fleet>, check: &mut Check) -> Result<Vec<Measured>, Failure> {
        let mut levels = Vec::new();
        let mut orders = Orders::read()?;
        output::json(&serde_json::json!({ "name": self.name, "users": self.arguments.users }))?;
        while let Some(order) = orders.next(self.plan(1)).await? {
            match order {
                Order::Level(plan) => {
                    let level = self.level(fleet, check, plan).await?;
                    output::json(&level)?;
                    levels.push(level);
                }
                Order::Replay => output::json(&check.replay(self.lines, fleet).await?)?,
                Order::Codes => {
                    let codes = fleet.codes_left(clock::seconds());
                    output::json(&serde_json::json!({ "codes": codes }))?;
                }
            }
        }
        Ok(levels)
    }

    async fn level(
        &self,
        fleet: &Arc<Fleet>,
        check: &mut Check,
        plan: Plan,
    ) -> Result<Measured, Failure> {
        let remembered = self.arguments.replays as usize;
        let mut level = load::run(self.context, fleet, plan, remembered).await?;
        check.saw(&mut level.seen);
        Ok(level.into())
    }
}
