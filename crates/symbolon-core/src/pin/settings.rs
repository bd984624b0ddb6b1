//! The settings of PINs, and of what lets somebody in without a code.

use crate::limits::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, PIN_HISTORY_MAX};
use crate::{Bound, Setting, SettingInfo, Settings, State, Unit};

/// Where the PIN is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PinOrder {
    /// PIN, then code.
    Before,
    /// Code, then PIN.
    After,
}

/// Which PINs are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinRules {
    /// Fewest digits, 4 to 16.
    pub min_length: usize,
    /// Whether weak ones are refused.
    pub prevent_weak: bool,
    /// PINs before the present one that cannot come again, 0 to 10.
    pub history: usize,
}

impl State {
    /// Where the PIN is typed.
    #[must_use]
    pub fn pin_order(&self) -> PinOrder {
        match self.setting(Setting::PinOrder) {
            0 => PinOrder::Before,
            _ => PinOrder::After,
        }
    }

    /// Milliseconds after which a PIN must be changed; `None`: it stands for ever.
    pub(crate) fn pin_life(&self) -> Option<u64> {
        let days = self.setting(Setting::PinExpirationDays);
        (days > 0).then_some(days * 24 * 3600 * 1000)
    }

    /// Whether users may choose another PIN in a sign-in.
    pub(crate) fn pin_changes_in_sign_in(&self) -> bool {
        self.setting(Setting::PinChangeInSignIn) != 0
    }

    /// Milliseconds for which an answer to a challenge is taken.
    pub(crate) fn challenge_life(&self) -> u64 {
        self.setting(Setting::ChallengeLife) * 1000
    }
}

impl Settings {
    /// Which PINs are taken.
    #[must_use]
    pub fn pin_rules(&self) -> PinRules {
        let count = |setting| usize::try_from(self.get(setting)).unwrap_or(usize::MAX);
        PinRules {
            min_length: count(Setting::PinMinLength),
            prevent_weak: self.get(Setting::PinPreventWeak) != 0,
            history: count(Setting::PinHistory),
        }
    }
}

pub(crate) const ORDER: SettingInfo = SettingInfo {
    setting: Setting::PinOrder,
    number: 7,
    name: "pin.order",
    unit: Unit::Choice(&["before", "after"]),
    default: 0,
    min: 0,
    max: 1,
    text: "Whether a PIN is typed before or after the code, without anything in between.",
    caution: None,
};

pub(crate) const MIN_LENGTH: SettingInfo = SettingInfo {
    setting: Setting::PinMinLength,
    number: 8,
    name: "pin.min_length",
    unit: Unit::Count,
    default: PIN_DIGITS_MIN as u64,
    min: PIN_DIGITS_MIN as u64,
    max: PIN_DIGITS_MAX as u64,
    text: "Fewest digits of a new PIN.",
    caution: None,
};

pub(crate) const PREVENT_WEAK: SettingInfo = SettingInfo {
    setting: Setting::PinPreventWeak,
    number: 9,
    name: "pin.prevent_weak",
    unit: Unit::Choice(&["off", "on"]),
    default: 1,
    min: 0,
    max: 1,
    text: "Whether a new PIN is refused in which three digits in a row count up or down or are the \
           same, or four stand in a telephone number of the user.",
    caution: Some((Bound::Below(1), "PINs like 1234 are the first that are guessed.")),
};

pub(crate) const HISTORY: SettingInfo = SettingInfo {
    setting: Setting::PinHistory,
    number: 10,
    name: "pin.history",
    unit: Unit::Count,
    default: 5,
    min: 0,
    max: PIN_HISTORY_MAX as u64,
    text: "PINs before the present one that a user cannot be given again.",
    caution: None,
};

pub(crate) const BYPASS_LONGEST: SettingInfo = SettingInfo {
    setting: Setting::BypassLongest,
    number: 11,
    name: "bypass.longest",
    unit: Unit::Seconds,
    default: 3600,
    min: 60,
    max: 7 * 24 * 3600,
    text: "No bypass lasts longer.",
    caution: Some((
        Bound::Above(24 * 3600),
        "So long anybody who gets to the second factor in the user's name is let in.",
    )),
};

pub(crate) const EXPIRATION_DAYS: SettingInfo = SettingInfo {
    setting: Setting::PinExpirationDays,
    number: 13,
    name: "pin.expiration_days",
    unit: Unit::Count,
    default: 0,
    min: 0,
    max: 3_650,
    text: "Days after which a user must choose another PIN; 0 for never.",
    caution: Some((
        Bound::Above(0),
        "People who must change a PIN without a cause choose a weaker one (NIST SP 800-63B-4 section \
         3.1.1.2).",
    )),
};

pub(crate) const CHANGE_IN_SIGN_IN: SettingInfo = SettingInfo {
    setting: Setting::PinChangeInSignIn,
    number: 14,
    name: "pin.change_in_sign_in",
    unit: Unit::Choice(&["off", "on"]),
    default: 1,
    min: 0,
    max: 1,
    text: "Whether a user whose PIN must be changed chooses another at the next sign-in. If not, no \
           code of theirs is taken until the help desk gives them another PIN.",
    caution: None,
};

pub(crate) const CHALLENGE_LIFE: SettingInfo = SettingInfo {
    setting: Setting::ChallengeLife,
    number: 15,
    name: "challenge.life",
    unit: Unit::Seconds,
    default: 300,
    min: 30,
    max: 3_600,
    text: "How long an answer is waited for that is asked of a user in a sign-in.",
    caution: None,
};
