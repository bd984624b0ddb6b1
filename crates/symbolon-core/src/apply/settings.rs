//! Settings.

use super::{Context, Output};
use crate::{AuditRow, Refusal, Reply, Row, Settings, SettingsFault, State, UpdateSettings};

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
        after.check(self.allowed_for()).map_err(|fault| match fault {
            SettingsFault::Unbounded { .. } => Refusal::GuessingUnbounded,
            _ => Refusal::SettingRefused,
        })?;
        // Asked for again, or for what is so: nothing to tell anyone.
        if after == before {
            return Ok(Reply::SettingsChanged);
        }
        let changes = before.differences(&after);
        self.put(Row::Settings(Settings { changed_at: context.stamp.index, ..after }), out);
        self.record(context, AuditRow::SettingsChanged { changes }, out);
        Ok(Reply::SettingsChanged)
    }
}
