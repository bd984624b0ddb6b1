//! A whole cluster on one thread: see `docs/testing.md`. One process runs one seed.

mod client;
mod history;
mod host;
mod net;
mod os;
mod rng;
mod scenario;
mod time;
mod trace;
mod world;

use std::process::ExitCode;

use crate::scenario::{Plan, Run};
use crate::time::SECOND;
use crate::trace::Trace;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let echo = arguments.any(|argument| argument == "--trace");
    os::seed(seed);
    let began = os::real_seconds();
    let trace = Trace::new(echo);
    trace.take_logs("info");
    let place = tempfile::tempdir_in("/dev/shm").expect("a directory");
    let plan = Plan { seed, seconds: 60 };
    let mut run = match Run::set_up(&plan, place.path(), &trace) {
        Ok(run) => run,
        Err(error) => {
            println!("seed {seed}: {error}");
            return ExitCode::FAILURE;
        }
    };
    run.start_clients();
    run.world.run_until(run.clients.until + 15 * SECOND);
    let told = run.clients.history.all();
    let simulated = run.world.now / SECOND;
    println!(
        "seed {seed}: hash {} nodes {} verify {} calls {} simulated {simulated} s in {:.1} s",
        trace.hash(),
        run.world.hosts.len(),
        told.verified.len(),
        told.calls.len(),
        os::real_seconds() - began
    );
    ExitCode::SUCCESS
}
