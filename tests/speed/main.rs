//! How fast it is and what it takes of the machine, run in release mode with `cargo xtask bench`: a floor
//! that does nothing, before and after; clusters of one node and of three; one that grows; one that has
//! other work; one whose masters are killed; and others' servers. Prints every figure, and with
//! `--write FILE` puts them into a document.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for a terminal that fails by panicking"
)]

mod bars;
mod busy;
mod chart;
mod disk;
mod failover;
mod floor;
mod islands;
mod levels;
#[expect(dead_code, reason = "shared with tests that use more of it")]
#[path = "../cluster/load.rs"]
mod load;
mod machine;
mod page;
mod peers;
mod plan;
mod proc;
mod radius;
mod results;
mod runs;
mod scale;
mod session;
mod snapshots;
mod tables;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use peers::etcd::{self, Etcd};
use peers::privacyidea::PrivacyIdea;
use plan::{PARTS, Plan};
use results::Results;

const USAGE: &str = "speed [--quick] [--users N] [--seconds N] [--only PART,PART] [--write FILE.md] [--render FILE.json]";

fn main() -> ExitCode {
    if let Some(code) = floor::run() {
        return code;
    }
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
            "--write" => page = arguments.next().map(from_root),
            "--render" => rendered = arguments.next().map(from_root),
            _ => panic!("{USAGE}"),
        }
    }
    assert!(page.is_none() || !plan.is_quick, "a quick run writes no page");
    if let Some(file) = &page {
        // Before half an hour is spent on what has no place.
        assert!(file.is_file(), "{} is no page", file.display());
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
        page::write(&file, &results);
    }
    ExitCode::SUCCESS
}

/// Files are named from the root of the project; cargo starts a benchmark in its package.
fn from_root(file: String) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
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
    let mut results = Results { machine: machine::look(plan), ..Results::default() };
    results.machine.sync_ms.push(disk::sync_ms(home.path()));
    if plan.has("floor") {
        part("the floor, before", begin);
        results.floors.push(runs::floor(plan).await);
    }
    for (nodes, name) in [(1, "one"), (3, "three")] {
        if plan.has(name) {
            part(&format!("a cluster of {nodes}"), begin);
            results.clusters.push(runs::cluster(plan, nodes).await);
        }
    }
    if plan.has("floor") {
        part("the floor, after", begin);
        results.floors.push(runs::floor(plan).await);
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
    if plan.has("islands") {
        part("islands", begin);
        results.islands = Some(islands::run(plan).await);
    }
    if plan.has("radius") {
        part("RADIUS", begin);
        let of = radius::run(plan).await;
        results.machine.versions.extend(of.version.clone());
        results.radius = Some(of);
    }
    if plan.has("peers") {
        part("peers", begin);
        measure_peers(plan, home.path(), &mut results).await;
    }
    results.machine.sync_ms.push(disk::sync_ms(home.path()));
    results.machine.took_seconds = begin.elapsed().as_secs_f64();
    results
}

/// Those that are installed: by `cargo xtask bench`, unless it is quick.
async fn measure_peers(plan: &Plan, home: &Path, results: &mut Results) {
    if plan.is_quick {
        println!("  left out: nothing is installed for a quick run");
        return;
    }
    if peers::is_there("etcd").await && peers::is_there("h2load").await {
        let etcd = Etcd::start(home).await;
        for concurrency in plan.concurrency {
            results.puts.push(etcd.best(plan, *concurrency).await);
        }
        results.machine.versions.push(etcd::version().await);
    } else {
        println!("  etcd and h2load are not installed: left out");
    }
    match std::env::var_os("SYMBOLON_BENCH_PRIVACYIDEA").map(PathBuf::from) {
        Some(programs) if programs.join("pi-manage").is_file() => {
            let peer = PrivacyIdea::start(&programs, home).await;
            results.checks = peer.measure(plan).await;
            results.machine.versions.push(peer.version().await);
        }
        _ => println!("  privacyIDEA is not installed: left out"),
    }
}

fn part(name: &str, begin: Instant) {
    println!("{:5.0} s  {name}", begin.elapsed().as_secs_f64());
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_symbolon"))
}
