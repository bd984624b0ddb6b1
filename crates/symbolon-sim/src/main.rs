//! A whole cluster on one thread: see `docs/testing.md`. One process runs one seed.

mod args;
mod client;
mod factors;
mod faults;
mod heal;
mod history;
mod host;
mod net;
mod operator;
mod os;
mod replace;
mod report;
mod scenario;
mod time;
mod trace;
mod watch;
mod world;

use std::path::Path;
use std::process::ExitCode;

use symbolon_check::Problem;

use crate::args::Args;
use crate::report::Report;
use crate::scenario::Run;
use crate::trace::Trace;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(text) => {
            println!("{text}");
            return ExitCode::from(2);
        }
    };
    os::seed(args.plan.seed);
    let began = os::real_seconds();
    let trace = Trace::new(args.trace);
    trace.take_logs(&args.logs);
    report::watch_panics(&trace);
    // Its name is no part of what happens: paths in logs are below it.
    let name = format!("symbolon-sim-{}", std::process::id());
    let place = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir_in(&args.place);
    let place = place.unwrap_or_else(|error| {
        panic!("no directory for the machines' files in {}: {error}", args.place.display())
    });
    std::env::set_current_dir(place.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let report = match Run::set_up(&args.plan, Path::new("."), &trace) {
        Ok(run) => run.go(),
        Err(why) => Report::failed(Problem::new("set-up", why)),
    };
    let is_good = report.tell(&args, &trace, os::real_seconds() - began);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
