//! Nodes that go on alone, come back or leave.

use super::{Theme, merge};
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
        gone_back: bool,
    },
    /// A node meets an epoch apart.
    Meet {
        epoch: u64,
        lineage: u8,
        word: u32,
    },
    /// One that was met comes to its end, the one at this place if there is one.
    Discard {
        place: usize,
    },
    Release,
    Merge(merge::Wish),
    Acknowledge,
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
        Theme::Cluster => 8,
        Theme::Guessing | Theme::Callers => 0,
    };
    percent > 0 && dice.chance(percent)
}

/// Of scripts about the cluster; in others most of what is asked for would wait.
fn apart(dice: &mut Dice) -> Wish {
    if dice.chance(70) {
        return Wish::Discard { place: if dice.chance(85) { 0 } else { dice.number(4) } };
    }
    Wish::Meet {
        epoch: dice.pick(&[2, 2, 3]),
        lineage: dice.pick(&[1, 2, 7, 8]),
        word: dice.pick(&[0, 0, 1, 2]),
    }
}

pub(super) fn wish(dice: &mut Dice, theme: Theme) -> Wish {
    if theme == Theme::Cluster {
        return apart(dice);
    }
    match dice.below(27) {
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
            gone_back: dice.chance(25),
        },
        7..=8 => Wish::Release,
        12..=22 => Wish::Merge(merge::wish(dice)),
        23 => Wish::Acknowledge,
        24 => Wish::ConfirmClock,
        _ => Wish::Remove { node: 1 + dice.below(5) },
    }
}
