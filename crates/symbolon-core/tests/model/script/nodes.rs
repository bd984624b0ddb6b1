//! Nodes that go on alone, come back or leave.

use super::Theme;
use crate::dice::Dice;

#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// A node goes on alone, in an epoch that is so much later.
    Seize {
        node: u64,
        epoch_off: i64,
        lineage: u8,
        clock_off: i64,
    },
    /// A node comes back: one that was gone on without, if there is one.
    Readmit {
        place: usize,
        /// By this key.
        pin: Option<u8>,
        is_named: bool,
        previous_off: u64,
    },
    Release,
    ConfirmClock,
    Remove {
        node: u64,
    },
}

/// Whether one comes that the theme is not about.
pub(super) fn may_come(dice: &mut Dice, theme: Theme) -> bool {
    let percent = match theme {
        Theme::Tokens | Theme::Keys => 6,
        Theme::Everything | Theme::People | Theme::Pins => 2,
        Theme::Cluster | Theme::Guessing | Theme::Callers => 0,
    };
    percent > 0 && dice.chance(percent)
}

pub(super) fn wish(dice: &mut Dice) -> Wish {
    match dice.below(13) {
        0..=2 => Wish::Seize {
            node: if dice.chance(80) { 1 } else { 1 + dice.below(4) },
            epoch_off: dice.pick(&[0, 0, 1, 1, 1, 1, 2, -1]),
            lineage: dice.pick(&[2, 2, 3]),
            clock_off: dice.pick(&[-60_000, 0, 0, 45_000]),
        },
        3..=6 => Wish::Readmit {
            place: dice.number(4),
            pin: dice.sometimes(15, |dice| dice.pick(&[1, 99])),
            is_named: dice.chance(85),
            previous_off: if dice.chance(70) { 0 } else { 1 },
        },
        7..=8 => Wish::Release,
        9 => Wish::ConfirmClock,
        _ => Wish::Remove { node: 1 + dice.below(5) },
    }
}
