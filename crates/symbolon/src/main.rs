//! The program `symbolon`: the server, and the commands that administer it.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// A verification makes and drops hundreds of small things on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Multi-factor authentication on your own servers.
#[derive(Parser)]
#[command(name = "symbolon", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    _options: symbolon_cli::Everywhere,
    /// End when the process of this id, which must be the parent, ends
    #[arg(long, value_name = "PID", hide = true)]
    end_with_parent: Option<u32>,
    /// Put a bug in, for the torture to find
    #[cfg(feature = "planted")]
    #[arg(long, value_name = "NAME", hide = true)]
    plant: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Server(symbolon_server::Command),
    #[command(flatten)]
    Administration(symbolon_cli::Command),
}

fn main() -> ExitCode {
    // Both halves use TLS. An error means that a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return symbolon_cli::usage_exit(&error),
    };
    if let Some(parent) = cli.end_with_parent
        && symbolon_cli::end_with_parent(parent).is_err()
    {
        return ExitCode::FAILURE;
    }
    #[cfg(feature = "planted")]
    if cli.plant.is_some_and(|name| !symbolon_server::plant(&name)) {
        return ExitCode::FAILURE;
    }
    match cli.command {
        Command::Server(command) => symbolon_server::run(command),
        Command::Administration(command) => administer(command),
    }
}

fn administer(command: symbolon_cli::Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(symbolon_cli::run(command, Cli::command())),
        Err(error) => symbolon_cli::cannot_start(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
