//! From a command to its exit code.

use std::process::ExitCode;

use crate::{
    args::Command,
    commands::{
        admin, application, audit, bench, cluster, completions, promote, settings, token, user,
        verify,
    },
    demo, dev,
    exit::Exit,
    output,
};

/// Runs a command to its end. `program` is the whole command line of the program, for completions.
pub async fn run(command: Command, mut program: clap::Command) -> ExitCode {
    let result = match command {
        Command::User(arguments) => user::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
        Command::Admin(arguments) => admin::run(arguments).await,
        Command::Application(arguments) => application::run(arguments).await,
        Command::Verify(arguments) => verify::run(arguments).await,
        Command::Audit(arguments) => audit::run(arguments).await,
        Command::Settings(arguments) => settings::run(arguments).await,
        Command::Cluster(arguments) => cluster::run(arguments).await,
        Command::PromoteSubordinate(arguments) => promote::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Completions(arguments) => completions::run(&arguments, &mut program),
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::note(&format!("Error: {failure}"));
            failure.exit.into()
        }
    }
}

/// Says that the program cannot start, and gives the exit code of that.
#[must_use]
pub fn cannot_start(error: &std::io::Error) -> ExitCode {
    output::note(&format!(
        "Error: The program cannot start: {error}.\nLook into the log of the system for the cause."
    ));
    Exit::Software.into()
}
