//! Three nodes, each a process, as `symbolon dev` makes them.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::machine;
use super::tls;
use super::watch;
use super::wire::Wire;

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) api: String,
    pub(crate) peer: String,
    pub(crate) metrics: String,
    pub(crate) pid: u32,
}

/// Ends with the test, however that ends.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) told: Value,
    _dev: Child,
    _home: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut dev = Command::new(env!("CARGO_BIN_EXE_symbolon"))
            .args(["--end-with-parent", &std::process::id().to_string()])
            .args(["dev", "--output", "json"])
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(dev.stdout.take().unwrap());
        watch::within(90, "the cluster starts", stdout.read_line(&mut line))
            .await
            .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let nodes = told["nodes"].as_array().unwrap().iter().map(Node::of);
        Self {
            nodes: nodes.collect(),
            told,
            _dev: dev,
            _home: home,
        }
    }

    /// A connection to the API of a node, by nobody in particular.
    pub(crate) async fn api(&self, node: usize) -> Wire {
        let config = tls::client(&self.ca(), rustls::ALL_VERSIONS);
        Wire::connect(&self.nodes[node].api, config).await.unwrap()
    }

    pub(crate) async fn administrator(&self, node: usize) -> Wire {
        self.api(node).await.bearing(&self.administrators_token())
    }

    /// The application that `dev` has made.
    pub(crate) async fn application(&self, node: usize) -> Wire {
        self.api(node).await.bearing(&self.api_key())
    }

    pub(crate) fn administrators_token(&self) -> String {
        self.secret("token_file")
    }

    pub(crate) fn api_key(&self) -> String {
        self.secret("api_key_file")
    }

    pub(crate) fn ca(&self) -> String {
        machine::text(self.told["ca"].as_str().unwrap())
    }

    /// The otpauth URI of a user that `dev` has enrolled.
    pub(crate) fn otpauth(&self, user: &str) -> &str {
        let users = self.told["users"].as_array().unwrap();
        let found = users.iter().find(|row| row["username"] == user).unwrap();
        found["otpauth"].as_str().unwrap()
    }

    /// Which node is the master.
    pub(crate) fn master(&self) -> usize {
        let roles = self.told["nodes"].as_array().unwrap();
        roles
            .iter()
            .position(|row| row["role"] == "MASTER")
            .unwrap()
    }

    pub(crate) fn signal(&self, node: usize, signal: Signal) {
        machine::signal(self.nodes[node].pid, signal);
    }

    /// Ends the nodes but one, so that it has no quorum.
    pub(crate) async fn leave_alone(&self, node: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            self.signal(other, Signal::KILL);
            let pid = self.nodes[other].pid;
            watch::until("the node is gone", async || !machine::runs(pid)).await;
        }
    }

    pub(crate) fn assert_all_run(&self) {
        for node in &self.nodes {
            assert!(machine::runs(node.pid), "{} has ended", node.name);
        }
    }

    fn secret(&self, key: &str) -> String {
        let path = self.told[key].as_str().unwrap();
        machine::text(path).trim().to_owned()
    }
}

impl Drop for Cluster {
    /// `dev` ends its nodes when it ends, but one that was stopped hears nothing.
    fn drop(&mut self) {
        for node in &self.nodes {
            machine::signal(node.pid, Signal::KILL);
        }
    }
}

impl Node {
    fn of(told: &Value) -> Self {
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        Self {
            name: text("name"),
            api: text("api"),
            peer: text("peer"),
            metrics: text("metrics"),
            pid: told["pid"].as_u64().unwrap().try_into().unwrap(),
        }
    }
}
