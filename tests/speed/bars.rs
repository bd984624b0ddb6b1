//! What must be reached, and what is aimed at.

use crate::results::{Asked, RadiusServer, Results, Size};

/// Whether more is better.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Better {
    More,
    Less,
}

pub(crate) struct Bar {
    pub(crate) what: String,
    /// With its unit.
    pub(crate) bar: String,
    pub(crate) aim: String,
    pub(crate) measured: String,
    pub(crate) verdict: &'static str,
}

fn judged(
    what: impl Into<String>,
    better: Better,
    [bar, aim]: [f64; 2],
    measured: Option<f64>,
    shown: impl Fn(f64) -> String,
) -> Bar {
    let reaches = |value: f64, wanted: f64| match better {
        Better::More => value >= wanted,
        Better::Less => value <= wanted,
    };
    let verdict = match measured {
        None => "not measured",
        Some(value) if reaches(value, aim) => "aim reached",
        Some(value) if reaches(value, bar) => "bar met",
        Some(_) => "**missed**",
    };
    let sign = if better == Better::More { "at least" } else { "at most" };
    Bar {
        what: what.into(),
        bar: format!("{sign} {}", shown(bar)),
        aim: shown(aim),
        measured: measured.map_or_else(|| "-".to_owned(), &shown),
        verdict,
    }
}

pub(crate) fn all(results: &Results) -> Vec<Bar> {
    let mut bars = of_verifications(results);
    bars.extend(of_scale(results));
    let longest = results.failover.as_ref().map(|it| it.longest_ms / 1000.0);
    let what = "Longest wait when a master is killed";
    bars.push(judged(what, Better::Less, [3.0, 2.0], longest, |it| format!("{it:.2} s")));
    for (what, of) in [("its peers are cut off", true), ("its peers are killed", false)] {
        let ratio = results.islands.as_ref().map(|it| {
            let alone = if of { it.cut } else { it.killed };
            alone.p99_ms / it.whole.p99_ms
        });
        let what = format!("p99 of a node without a quorum, of that with one: {what}");
        bars.push(judged(what, Better::Less, [3.0, 1.0], ratio, |it| format!("{it:.2}")));
    }
    bars.extend(of_radius(results));
    bars
}

fn of_radius(results: &Results) -> Vec<Bar> {
    let ratio = |asked: Asked| {
        let of = results.radius.as_ref()?;
        let rate = |server: RadiusServer| of.most(server, asked);
        Some(rate(RadiusServer::Symbolon)? / rate(RadiusServer::FreeRadius)?)
    };
    let told = [("accepts", Asked::Right, [0.25, 0.5]), ("rejects", Asked::Wrong, [0.25, 0.25])];
    let bars = told.map(|(told, asked, limits)| {
        let what = format!("RADIUS, the most {told} of 3 nodes: of FreeRADIUS");
        judged(what, Better::More, limits, ratio(asked), |it| format!("{it:.2}"))
    });
    bars.into()
}

fn of_verifications(results: &Results) -> Vec<Bar> {
    let ratio = |it: f64| format!("{it:.2}");
    let right = |nodes: usize, concurrency: u32| {
        results.cluster(nodes)?.right(concurrency).map(|line| line.per_second)
    };
    let of_floor = |nodes: usize| Some(right(nodes, 64)? / results.floor(64)?);
    let mut bars = Vec::new();
    for (nodes, limits) in [(3, [0.25, 0.4]), (1, [0.5, 0.6])] {
        let name = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        let what = format!("{name}, 64 at once: of the floor");
        bars.push(judged(what, Better::More, limits, of_floor(nodes), ratio));
    }
    for puts in &results.puts {
        let what = format!("3 nodes against puts into etcd, {} at once", puts.concurrency);
        let measured = right(3, puts.concurrency).map(|it| it / puts.per_second);
        bars.push(judged(what, Better::More, [0.7, 1.0], measured, ratio));
    }
    let sync = results.sync_ms();
    let lone = results.cluster(3).and_then(|of| of.right(1)).map(|line| line.p50_ms);
    let what = format!("A lone request to 3 nodes, p50: 2 syncs of {sync:.2} ms and");
    let over = lone.map(|it| it - 2.0 * sync);
    bars.push(judged(what, Better::Less, [2.0, 1.0], over, |it| format!("{it:.2} ms")));
    bars
}

fn of_scale(results: &Results) -> Vec<Bar> {
    let size = |users: u32| results.size(users);
    let seconds = |it: f64| format!("{it:.2} s");
    let restart = |users: u32| size(users).map(|size| size.restart_seconds);
    let stall = size(1_000_000).and_then(|size| size.snapshot_seconds.map(|_| size.stall_ms));
    let each = size(200_000).and_then(|size| per_user(results, size));
    vec![
        judged(
            "Memory of a user, of 200,000, over the empty server",
            Better::Less,
            [2048.0, 1024.0],
            each,
            |it| format!("{it:.0} B"),
        ),
        judged("Start with 200,000 users", Better::Less, [3.0, 1.0], restart(200_000), seconds),
        judged(
            "Start with 1,000,000 users",
            Better::Less,
            [15.0, 5.0],
            restart(1_000_000),
            seconds,
        ),
        judged(
            "Longest stall of `apply` during a snapshot of 1,000,000 users",
            Better::Less,
            [200.0, 50.0],
            stall,
            |it| format!("{it:.1} ms"),
        ),
    ]
}

/// Bytes, by the larger of what it was after they were made and after a start.
pub(crate) fn per_user(results: &Results, size: &Size) -> Option<f64> {
    let empty = results.scale.as_ref()?.empty.resident_bytes as f64;
    let resident = size.resident_bytes.max(size.restarted_bytes) as f64;
    Some((resident - empty).max(0.0) / f64::from(size.users))
}
