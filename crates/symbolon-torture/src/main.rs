//! Real servers, each in a network namespace of its own, under steady load and under faults of every kind;
//! then all must be well again, and the checkers go over what clients were told. See `docs/testing.md`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test: it makes disks, damages files and starts programs"
)]

mod args;
mod cage;
mod client;
mod clocks;
mod disk;
mod evidence;
mod fault;
mod floods;
mod heal;
mod history;
mod machine;
mod noise;
mod operator;
mod people;
mod report;
mod run;
mod switch;
mod tap;
mod watch;

use std::process::ExitCode;

use crate::args::Args;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let args = match Args::parse(arguments.iter().cloned()) {
        Ok(args) => args,
        Err(text) => {
            println!("{text}");
            return ExitCode::from(2);
        }
    };
    if !args.inside {
        // Returns only when it fails.
        println!("torture: {}", cage::enter(&arguments));
        return ExitCode::FAILURE;
    }
    cage::furnish();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let is_good = match runtime {
        Ok(runtime) => runtime.block_on(run::until_ended(args)),
        Err(error) => {
            println!("torture: no runtime: {error}");
            false
        }
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
