//! Logs, to standard error: standard output is for what a command was asked for.
//!
//! A line has the fields of its event and those of the spans around it, so that `request_id` is on
//! every line of a request. What a line may say is up to who writes it; the libraries below that
//! would log what they carry (log entries, frames, keys) are kept down by [`filter`].

mod flood;
mod json;

use std::io;
use std::io::IsTerminal as _;
use std::str::FromStr as _;

use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::util::TryInitError;

use crate::config::{Log, LogFormat};
use flood::FloodGate;
pub(crate) use flood::left_out;
use json::JsonLines;

/// Targets and what they say at most, unless the filter names them. A target covers all that starts
/// with it. openraft warns of every message that a missing peer does not get, dozens a second: that a
/// peer is missing is said once, by `symbolon_cluster`.
const CAPPED: &[(&str, LevelFilter)] = &[
    ("h2", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("openraft", LevelFilter::ERROR),
    ("rustls", LevelFilter::WARN),
    ("sled", LevelFilter::WARN),
    ("tonic", LevelFilter::WARN),
    ("tower", LevelFilter::WARN),
];

/// Why a text is no filter.
#[derive(Debug, Error)]
pub enum FilterError {
    /// A word alone that is no level. `tracing` would take it for a target, and a mistyped level
    /// would silence everything.
    #[error("{word:?} is no level (off, error, warn, info, debug, trace) and no TARGET=LEVEL")]
    Word {
        /// The word.
        word: String,
    },
    /// A part that cannot be read.
    #[error("{0}")]
    Syntax(ParseError),
}

/// Starts logging. Once in a process.
///
/// # Errors
///
/// When something has set up logging before.
pub fn init(log: &Log) -> Result<(), TryInitError> {
    // The settings are valid; should they not be, what is logged by default is enough to say so.
    let filter = filter(&log.filter).unwrap_or_default();
    match log.format {
        LogFormat::Json => json(filter, io::stderr).try_init(),
        LogFormat::Pretty => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr)
            .finish()
            .with(FloodGate::default())
            .try_init(),
    }
}

/// Libraries that log by the crate `log` say nothing from now on. For when all has stopped and the threads
/// are about to end: what a thread leaves to sled's collector is dropped at its very end, when that of
/// it is gone which would write the line.
pub(crate) fn end() {
    log::set_max_level(log::LevelFilter::Off);
}

fn json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(JsonFields::new())
        .event_format(JsonLines::default())
        .with_writer(writer)
        .finish()
        .with(FloodGate::default())
}

/// Reads a filter as `RUST_LOG` has it: `info`, or `info,symbolon_cluster=debug`. Libraries that log
/// payloads stay at `warn` or `error` under a wider level, unless they are named.
///
/// # Errors
///
/// [`FilterError`]
pub fn filter(text: &str) -> Result<EnvFilter, FilterError> {
    let mut base = LevelFilter::ERROR;
    let mut named = Vec::new();
    let directives: Vec<_> =
        text.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    for &directive in &directives {
        if let Ok(level) = LevelFilter::from_str(directive) {
            base = level;
        } else if !directive.contains(['=', '[']) {
            let word = directive.to_owned();
            return Err(FilterError::Word { word });
        } else if let Some((target, _)) = directive.split_once('=') {
            named.push(target);
        }
    }
    let mut filter = EnvFilter::builder()
        .with_regex(false)
        .parse(directives.join(","))
        .map_err(FilterError::Syntax)?;
    // Under a base of no more than the cap it would let more through, not less.
    let caps = CAPPED.iter().filter(|(target, cap)| base > *cap && !named.contains(target));
    for (target, cap) in caps {
        let cap = format!("{target}={cap}").parse().map_err(FilterError::Syntax)?;
        filter = filter.add_directive(cap);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests;
