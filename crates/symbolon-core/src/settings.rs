//! What administrators can set for the whole cluster.
//!
//! A setting that nobody has set stands at its default. Defaults decide, on every node alike, so they
//! are part of the format: only a new format level can change one.

use alloc::vec::Vec;
use core::fmt;

use crate::digest::{Canonical, CanonicalWriter};
use crate::limits::FAILURES_MAX;
use crate::otp::settings as otp;
use crate::pin::settings as pin;
use crate::{LogIndex, SettingChange, Timestamp};

/// The closed list of settings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each is described in SETTINGS")]
pub enum Setting {
    LockoutThreshold,
    LockoutFirstWait,
    LockoutLongestWait,
    LockoutHardLimit,
    IslandAllowance,
    BlockDuration,
    PinOrder,
    PinMinLength,
    PinPreventWeak,
    PinHistory,
    BypassLongest,
    UnknownNames,
    PinExpirationDays,
    PinChangeInSignIn,
    ChallengeLife,
    TotpWindow,
    HotpLookAhead,
    TotpDriftMemory,
}

/// What a value counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// The place of a word in this list, from 0.
    Choice(&'static [&'static str]),
}

/// What there is to know about a setting.
#[derive(Clone, Copy, Debug)]
pub struct SettingInfo {
    /// Which one.
    pub setting: Setting,
    /// Number in formats and the digest; the same for ever.
    pub number: u32,
    /// Name in the API and on the command line.
    pub name: &'static str,
    /// What the values count.
    pub unit: Unit,
    /// Unless it is set.
    pub default: u64,
    /// Lowest value.
    pub min: u64,
    /// Highest value.
    pub max: u64,
    /// What it does, in a sentence or two.
    pub text: &'static str,
    /// Values beyond a bound are a risk, and which.
    pub caution: Option<(Bound, &'static str)>,
}

/// Where a risk begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// Values below this.
    Below(u64),
    /// Values above this.
    Above(u64),
}

/// All settings, in the order of their numbers.
pub const SETTINGS: [SettingInfo; 18] = [
    SettingInfo {
        setting: Setting::LockoutThreshold,
        number: 1,
        name: "lockout.threshold",
        unit: Unit::Count,
        default: 10,
        min: 1,
        max: FAILURES_MAX as u64,
        text: "Failures in a row after which an account takes no code until a wait is over.",
        caution: Some((Bound::Above(20), "Many codes can be guessed before the first wait.")),
    },
    SettingInfo {
        setting: Setting::LockoutFirstWait,
        number: 2,
        name: "lockout.first_wait",
        unit: Unit::Seconds,
        default: 30,
        min: 1,
        max: 24 * 3600,
        text: "The wait at the threshold. Each failure after it doubles the wait.",
        caution: Some((Bound::Below(10), "Waits this short hardly slow down guessing.")),
    },
    SettingInfo {
        setting: Setting::LockoutLongestWait,
        number: 3,
        name: "lockout.longest_wait",
        unit: Unit::Seconds,
        default: 3600,
        min: 1,
        max: 30 * 24 * 3600,
        text: "No wait is longer.",
        caution: Some((Bound::Below(300), "Waits this short hardly slow down guessing.")),
    },
    SettingInfo {
        setting: Setting::LockoutHardLimit,
        number: 4,
        name: "lockout.hard_limit",
        unit: Unit::Count,
        default: FAILURES_MAX as u64,
        min: 2,
        max: FAILURES_MAX as u64,
        text: "Failures in a row that an account can absorb over all nodes, whatever happens. \
               Less the allowance of each node, it is where the account is locked until an \
               administrator unblocks it. One application may bring half of it.",
        caution: None,
    },
    SettingInfo {
        setting: Setting::IslandAllowance,
        number: 5,
        name: "island.allowance",
        unit: Unit::Count,
        default: 3,
        min: 0,
        max: 10,
        text: "Failures of an account that each node keeps back for the time when it is cut off.",
        caution: Some((
            Bound::Below(1),
            "A node that is cut off evaluates no codes: nobody signs in there.",
        )),
    },
    SettingInfo {
        setting: Setting::BlockDuration,
        number: 6,
        name: "user.block_duration",
        unit: Unit::Seconds,
        default: 90 * 24 * 3600,
        min: 60,
        max: 3_650 * 24 * 3600,
        text: "How long a user is blocked, unless whoever blocks says otherwise.",
        caution: None,
    },
    pin::ORDER,
    pin::MIN_LENGTH,
    pin::PREVENT_WEAK,
    pin::HISTORY,
    pin::BYPASS_LONGEST,
    SettingInfo {
        setting: Setting::UnknownNames,
        number: 12,
        name: "audit.unknown_names",
        unit: Unit::Count,
        default: 60,
        min: 1,
        max: 1_000_000,
        text: "Verifications for names that are nobody's, by one application in a minute, of which \
               each has an event of its own in the audit. Of those beyond, one event tells how many \
               they were. They are decided like any other.",
        caution: Some((Bound::Above(10_000), "Whoever tries names without end fills the audit.")),
    },
    pin::EXPIRATION_DAYS,
    pin::CHANGE_IN_SIGN_IN,
    pin::CHALLENGE_LIFE,
    otp::TOTP_WINDOW,
    otp::LOOK_AHEAD,
    otp::DRIFT_MEMORY,
];

impl Setting {
    /// What there is to know about it.
    #[must_use]
    pub const fn info(self) -> &'static SettingInfo {
        let [threshold, first_wait, longest_wait, hard_limit, allowance, block, pins @ ..] =
            &SETTINGS;
        let [pin_order, pin_min_length, pin_weak, pin_history, bypass, later @ ..] = pins;
        let [unknown_names, pin_days, pin_change, challenge, tokens @ ..] = later;
        let [totp_window, look_ahead, drift_memory] = tokens;
        match self {
            Self::LockoutThreshold => threshold,
            Self::LockoutFirstWait => first_wait,
            Self::LockoutLongestWait => longest_wait,
            Self::LockoutHardLimit => hard_limit,
            Self::IslandAllowance => allowance,
            Self::BlockDuration => block,
            Self::PinOrder => pin_order,
            Self::PinMinLength => pin_min_length,
            Self::PinPreventWeak => pin_weak,
            Self::PinHistory => pin_history,
            Self::BypassLongest => bypass,
            Self::UnknownNames => unknown_names,
            Self::PinExpirationDays => pin_days,
            Self::PinChangeInSignIn => pin_change,
            Self::ChallengeLife => challenge,
            Self::TotpWindow => totp_window,
            Self::HotpLookAhead => look_ahead,
            Self::TotpDriftMemory => drift_memory,
        }
    }

    /// The setting of that number in formats.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        SETTINGS.iter().find(|info| info.number == number).map(|info| info.setting)
    }

    /// The setting of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        SETTINGS.iter().find(|info| info.name == name).map(|info| info.setting)
    }
}

/// What is set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Values that were set, in the order of the settings, each once.
    pub values: Vec<(Setting, u64)>,
    /// Log index of the last change; what an update may be bound to.
    pub changed_at: LogIndex,
}

/// Why values cannot stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsFault {
    /// A value out of its range.
    #[error("{} is not within {} to {}", .0.info().name, Shown::low(*.0), Shown::high(*.0))]
    Range(Setting),
    /// Waits that begin longer than they may become.
    #[error("lockout.first_wait is longer than lockout.longest_wait")]
    Waits,
    /// The nodes' allowances leave less than the threshold.
    #[error(
        "lockout.threshold {threshold} and an island.allowance of {allowance} for each of {nodes} \
         nodes are more than lockout.hard_limit {limit}"
    )]
    Unbounded {
        /// T.
        threshold: u64,
        /// s.
        allowance: u64,
        /// N.
        nodes: u64,
        /// H.
        limit: u64,
    },
    /// Values twice, or in another order.
    #[error("a setting is there twice")]
    Twice,
}

impl Settings {
    /// The value that stands.
    #[must_use]
    pub fn get(&self, setting: Setting) -> u64 {
        self.set(setting).unwrap_or_else(|| setting.info().default)
    }

    /// The value, if it was set.
    #[must_use]
    pub fn set(&self, setting: Setting) -> Option<u64> {
        self.values.iter().find(|(known, _)| *known == setting).map(|(_, value)| *value)
    }

    /// Why the value that stands is a risk, if it is one.
    #[must_use]
    pub fn caution(&self, setting: Setting) -> Option<&'static str> {
        let value = self.get(setting);
        let (bound, text) = setting.info().caution?;
        let beyond = match bound {
            Bound::Below(least) => value < least,
            Bound::Above(most) => value > most,
        };
        beyond.then_some(text)
    }

    /// These settings with some changed; `None` is the default again.
    #[must_use]
    pub fn with(&self, changes: &[(Setting, Option<u64>)]) -> Self {
        let mut values = self.values.clone();
        for (setting, value) in changes {
            values.retain(|(known, _)| known != setting);
            values.extend(value.map(|value| (*setting, value)));
        }
        values.sort_unstable_by_key(|(setting, _)| *setting);
        Self { values, changed_at: self.changed_at }
    }

    /// What is set otherwise in `after`. Equal values: one that stood by default was set, or the reverse.
    #[must_use]
    pub fn differences(&self, after: &Self) -> Vec<SettingChange> {
        let all = SETTINGS.iter().map(|info| info.setting);
        all.filter(|setting| self.set(*setting) != after.set(*setting))
            .map(|setting| {
                let (before, after) = (self.get(setting), after.get(setting));
                SettingChange { setting, before, after }
            })
            .collect()
    }

    /// Whether the values can stand in a cluster of so many nodes.
    ///
    /// # Errors
    /// The first [`SettingsFault`].
    pub fn check(&self, nodes: usize) -> Result<(), SettingsFault> {
        if !self.values.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(SettingsFault::Twice);
        }
        for (setting, value) in &self.values {
            let info = setting.info();
            if !(info.min..=info.max).contains(value) {
                return Err(SettingsFault::Range(*setting));
            }
        }
        if self.get(Setting::LockoutFirstWait) > self.get(Setting::LockoutLongestWait) {
            return Err(SettingsFault::Waits);
        }
        let (threshold, limit) =
            (self.get(Setting::LockoutThreshold), self.get(Setting::LockoutHardLimit));
        let (allowance, nodes) = (self.get(Setting::IslandAllowance), nodes as u64);
        if threshold + nodes * allowance > limit {
            return Err(SettingsFault::Unbounded { threshold, allowance, nodes, limit });
        }
        Ok(())
    }

    /// How guessing is bounded in a cluster of so many nodes.
    #[must_use]
    pub fn lockout(&self, nodes: usize) -> Lockout {
        let count = |setting| u32::try_from(self.get(setting)).unwrap_or(u32::MAX);
        let hard_limit = count(Setting::LockoutHardLimit);
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let kept_back = count(Setting::IslandAllowance).saturating_mul(nodes);
        Lockout {
            threshold: count(Setting::LockoutThreshold),
            limit: hard_limit.saturating_sub(kept_back),
            share: hard_limit / 2,
            first_wait: self.get(Setting::LockoutFirstWait) * 1000,
            longest_wait: self.get(Setting::LockoutLongestWait) * 1000,
        }
    }
}

/// How guessing is bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lockout {
    /// Failures in a row at which waits begin.
    pub threshold: u32,
    /// Failures in a row at which the account is locked until an administrator acts.
    pub limit: u32,
    /// Failures that one application may bring.
    pub share: u32,
    /// Milliseconds.
    pub first_wait: u64,
    /// Milliseconds.
    pub longest_wait: u64,
}

impl Lockout {
    /// When the wait is over, after so many failures of which the last was then.
    #[must_use]
    pub fn until(&self, failures: u32, failed_at: Timestamp) -> Timestamp {
        let Some(doubled) = failures.checked_sub(self.threshold) else {
            return Timestamp(0);
        };
        let factor = 1_u64.checked_shl(doubled).unwrap_or(u64::MAX);
        let wait = self.first_wait.saturating_mul(factor).min(self.longest_wait);
        failed_at.plus(wait)
    }
}

impl Canonical for Settings {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.values.len() as u64);
        for (setting, value) in &self.values {
            w.number(setting.info().number.into()).number(*value);
        }
        w.number(self.changed_at.0);
    }
}

/// A value with its unit.
#[derive(Clone, Copy, Debug)]
struct Shown(Unit, u64);

impl Shown {
    const fn low(setting: Setting) -> Self {
        Self(setting.info().unit, setting.info().min)
    }

    const fn high(setting: Setting) -> Self {
        Self(setting.info().unit, setting.info().max)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unit::Count => write!(f, "{}", self.1),
            Unit::Seconds => write!(f, "{} s", self.1),
            Unit::Choice(_) => write!(f, "{}", self.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec;

    use super::*;

    #[test]
    fn each_setting_has_its_place_number_and_a_default_within_its_range() {
        // Both rise: changes are kept in the order of the settings, and told in that of the numbers.
        assert!(SETTINGS.is_sorted_by(|a, b| a.number < b.number && a.setting < b.setting));
        for info in &SETTINGS {
            assert_eq!(info.setting.info().number, info.number, "{}", info.name);
            assert_eq!(Setting::from_number(info.number), Some(info.setting));
            assert_eq!(Setting::from_name(info.name), Some(info.setting));
            assert!((info.min..=info.max).contains(&info.default), "{}", info.name);
        }
        assert_eq!(Settings::default().check(crate::limits::NODES_MAX), Ok(()));
    }

    #[test]
    fn waits_begin_at_the_threshold_and_double_up_to_the_longest() {
        let lockout = Settings::default().lockout(3);
        assert_eq!((lockout.threshold, lockout.limit, lockout.share), (10, 91, 50));
        let wait = |failures| lockout.until(failures, Timestamp(1_000_000)).0;
        assert_eq!(wait(9), 0);
        let seconds = |failures| (wait(failures) - 1_000_000) / 1000;
        assert_eq!([10, 11, 12, 16, 17, 90].map(seconds), [30, 60, 120, 1920, 3600, 3600]);
        assert_eq!(wait(u32::MAX), 4_600_000);
    }

    #[test]
    fn values_that_cannot_stand_are_told_apart() {
        let with = |changes: &[(Setting, u64)]| {
            let changes: Vec<_> = changes.iter().map(|(it, value)| (*it, Some(*value))).collect();
            Settings::default().with(&changes)
        };
        let wait = Setting::LockoutFirstWait;
        assert_eq!(with(&[(wait, 0)]).check(3), Err(SettingsFault::Range(wait)));
        assert_eq!(with(&[(wait, 3601)]).check(3), Err(SettingsFault::Waits));
        let threshold = Setting::LockoutThreshold;
        assert_eq!(with(&[(threshold, 91)]).check(3), Ok(()));
        let unbounded =
            SettingsFault::Unbounded { threshold: 91, allowance: 3, nodes: 4, limit: 100 };
        assert_eq!(with(&[(threshold, 91)]).check(4), Err(unbounded));
        let twice = Settings { values: vec![(wait, 30), (wait, 30)], ..Settings::default() };
        assert_eq!(twice.check(1), Err(SettingsFault::Twice));
        let texts = [SettingsFault::Range(wait).to_string(), unbounded.to_string()];
        assert_eq!(texts[0], "lockout.first_wait is not within 1 s to 86400 s");
        assert_eq!(
            texts[1],
            "lockout.threshold 91 and an island.allowance of 3 for each of 4 nodes are more than \
             lockout.hard_limit 100"
        );
    }

    #[test]
    fn what_is_set_to_the_default_stays_set_until_it_is_taken_back() {
        let (wait, threshold) = (Setting::LockoutFirstWait, Setting::LockoutThreshold);
        let settings = Settings::default().with(&[(wait, Some(30)), (threshold, Some(5))]);
        assert_eq!(settings.values, [(threshold, 5), (wait, 30)]);
        let back = settings.with(&[(threshold, None)]);
        assert_eq!(
            (back.get(threshold), back.set(threshold), back.set(wait)),
            (10, None, Some(30))
        );
    }

    #[test]
    fn a_risk_is_named_where_it_begins() {
        let wait = Setting::LockoutFirstWait;
        let caution = |value| Settings::default().with(&[(wait, Some(value))]).caution(wait);
        assert_eq!(caution(10), None);
        assert!(caution(9).is_some());
        let threshold = Setting::LockoutThreshold;
        let many = |value| Settings::default().with(&[(threshold, Some(value))]).caution(threshold);
        assert_eq!(many(20), None);
        assert!(many(21).is_some());
    }
}
