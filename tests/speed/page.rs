//! The tables of what was measured, and the page where they stand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::plan::Plan;
use crate::results::{Kind, Line, Machine, Results};

const BEGIN: &str = "<!-- generated: begin -->";
const END: &str = "<!-- generated: end -->";

pub(crate) fn text(results: &Results) -> String {
    let mut text = String::new();
    text.push_str(&verifications(results));
    text
}

fn verifications(results: &Results) -> String {
    let mut text = "| what | codes | at once | connections | per second | of the floor | p50 ms | p99 ms | p99.9 ms | longest ms | servers us | client us | per entry | per sync |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    for (number, lines) in results.floors.iter().enumerate() {
        let of = if number == 0 { "floor, before" } else { "floor, after" };
        for line in lines {
            row(&mut text, results, of, line);
        }
    }
    for cluster in &results.clusters {
        let of = if cluster.nodes == 1 {
            "1 node".to_owned()
        } else {
            format!("{} nodes", cluster.nodes)
        };
        for line in &cluster.lines {
            row(&mut text, results, &of, line);
        }
    }
    text
}

fn row(text: &mut String, results: &Results, of: &str, line: &Line) {
    let Line { kind, concurrency, connections, per_second, .. } = line;
    let codes = match kind {
        Kind::Right => "right".to_owned(),
        Kind::Wrong => "wrong".to_owned(),
        Kind::Paced(hundredths) => format!("right, {hundredths} %"),
    };
    let floor = results.floor(*concurrency).filter(|_| !matches!(kind, Kind::Paced(_)));
    let ratio = floor.map_or_else(|| "-".to_owned(), |floor| format!("{:.2}", per_second / floor));
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    writeln!(
        text,
        "| {of} | {codes} | {concurrency} | {connections} | {per_second:.0} | {ratio} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {} | {} |",
        line.p50_ms, line.p99_ms, line.p999_ms, line.longest_ms, line.server_us, line.client_us,
        number(line.per_entry), number(line.per_sync),
    )
    .unwrap();
}

/// Processors and kernel, as the system names them.
pub(crate) fn machine(plan: &Plan) -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|model| model.split_once(": ")).map_or("?", |(_, model)| model);
    Machine {
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        model: model.to_owned(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        versions: vec![format!("Symbolon {}", env!("CARGO_PKG_VERSION"))],
        users: plan.users,
        seconds: plan.seconds,
        ..Machine::default()
    }
}

/// Puts it where the page has its place.
pub(crate) fn write(file: &Path, text: &str) {
    let page = fs::read_to_string(file).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(file, format!("{before}{BEGIN}\n{text}{END}{after}")).unwrap();
}
