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
