//! How a command fails: an exit code, what happened, and what to do.

use std::fmt;
use std::io::{self, Write as _};

/// What a command says when it fails.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code, one of those below.
    pub(crate) exit: u8,
    /// One sentence: what happened.
    pub(crate) what: String,
    /// One sentence: what to do.
    pub(crate) remedy: String,
}

impl Failure {
    /// Anything without a code of its own.
    pub(crate) const GENERAL: u8 = 1;
    /// The command line.
    pub(crate) const USAGE: u8 = 64;
    /// No master, no quorum, nobody there.
    pub(crate) const UNAVAILABLE: u8 = 69;
    /// No space on the disk: the same may be done once there is.
    pub(crate) const NO_SPACE: u8 = 75;
    /// The settings or the files they name.
    pub(crate) const CONFIG: u8 = 78;

    /// Says it to whoever ran the command. When nobody can read it, so be it.
    pub(crate) fn tell(&self) {
        let _ = writeln!(io::stderr().lock(), "{self}");
    }

    pub(crate) fn new(exit: u8, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "symbolon: {}\n{}", self.what, self.remedy)
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
