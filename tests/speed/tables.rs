//! The tables of the page.

use std::fmt::Write as _;

use crate::bars;
use crate::results::{Asked, Kind, Line, Meanwhile, RadiusServer, Results, Size};

const MIB: f64 = (1 << 20) as f64;

/// A table: headings, then rows.
fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let headings: Vec<_> = headings.iter().map(|it| (*it).to_owned()).collect();
    let mut text = row(&headings);
    text += &row(&vec!["---".to_owned(); headings.len()]);
    for cells in rows {
        text += &row(&cells);
    }
    text + "\n"
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn thousands(value: impl Into<u64>) -> String {
    let digits = value.into().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn bars(results: &Results) -> String {
    let rows = bars::all(results).into_iter();
    table(
        &["what", "bar", "aim", "measured", ""],
        rows.map(|bar| vec![bar.what, bar.bar, bar.aim, bar.measured, bar.verdict.to_owned()]),
    )
}

/// Rates at the same concurrency, beside each other.
pub(crate) fn rates(results: &Results) -> String {
    let line = |nodes: usize, concurrency| results.cluster(nodes)?.right(concurrency);
    let rows = results.concurrencies().into_iter().map(|concurrency| {
        let floor = results.floor(concurrency);
        let mut cells = vec![concurrency.to_string(), shown(floor, 0)];
        for nodes in [1, 3] {
            let rate = line(nodes, concurrency).map(|line| line.per_second);
            let ratio = rate.zip(floor).map(|(rate, floor)| rate / floor);
            cells.extend([shown(rate, 0), shown(ratio, 2)]);
        }
        let puts = results.puts.iter().find(|puts| puts.concurrency == concurrency);
        cells.push(shown(puts.map(|puts| puts.per_second), 0));
        cells
    });
    table(&["at once", "floor", "1 node", "of the floor", "3 nodes", "of the floor", "etcd"], rows)
}

/// Every level.
pub(crate) fn levels(results: &Results) -> String {
    let mut rows = Vec::new();
    for (number, lines) in results.floors.iter().enumerate() {
        let of = if number == 0 { "floor, before" } else { "floor, after" };
        rows.extend(lines.iter().map(|line| level(of, line)));
    }
    for cluster in &results.clusters {
        let of = match cluster.nodes {
            1 => "1 node".to_owned(),
            nodes => format!("{nodes} nodes"),
        };
        rows.extend(cluster.lines.iter().map(|line| level(&of, line)));
    }
    let headings = [
        "what",
        "codes",
        "at once",
        "connections",
        "per second",
        "worst",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "longest ms",
        "servers µs",
        "client µs",
        "per entry",
        "entries per sync",
    ];
    table(&headings, rows)
}

fn level(of: &str, line: &Line) -> Vec<String> {
    let codes = match line.kind {
        Kind::Right => "right".to_owned(),
        Kind::Wrong => "wrong".to_owned(),
        Kind::Paced(hundredths) => format!("right, at {hundredths} %"),
    };
    let mut cells = vec![of.to_owned(), codes];
    cells.extend([line.concurrency, line.connections].map(|it| it.to_string()));
    cells.extend([line.per_second, line.worst_per_second].map(|it| format!("{it:.0}")));
    let times = [line.p50_ms, line.p99_ms, line.p999_ms, line.longest_ms];
    cells.extend(times.map(|it| format!("{it:.2}")));
    cells.extend([line.server_us, line.client_us].map(|it| format!("{it:.0}")));
    cells.extend([line.per_entry, line.per_sync].map(|it| shown(it, 1)));
    cells
}

/// That each code was there once.
pub(crate) fn once(results: &Results) -> String {
    let rows = results.clusters.iter().map(|cluster| {
        let check = &cluster.check;
        let mut cells = vec![cluster.nodes.to_string()];
        let counts = [
            check.allowed,
            check.audited,
            check.replayed,
            check.replays_allowed,
            check.marks,
            check.marks_wrong,
        ];
        cells.extend(counts.map(thousands));
        cells
    });
    let headings = [
        "nodes",
        "answers ALLOW",
        "in the audit",
        "used codes shown again",
        "of these accepted",
        "marks compared",
        "of these wrong",
    ];
    table(&headings, rows)
}

/// A node that grows.
pub(crate) fn sizes(results: &Results) -> String {
    let Some(scale) = &results.scale else { return String::new() };
    let mib = |bytes: u64| format!("{:.0}", bytes as f64 / MIB);
    let rows = std::iter::once(&scale.empty).chain(&scale.sizes).map(|size| {
        let each = (size.users > 0).then(|| bars::per_user(results, size)).flatten();
        let some = |value: f64| Some(value).filter(|_| size.users > 0);
        vec![
            thousands(size.users),
            mib(size.resident_bytes),
            mib(size.restarted_bytes),
            mib(size.peak_bytes),
            shown(each, 0),
            mib(size.disk_bytes),
            shown(some(size.restart_seconds), 2),
            shown(size.snapshot_seconds, 2),
            mib(size.snapshot_bytes),
            shown(some(size.stall_ms), 1),
            shown(some(size.longest_wait_ms), 1),
            shown(some(size.join_seconds), 2),
            shown(some(size.made_per_second), 0),
        ]
    });
    let headings = [
        "users",
        "memory MiB",
        "after a start",
        "peak",
        "B for a user",
        "disk MiB",
        "start s",
        "snapshot s",
        "snapshot MiB",
        "stall ms",
        "longest wait ms",
        "join s",
        "made per second",
    ];
    table(&headings, rows)
}

/// For administrators: what Azure MFA Server asked for, and what a node takes here.
pub(crate) fn sizing(results: &Results) -> String {
    const ASKED: [(u32, u32); 5] =
        [(10_000, 4), (50_000, 8), (100_000, 12), (200_000, 16), (1_000_000, 32)];
    let Some(scale) = &results.scale else { return String::new() };
    let rows = ASKED.iter().filter_map(|(users, asked)| {
        let taken = between(&scale.sizes, *users)? / MIB;
        // As much again for a snapshot that comes or goes, and for growth.
        let give = (taken * 2.0 / 512.0).ceil() * 512.0;
        Some(vec![
            thousands(*users),
            format!("{asked} GB"),
            format!("{taken:.0} MiB"),
            format!("{} GB", give / 1024.0),
        ])
    });
    let headings = ["users up to", "Azure MFA Server", "a node takes", "give it"];
    table(&headings, rows)
}

/// The most memory with so many users, on a line between the sizes that were measured.
fn between(sizes: &[Size], users: u32) -> Option<f64> {
    let most = |size: &Size| size.peak_bytes.max(size.restarted_bytes) as f64;
    let above = sizes.iter().find(|size| size.users >= users)?;
    let Some(below) = sizes.iter().rev().find(|size| size.users < users) else {
        return Some(most(above));
    };
    let part = f64::from(users - below.users) / f64::from(above.users - below.users);
    Some(most(below) + part * (most(above) - most(below)))
}

/// What people wait while there is other work, and when a master dies.
pub(crate) fn waits(results: &Results) -> String {
    let mut rows = Vec::new();
    if let Some(busy) = &results.busy {
        let mut row = |what: String, of: &Meanwhile| {
            let times = [of.p50_ms, of.p99_ms, of.longest_ms].map(|it| format!("{it:.1}"));
            rows.push([vec![what, busy.rate.to_string()], times.to_vec()].concat());
        };
        row("nothing else".to_owned(), &busy.quiet);
        let imported = thousands(busy.imported);
        row(
            format!("{imported} users are imported, {:.0} s", busy.import_seconds),
            &busy.importing,
        );
        row(format!("a new node is given a snapshot, {:.1} s", busy.sent_seconds), &busy.joining);
    }
    if let Some(failover) = &results.failover {
        let times = [Some(failover.p50_ms), None, Some(failover.longest_ms)];
        let mut row =
            vec![format!("{} masters are killed", failover.kills), failover.rate.to_string()];
        row.extend(times.map(|it| shown(it, 1)));
        rows.push(row);
    }
    if let Some(islands) = &results.islands {
        for (what, of) in [
            ("three nodes with a quorum, over links that can be cut", islands.whole),
            ("each of three nodes is cut off", islands.cut),
            ("one of three is left", islands.killed),
        ] {
            let times = [of.p50_ms, of.p99_ms, of.longest_ms].map(|it| format!("{it:.1}"));
            rows.push([vec![what.to_owned(), islands.rate.to_string()], times.to_vec()].concat());
        }
    }
    table(&["meanwhile", "per second", "p50 ms", "p99 ms", "longest ms"], rows)
}

/// Sign-ins over RADIUS, each line beside the others' with as many at once.
pub(crate) fn radius(results: &Results) -> String {
    let Some(of) = &results.radius else { return String::new() };
    let rows = of.lines.iter().map(|line| {
        let server = match line.server {
            RadiusServer::Echo => "UDP echo".to_owned(),
            RadiusServer::FreeRadius => "FreeRADIUS, passwords in a file".to_owned(),
            RadiusServer::Symbolon => {
                format!("3 nodes, codes of {} users", thousands(of.users as u64))
            }
        };
        let asked = match line.asked {
            Asked::Right => "accept".to_owned(),
            Asked::Wrong => "reject".to_owned(),
            Asked::Paced(rate) => format!("accept, {rate} a second"),
        };
        // An echo neither accepts nor rejects.
        let same = |server: RadiusServer, asked: Asked| {
            let others = of.rate(server, asked, line.at_once)?;
            let is_own = server == line.server || matches!(line.asked, Asked::Paced(_));
            (!is_own).then_some(line.per_second / others)
        };
        let echo = same(RadiusServer::Echo, Asked::Right);
        let freeradius = same(RadiusServer::FreeRadius, line.asked);
        let freeradius = freeradius.filter(|_| line.server == RadiusServer::Symbolon);
        let mut cells = vec![server, asked, line.at_once.to_string()];
        cells.extend([format!("{:.0}", line.per_second), shown(freeradius, 2), shown(echo, 3)]);
        cells.extend([line.p50_ms, line.p99_ms].map(|it| format!("{it:.2}")));
        cells.push(shown(Some(line.server_us).filter(|it| *it > 0.0), 0));
        cells.push(line.again.to_string());
        cells
    });
    let headings = [
        "what",
        "told",
        "at once",
        "per second",
        "of FreeRADIUS",
        "of the echo",
        "p50 ms",
        "p99 ms",
        "servers µs",
        "sent again",
    ];
    table(&headings, rows)
        + &format!(
            "Each of these lines is the best of {} of {} s; the servers were asked in turn.\n\n",
            crate::radius::ROUNDS,
            of.seconds
        )
}

/// The others.
pub(crate) fn peers(results: &Results) -> String {
    let mut rows = Vec::new();
    for puts in &results.puts {
        rows.push(vec![
            "etcd, puts".to_owned(),
            puts.concurrency.to_string(),
            format!("{:.0}", puts.per_second),
            format!("{:.2}", puts.p50_ms),
            format!("{:.2}", puts.p99_ms),
            format!("{:.0}", puts.server_us),
        ]);
    }
    for checks in &results.checks {
        let pin = if checks.with_pin { "with its PIN hash" } else { "without a PIN" };
        rows.push(vec![
            format!("privacyIDEA, `/validate/check` {pin}"),
            checks.concurrency.to_string(),
            format!("{:.1}", checks.per_second),
            format!("{:.1}", checks.p50_ms),
            format!("{:.1}", checks.p99_ms),
            format!("{:.0}", checks.server_us),
        ]);
    }
    table(&["what", "at once", "per second", "p50 ms", "p99 ms", "servers µs"], rows)
}

/// Where and with what it was measured.
pub(crate) fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "Measured on {} x {}, {:.0} GiB of memory, Linux {}, with {}; {} users for each cluster, {} s for each \
         line, client and servers together.",
        machine.processors,
        machine.model,
        machine.memory_bytes as f64 / MIB / 1024.0,
        machine.kernel,
        machine.versions.join(", "),
        thousands(machine.users),
        machine.seconds,
    );
    let syncs: Vec<_> = machine.sync_ms.iter().map(|it| format!("{it:.2} ms")).collect();
    write!(
        text,
        " A sync took {}. All of it took {:.0} minutes.\n\n",
        syncs.join(" before and "),
        (machine.took_seconds / 60.0).ceil()
    )
    .unwrap();
    text
}
