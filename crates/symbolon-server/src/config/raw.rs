//! The file as it is written: every key optional, none unknown.

use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::ConfigError;

/// `node.toml`, unchecked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// `[node]`
    pub node: RawNode,
    /// `[listen]`
    pub listen: RawListen,
    /// `[advertise]`
    pub advertise: RawAdvertise,
    /// `[keys]`
    pub keys: RawKeys,
    /// `[tls]`
    pub tls: RawTls,
    /// `[radsec]`
    pub radsec: RawRadsec,
    /// `[log]`
    pub log: RawLog,
    /// `[storage]`
    pub storage: RawStorage,
}

/// `[node]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawNode {
    /// Name of the node in its cluster.
    pub name: Option<String>,
    /// Where its data is.
    pub data_dir: Option<PathBuf>,
}

/// `[listen]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawListen {
    /// `IP:PORT` of the API.
    pub api: Option<String>,
    /// `IP:PORT` for the other nodes.
    pub peer: Option<String>,
    /// `IP:PORT` of liveness, readiness and metrics.
    pub metrics: Option<String>,
    /// `IP:PORT` for RADIUS authentication, or several.
    pub radius: Option<OneOrMany>,
    /// `IP:PORT` for RADIUS accounting, or several.
    pub radius_accounting: Option<OneOrMany>,
    /// `IP:PORT` for RADIUS over TLS, or several.
    pub radsec: Option<OneOrMany>,
}

/// A value where one is usual and several are allowed.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(values: OneOrMany) -> Self {
        match values {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

/// `[advertise]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAdvertise {
    /// `https://HOST:PORT` of the API.
    pub api: Option<String>,
    /// `HOST:PORT` for the other nodes.
    pub peer: Option<String>,
}

/// `[keys]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawKeys {
    /// The key-encryption key.
    pub kek: Option<RawKek>,
}

/// `keys.kek`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawKek {
    /// A file.
    pub file: Option<PathBuf>,
    /// The name of a systemd credential.
    pub credential: Option<String>,
}

/// `[tls]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawTls {
    /// PEM file of the chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of the key.
    pub key: Option<PathBuf>,
    /// `1.2` or `1.3`
    pub min_version: Option<String>,
    /// Names of the IANA registry.
    pub cipher_suites: Option<Vec<String>>,
}

/// `[radsec]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRadsec {
    /// PEM file of the CAs of devices.
    pub clients_ca: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawLog {
    /// `json` or `pretty`
    pub format: Option<String>,
    /// As `RUST_LOG` is written.
    pub filter: Option<String>,
}

/// `[storage]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawStorage {
    /// A number of bytes, with a unit.
    pub disk_reserve: Option<String>,
    /// A number of log entries.
    pub snapshot_entries: Option<u64>,
    /// A number of audit rows.
    pub audit_rows: Option<u64>,
    /// Hours.
    pub audit_min_hours: Option<u64>,
    /// Days.
    pub audit_max_days: Option<u64>,
}

impl RawConfig {
    /// Reads the text. An unknown key or a value of a wrong type is told and left out, so that the
    /// rest is still checked; after an error of syntax there is no rest.
    pub(super) fn parse(text: &str) -> (Option<Self>, Vec<ConfigError>) {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mut errors: Vec<_> = errors.iter().map(|error| syntax(text, error)).collect();
            sort(&mut errors);
            return (None, errors);
        }
        let span = document.span();
        let mut table = document.into_inner();
        let mut errors = Vec::new();
        // Each round takes one entry away, so there are at most as many as the file has.
        loop {
            let attempt = Spanned::new(span.clone(), table.clone());
            let error = match Self::deserialize(Deserializer::from(attempt)) {
                Ok(raw) => {
                    sort(&mut errors);
                    return (Some(raw), errors);
                }
                Err(error) => error,
            };
            let taken = error.span().and_then(|at| take(&mut table, &at));
            let Some(key) = taken else {
                errors.push(syntax(text, &error));
                return (None, errors);
            };
            let (line, column) = position(text, error.span());
            errors.push(ConfigError::Shape {
                key,
                line,
                column,
                message: one_line(error.message()),
            });
        }
    }
}

/// By place, and one of a place: the parser may trip over the same thing twice.
fn sort(errors: &mut Vec<ConfigError>) {
    let place = |error: &ConfigError| match error {
        ConfigError::Syntax { line, column, .. } | ConfigError::Shape { line, column, .. } => {
            (*line, *column)
        }
        _ => (0, 0),
    };
    errors.sort_by_key(place);
    errors.dedup_by_key(|error| place(error));
}

/// Removes the entry that an error points at, and returns its full key.
fn take(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<String> {
    let guilty = table.iter().find(|(key, value)| {
        let within = |span: Range<usize>| span.start <= at.start && at.end <= span.end;
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        key.span() == *at || value.span() == *at || (!is_table && within(value.span()))
    });
    if let Some((key, _)) = guilty {
        let key = key.clone();
        table.remove(&key);
        return Some(key.into_inner().into_owned());
    }
    table.iter_mut().find_map(|(key, value)| match value.get_mut() {
        DeValue::Table(inner) => take(inner, at).map(|rest| format!("{}.{rest}", key.get_ref())),
        _ => None,
    })
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let (line, column) = position(text, error.span());
    ConfigError::Syntax { line, column, message: one_line(error.message()) }
}

/// Line and column, both from 1, the column in characters.
fn position(text: &str, span: Option<Range<usize>>) -> (usize, usize) {
    let at = span.map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
    (line, column)
}

fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join(", ")
}
