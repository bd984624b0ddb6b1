//! Devices that ask by RADIUS.

use super::Theme;
use super::wishes::key_off;
use crate::dice::Dice;

#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Set {
        application: u64,
        /// Ranges by their number.
        ranges: u64,
        /// Names of certificates by their number.
        certificates: u64,
        /// Milliseconds.
        timeout: Option<u32>,
        new_secrets: bool,
        overlap: u64,
        bound: bool,
        key_off: i64,
    },
    Remove {
        application: u64,
        bound: bool,
    },
    Signs {
        application: u64,
        /// By its number.
        device: u64,
    },
    Tells {
        application: u64,
        /// 0: nobody's name could be it.
        user: u64,
        /// Of the session and of where the user comes from.
        bytes: [usize; 2],
    },
}

/// Whether one comes.
pub(super) fn may_come(dice: &mut Dice, theme: Theme) -> bool {
    let percent = match theme {
        Theme::Callers => 25,
        Theme::Everything => 10,
        Theme::Keys => 4,
        _ => 0,
    };
    percent > 0 && dice.chance(percent)
}

pub(super) fn wish(dice: &mut Dice) -> Wish {
    let application = 1 + dice.below(3);
    match dice.below(16) {
        0..=5 => Wish::Set {
            application,
            ranges: if dice.chance(60) { application } else { dice.below(6) },
            certificates: if dice.chance(60) { 0 } else { dice.below(4) },
            timeout: dice.sometimes(30, |dice| dice.pick(&[99, 100, 1_000, 60_000, 60_001])),
            new_secrets: dice.chance(60),
            overlap: dice.pick(&[0, 1, 5_000, 30_000, 7_776_000_000, 7_776_000_001]),
            bound: dice.chance(40),
            key_off: key_off(dice),
        },
        6..=7 => Wish::Remove { application, bound: dice.chance(40) },
        12.. => {
            let user = dice.below(9);
            let bytes = [0, 1].map(|_| dice.pick(&[0, 8, 8, 64, 64, 65]));
            Wish::Tells { application, user, bytes }
        }
        _ => Wish::Signs { application, device: dice.below(6) },
    }
}
