//! What became of a file.

use crate::{RowError, Warning};

/// Something said about one place of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding<R> {
    /// Line of the file, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// What stands there, a serial number or a user name, safe to print; may be empty.
    pub what: String,
    /// What is said. Its `Display` is a sentence without the place.
    pub reason: R,
}

/// The account of an import: every row is either accepted or refused.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Rows that were good.
    pub accepted: usize,
    /// Rows that were not, in the order of the file.
    pub refused: Vec<Finding<RowError>>,
    /// What to know about rows that were accepted, and about the file.
    pub warnings: Vec<Finding<Warning>>,
}

/// Rows of a file with the account of it.
#[derive(Debug)]
pub struct Imported<T> {
    /// The good rows, in the order of the file.
    pub rows: Vec<T>,
    /// What became of each row.
    pub report: Report,
}

impl Report {
    /// Notes a row that was refused. `what` is made safe to print.
    pub fn refuse(&mut self, line: u64, what: &str, reason: RowError) {
        self.refused.push(Finding { line, what: crate::shown::shown(what), reason });
    }

    /// Notes a warning. `what` is made safe to print.
    pub fn warn(&mut self, line: u64, what: &str, reason: Warning) {
        self.warnings.push(Finding { line, what: crate::shown::shown(what), reason });
    }

    /// Rows that were read.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.accepted.saturating_add(self.refused.len())
    }
}

impl<T> Imported<T> {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), report: Report::default() }
    }

    pub(crate) fn accept(&mut self, row: T) {
        self.rows.push(row);
        self.report.accepted += 1;
    }
}
