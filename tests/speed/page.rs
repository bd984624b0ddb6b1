//! The table of what was measured, and the page where it stands.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Measured;

const BEGIN: &str = "<!-- generated: begin -->";
const END: &str = "<!-- generated: end -->";

pub(crate) fn table(measured: &[Measured], users: u32, seconds: u32) -> String {
    let mut text =
        format!("Measured with {users} users, {seconds} s for each line, on {}.\n\n", machine());
    text.push_str(
        "| what | at once | per second | of the floor | p50 ms | p99 ms | p99.9 ms | longest ms |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let number = |level: &Value, key: &str| level[key].as_f64().unwrap_or(0.0);
    for Measured { of, levels } in measured {
        for level in levels {
            let floor = floor(measured, &level["concurrency"]);
            let per_second = number(level, "per_second");
            writeln!(
                text,
                "| {of} | {} | {per_second:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                level["concurrency"],
                per_second / floor,
                number(level, "p50_ms"),
                number(level, "p99_ms"),
                number(level, "p999_ms"),
                number(level, "longest_ms"),
            )
            .unwrap();
        }
    }
    text
}

/// The better of the two times that the floor was measured with so many at once.
fn floor(measured: &[Measured], concurrency: &Value) -> f64 {
    let floors = measured.iter().filter(|it| it.of.starts_with("floor"));
    let levels = floors.flat_map(|it| &it.levels);
    let same = levels.filter(|level| level["concurrency"] == *concurrency);
    same.filter_map(|level| level["per_second"].as_f64()).fold(f64::MIN_POSITIVE, f64::max)
}

/// Processors and kernel, as the system names them.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|model| model.split_once(": ")).map_or("?", |(_, model)| model);
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{processors} x {model}, Linux {}, Symbolon {version}, client and servers together",
        kernel.trim()
    )
}

/// Puts the table where the page has its place.
pub(crate) fn write(file: &Path, table: &str) {
    let page = fs::read_to_string(file).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(file, format!("{before}{BEGIN}\n{table}{END}{after}")).unwrap();
}
