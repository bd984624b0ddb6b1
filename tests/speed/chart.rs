//! The charts of the page, as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::results::{Kind, Results};

const SIZE: (u32, u32) = (760, 420);
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 90, 181), RGBColor(220, 50, 32), RGBColor(64, 140, 64), RGBColor(140, 90, 160)];
const MIB: f64 = (1 << 20) as f64;
/// What Azure MFA Server asked for, in GiB, from so many users on.
const ASKED: [(f64, f64); 10] = [
    (1e3, 4.0),
    (1e4, 4.0),
    (1e4, 8.0),
    (5e4, 8.0),
    (5e4, 12.0),
    (1e5, 12.0),
    (1e5, 16.0),
    (2e5, 16.0),
    (2e5, 32.0),
    (1e6, 32.0),
];

struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

struct Axes {
    title: &'static str,
    x: &'static str,
    y: &'static str,
}

/// Writes what was measured, and tells the names and what they show.
pub(crate) fn draw(results: &Results, folder: &Path) -> Vec<(&'static str, &'static str)> {
    std::fs::create_dir_all(folder).unwrap();
    let mut drawn = Vec::new();
    let charts = [
        ("rates.svg", rates as fn(&Results) -> Option<(Axes, Vec<Series>)>),
        ("times.svg", times),
        ("memory.svg", memory),
        ("durations.svg", durations),
    ];
    for (name, chart) in charts {
        if let Some((axes, series)) = chart(results) {
            lines(&folder.join(name), &axes, &series);
            drawn.push((name, axes.title));
        }
    }
    drawn
}

fn some(axes: Axes, series: Vec<Series>) -> Option<(Axes, Vec<Series>)> {
    let series: Vec<_> = series.into_iter().filter(|series| !series.points.is_empty()).collect();
    (!series.is_empty()).then_some((axes, series))
}

fn rates(results: &Results) -> Option<(Axes, Vec<Series>)> {
    let axes = Axes { title: "Verifications in a second", x: "at once", y: "in a second" };
    let points = |rate: &dyn Fn(u32) -> Option<f64>| {
        let all = results.concurrencies();
        all.into_iter().filter_map(|it| Some((f64::from(it), rate(it)?))).collect::<Vec<_>>()
    };
    let nodes = |nodes: usize| points(&|it| Some(results.cluster(nodes)?.right(it)?.per_second));
    let puts = points(&|it| {
        results.puts.iter().find(|puts| puts.concurrency == it).map(|puts| puts.per_second)
    });
    let series = vec![
        Series { name: "floor".to_owned(), points: points(&|it| results.floor(it)) },
        Series { name: "1 node".to_owned(), points: nodes(1) },
        Series { name: "3 nodes".to_owned(), points: nodes(3) },
        Series { name: "puts into etcd".to_owned(), points: puts },
    ];
    some(axes, series)
}

fn times(results: &Results) -> Option<(Axes, Vec<Series>)> {
    let axes =
        Axes { title: "Times at a steady rate", x: "hundredths of the highest rate", y: "ms" };
    let mut series = Vec::new();
    for cluster in &results.clusters {
        let paced = |pick: fn(&crate::results::Line) -> f64| {
            let lines = cluster.lines.iter().filter_map(|line| match line.kind {
                Kind::Paced(hundredths) => Some((f64::from(hundredths), pick(line))),
                _ => None,
            });
            lines.collect::<Vec<_>>()
        };
        let name = |what: &str| format!("{} node(s), {what}", cluster.nodes);
        series.push(Series { name: name("p50"), points: paced(|line| line.p50_ms) });
        series.push(Series { name: name("p99"), points: paced(|line| line.p99_ms) });
    }
    some(axes, series)
}

fn memory(results: &Results) -> Option<(Axes, Vec<Series>)> {
    let axes = Axes { title: "Memory of a node", x: "users", y: "MiB" };
    let sizes = &results.scale.as_ref()?.sizes;
    let of = |pick: fn(&crate::results::Size) -> u64| {
        sizes.iter().map(|size| (f64::from(size.users), pick(size) as f64 / MIB)).collect()
    };
    let most = sizes.iter().map(|size| f64::from(size.users)).fold(0.0, f64::max);
    let asked = ASKED.iter().filter(|(users, _)| *users <= most);
    let asked = asked.map(|(users, gib)| (*users, gib * 1024.0)).collect();
    let series = vec![
        Series { name: "in use".to_owned(), points: of(|size| size.resident_bytes) },
        Series { name: "peak".to_owned(), points: of(|size| size.peak_bytes) },
        Series { name: "Azure MFA Server asked for".to_owned(), points: asked },
    ];
    some(axes, series)
}

fn durations(results: &Results) -> Option<(Axes, Vec<Series>)> {
    let axes = Axes { title: "Start, snapshot, join", x: "users", y: "s" };
    let sizes = &results.scale.as_ref()?.sizes;
    let of = |pick: fn(&crate::results::Size) -> Option<f64>| {
        sizes.iter().filter_map(|size| Some((f64::from(size.users), pick(size)?))).collect()
    };
    let series = vec![
        Series { name: "start".to_owned(), points: of(|size| Some(size.restart_seconds)) },
        Series { name: "snapshot".to_owned(), points: of(|size| size.snapshot_seconds) },
        Series { name: "join".to_owned(), points: of(|size| Some(size.join_seconds)) },
    ];
    some(axes, series)
}

/// Both scales are logarithmic.
fn lines(path: &Path, axes: &Axes, all: &[Series]) {
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().flat_map(|series| &series.points).map(pick);
        let least = values().fold(f64::INFINITY, f64::min).max(1e-3);
        let most = values().fold(least, f64::max);
        (least * 0.8)..(most * 1.3)
    };
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&area)
        .caption(axes.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(range(|point| point.0).log_scale(), range(|point| point.1).log_scale())
        .unwrap();
    let number = |value: &f64| format!("{value}");
    chart
        .configure_mesh()
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .light_line_style(WHITE)
        .draw()
        .unwrap();
    for (series, colour) in all.iter().zip(COLOURS) {
        let line = chart
            .draw_series(LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)));
        line.unwrap()
            .label(series.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        let dots = series.points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots).unwrap();
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()
        .unwrap();
    area.present().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
