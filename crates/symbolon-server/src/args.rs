//! The commands of a node's machine, from the command line to an exit code.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Subcommand;
use symbolon_core::{Name, NameError};
use tokio::runtime;
use zeroize::Zeroizing;

use crate::config::{Config, HostPort};
use crate::failure::{Failure, chain};
use crate::node::After;
use crate::store::{self, StoreCommand};
use crate::{
    again, check_config, core_dumps, disk, init, join, logs, node, open_files, panics, recover,
    rotate_kek,
};

/// A longer file holds no token.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;

/// How long threads that block may go on after all else has stopped.
const RUNTIME_SHUTDOWN: Duration = Duration::from_secs(5);

/// What the program does on the machine of a node.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new cluster with this node as its first
    Init {
        /// Settings of this node
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Name of the cluster: letters, digits, `-`, `_` and `.`
        #[arg(long, value_name = "NAME", default_value = "symbolon", value_parser = cluster_name)]
        cluster: Name,
        /// Where to leave the first administrator's bearer token; `admin.token` beside the settings
        /// unless named. Never in the data directory, which holds no secret in clear
        #[arg(long, value_name = "FILE")]
        admin_token_file: Option<PathBuf>,
    },
    /// Join this node to a cluster that runs
    Join {
        /// Settings of this node
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Token from `symbolon cluster join-token create`; other users of the machine can see it
        /// here while the command runs
        #[arg(long, value_name = "TOKEN", required_unless_present = "token_file")]
        token: Option<TokenText>,
        /// File with the token
        #[arg(long, value_name = "FILE", conflicts_with = "token")]
        token_file: Option<PathBuf>,
        /// Peer address of any node of the cluster
        #[arg(long, value_name = "HOST:PORT")]
        peer: HostPort,
    },
    /// Run this node until SIGTERM or SIGINT; a second signal exits at once
    Server {
        /// Settings of this node
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Take part in nothing, and serve the local socket alone: for `promote-subordinate --seize` at a
        /// node whose server does not start as part of its cluster
        #[arg(long)]
        recover: bool,
    },
    /// Change the key encryption key of this node, whether it runs or not
    RotateKek {
        /// Settings of this node
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check the settings of a node and the files they name, and tell every mistake at once
    CheckConfig {
        /// Settings to check
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Look at the data directory of a server that is stopped
    #[command(subcommand)]
    Store(StoreCommand),
}

/// The text of a join token. Wiped when dropped, and silent in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    /// The text, for parsing only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.trim().to_owned())))
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(..)")
    }
}

/// Runs a command to its end.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    match command {
        Command::Init { config, cluster, admin_token_file } => {
            let beside = || config.with_file_name("admin.token");
            let token_file = admin_token_file.unwrap_or_else(beside);
            finish(start(&config, |config| init::init(config, cluster, token_file)))
        }
        Command::Join { config, token, token_file, peer } => {
            match join_token(token, token_file.as_deref()) {
                Ok(token) => finish(start(&config, |config| join::join(config, token, peer))),
                Err(failure) => fail(&failure),
            }
        }
        Command::Server { config, recover: true } => finish(start(&config, recover::recover)),
        Command::Server { config, recover: false } => match start(&config, node::serve) {
            Ok(After::Stopped) => ExitCode::SUCCESS,
            Ok(After::StartAgain) => again::start_again(),
            Err(code) => code,
        },
        Command::RotateKek { config } => finish(start(&config, rotate_kek::rotate_kek)),
        Command::CheckConfig { config } => check_config::run(&config),
        Command::Store(command) => store::run(&command).unwrap_or_else(|failure| fail(&failure)),
    }
}

/// Sets up what every command needs that works on the node's data, and runs it.
fn start<F, T>(path: &Path, work: impl FnOnce(Config) -> F) -> Result<T, ExitCode>
where
    F: Future<Output = Result<T, Failure>>,
{
    let config = Config::load(path).map_err(|error| check_config::refuse(&error))?;
    let ended = prepare(&config).and_then(|runtime| {
        let ended = runtime.block_on(work(config));
        logs::end();
        runtime.shutdown_timeout(RUNTIME_SHUTDOWN);
        ended
    });
    ended.map_err(|failure| fail(&failure))
}

fn finish(ended: Result<(), ExitCode>) -> ExitCode {
    ended.err().unwrap_or(ExitCode::SUCCESS)
}

fn prepare(config: &Config) -> Result<runtime::Runtime, Failure> {
    let odd = |what: &str, error: &dyn std::error::Error| {
        Failure::new(
            Failure::GENERAL,
            format!("{what}: {}", chain(error)),
            "Check the limits of the service and of the machine.",
        )
    };
    logs::init(&config.log).map_err(|error| odd("logging cannot start", &error))?;
    panics::install();
    // Before anything reads a key.
    core_dumps::refuse();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    open_files::raise(config.listen.radsec.len());
    // Whatever asks rustls for its default gets this one. Another one is there only if a test of the
    // same process has put it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime::Builder::new_multi_thread()
        .thread_name("symbolon")
        .enable_all()
        .build()
        .map_err(|error: io::Error| odd("threads cannot start", &error))
}

fn join_token(token: Option<TokenText>, file: Option<&Path>) -> Result<TokenText, Failure> {
    let path = match (token, file) {
        (Some(token), _) => return Ok(token),
        (None, Some(path)) => path,
        (None, None) => {
            return Err(Failure::new(
                Failure::USAGE,
                "there is no join token",
                "Name the file that holds it with --token-file.",
            ));
        }
    };
    match disk::read_text(path, TOKEN_FILE_BYTES_MAX) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            Ok(TokenText(Zeroizing::new(text.trim().to_owned())))
        }
        Err(error) => Err(Failure::new(
            Failure::CONFIG,
            format!("cannot read {}: {error}", path.display()),
            "Write the token of `symbolon cluster join-token create` to that file.",
        )),
    }
}

fn cluster_name(text: &str) -> Result<Name, NameError> {
    Name::new(text)
}

fn fail(failure: &Failure) -> ExitCode {
    failure.tell();
    ExitCode::from(failure.exit)
}

#[cfg(test)]
mod tests;
