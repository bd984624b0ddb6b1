//! `symbolon audit`

mod asked;
mod changes;
mod line;

pub(crate) use line::about;
mod read;

use asked::{Asked, Filter, Moment, parse_moment};

use crate::{args::Options, clock, context::Context, error::Failure, exit::Exit, output};

/// Arguments of `symbolon audit`.
#[derive(clap::Args)]
pub struct AuditArguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(clap::Subcommand)]
enum AuditCommand {
    /// Show what happened, from the audit of the node that answers
    Query {
        #[command(flatten)]
        filter: Filter,
        /// Not before that time: RFC 3339, or how long ago (90s, 15m, 2h, 7d)
        #[arg(long, value_name = "TIME", value_parser = parse_moment)]
        since: Option<Moment>,
        /// Before that time: RFC 3339, or how long ago
        #[arg(long, value_name = "TIME", value_parser = parse_moment)]
        until: Option<Moment>,
        /// How many events at most
        #[arg(
            long,
            value_name = "N",
            default_value_t = 1_000,
            value_parser = clap::value_parser!(u64).range(1..)
        )]
        limit: u64,
        /// From the newest to the oldest, as without it
        #[arg(long, conflicts_with = "oldest")]
        newest: bool,
        /// As they happened
        #[arg(long)]
        oldest: bool,
    },
    /// Show the last events, then each as it happens, until Ctrl-C
    Tail {
        #[command(flatten)]
        filter: Filter,
        /// How many that have happened come first
        #[arg(
            short = 'n',
            value_name = "N",
            default_value_t = 10,
            value_parser = clap::value_parser!(u32).range(0..=10_000)
        )]
        last: u32,
    },
}

pub(crate) async fn run(arguments: AuditArguments) -> Result<Exit, Failure> {
    let AuditArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let mut printer = line::Printer::new(options.output.output);
    match command {
        AuditCommand::Query { filter, since, until, limit, newest: _, oldest } => {
            let now = clock::now();
            let (from, to) = (since.map(|at| at.time(now)), until.map(|at| at.time(now)));
            let asked = Asked { filter: filter.into(), from, to, limit, oldest_first: oldest };
            if read::query(&context, asked, &mut printer).await? {
                output::note("There is more: ask with a higher --limit, or for another time.");
            }
        }
        AuditCommand::Tail { filter, last } => {
            let mut signals = crate::signals::Signals::watch()?;
            tokio::select! {
                ended = read::tail(&context, filter.into(), last, &mut printer) => ended?,
                () = signals.next() => {}
            }
        }
    }
    Ok(Exit::Done)
}
