//! PINs that must be changed, and the answers by which they are.

use symbolon_core::Setting;
use symbolon_core::pin::PinFault;

use super::wishes::{Token, Who, Wish, key_off, user};
use crate::dice::Dice;

pub(super) fn pin(dice: &mut Dice, user: u64) -> Wish {
    let (set, must_change) = (dice.chance(75), dice.chance(40));
    Wish::Pin { user, set, must_change, key_off: key_off(dice) }
}

fn answer(dice: &mut Dice) -> Wish {
    let faults = [PinFault::Characters, PinFault::Short(4), PinFault::Sequence, PinFault::Used];
    let is_one = dice.chance(50);
    Wish::Answer {
        name: if dice.chance(85) { 1 } else { user(dice) },
        application: if dice.chance(90) { 1 } else { 2 },
        open: dice.sometimes(95, |dice| dice.number(4)),
        pin: if is_one { Ok(if dice.chance(75) { 1 } else { 2 }) } else { Err(dice.pick(&faults)) },
        next: next(dice),
        key_off: key_off(dice),
    }
}

/// The number of the challenge that may come of it.
pub(super) fn next(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(100)).unwrap()
}

/// Somebody who must change a PIN, and does.
pub(super) fn wish(dice: &mut Dice) -> Wish {
    match dice.below(20) {
        0..=4 => {
            let shown = vec![(Token::Own(dice.number(3)), dice.pick(&[-1, 0, 0, 1]))];
            Wish::Verify {
                name: 1,
                application: if dice.chance(90) { 1 } else { 2 },
                shown,
                without_pin: usize::from(dice.chance(10)),
                recovery_code: None,
                known: Who::AsSeen,
                next: next(dice),
            }
        }
        5..=16 => answer(dice),
        17 => {
            let user = user(dice);
            pin(dice, user)
        }
        18 => Wish::Tick,
        _ => {
            let (setting, values) = dice.pick(&[
                (Setting::PinExpirationDays, [0, 0, 1, 2, 3_650, 3_651]),
                (Setting::PinChangeInSignIn, [0, 0, 1, 1, 1, 2]),
                (Setting::ChallengeLife, [29, 30, 30, 60, 3_600, 3_601]),
            ]);
            let changes = vec![(setting, dice.sometimes(80, |dice| dice.pick(&values)))];
            Wish::Settings { changes, bound: false }
        }
    }
}
