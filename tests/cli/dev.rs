//! `symbolon dev`: its line, its nodes, its end.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use symbolon_testkit::{Otp, wait_until};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::machine;
use crate::program::{DONE, NO, Ran, program, run};

const START_TIME_MAX: Duration = Duration::from_secs(90);
/// From the signal to the end of everything.
const STOP_TIME_MAX: Duration = Duration::from_secs(15);

/// A `dev` that has said that it is ready.
struct Dev {
    process: Child,
    stdout: BufReader<ChildStdout>,
    told: Value,
}

/// A place for everything that a test starts.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Should the product have forgotten a node, the test does not.
impl Drop for Home {
    fn drop(&mut self) {
        for pid in machine::naming(self.path()) {
            machine::signal(pid, Signal::KILL);
        }
    }
}

impl Dev {
    async fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut command = program();
        command
            .args(["--end-with-parent", &std::process::id().to_string()])
            .args(["dev", "--output", "json"])
            .args(arguments)
            .env("TMPDIR", home)
            // What it says of its progress is of use when it fails.
            .stderr(std::process::Stdio::inherit())
            .stdout(std::process::Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let ready = timeout(START_TIME_MAX, stdout.read_line(&mut line)).await;
        ready.unwrap_or_else(|_| panic!("dev is not ready in time")).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { process, stdout, told }
    }

    fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    fn nodes(&self) -> &Vec<Value> {
        self.told["nodes"].as_array().unwrap()
    }

    fn pids(&self) -> Vec<u32> {
        self.nodes().iter().map(pid).collect()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.told[key].as_str().unwrap().into()
    }

    /// Asks for a verification at one node, as the application that `dev` has made.
    async fn verify(&self, node: &Value, user: &str, code: &str) -> Ran {
        let mut command = program();
        command
            .args(["--server", node["api"].as_str().unwrap()])
            .args([Path::new("--ca"), &self.path("ca")])
            .args([Path::new("--token-file"), &self.path("api_key_file")])
            .args(["verify", user, "--code", code]);
        run(&mut command).await
    }

    /// Waits for the end, and returns how it ended and what else it had printed.
    async fn ended(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        let ended = timeout(STOP_TIME_MAX, async {
            self.stdout.read_to_string(&mut rest).await.unwrap();
            self.process.wait().await.unwrap()
        });
        let status = ended.await.unwrap_or_else(|_| panic!("dev does not end in time"));
        (status, rest)
    }
}

fn pid(node: &Value) -> u32 {
    node["pid"].as_u64().unwrap().try_into().unwrap()
}

fn otp(user: &Value) -> Otp {
    Otp::from_uri(user["otpauth"].as_str().unwrap())
}

#[tokio::test]
async fn dev_says_where_it_is_and_ends_without_a_trace() {
    let home = Home::new();
    let dev = Dev::start(home.path(), &[]).await;
    shape(&dev);
    let pids = dev.pids();
    assert!(pids.iter().all(|pid| machine::runs(*pid)));
    let (alice, bob) = (&dev.told["users"][0], &dev.told["users"][1]);
    assert_eq!((&alice["username"], &bob["username"]), (&"alice".into(), &"bob".into()));
    let allowed = dev.verify(&dev.nodes()[0], "alice", &otp(alice).code()).await.ends(DONE);
    assert_eq!(allowed, "ALLOW\n");

    // One of those that it names is killed; the others go on, without a master for a moment.
    let (masters, others): (Vec<_>, Vec<_>) =
        dev.nodes().iter().partition(|node| node["role"] == "MASTER");
    machine::signal(pid(masters[0]), Signal::KILL);
    let code = otp(bob).code();
    assert_eq!(dev.verify(others[0], "bob", &code).await.ends(DONE), "ALLOW\n");
    let again = dev.verify(others[1], "bob", &code).await.ends(NO);
    assert_eq!(again, "DENY CODE_ALREADY_USED\n");
    assert!(!machine::runs(pid(masters[0])));
    assert!(others.iter().all(|node| machine::runs(pid(node))), "another node has ended");
    assert!(machine::runs(dev.pid()), "dev itself has ended");

    machine::signal(dev.pid(), Signal::TERM);
    let (status, rest) = dev.ended().await;
    assert_eq!(status.code(), Some(DONE));
    assert_eq!(rest, "", "it prints one line and no more");
    assert!(!pids.iter().any(|pid| machine::runs(*pid)), "a node outlives dev");
    assert_eq!(machine::naming(home.path()), [0; 0], "a process is left");
    assert_eq!(machine::entries(home.path()), [""; 0].map(PathBuf::from), "a file is left");
}

/// What the contract promises about the line.
fn shape(dev: &Dev) {
    assert_eq!(dev.told["cluster"], "dev");
    assert_eq!(dev.nodes().len(), 3);
    let mut roles = Vec::new();
    for node in dev.nodes() {
        for key in ["name", "api", "peer", "metrics", "role"] {
            assert!(node[key].is_string(), "{key}: {node}");
        }
        roles.push(node["role"].as_str().unwrap());
    }
    roles.sort_unstable();
    assert_eq!(roles, ["MASTER", "SUBORDINATE", "SUBORDINATE"]);
    assert!(machine::text(&dev.path("ca")).starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(machine::text(&dev.path("token_file")).starts_with("symbolon_admin_"));
    for file in ["token_file", "api_key_file"] {
        assert_eq!(machine::mode(&dev.path(file)), 0o600, "{file}");
    }
    for user in dev.told["users"].as_array().unwrap() {
        assert!(user["otpauth"].as_str().unwrap().starts_with("otpauth://totp/"), "{user}");
    }
}

#[tokio::test]
async fn nodes_end_with_a_dev_that_is_killed_and_their_data_is_good() {
    let home = Home::new();
    let data = home.path().join("kept");
    let arguments = ["--data-dir", data.to_str().unwrap()];
    let first = Dev::start(home.path(), &arguments).await;
    let pids = first.pids();
    let alice = otp(&first.told["users"][0]);
    machine::signal(first.pid(), Signal::KILL);
    let (status, _) = first.ended().await;
    assert_eq!(status.code(), None, "it was killed");
    wait_until("the nodes end with it", STOP_TIME_MAX, async || {
        !pids.iter().any(|pid| machine::runs(*pid))
    })
    .await;

    let again = Dev::start(home.path(), &arguments).await;
    assert!(again.told["users"][0]["otpauth"].is_null(), "a seed is shown once");
    let allowed = again.verify(&again.nodes()[1], "alice", &alice.code()).await.ends(DONE);
    assert_eq!(allowed, "ALLOW\n");
    let pids = again.pids();
    // As Ctrl-C in its terminal does.
    machine::signal(again.pid(), Signal::INT);
    let (status, rest) = again.ended().await;
    assert_eq!((status.code(), &*rest), (Some(DONE), ""));
    assert!(!pids.iter().any(|pid| machine::runs(*pid)), "a node outlives dev");
    assert_eq!(machine::entries(home.path()), [data], "beside what it was told to keep");
}
