//! The settings of tokens: how far from where one stands its codes are taken.

use crate::limits::{
    HOTP_LOOK_AHEAD, HOTP_LOOK_AHEAD_MAX, TOTP_WINDOW_STEPS, TOTP_WINDOW_STEPS_MAX,
};
use crate::{Bound, Setting, SettingInfo, State, Unit};

/// How far from where a token stands its codes are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tolerance {
    /// Time steps before and after the present one, 0 to [`TOTP_WINDOW_STEPS_MAX`].
    pub totp_steps: u64,
    /// Counters after the last accepted one, 1 to [`HOTP_LOOK_AHEAD_MAX`].
    pub hotp_counters: u64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { totp_steps: TOTP_WINDOW_STEPS, hotp_counters: HOTP_LOOK_AHEAD }
    }
}

impl State {
    /// How far from where a token stands its codes are taken.
    #[must_use]
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            totp_steps: self.setting(Setting::TotpWindow),
            hotp_counters: self.setting(Setting::HotpLookAhead),
        }
    }

    /// Whether the drift of a TOTP token follows its accepted codes.
    pub(crate) fn remembers_drift(&self) -> bool {
        self.setting(Setting::TotpDriftMemory) != 0
    }
}

pub(crate) const TOTP_WINDOW: SettingInfo = SettingInfo {
    setting: Setting::TotpWindow,
    number: 16,
    name: "totp.window",
    unit: Unit::Count,
    default: TOTP_WINDOW_STEPS,
    min: 0,
    max: TOTP_WINDOW_STEPS_MAX,
    text: "Time steps before and after the present one whose code is taken.",
    caution: Some((Bound::Above(2), "Each step more is two more codes that a guess can hit.")),
};

pub(crate) const LOOK_AHEAD: SettingInfo = SettingInfo {
    setting: Setting::HotpLookAhead,
    number: 17,
    name: "hotp.look_ahead",
    unit: Unit::Count,
    default: HOTP_LOOK_AHEAD,
    min: 1,
    max: HOTP_LOOK_AHEAD_MAX,
    text: "Codes of a token that counts, after the last accepted one, that are taken.",
    caution: Some((Bound::Above(20), "Each is one more code that a guess can hit.")),
};

pub(crate) const DRIFT_MEMORY: SettingInfo = SettingInfo {
    setting: Setting::TotpDriftMemory,
    number: 18,
    name: "totp.drift_memory",
    unit: Unit::Choice(&["off", "on"]),
    default: 0,
    min: 0,
    max: 1,
    text: "Whether the window of a token with a clock moves to where its last accepted code was \
           right, so that a clock that runs away slowly is followed. Switched off again, each token \
           stays where it is.",
    caution: None,
};
