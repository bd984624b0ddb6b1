//! A log line as one flat JSON object: the fields of the event among those of its spans.

use std::error::Error;
use std::fmt;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::failure::chain;

/// Names that the line itself has; a field of that name gets an underscore.
const RESERVED: &[&str] = &["time", "level", "target"];

/// Writes `{"time":…,"level":…,"target":…,"request_id":…,"message":…}`. An inner span's field hides
/// an outer one's of the same name, and the event's hides both.
#[derive(Default)]
pub(super) struct JsonLines {
    timer: SystemTime,
}

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        if let Some(scope) = context.event_scope() {
            for span in scope.from_root() {
                if let Some(text) = span.extensions().get::<FormattedFields<JsonFields>>() {
                    fields.add_span(text);
                }
            }
        }
        event.record(&mut fields);
        let mut time = String::new();
        self.timer.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let line = Line {
            time: &time,
            level: metadata.level().as_str(),
            target: fields.log_target.as_deref().unwrap_or_else(|| metadata.target()),
            fields: &fields.named,
        };
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// What a line is made of.
struct Line<'a> {
    time: &'a str,
    level: &'a str,
    target: &'a str,
    fields: &'a [(String, Value)],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", self.time)?;
        map.serialize_entry("level", self.level)?;
        map.serialize_entry("target", self.target)?;
        for (name, value) in self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Fields in the order in which they were first seen.
#[derive(Default)]
struct Fields {
    named: Vec<(String, Value)>,
    /// The true target of what came from the `log` crate.
    log_target: Option<String>,
}

impl Fields {
    fn add_span(&mut self, formatted: &str) {
        let fields = serde_json::from_str::<Map<String, Value>>(formatted).unwrap_or_default();
        for (name, value) in fields {
            self.put(&name, value);
        }
    }

    fn put(&mut self, name: &str, value: Value) {
        if let Some(rest) = name.strip_prefix("log.") {
            if rest == "target" {
                self.log_target = value.as_str().map(str::to_owned);
            }
            return;
        }
        let mut name = name.strip_prefix("r#").unwrap_or(name).to_owned();
        if RESERVED.contains(&name.as_str()) {
            name.push('_');
        }
        match self.named.iter_mut().find(|(seen, _)| *seen == name) {
            Some((_, old)) => *old = value,
            None => self.named.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.into());
    }

    /// The whole chain: `Display` of an error says only its own part.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field.name(), chain(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}").into());
    }
}
