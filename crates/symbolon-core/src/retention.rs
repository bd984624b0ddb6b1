//! How long audit rows are kept.

use crate::Timestamp;
use crate::limits::RETRANSMISSION_MILLISECONDS;

/// Rows of the last [`RETRANSMISSION_MILLISECONDS`] are in snapshots, which take a moment to be written.
const MARGIN_MILLISECONDS: u64 = 20_000;

/// Rows are kept for the least time in any case, then until there are too many or they are too old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Rows that are kept beyond the least time.
    pub rows: u64,
    /// The least time, milliseconds. Replies are rebuilt from the rows of the last
    /// [`RETRANSMISSION_MILLISECONDS`], which are kept for 20 s more, whatever stands here.
    pub at_least_milliseconds: u64,
    /// The longest time, milliseconds.
    pub at_most_milliseconds: u64,
}

impl Retention {
    /// Whether rows of the time `at`, the oldest of `rows` rows, are to go. With `hurry` they go as soon
    /// as they may: the disk is nearly full.
    #[must_use]
    pub fn is_due(&self, at: Timestamp, now: Timestamp, rows: u64, hurry: bool) -> bool {
        let needed = RETRANSMISSION_MILLISECONDS + MARGIN_MILLISECONDS;
        let at_least = self.at_least_milliseconds.max(needed);
        let may_go = at.plus(at_least) < now;
        let must_go = rows > self.rows || hurry || at.plus(self.at_most_milliseconds) < now;
        may_go && must_go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const KEPT: Retention =
        Retention { rows: 10, at_least_milliseconds: 100_000, at_most_milliseconds: 500_000 };

    fn due(age: u64, rows: u64, hurry: bool) -> bool {
        KEPT.is_due(Timestamp(NOW.0 - age), NOW, rows, hurry)
    }

    #[test]
    fn rows_go_when_there_are_too_many_or_they_are_too_old() {
        assert!(!due(100_001, 10, false));
        assert!(due(100_001, 11, false));
        assert!(!due(500_000, 10, false));
        assert!(due(500_001, 1, false));
        assert!(due(100_001, 1, true), "a full disk");
    }

    #[test]
    fn young_rows_stay_whatever_happens() {
        assert!(!due(100_000, u64::MAX, true));
        assert!(!due(0, u64::MAX, true));
        let none = Retention { rows: 0, at_least_milliseconds: 0, at_most_milliseconds: 0 };
        let at = |age: u64| Timestamp(NOW.0 - age);
        assert!(!none.is_due(at(85_000), NOW, 9, true));
        assert!(none.is_due(at(85_001), NOW, 9, false));
    }
}
