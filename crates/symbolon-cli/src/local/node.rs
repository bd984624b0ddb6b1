//! One node: its directory and its process.

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use tokio::{
    process::Child,
    time::{Instant, sleep},
};

use super::{
    config::{self, Addresses},
    ready,
};
use crate::{
    children,
    error::Failure,
    exit::Exit,
    files::{self, NewSecretFile},
    output,
    server_address::ServerAddress,
};

const READY_TIME_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Lines of a log that are shown when a node fails.
const LOG_LINES_SHOWN: usize = 5;

pub(crate) struct Node {
    pub(crate) name: String,
    directory: PathBuf,
    /// Known once it is ready.
    pub(crate) addresses: Option<Addresses>,
    child: Option<Child>,
}

impl Node {
    /// Nodes 1 to `count` in a directory of each.
    pub(crate) fn numbered(parent: &Path, count: usize) -> Vec<Self> {
        (1..=count)
            .map(|number| Self {
                name: name(number),
                directory: parent.join(name(number)),
                addresses: None,
                child: None,
            })
            .collect()
    }

    /// The data directory of a node.
    pub(crate) fn data(parent: &Path, number: usize) -> PathBuf {
        parent.join(name(number)).join("data")
    }

    pub(crate) fn server(&self) -> Option<ServerAddress> {
        self.addresses.as_ref()?.api.parse().ok()
    }

    pub(crate) fn peer(&self) -> Option<&str> {
        Some(&self.addresses.as_ref()?.peer)
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Makes a new cluster with this node.
    pub(crate) async fn init(&self, cluster: &str) -> Result<(), Failure> {
        self.write_config()?;
        self.run("init", &["--cluster", cluster]).await
    }

    /// Makes this node one of the cluster whose member listens at `peer`.
    pub(crate) async fn join(&self, token: &str, peer: &str) -> Result<(), Failure> {
        self.write_config()?;
        let token_file = self.directory.join("join.token");
        let shown = token_file.to_string_lossy().into_owned();
        NewSecretFile::create(&token_file)
            .and_then(|file| file.write(token))
            .map_err(|error| self.failed(&format!("got no join token: {error}")))?;
        let joined = self.run("join", &["--token-file", &shown, "--peer", peer]).await;
        files::remove(&token_file)
            .map_err(|error| self.failed(&format!("keeps its join token: {error}")))?;
        joined
    }

    /// Starts it with the settings that are there, which somebody may have changed to try them.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        let log = self.log()?;
        let child = children::start(self.arguments("server"), log)
            .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it decides verifications.
    pub(crate) async fn ready(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + READY_TIME_MAX;
        loop {
            let exited = self.child.as_mut().map(Child::try_wait);
            if let Some(Ok(Some(status))) = exited {
                self.child = None;
                return Err(self.failed(&format!("ended while it started ({status})")));
            }
            // It keeps the ports of before if it can, so the file may be there already, and change.
            if let Some(addresses) = self.told_addresses()
                && ready::is_ready(&addresses.metrics).await
            {
                self.addresses = Some(addresses);
                return Ok(());
            }
            if Instant::now() >= end {
                let seconds = READY_TIME_MAX.as_secs();
                return Err(self.failed(&format!("was not ready within {seconds} s")));
            }
            sleep(POLL).await;
        }
    }

    /// Waits for the end of a node that runs.
    pub(crate) async fn ended(&mut self) -> (String, ExitStatus) {
        let status = match &mut self.child {
            Some(child) => child.wait().await.unwrap_or_default(),
            None => std::future::pending().await,
        };
        self.child = None;
        (self.name.clone(), status)
    }

    /// Waits for its end, if it runs.
    pub(crate) async fn wait(&mut self) {
        if self.is_running() {
            self.ended().await;
        }
    }

    pub(crate) fn ask_to_end(&self) {
        if let Some(Err(error)) = self.child.as_ref().map(children::ask_to_end) {
            output::note(&format!("{} cannot be asked to end: {error}.", self.name));
        }
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take()
            && let Err(error) = child.kill().await
        {
            output::note(&format!("{} cannot be killed: {error}.", self.name));
        }
    }

    /// That the node did not do what it should; with the end of its log.
    pub(crate) fn failed(&self, how: &str) -> Failure {
        let mut what = format!("{} {how}.", self.name);
        let log = files::read_text(&self.log_file()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let shown = lines.len().saturating_sub(LOG_LINES_SHOWN);
        for line in lines.iter().skip(shown) {
            // Writing to a string cannot fail.
            let _ = write!(what, "\n    {}", output::printable(line));
        }
        let remedy = format!("Look into {} for the cause.", self.log_file().display());
        Failure::new(Exit::Unavailable, what, remedy)
    }

    async fn run(&self, command: &str, more: &[&str]) -> Result<(), Failure> {
        let mut arguments = self.arguments(command);
        arguments.extend(more.iter().map(OsString::from));
        match children::run(arguments, self.log()?).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.failed(&format!("did not {command} ({status})"))),
            Err(error) => Err(self.failed(&format!("did not {command}: {error}"))),
        }
    }

    fn arguments(&self, command: &str) -> Vec<OsString> {
        vec![command.into(), "--config".into(), self.config_file().into_os_string()]
    }

    fn write_config(&self) -> Result<(), Failure> {
        let data = self.directory.join("data");
        let kek = self.directory.join("kek");
        let text = config::text(&self.name, &data, &kek);
        files::create_directory(&self.directory)
            .and_then(|()| files::write(&self.config_file(), &text))
            .map_err(|error| {
                Failure::configuration(
                    format!("{} cannot be written: {error}.", self.config_file().display()),
                    "Name another directory with --data-dir.",
                )
            })
    }

    /// What a node that chose its ports itself has written. None also while it writes.
    fn told_addresses(&self) -> Option<Addresses> {
        let text = files::read_text(&self.addresses_file()).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn addresses_file(&self) -> PathBuf {
        self.directory.join("data").join("run").join("addresses.json")
    }

    fn config_file(&self) -> PathBuf {
        self.directory.join("node.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn log(&self) -> Result<std::fs::File, Failure> {
        files::append(&self.log_file()).map_err(|error| {
            Failure::configuration(
                format!("{} cannot be written: {error}.", self.log_file().display()),
                "Name another directory with --data-dir.",
            )
        })
    }
}

fn name(number: usize) -> String {
    format!("node-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_end_of_the_log() {
        let home = files::temporary_directory("symbolon-node-").unwrap();
        let nodes = Node::numbered(home.path(), 1);
        let node = nodes.first().unwrap();
        files::create_directory(&node.directory).unwrap();
        files::write(&node.log_file(), "1\n2\n3\n4\n5\n6\n").unwrap();
        let text = node.failed("ended").to_string();
        assert!(text.starts_with("node-1 ended.\n    2\n"), "{text}");
        assert!(text.contains("\n    6\nLook into "), "{text}");
    }
}
