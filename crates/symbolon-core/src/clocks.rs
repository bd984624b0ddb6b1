//! What the clock of a node is worth: against those of other nodes, and against how much time has passed.
//!
//! No clock is read here. Who calls says what the clocks show, and how much time has passed by a clock
//! that nobody sets: milliseconds since the process began.

use alloc::vec::Vec;

use crate::Timestamp;

/// A clock further than this from the median leads no more, ms. Clocks that are no further apart agree.
pub const CLOCK_ASIDE_MILLISECONDS: u64 = 5_000;
/// A clock further than this from the median stamps nothing and judges no time-based codes, ms.
pub const CLOCK_OFF_MILLISECONDS: u64 = 30_000;
/// By so much a clock may leave the time that is kept, either way, and still be followed, ms. So no stamp
/// is ahead of one before it by more than the time between them and twice this.
pub const CLOCK_STEP_MILLISECONDS: u64 = 2_500;
/// A clock that is taken at a start because there is no other to ask, and is further than this from state
/// time, is told of until somebody confirms it, ms.
pub const CLOCK_JUMP_MILLISECONDS: u64 = 3_600_000;

/// Others must agree for so long with a clock that has jumped, ms: what is known of them is a moment old,
/// and they may just have been where this one is now.
const AGREED_FOR_MILLISECONDS: u64 = 3_000;
/// How often the time that is kept comes nearer to a clock that is not quite there, ms.
const NEARER_EVERY_MILLISECONDS: u64 = 10_000;
/// By which part of the time that has passed. Many small steps, as NTP takes them, so never add up.
const NEARER_DIVISOR: u64 = 1_000;

/// By how much one time is ahead of another, ms; negative: behind.
#[must_use]
pub fn ahead(one: Timestamp, other: Timestamp) -> i64 {
    let distance = i64::try_from(one.distance(other)).unwrap_or(i64::MAX);
    if one < other { -distance } else { distance }
}

/// By how much a clock is ahead of the median of all in contact, itself among them, ms; negative: behind.
///
/// Of an even number both in the middle are medians, and the nearer counts: of two clocks, or of two
/// halves that are apart, nobody can tell which is right.
#[must_use]
pub fn clock_offset(clock: Timestamp, others: &[Timestamp]) -> i64 {
    let mut all: Vec<_> = others.iter().copied().chain([clock]).collect();
    all.sort_unstable();
    let middle = |place: usize| all.get(place).copied().unwrap_or(clock);
    let (lower, upper) = (middle((all.len() - 1) / 2), middle(all.len() / 2));
    ahead(clock, clock.clamp(lower, upper))
}

/// What a node may do whose clock is so far from the median.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum ClockStanding {
    /// Everything.
    #[default]
    Right,
    /// It does not lead, if another can.
    Aside,
    /// It stamps nothing, and judges no time-based codes.
    Off,
}

impl ClockStanding {
    /// Of a clock that is this far from the median, ms, either way.
    #[must_use]
    pub const fn of(offset: i64) -> Self {
        let distance = offset.unsigned_abs();
        if distance > CLOCK_OFF_MILLISECONDS {
            Self::Off
        } else if distance > CLOCK_ASIDE_MILLISECONDS {
            Self::Aside
        } else {
            Self::Right
        }
    }
}

/// Whether another clock is there, and more than half of all agree with this one.
fn is_agreed(clock: Timestamp, others: &[Timestamp]) -> bool {
    let near = |other: &&Timestamp| other.distance(clock) <= CLOCK_ASIDE_MILLISECONDS;
    let agree = others.iter().filter(near).count();
    agree > 0 && (agree + 1) * 2 > others.len() + 1
}

/// A clock that went another way than time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockJump {
    /// Where the clock is, less where it was expected, ms.
    pub by: i64,
    /// When it was noticed, by the time that was kept.
    pub at: Timestamp,
}

/// The time as a node keeps it: that of its clock, as long as the clock goes as time goes, or others agree
/// with it. A clock that jumps is not followed; the time that is kept goes on as if it had not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timekeeper {
    /// The time that was right when so much had passed.
    kept: Timestamp,
    passed: u64,
    /// Since when others agree with the clock where it has jumped.
    agreed: Option<u64>,
    refused: Option<ClockJump>,
    taken: Option<ClockJump>,
}

impl Timekeeper {
    /// Starts with a clock, those of the others that answer, and the last stamp that the node knows of,
    /// since which an unknown time has passed.
    ///
    /// With two others or more their median is the witness. With one, the clock is taken that is less
    /// far ahead, unless it is behind the last stamp: time that is taken too early never comes back.
    /// With none, the own clock is taken.
    #[must_use]
    pub fn start(clock: Timestamp, passed: u64, others: &[Timestamp], stamped: Timestamp) -> Self {
        let kept = match others {
            [] => clock,
            [other] if clock.distance(*other) > CLOCK_ASIDE_MILLISECONDS => {
                let (low, high) = (clock.min(*other), clock.max(*other));
                if low.plus(CLOCK_ASIDE_MILLISECONDS) < stamped { high } else { low }
            }
            _ => match clock_offset(clock, others) {
                offset if ClockStanding::of(offset) == ClockStanding::Right => clock,
                offset => Timestamp(clock.0.saturating_add_signed(offset.saturating_neg())),
            },
        };
        let by = ahead(clock, stamped);
        let is_jump = by.unsigned_abs() > CLOCK_JUMP_MILLISECONDS && stamped > Timestamp(0);
        let taken = (others.is_empty() && is_jump).then_some(ClockJump { by, at: clock });
        Self { kept, passed, agreed: None, refused: None, taken }
    }

    /// The time, of a clock that shows this when so much has passed.
    #[must_use]
    pub fn now(&self, clock: Timestamp, passed: u64) -> Timestamp {
        let expected = self.expected(passed);
        if clock.distance(expected) <= CLOCK_STEP_MILLISECONDS { clock } else { expected }
    }

    /// Compares the clock with the others; to be done once a second or so.
    pub fn look(&mut self, clock: Timestamp, passed: u64, others: &[Timestamp]) {
        let expected = self.expected(passed);
        let distance = clock.distance(expected);
        let is_jump = distance > CLOCK_STEP_MILLISECONDS;
        self.agreed = is_agreed(clock, others).then(|| self.agreed.unwrap_or(passed));
        let is_settled = |since: u64| passed.saturating_sub(since) >= AGREED_FOR_MILLISECONDS;
        if self.agreed.is_some_and(|since| !is_jump || is_settled(since)) {
            return self.confirm(clock, passed);
        }
        let since = passed.saturating_sub(self.passed);
        if since >= NEARER_EVERY_MILLISECONDS && distance <= CLOCK_OFF_MILLISECONDS {
            let step = distance.min(since / NEARER_DIVISOR);
            let (later, earlier) = (expected.plus(step), expected.0.saturating_sub(step));
            self.kept = if clock > expected { later } else { Timestamp(earlier) };
            self.passed = passed;
        }
        self.refused = is_jump.then(|| ClockJump {
            by: ahead(clock, expected),
            at: self.refused.map_or(expected, |jump| jump.at),
        });
    }

    /// Goes by the clock as it is: others agree with it, or an administrator has confirmed it.
    pub fn confirm(&mut self, clock: Timestamp, passed: u64) {
        *self = Self { kept: clock, passed, agreed: None, refused: None, taken: None };
    }

    /// The jump of the clock that is not followed; `None`: the time is that of the clock.
    #[must_use]
    pub const fn refused(&self) -> Option<ClockJump> {
        self.refused
    }

    /// How far from the last stamp the clock was that was taken at the start because there was no other
    /// to ask, if that was far and nobody has confirmed it.
    #[must_use]
    pub const fn taken(&self) -> Option<ClockJump> {
        self.taken
    }

    const fn expected(&self, passed: u64) -> Timestamp {
        self.kept.plus(passed.saturating_sub(self.passed))
    }
}
