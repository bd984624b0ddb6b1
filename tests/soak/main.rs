//! What takes long, run by hand in release mode with `cargo xtask soak`. Ten million verifications with
//! little audit kept: disk and memory stay flat. Or, with `--away`, a node that misses a million log
//! entries. Prints what it sees.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a terminal that fails by panicking"
)]

mod away;
mod chart;
#[expect(dead_code, clippy::indexing_slicing, reason = "shared with tests that use more of it")]
#[path = "../cluster/load.rs"]
mod load;
mod soak;

use std::path::{Path, PathBuf};
use std::time::Duration;

use soak::{Plan, Sample};

const USAGE: &str = "soak [--verifications N | --away ENTRIES] [--people N] [--chart FILE.svg]";
const MIB: u64 = 1 << 20;

fn main() {
    let mut plan = Plan {
        people: 60_000,
        verifications: 10_000_000,
        at_least: Duration::from_secs(180),
        concurrent: 128,
        audit_rows: 200_000,
        snapshot_entries: 20_000,
        interval: Duration::from_secs(5),
    };
    let mut chart = None;
    let mut away = None;
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{USAGE}"));
        match argument.as_str() {
            "--verifications" => plan.verifications = number(&value),
            "--away" => away = Some(number(&value)),
            "--people" => plan.people = number(&value) as usize,
            "--chart" => chart = Some(PathBuf::from(value)),
            _ => panic!("{USAGE}"),
        }
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_symbolon"));
    if let Some(entries) = away {
        return runtime.block_on(away::run(binary, plan.people, entries));
    }
    println!("{plan:?}");
    let samples = runtime.block_on(soak::run(binary, plan, tell));
    if let Some(path) = chart {
        chart::draw(&path, &samples);
        println!("drawn to {}", path.display());
    }
}

fn number(value: &str) -> u64 {
    value.parse().unwrap_or_else(|_| panic!("{value:?} is no number; {USAGE}"))
}

fn tell(sample: &Sample) {
    let of = |pick: fn(&symbolon_testkit::Usage) -> u64| {
        let each: Vec<_> = sample.nodes.iter().map(|node| (pick(node) / MIB).to_string()).collect();
        each.join("/")
    };
    println!(
        "{:6.0} s  {:9} verifications  disk {} MiB  memory {} MiB  audit {:?}  repeated {}",
        sample.elapsed.as_secs_f64(),
        sample.verifications,
        of(|node| node.disk_bytes),
        of(|node| node.resident_bytes),
        sample.audit,
        sample.repeated,
    );
}
