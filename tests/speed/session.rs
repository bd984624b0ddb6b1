//! `symbolon bench --interactive`: a fleet of users, and levels that are measured one after the other.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::sleep;

use crate::binary;
use crate::floor;
use crate::results::Check;

/// Time for codes that were not shown to come up again: two time steps.
const CODES_TIME_MAX: Duration = Duration::from_secs(60);

/// Whom to ask, and how.
#[derive(Clone, Default)]
pub(crate) struct Target {
    pub(crate) servers: Vec<String>,
    pub(crate) ca: PathBuf,
    pub(crate) token_file: PathBuf,
    /// A server that decides nothing, in the process that asks.
    pub(crate) is_floor: bool,
}

impl Target {
    /// A command of the program that asks there.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(words)
            .env("SYMBOLON_SERVER", self.servers.join(","))
            .env("SYMBOLON_CA", &self.ca)
            .env("SYMBOLON_TOKEN_FILE", &self.token_file)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// What is to be measured.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) concurrency: u32,
    pub(crate) connections: u32,
    pub(crate) seconds: f64,
    pub(crate) rate: Option<u32>,
    pub(crate) wrong: bool,
}

/// What was measured, as the program tells it.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) answered: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) longest_ms: f64,
}

pub(crate) struct Session {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Codes that a second has taken at most, so far.
    busiest: f64,
    is_floor: bool,
}

impl Session {
    /// Makes the users; they are never removed.
    pub(crate) async fn begin(target: &Target, users: u32) -> Self {
        let words = ["bench", "--interactive", "--keep", "--output", "json"];
        let mut command = match target.is_floor {
            true => floor::command(&words),
            false => target.command(&words),
        };
        command.args(["--users", &users.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut session = Self { child, orders, answers, busiest: 0.0, is_floor: target.is_floor };
        let ready = session.answer().await;
        assert_eq!(ready["users"], users);
        session
    }

    /// The process that asks.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    async fn ask(&mut self, order: &str) -> Value {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Value {
        let line = self.answers.next_line().await.unwrap();
        let line = line.expect("symbolon bench has ended");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Waits until there are codes for the level, as far as one can know, or so many.
    pub(crate) async fn have_codes(&mut self, order: Order, enough: u64) {
        if self.is_floor || order.wrong {
            return;
        }
        let per_second = order.rate.map_or(self.busiest * 1.2, f64::from);
        let wanted = enough.min((per_second * order.seconds) as u64);
        let end = tokio::time::Instant::now() + CODES_TIME_MAX;
        loop {
            let codes = self.ask("codes").await["codes"].as_u64().unwrap();
            if codes >= wanted || tokio::time::Instant::now() > end {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Measures.
    pub(crate) async fn level(&mut self, order: Order) -> Told {
        let Order { concurrency, connections, seconds, rate, wrong } = order;
        let mut line =
            format!("level concurrency={concurrency} connections={connections} seconds={seconds}");
        if let Some(rate) = rate {
            line += &format!(" rate={rate}");
        }
        if wrong {
            line += " wrong";
        }
        let told = self.ask(&line).await;
        let is_clean = told["unexpected"] == 0 && told["failed"] == 0 && told["answered"] != 0;
        assert!(is_clean, "{line}: {told}");
        if told["ran_out"] == true {
            println!("  {line}: ended early, there were no more codes");
        }
        let number = |key: &str| told[key].as_f64().unwrap();
        let per_second = number("per_second");
        if !wrong {
            self.busiest = self.busiest.max(per_second);
        }
        Told {
            answered: number("answered"),
            per_second,
            p50_ms: number("p50_ms"),
            p99_ms: number("p99_ms"),
            p999_ms: number("p999_ms"),
            longest_ms: number("longest_ms"),
        }
    }

    /// Shows used codes of the last level again.
    pub(crate) async fn replay(&mut self) {
        if !self.is_floor {
            let told = self.ask("replay").await;
            assert_eq!(told["replays_allowed"], 0, "a code was accepted twice");
        }
    }

    /// Compares what was allowed with the audit and the marks, and ends.
    pub(crate) async fn end(self) -> Option<Check> {
        let Self { mut child, orders, mut answers, .. } = self;
        drop(orders);
        let last = answers.next_line().await.unwrap();
        let status: ExitStatus = child.wait().await.unwrap();
        let told: Value = serde_json::from_str(&last.unwrap_or_default()).unwrap_or_default();
        assert!(status.success(), "symbolon bench: {status}: {}", told["check"]);
        serde_json::from_value(told["check"].clone()).unwrap()
    }
}
