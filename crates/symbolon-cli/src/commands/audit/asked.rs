//! What of the audit is asked for.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use symbolon_proto::v1::{AuditFilter, EventType};

use crate::duration;

/// Which events; those that are given must all be met.
#[derive(clap::Args)]
pub(crate) struct Filter {
    /// About this user, and whoever had the name before
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    user: String,
    /// Verifications for this application
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    application: String,
    /// Verifications that were decided so
    #[arg(long, value_enum)]
    decision: Option<Decision>,
    /// Events of this type, USER_CREATED for example; may be given more than once
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    types: Vec<EventType>,
    /// Served by this node
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    node: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Decision {
    Allow,
    Deny,
    Challenge,
}

impl From<Filter> for AuditFilter {
    fn from(filter: Filter) -> Self {
        use symbolon_proto::v1;
        let decision = match filter.decision {
            None => v1::Decision::Unspecified,
            Some(Decision::Allow) => v1::Decision::Allow,
            Some(Decision::Deny) => v1::Decision::Deny,
            Some(Decision::Challenge) => v1::Decision::Challenge,
        };
        Self {
            username: filter.user,
            application: filter.application,
            decision: decision.into(),
            r#type: filter.types.into_iter().map(i32::from).collect(),
            node: filter.node,
        }
    }
}

/// A whole query.
pub(crate) struct Asked {
    pub(crate) filter: AuditFilter,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) limit: u64,
    pub(crate) oldest_first: bool,
}

fn parse_type(text: &str) -> Result<EventType, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    let known = EventType::from_str_name(&name).filter(|known| *known != EventType::Unspecified);
    known.ok_or_else(|| {
        // There are holes between the numbers.
        let all = (1..64).filter_map(|number| EventType::try_from(number).ok());
        let all: Vec<_> = all.map(|known| known.as_str_name()).collect();
        format!("it is none of {}", all.join(", "))
    })
}

/// A time as people write it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl Moment {
    pub(crate) fn time(self, now: SystemTime) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH).into(),
        }
    }
}

pub(crate) fn parse_moment(text: &str) -> Result<Moment, String> {
    duration::parse(text)
        .map(Moment::Ago)
        .or_else(|| text.parse().ok().map(Moment::At))
        .ok_or_else(|| "write 2h, 15m, 90s, 7d, or a time like 2026-01-31T08:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800)] {
            let moment = parse_moment(text);
            assert_eq!(moment, Ok(Moment::Ago(Duration::from_secs(seconds))), "{text}");
        }
        let at = Timestamp { seconds: 1_767_225_600, nanos: 0 };
        assert_eq!(parse_moment("2026-01-01T00:00:00Z"), Ok(Moment::At(at)));
        assert_eq!(parse_moment("2026-01-01T02:00:00+02:00"), Ok(Moment::At(at)));
        for bad in ["", "h", "2", "2w", "-2h", "yesterday", "99999999999999999999d"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
        let long_ago = Moment::Ago(Duration::MAX).time(SystemTime::UNIX_EPOCH);
        assert_eq!(long_ago, Timestamp::default());
    }

    #[test]
    fn types_are_read_in_any_case() {
        for text in ["USER_CREATED", "user_created", "user-created"] {
            assert!(parse_type(text) == Ok(EventType::UserCreated), "{text}");
        }
        let error = parse_type("EVENT_TYPE_UNSPECIFIED").err().unwrap();
        assert!(
            error.contains("VERIFIED, ") && error.contains("RECOVERY_CODES_CREATED, "),
            "{error}"
        );
    }
}
