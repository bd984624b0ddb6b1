//! Tables for people: columns without lines, so that `cut` and eyes both get along with them.

use comfy_table::{ContentArrangement, Table, presets};

use crate::output::printable;

/// A line per row under a line of headings.
pub(crate) fn rows(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = empty();
    table.set_header(headings);
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    text(table)
}

/// A line per property of one thing.
pub(crate) fn properties(properties: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = empty();
    for (name, value) in properties {
        table.add_row([format!("{name}:"), printable(&value)]);
    }
    text(table)
}

fn text(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// What stands for nothing.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

pub(crate) fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let table = rows(
            &["NAME", "FAILURES"],
            [vec!["alice".into(), "0".into()], vec!["bo\x1b[2J".into(), "12".into()]],
        );
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines, ["NAME    FAILURES", "alice   0", "bo [2J  12"]);
    }

    #[test]
    fn properties_have_names() {
        let table = properties([("Name", "alice".to_owned()), ("Display name", "-".to_owned())]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines, ["Name:          alice", "Display name:  -"]);
    }
}
