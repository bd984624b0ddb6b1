//! Settings, and what came with them.

use super::{
    AT, ApplicationId, AuditEvent, AuditRow, Command, Denial, LogIndex, Row, Timestamp, User,
    audit_of, user, verified,
};
use symbolon_core::{Setting, SettingChange, Settings, UpdateSettings};

/// Commands about settings.
pub(crate) fn settings_commands() -> Vec<(&'static str, Command)> {
    let changes = vec![(Setting::LockoutThreshold, Some(7)), (Setting::BlockDuration, None)];
    let update = UpdateSettings { changes, revision: Some(LogIndex(4711)) };
    vec![("update-settings", Command::UpdateSettings(update))]
}

/// Settings, and a user with failures as they came with the settings.
pub(crate) fn settings_rows() -> Vec<(&'static str, Row)> {
    let values = vec![(Setting::LockoutThreshold, 7), (Setting::IslandAllowance, 0)];
    let settings = Settings { values, changed_at: LogIndex(4711) };
    let failed_by = vec![(ApplicationId(1), 2), (ApplicationId(0x0102_0304_0506_0708), 97)];
    let user = User { failed_at: AT, failed_by, ..user() };
    vec![("settings", Row::Settings(settings)), ("user-failed-by", Row::User(user))]
}

/// Events about settings.
pub(crate) fn settings_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let change = |setting, before, after| SettingChange { setting, before, after };
    let changes = vec![
        change(Setting::LockoutThreshold, 10, 7),
        change(Setting::BlockDuration, 60, 7_776_000),
    ];
    audit_of(vec![
        AuditRow::SettingsChanged { changes },
        AuditRow::Verified(verified(Some(Denial::Waiting))),
        AuditRow::Verified(verified(Some(Denial::ShareSpent))),
    ])
}
