//! The page where all of it stands: tables between two marks, charts in a folder beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::chart;
use crate::results::Results;
use crate::tables;

const BEGIN: &str = "<!-- generated: begin -->";
const END: &str = "<!-- generated: end -->";
/// Beside the page.
const CHARTS: &str = "charts";

/// Everything that was measured.
pub(crate) fn text(results: &Results) -> String {
    let mut text = tables::machine(results);
    let parts = [
        ("Bars", tables::bars(results)),
        ("Verifications in a second", tables::rates(results)),
        ("Each code is there once", tables::once(results)),
        ("Memory for so many users", tables::sizing(results)),
        ("A node that grows", tables::sizes(results)),
        ("What people wait", tables::waits(results)),
        ("RADIUS", tables::radius(results)),
        ("Others", tables::peers(results)),
        ("Every level", tables::levels(results)),
    ];
    for (title, table) in parts {
        // Without rows it was not measured.
        if table.lines().count() > 3 {
            write!(text, "### {title}\n\n{table}").unwrap();
        }
    }
    text
}

/// Puts it where the page has its place, and the charts beside it.
pub(crate) fn write(file: &Path, results: &Results) {
    let mut text = text(results);
    let folder = file.with_file_name(CHARTS);
    for (name, title) in chart::draw(results, &folder) {
        write!(text, "![{title}]({CHARTS}/{name})\n\n").unwrap();
    }
    let page = fs::read_to_string(file).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(file, format!("{before}{BEGIN}\n{text}{END}{after}")).unwrap();
}
