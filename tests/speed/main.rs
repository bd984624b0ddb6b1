//! How fast it is, run in release mode with `cargo xtask bench`. A floor that does nothing, clusters of one
//! node and of three, and the floor again, all asked by `symbolon bench`. Prints a table, and with
//! `--write FILE` puts it into a document.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for a terminal that fails by panicking"
)]

mod floor;
mod page;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use floor::Floor;
use serde_json::Value;
use symbolon_testkit::{Cluster, Options};
use tokio::process::Command;

const USAGE: &str = "speed [--quick] [--users N] [--seconds N] [--write FILE.md]";
/// Verifications at once.
const CONCURRENCY: &str = "1,16,64,256";

/// Users that the floor is asked about in a second, over all levels.
const FLOOR_USERS_PER_SECOND: u32 = 100_000;

/// How much is done.
#[derive(Clone, Copy)]
struct Plan {
    users: u32,
    seconds: u32,
}

/// What was measured of one server or cluster: a level for each number of verifications at once.
pub(crate) struct Measured {
    pub(crate) of: &'static str,
    pub(crate) levels: Vec<Value>,
}

fn main() {
    let mut plan = Plan { users: 200_000, seconds: 20 };
    let mut page = None;
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => plan = Plan { users: 8_000, seconds: 1 },
            "--users" => plan.users = number(arguments.next()),
            "--seconds" => plan.seconds = number(arguments.next()),
            "--write" => page = arguments.next().map(PathBuf::from),
            _ => panic!("{USAGE}"),
        }
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let measured = runtime.block_on(measure(plan));
    let table = page::table(&measured, plan.users, plan.seconds);
    println!("{table}");
    if let Some(file) = page {
        page::write(&file, &table);
    }
}

fn number(value: Option<String>) -> u32 {
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{USAGE}"))
}

async fn measure(plan: Plan) -> Vec<Measured> {
    let home = tempfile::TempDir::with_prefix("symbolon-speed-").unwrap();
    let floor = Floor::start(home.path()).await;
    // It is so fast that it needs more codes, and so many users cost it nothing.
    let users = plan.users.max(plan.seconds * FLOOR_USERS_PER_SECOND);
    let plenty = Plan { users, ..plan };
    let of_floor = async |of| Measured {
        of,
        levels: bench(plenty, std::slice::from_ref(&floor.url), &floor.ca, &floor.token_file).await,
    };
    let mut measured = vec![of_floor("floor, before").await];
    for (nodes, of) in [(1, "1 node"), (3, "3 nodes")] {
        let options = Options { nodes, log_filter: "warn".to_owned(), ..Options::default() };
        let cluster = Cluster::start_with(binary(), options).await;
        let servers: Vec<_> =
            cluster.nodes().iter().map(|node| format!("https://{}", node.api())).collect();
        let levels = bench(plan, &servers, &cluster.ca_file(), &cluster.admin_token_file()).await;
        measured.push(Measured { of, levels });
    }
    measured.push(of_floor("floor, after").await);
    measured
}

async fn bench(plan: Plan, servers: &[String], ca: &Path, token_file: &Path) -> Vec<Value> {
    let output = Command::new(binary())
        .args(["bench", "--output", "json", "--concurrency", CONCURRENCY])
        .args(["--users", &plan.users.to_string(), "--seconds", &plan.seconds.to_string()])
        .env("SYMBOLON_SERVER", servers.join(","))
        .env("SYMBOLON_CA", ca)
        .env("SYMBOLON_TOKEN_FILE", token_file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let levels = told["levels"].as_array().cloned().unwrap_or_default();
    for level in &levels {
        let is_clean = level["unexpected"] == 0 && level["failed"] == 0 && level["answered"] != 0;
        assert!(is_clean, "{level}\n{said}");
    }
    levels
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_symbolon"))
}
