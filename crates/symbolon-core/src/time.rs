//! Time as the log knows it.

use core::fmt;

/// Milliseconds since 1970-01-01 00:00 UTC, leap seconds not counted.
///
/// A state never reads a clock: the master stamps each log entry, and state time is the highest
/// stamp so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole seconds since 1970, as RFC 6238 counts them.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This time and `milliseconds` more, held at the greatest representable time.
    #[must_use]
    pub const fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Distance to `other` in milliseconds, whichever is the later.
    #[must_use]
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long something lasts, in seconds, as people read it: in two units at most, and never less than it
/// is. Programs are told seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lasting(pub u64);

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up to the smaller unit first: what is almost 90 days is 90 days.
        let unit = match self.0 {
            ..HOUR => 1,
            HOUR..DAY => MINUTE,
            _ => HOUR,
        };
        let seconds = self.0.div_ceil(unit).saturating_mul(unit);
        let parts = [
            (seconds / DAY, if seconds / DAY == 1 { "day" } else { "days" }),
            (seconds % DAY / HOUR, "h"),
            (seconds % HOUR / MINUTE, "min"),
            (seconds % MINUTE, "s"),
        ];
        if seconds == 0 {
            return f.write_str("0 s");
        }
        let mut separator = "";
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0).take(2) {
            write!(f, "{separator}{number} {unit}")?;
            separator = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn how_long_something_lasts_is_told_in_two_units_and_never_too_short() {
        for (seconds, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (60, "1 min"),
            (90, "1 min 30 s"),
            (3599, "59 min 59 s"),
            (3600, "1 h"),
            (5400, "1 h 30 min"),
            (5401, "1 h 31 min"),
            (86_399, "1 day"),
            (90_000, "1 day 1 h"),
            (7_775_999, "90 days"),
            (7_776_000, "90 days"),
            (7_776_001, "90 days 1 h"),
            (315_360_000, "3650 days"),
        ] {
            assert_eq!(Lasting(seconds).to_string(), text, "{seconds}");
        }
        assert!(!Lasting(u64::MAX).to_string().is_empty());
    }
}
