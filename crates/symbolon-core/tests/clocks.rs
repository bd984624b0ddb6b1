//! Clocks: against each other, and against the time that passes.

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use symbolon_core::{
        CLOCK_STEP_MILLISECONDS, ClockJump, ClockStanding, Timekeeper, Timestamp, ahead,
        clock_offset,
    };

    const SECOND: u64 = 1_000;
    const HOUR: u64 = 3_600 * SECOND;
    const YEAR: u64 = 365 * 24 * HOUR;
    const NOON: Timestamp = Timestamp(1_800_000_000_000);
    const NOBODY: &[Timestamp] = &[];

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp(NOON.0.saturating_add_signed(milliseconds))
    }

    fn offset(own: i64, others: &[i64]) -> i64 {
        let others: Vec<_> = others.iter().copied().map(at).collect();
        clock_offset(at(own), &others)
    }

    /// A keeper that went by its clock at noon, alone.
    fn alone() -> Timekeeper {
        Timekeeper::start(NOON, 0, NOBODY, NOON)
    }

    #[test]
    fn a_clock_is_measured_against_the_median_of_all() {
        assert_eq!(offset(0, &[]), 0);
        assert_eq!(offset(7_000, &[0, 10]), 6_990);
        assert_eq!(offset(-7_000, &[0, 10]), -7_000);
        assert_eq!(offset(5, &[-90_000, 90_000]), 0);
        assert_eq!(offset(9_000, &[0, 1, 2, 3]), 8_998);
        assert_eq!(ahead(Timestamp(0), Timestamp(u64::MAX)), -i64::MAX);
    }

    #[test]
    fn of_two_clocks_and_of_two_halves_neither_is_off() {
        assert_eq!(offset(90_000, &[0]), 0);
        assert_eq!(offset(0, &[90_000]), 0);
        assert_eq!(offset(90_000, &[0, 1, 90_001]), 0);
        assert_eq!(offset(1, &[0, 90_000, 90_001]), 0);
        assert_eq!(offset(90_001, &[0, 1, 90_000]), 1);
    }

    #[test]
    fn five_seconds_off_it_steps_aside_and_thirty_seconds_off_it_stamps_nothing() {
        for sign in [1, -1] {
            for (offset, standing) in [
                (0, ClockStanding::Right),
                (5_000, ClockStanding::Right),
                (5_001, ClockStanding::Aside),
                (30_000, ClockStanding::Aside),
                (30_001, ClockStanding::Off),
                (i64::MAX, ClockStanding::Off),
            ] {
                assert_eq!(ClockStanding::of(sign * offset), standing, "{offset}");
            }
        }
    }

    #[test]
    fn a_jump_is_not_followed_and_time_goes_on() {
        for jump in [YEAR.cast_signed(), -HOUR.cast_signed(), 30_001, -30_001] {
            let mut keeper = alone();
            for second in 1..=60 {
                let passed = second * SECOND;
                let clock = Timestamp(NOON.plus(passed).0.saturating_add_signed(jump));
                assert_eq!(keeper.now(clock, passed), NOON.plus(passed), "{jump} after {second} s");
                keeper.look(clock, passed, NOBODY);
                let refused = Some(ClockJump { by: jump, at: NOON.plus(SECOND) });
                assert_eq!(keeper.refused(), refused);
            }
            // And when the clock comes back, it is as if nothing had been.
            let later = NOON.plus(120 * SECOND);
            keeper.look(later, 120 * SECOND, NOBODY);
            assert_eq!(keeper.refused(), None);
        }
    }

    #[test]
    fn a_small_step_is_followed_and_many_never_add_up() {
        let mut keeper = alone();
        assert_eq!(keeper.now(at(2_500), 0), at(2_500));
        assert_eq!(keeper.now(at(-2_500), 0), at(-2_500));
        // A tenth of a second every hour, for a year: what NTP may come to.
        for hour in 1..=8_760 {
            for ten_seconds in 0..360 {
                let passed = hour * HOUR + ten_seconds * 10 * SECOND;
                let clock = NOON.plus(passed + hour * 100);
                assert_eq!(keeper.now(clock, passed), clock, "hour {hour}");
                keeper.look(clock, passed, NOBODY);
            }
        }
    }

    #[test]
    fn a_clock_that_runs_twice_as_fast_gains_little() {
        let mut keeper = alone();
        let mut highest = NOON;
        for second in 1..=3_600 {
            let passed = second * SECOND;
            let clock = NOON.plus(2 * passed);
            keeper.look(clock, passed, NOBODY);
            highest = highest.max(keeper.now(clock, passed));
            assert!(ahead(highest, NOON.plus(passed)) <= 2_600, "after {second} s");
        }
    }

    #[test]
    fn what_most_clocks_agree_on_for_three_seconds_is_followed() {
        for (others, followed) in [
            (vec![HOUR], true),
            (vec![HOUR + 5_000], true),
            (vec![HOUR + 5_001], false),
            (vec![0], false),
            (vec![HOUR, 0], true),
            (vec![0, 0], false),
            (vec![HOUR, 0, 0], false),
            (vec![HOUR, HOUR, 0], true),
            (vec![0, 2 * HOUR], false),
            (vec![], false),
        ] {
            let mut keeper = alone();
            let others: Vec<_> = others.iter().map(|ahead| NOON.plus(*ahead)).collect();
            let look = |keeper: &mut Timekeeper, passed| {
                let moved: Vec<_> = others.iter().map(|other| other.plus(passed)).collect();
                keeper.look(NOON.plus(HOUR + passed), passed, &moved);
            };
            // Where the others were a moment ago says nothing yet.
            for passed in [0, 500, 2_999] {
                look(&mut keeper, passed);
                assert_eq!(keeper.now(NOON.plus(HOUR + passed), passed), NOON.plus(passed));
            }
            look(&mut keeper, 3_000);
            let expected = if followed { HOUR + 3_000 } else { 3_000 };
            let now = keeper.now(NOON.plus(HOUR + 3_000), 3_000);
            assert_eq!(now, NOON.plus(expected), "{others:?}");
            assert_eq!(keeper.refused().is_none(), followed, "{others:?}");
        }
    }

    #[test]
    fn who_agreed_with_a_clock_before_it_jumped_must_agree_again() {
        let mut keeper = alone();
        keeper.look(NOON.plus(10_000), 10_000, &[NOON.plus(10_000)]);
        let jumped = NOON.plus(HOUR + 10_500);
        keeper.look(jumped, 10_500, &[jumped]);
        keeper.look(jumped.plus(500), 11_000, &[NOON.plus(11_000)]);
        keeper.look(jumped.plus(5_000), 15_500, &[jumped.plus(5_000)]);
        assert_eq!(keeper.now(jumped.plus(5_000), 15_500), NOON.plus(15_500));
    }

    #[test]
    fn what_an_administrator_confirms_is_followed_once() {
        let mut keeper = alone();
        let ahead = NOON.plus(YEAR);
        keeper.look(ahead, 0, NOBODY);
        keeper.confirm(ahead, 0);
        assert_eq!((keeper.now(ahead, 0), keeper.refused()), (ahead, None));
        let again = ahead.plus(YEAR);
        assert_eq!(keeper.now(again, 5), ahead.plus(5), "the next jump is another");
    }

    #[test]
    fn after_a_start_others_are_the_witness_and_alone_the_clock_is_taken() {
        let start = |clock: i64, others: &[i64]| {
            let others: Vec<_> = others.iter().copied().map(at).collect();
            let keeper = Timekeeper::start(at(clock), 0, &others, NOON);
            (ahead(keeper.now(at(clock), 0), NOON), keeper.taken().map(|jump| jump.by))
        };
        let (hour, year) = (HOUR.cast_signed(), YEAR.cast_signed());
        assert_eq!(start(year, &[]), (year, Some(year)));
        assert_eq!(start(-hour - 1, &[]), (-hour - 1, Some(-hour - 1)));
        assert_eq!(start(hour, &[]), (hour, None), "a short stop is told of by nobody");
        assert_eq!(start(year, &[60_000, 61_000]), (61_000, None));
        assert_eq!(start(60_000, &[61_000, year]), (60_000, None));
        // Of two the less far ahead, unless the stamps of before were further.
        assert_eq!(start(year, &[60_000]), (60_000, None));
        assert_eq!(start(60_000, &[year]), (60_000, None));
        assert_eq!(start(-hour, &[60_000]), (60_000, None));
        assert_eq!(start(60_000, &[-hour]), (60_000, None));
        let first = Timekeeper::start(NOON, 0, NOBODY, Timestamp(0));
        assert_eq!(first.taken(), None, "nothing was stamped yet");
    }

    #[test]
    fn a_clock_that_was_taken_is_told_of_until_somebody_confirms_it() {
        let clock = NOON.plus(YEAR);
        let mut keeper = Timekeeper::start(clock, 0, NOBODY, NOON);
        let taken = Some(ClockJump { by: YEAR.cast_signed(), at: clock });
        keeper.look(clock.plus(HOUR), HOUR, NOBODY);
        keeper.look(clock, 2 * HOUR, NOBODY);
        assert_eq!(keeper.taken(), taken);
        let mut witnessed = keeper;
        witnessed.look(clock.plus(2 * HOUR), 2 * HOUR, &[clock.plus(2 * HOUR)]);
        assert_eq!(witnessed.taken(), None);
        keeper.confirm(clock, 2 * HOUR);
        assert_eq!(keeper.taken(), None);
    }

    proptest! {
        /// Whatever a clock does: a time is ahead of one before it by no more than the time between
        /// them, both steps, and what the time that is kept comes nearer.
        #[test]
        fn time_never_runs_away(moves in proptest::collection::vec(
            (1..20_000_u64, prop_oneof![-4_000..4_000_i64, any::<i64>()]), 1..60,
        )) {
            let mut keeper = alone();
            let (mut passed, mut off) = (0, 0_i64);
            let mut highest = Timestamp(0);
            let mut highest_at = 0;
            for (milliseconds, jump) in moves {
                passed += milliseconds;
                off = off.saturating_add(jump);
                let clock = Timestamp(NOON.plus(passed).0.saturating_add_signed(off));
                keeper.look(clock, passed, NOBODY);
                let now = keeper.now(clock, passed);
                let between = passed - highest_at;
                let most = between + 2 * CLOCK_STEP_MILLISECONDS + passed / 1_000;
                prop_assert!(highest == Timestamp(0) || now <= highest.plus(most));
                if now > highest {
                    (highest, highest_at) = (now, passed);
                }
            }
        }

        /// Most clocks of an odd number are at their median or beyond it on the other side.
        #[test]
        fn more_than_half_are_never_off_in_one_direction(
            clocks in proptest::collection::vec(-100_000..100_000_i64, 1..9),
        ) {
            let off = |sign: i64| {
                let is_off = |place: &usize| {
                    let mut others = clocks.clone();
                    let own = others.remove(*place);
                    sign * offset(own, &others) > 0
                };
                (0..clocks.len()).filter(is_off).count()
            };
            prop_assert!(2 * off(1) < clocks.len().max(1) + 1);
            prop_assert!(2 * off(-1) < clocks.len().max(1) + 1);
        }
    }
}
