//! Settings.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::{
    AuditRow, Refusal, Reply, Row, SETTINGS, SettingChange, Settings, SettingsFault, State,
    UpdateSettings,
};

impl State {
    pub(super) fn update_settings(
        &mut self,
        context: &Context<'_>,
        command: &UpdateSettings,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let before = self.settings();
        if command.revision.is_some_and(|revision| revision != before.changed_at) {
            return Err(Refusal::RevisionChanged);
        }
        let after = before.with(&command.changes);
        after.check(self.nodes.len()).map_err(|fault| match fault {
            SettingsFault::Unbounded { .. } => Refusal::GuessingUnbounded,
            _ => Refusal::SettingRefused,
        })?;
        // Asked for again, or for what is so: nothing to tell anyone.
        if after == before {
            return Ok(Reply::SettingsChanged);
        }
        let changes = changes(&before, &after);
        self.put(Row::Settings(Settings { changed_at: context.stamp.index, ..after }), out);
        self.record(context, AuditRow::SettingsChanged { changes }, out);
        Ok(Reply::SettingsChanged)
    }
}

/// What stands at another value. A value that was set to its default is no change, and is recorded
/// as one with equal values.
fn changes(before: &Settings, after: &Settings) -> Vec<SettingChange> {
    let all = SETTINGS.iter().map(|info| info.setting);
    all.filter(|setting| before.set(*setting) != after.set(*setting))
        .map(|setting| SettingChange {
            setting,
            before: before.get(setting),
            after: after.get(setting),
        })
        .collect()
}
