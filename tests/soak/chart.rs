//! The samples as an SVG.

use std::path::Path;

use plotters::prelude::*;
use symbolon_testkit::Usage;

use crate::soak::Sample;

const SIZE: (u32, u32) = (900, 640);
const COLOURS: [RGBColor; 3] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32), RGBColor(64, 140, 64)];
const MIB: f64 = (1 << 20) as f64;

/// Disk above, memory below, a line for each node.
pub(crate) fn draw(path: &Path, samples: &[Sample]) {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let (disk, memory) = area.split_vertically(SIZE.1 / 2);
    panel(&disk, "Data directory, MiB", samples, |usage| usage.disk_bytes);
    panel(&memory, "Resident memory, MiB", samples, |usage| usage.resident_bytes);
    area.present().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    samples: &[Sample],
    pick: fn(&Usage) -> u64,
) {
    let mib = |usage: &Usage| pick(usage) as f64 / MIB;
    let highest = samples.iter().flat_map(|sample| &sample.nodes).map(mib).fold(1.0, f64::max);
    let most = samples.iter().map(|sample| sample.verifications).max().unwrap_or(1) as f64 / 1e6;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..most, 0.0..highest * 1.1)
        .unwrap();
    chart.configure_mesh().x_desc("million verifications").draw().unwrap();
    for (number, colour) in COLOURS.iter().enumerate() {
        let points = samples.iter().filter_map(|sample| {
            Some((sample.verifications as f64 / 1e6, mib(sample.nodes.get(number)?)))
        });
        let line = chart.draw_series(LineSeries::new(points, colour)).unwrap();
        line.label(format!("node {}", number + 1))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], *colour));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw().unwrap();
}
