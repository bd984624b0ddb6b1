//! The program, run as from a shell.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use symbolon_testkit::Cluster;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub(crate) const DONE: i32 = 0;
pub(crate) const NO: i32 = 1;
pub(crate) const CHALLENGE: i32 = 3;
pub(crate) const USAGE: i32 = 64;
pub(crate) const UNAVAILABLE: i32 = 69;
pub(crate) const TRY_AGAIN: i32 = 75;
pub(crate) const NOT_PERMITTED: i32 = 77;
pub(crate) const CONFIGURATION: i32 = 78;

pub(crate) const TIME_MAX: Duration = Duration::from_secs(60);

/// The program with nothing of the environment that it could take for settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    command
        .env_remove("SYMBOLON_SERVER")
        .env_remove("SYMBOLON_CA")
        .env_remove("SYMBOLON_TOKEN_FILE")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A command line and what came of it.
pub(crate) struct Ran {
    line: String,
    output: Output,
}

pub(crate) async fn run(command: &mut Command) -> Ran {
    let line = format!("{:?}", command.as_std());
    let ended = timeout(TIME_MAX, command.output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{line} does not end")).unwrap();
    Ran { line, output }
}

impl Ran {
    /// Its words on standard output. It must have ended with this exit code.
    pub(crate) fn ends(&self, code: i32) -> String {
        let Output { status, stdout, stderr } = &self.output;
        let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        assert_eq!(status.code(), Some(code), "{}\n{stdout}\n{stderr}", self.line);
        stdout.into_owned()
    }

    /// The one line of JSON that it has printed.
    pub(crate) fn json(&self, code: i32) -> Value {
        let text = self.ends(code);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What it says went wrong: a sentence of what, a sentence of what to do, nothing as a result.
    pub(crate) fn fails(&self, code: i32) -> String {
        assert_eq!(self.ends(code), "", "{} prints a result", self.line);
        let text = String::from_utf8_lossy(&self.output.stderr).into_owned();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{}\n{text}", self.line);
        assert!(lines.iter().all(|line| line.len() > 8), "{}\n{text}", self.line);
        // A cause that is told twice tells nobody more.
        let (what, remedy) = (lines[0], lines[1]);
        let repeated = what.rsplit(": ").next().unwrap();
        assert!(!remedy.contains(repeated), "{}\n{text}", self.line);
        text
    }

    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

/// Who asks which nodes of a cluster, by the environment.
#[derive(Clone)]
pub(crate) struct Asking {
    servers: OsString,
    ca: OsString,
    token_file: OsString,
}

impl Asking {
    /// All nodes, as the first administrator.
    pub(crate) fn administrator(cluster: &Cluster) -> Self {
        let servers: Vec<_> =
            cluster.nodes().iter().map(|node| format!("https://{}", node.api())).collect();
        Self {
            servers: servers.join(",").into(),
            ca: cluster.ca_file().into(),
            token_file: cluster.admin_token_file().into(),
        }
    }

    pub(crate) fn at(&self, servers: impl Into<OsString>) -> Self {
        Self { servers: servers.into(), ..self.clone() }
    }

    pub(crate) fn with_ca(&self, file: impl Into<OsString>) -> Self {
        Self { ca: file.into(), ..self.clone() }
    }

    pub(crate) fn with_token_file(&self, file: impl Into<OsString>) -> Self {
        Self { token_file: file.into(), ..self.clone() }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = program();
        command
            .env("SYMBOLON_SERVER", &self.servers)
            .env("SYMBOLON_CA", &self.ca)
            .env("SYMBOLON_TOKEN_FILE", &self.token_file)
            .args(arguments.split_whitespace());
        command
    }

    /// Runs a command that is written without quotes.
    pub(crate) async fn run(&self, arguments: &str) -> Ran {
        run(&mut self.command(arguments)).await
    }

    /// With more arguments, which may have spaces in them.
    pub(crate) async fn run_with<S: AsRef<OsStr>>(&self, arguments: &str, more: &[S]) -> Ran {
        run(self.command(arguments).args(more)).await
    }

    /// With text on standard input.
    pub(crate) async fn run_reading(&self, arguments: &str, text: &str) -> Ran {
        let mut command = self.command(arguments);
        let line = format!("{:?}", command.as_std());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever does not read it has ended.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes()).await;
        let output = timeout(TIME_MAX, child.wait_with_output()).await.unwrap().unwrap();
        Ran { line, output }
    }

    /// Starts a command that goes on until somebody ends it.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) async fn json(&self, arguments: &str) -> Value {
        self.run(&format!("--output json {arguments}")).await.json(DONE)
    }
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_symbolon"))
}

/// The keys of an object of JSON, in order.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
