//! Settings.

use symbolon_core::{LogIndex, Setting, SettingChange, Settings, UpdateSettings};

use super::{DecodeError, need};
use crate::store::v1 as store;

fn setting(number: u32) -> Result<Setting, DecodeError> {
    need(Setting::from_number(number), "setting")
}

pub(super) fn row_to_proto(row: &Settings) -> store::SettingsRow {
    let value = |(setting, value): &(Setting, u64)| store::SettingValue {
        setting: setting.info().number,
        value: Some(*value),
    };
    store::SettingsRow {
        value: row.values.iter().map(value).collect(),
        changed_at: row.changed_at.0,
    }
}

pub(super) fn row_from_proto(m: store::SettingsRow) -> Result<Settings, DecodeError> {
    let value = |m: store::SettingValue| Ok((setting(m.setting)?, need(m.value, "value")?));
    Ok(Settings {
        values: m.value.into_iter().map(value).collect::<Result<_, DecodeError>>()?,
        changed_at: LogIndex(m.changed_at),
    })
}

pub(super) fn update_to_proto(c: &UpdateSettings) -> store::UpdateSettings {
    let change = |(setting, value): &(Setting, Option<u64>)| store::SettingValue {
        setting: setting.info().number,
        value: *value,
    };
    store::UpdateSettings {
        change: c.changes.iter().map(change).collect(),
        revision: c.revision.map(|revision| revision.0),
    }
}

pub(super) fn update_from_proto(m: store::UpdateSettings) -> Result<UpdateSettings, DecodeError> {
    let change = |m: store::SettingValue| Ok((setting(m.setting)?, m.value));
    Ok(UpdateSettings {
        changes: m.change.into_iter().map(change).collect::<Result<_, DecodeError>>()?,
        revision: m.revision.map(LogIndex),
    })
}

pub(super) fn changed_to_proto(changes: &[SettingChange]) -> store::SettingsChanged {
    let change = |change: &SettingChange| store::SettingChange {
        setting: change.setting.info().number,
        before: change.before,
        after: change.after,
    };
    store::SettingsChanged { change: changes.iter().map(change).collect() }
}

pub(super) fn changed_from_proto(
    m: store::SettingsChanged,
) -> Result<Vec<SettingChange>, DecodeError> {
    let change = |m: store::SettingChange| {
        Ok(SettingChange { setting: setting(m.setting)?, before: m.before, after: m.after })
    };
    m.change.into_iter().map(change).collect()
}
