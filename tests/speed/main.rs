//! How fast it is, run in release mode with `cargo xtask bench`. A floor that does nothing, clusters of one
//! node and of three, and the floor again, all asked by `symbolon bench`. Prints what it finds, and with
//! `--write FILE` puts it into a document.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for a terminal that fails by panicking"
)]

mod busy;
mod disk;
mod failover;
mod floor;
mod levels;
#[expect(dead_code, reason = "shared with tests that use more of it")]
#[path = "../cluster/load.rs"]
mod load;
mod page;
mod plan;
mod proc;
mod results;
mod runs;
mod scale;
mod session;
mod snapshots;

use std::path::{Path, PathBuf};
use std::time::Instant;

use plan::{PARTS, Plan};
use results::Results;

const USAGE: &str = "speed [--quick] [--users N] [--seconds N] [--only PART,PART] [--write FILE.md] [--render FILE.json]";

fn main() {
    let mut plan = Plan::full();
    let mut page = None;
    let mut rendered = None;
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => plan = Plan::quick(),
            "--users" => plan.users = number(arguments.next()),
            "--seconds" => plan.seconds = f64::from(number(arguments.next())),
            "--only" => plan.only = parts(arguments.next()),
            "--write" => page = arguments.next().map(PathBuf::from),
            "--render" => rendered = arguments.next().map(PathBuf::from),
            _ => panic!("{USAGE}"),
        }
    }
    let results = match &rendered {
        Some(file) => serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap(),
        None => tokio::runtime::Runtime::new().unwrap().block_on(measure(&plan)),
    };
    let text = page::text(&results);
    println!("\n{text}");
    if rendered.is_none() {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speed.json");
        std::fs::write(&file, serde_json::to_vec_pretty(&results).unwrap()).unwrap();
        println!("kept in {}", file.display());
    }
    if let Some(file) = page {
        page::write(&file, &text);
    }
}

fn number(value: Option<String>) -> u32 {
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{USAGE}"))
}

fn parts(value: Option<String>) -> Vec<String> {
    let parts: Vec<_> = value.unwrap_or_default().split(',').map(str::to_owned).collect();
    for part in &parts {
        assert!(PARTS.contains(&&**part), "{part:?} is none of {}", PARTS.join(", "));
    }
    parts
}

async fn measure(plan: &Plan) -> Results {
    let begin = Instant::now();
    let home = tempfile::TempDir::with_prefix("symbolon-speed-").unwrap();
    let mut results = Results { machine: page::machine(plan), ..Results::default() };
    results.machine.sync_ms.push(disk::sync_ms(home.path()));
    if plan.has("floor") {
        part("the floor, before", begin);
        results.floors.push(runs::floor(plan, home.path()).await);
    }
    for (nodes, name) in [(1, "one"), (3, "three")] {
        if plan.has(name) {
            part(&format!("a cluster of {nodes}"), begin);
            results.clusters.push(runs::cluster(plan, nodes).await);
        }
    }
    if plan.has("floor") {
        part("the floor, after", begin);
        results.floors.push(runs::floor(plan, home.path()).await);
    }
    if plan.has("scale") {
        part("a node that grows", begin);
        results.scale = Some(scale::run(plan).await);
    }
    if plan.has("busy") {
        part("other work", begin);
        results.busy = Some(busy::run(plan, home.path()).await);
    }
    if plan.has("failover") {
        part("masters are killed", begin);
        results.failover = Some(failover::run(plan).await);
    }
    results.machine.sync_ms.push(disk::sync_ms(home.path()));
    results.machine.took_seconds = begin.elapsed().as_secs_f64();
    results
}

fn part(name: &str, begin: Instant) {
    println!("{:5.0} s  {name}", begin.elapsed().as_secs_f64());
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_symbolon"))
}
