//! The project's gate and its chores, started as `cargo xtask`.
//!
//! `verify` is the one gate, the same by hand and in CI: it never writes to sources. `fix` is the
//! one that does. `tidy` alone checks the house rules, which no compiler knows.

#![expect(
    clippy::disallowed_methods,
    reason = "a development tool: it reads sources, the environment and the clock"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::process::ExitCode;

use crate::{
    args::{Task, USAGE},
    workspace::Workspace,
};

mod args;
mod fuzz;
mod setup;
mod sim;
mod steps;
mod tidy;
mod torture;
mod verify;
mod workspace;

/// Errors here are read by a developer, once: text is enough.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result {
    let workspace = Workspace::find()?;
    match args::parse(std::env::args().skip(1))? {
        Task::Verify(options) => verify::run(&workspace, &options),
        Task::Fix => steps::fix(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::Bench(arguments) => {
            if !arguments.iter().any(|argument| argument == "--quick") {
                setup::peers::ensure(&workspace)?;
            }
            steps::bench(&workspace, "speed", &arguments)
        }
        Task::Sim(options) => sim::run(&workspace, &options),
        Task::Torture(arguments) => torture::run(&workspace, &arguments),
        Task::Soak(arguments) => steps::bench(&workspace, "soak", &arguments),
        Task::Fuzz(options) => {
            setup::cargo_tools::ensure(&workspace)?;
            fuzz::run(&workspace, &options)
        }
        Task::Help => {
            print!("{USAGE}");
            Ok(())
        }
    }
}
