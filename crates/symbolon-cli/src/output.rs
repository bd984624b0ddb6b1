//! The one place that prints: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::{error::Failure, exit::Exit};

/// How results are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Prints a result as one line, or a text of several.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(not_written)
}

/// Prints a part of a result, to which more is added.
pub(crate) fn part(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").map_err(not_written)
}

/// Prints a result as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&json_text(value)?)
}

/// A part of a result as JSON, without the end of a line.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| not_written(error.into()))
}

/// Prints what is no result: progress, warnings, errors. When nobody can read it, so be it.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells somebody at a terminal how far a long command is, on one line that is written anew. A log gets
/// none of it. An empty text takes the line away.
pub(crate) fn progress(text: &str) {
    let mut err = io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
    }
}

/// Prints a question, which is answered on the same line.
pub(crate) fn ask(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{text}").and_then(|()| err.flush());
}

pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The text without what a terminal would obey. Names come from other people.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn not_written(error: io::Error) -> Failure {
    Failure::new(
        Exit::Software,
        format!("The result could not be written to standard output: {error}."),
        "What was asked for may be done all the same: look before you repeat it.",
    )
}
