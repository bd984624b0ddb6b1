//! One node: its directory and its process.

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    process::Child,
    time::{Instant, sleep},
};

use super::ready;
use crate::{children, error::Failure, exit::Exit, files, output, server_address::ServerAddress};

const READY_TIME_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Lines of a log that are shown when a node fails.
const LOG_LINES_SHOWN: usize = 5;

/// Where a node listens, each as `HOST:PORT`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) api: String,
    pub(crate) peer: String,
    pub(crate) metrics: String,
}

impl Addresses {
    /// Ports that the system chooses.
    fn any() -> Self {
        let any = || "127.0.0.1:0".to_owned();
        Self {
            api: any(),
            peer: any(),
            metrics: any(),
        }
    }
}

pub(crate) struct Node {
    pub(crate) name: String,
    directory: PathBuf,
    /// Known once it has run; kept from then on.
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
        self.run("join", &["--token", token, "--peer", peer]).await
    }

    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        self.write_config()?;
        if self.addresses.is_none() {
            files::remove(&self.addresses_file())
                .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
        }
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
            if self.addresses.is_none()
                && let Some(addresses) = self.told_addresses()
            {
                self.addresses = Some(addresses);
                // The next start is on the same ports, so that the others find it.
                self.write_config()?;
            }
            if let Some(addresses) = &self.addresses
                && ready::is_ready(&addresses.metrics).await
            {
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
        vec![
            command.into(),
            "--config".into(),
            self.config_file().into_os_string(),
        ]
    }

    fn write_config(&self) -> Result<(), Failure> {
        let data = self.directory.join("data");
        let kek = self.directory.join("kek");
        let text = config(&self.name, &data, &kek, self.addresses.as_ref());
        files::create_directory(&self.directory)
            .and_then(|()| files::write(&self.config_file(), &text))
            .map_err(|error| {
                Failure::configuration(
                    format!(
                        "{} cannot be written: {error}.",
                        self.config_file().display()
                    ),
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
        self.directory
            .join("data")
            .join("run")
            .join("addresses.json")
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

fn config(name: &str, data: &Path, kek: &Path, addresses: Option<&Addresses>) -> String {
    let any = Addresses::any();
    let Addresses { api, peer, metrics } = addresses.unwrap_or(&any);
    let data = quoted(&data.to_string_lossy());
    let kek = quoted(&kek.to_string_lossy());
    format!(
        "[node]\nname = {name}\ndata_dir = {data}\n\n\
         [listen]\napi = {api}\npeer = {peer}\nmetrics = {metrics}\n\n\
         [keys]\nkek = {{ file = {kek} }}\n\n\
         [log]\nformat = \"json\"\nfilter = \"info\"\n",
        name = quoted(name),
        api = quoted(api),
        peer = quoted(peer),
        metrics = quoted(metrics),
    )
}

/// A string of JSON is one of TOML as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_that_of_the_contract() {
        let text = config(
            "node-1",
            Path::new("/a \"b\"/data"),
            Path::new("/a/kek"),
            None,
        );
        assert_eq!(
            text,
            r#"[node]
name = "node-1"
data_dir = "/a \"b\"/data"

[listen]
api = "127.0.0.1:0"
peer = "127.0.0.1:0"
metrics = "127.0.0.1:0"

[keys]
kek = { file = "/a/kek" }

[log]
format = "json"
filter = "info"
"#
        );
    }

    #[test]
    fn ports_are_kept_once_known() {
        let addresses: Addresses = serde_json::from_str(
            r#"{"api":"127.0.0.1:1","peer":"127.0.0.1:2","metrics":"127.0.0.1:3"}"#,
        )
        .unwrap();
        let text = config("node-1", Path::new("/d"), Path::new("/k"), Some(&addresses));
        assert!(
            text.contains("api = \"127.0.0.1:1\"\npeer = \"127.0.0.1:2\"\n"),
            "{text}"
        );
    }

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
