//! Settings: what can be set, and what cannot stand together.

use std::collections::BTreeMap;

use symbolon_core::{
    AuditRow, LogIndex, Refusal, Reply, Setting, SettingChange, Settings, UpdateSettings,
};

use super::{At, Decided, Model};

const DAY: u64 = 24 * 3600;

/// Default, lowest and highest value of each, as `docs/settings.md` has them.
const KNOWN: [(Setting, u64, u64, u64); 18] = [
    (Setting::LockoutThreshold, 10, 1, 100),
    (Setting::LockoutFirstWait, 30, 1, DAY),
    (Setting::LockoutLongestWait, 3600, 1, 30 * DAY),
    (Setting::LockoutHardLimit, 100, 2, 100),
    (Setting::IslandAllowance, 3, 0, 10),
    (Setting::BlockDuration, 90 * DAY, 60, 3_650 * DAY),
    (Setting::PinOrder, 0, 0, 1),
    (Setting::PinMinLength, 4, 4, 16),
    (Setting::PinPreventWeak, 1, 0, 1),
    (Setting::PinHistory, 5, 0, 10),
    (Setting::BypassLongest, 3600, 60, 7 * DAY),
    (Setting::UnknownNames, 60, 1, 1_000_000),
    (Setting::PinExpirationDays, 0, 0, 3_650),
    (Setting::PinChangeInSignIn, 1, 0, 1),
    (Setting::ChallengeLife, 300, 30, 3_600),
    (Setting::TotpWindow, 1, 0, 10),
    (Setting::HotpLookAhead, 10, 1, 100),
    (Setting::TotpDriftMemory, 0, 0, 1),
];

/// What was set, and when it was last.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Set {
    values: BTreeMap<Setting, u64>,
    changed_at: Option<LogIndex>,
}

impl Set {
    pub(crate) fn get(&self, setting: Setting) -> u64 {
        let default = KNOWN.iter().find(|(known, ..)| *known == setting).unwrap().1;
        self.values.get(&setting).copied().unwrap_or(default)
    }

    pub(crate) fn row(&self) -> Option<Settings> {
        let values = self.values.iter().map(|(setting, value)| (*setting, *value)).collect();
        self.changed_at.map(|changed_at| Settings { values, changed_at })
    }

    /// Whether the values can stand in a cluster of so many nodes.
    pub(super) fn stands(&self, nodes: usize) -> Result<(), Refusal> {
        for (setting, _, min, max) in KNOWN {
            if self.get(setting) < min || self.get(setting) > max {
                return Err(Refusal::SettingRefused);
            }
        }
        if self.get(Setting::LockoutFirstWait) > self.get(Setting::LockoutLongestWait) {
            return Err(Refusal::SettingRefused);
        }
        let kept_back = nodes as u64 * self.get(Setting::IslandAllowance);
        let most = self.get(Setting::LockoutThreshold) + kept_back;
        if most > self.get(Setting::LockoutHardLimit) {
            return Err(Refusal::GuessingUnbounded);
        }
        Ok(())
    }
}

impl Model {
    pub(super) fn update_settings(&mut self, at: At<'_>, command: &UpdateSettings) -> Decided {
        let revision = self.settings.changed_at.unwrap_or_default();
        if command.revision.is_some_and(|expected| expected != revision) {
            return Err(Refusal::RevisionChanged);
        }
        let before = self.settings.clone();
        let mut after = before.clone();
        for (setting, value) in &command.changes {
            match value {
                Some(value) => after.values.insert(*setting, *value),
                None => after.values.remove(setting),
            };
        }
        after.stands(self.guessed_at())?;
        if after == before {
            self.notes.push("settings that stand already are set");
            return Ok(Reply::SettingsChanged);
        }
        let mut changes = Vec::new();
        for (setting, ..) in KNOWN {
            if before.values.get(&setting) != after.values.get(&setting) {
                let (before, after) = (before.get(setting), after.get(setting));
                self.note_if(before == after, "a setting is set to its default");
                changes.push(SettingChange { setting, before, after });
            }
        }
        after.changed_at = Some(at.index);
        self.settings = after;
        self.tell(at, AuditRow::SettingsChanged { changes });
        Ok(Reply::SettingsChanged)
    }
}
