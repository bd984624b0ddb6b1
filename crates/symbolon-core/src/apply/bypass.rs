//! A sign-in without a code, granted for a while and once.

use alloc::sync::Arc;

use super::{Context, Output};
use crate::{AuditRow, Bypass, CancelBypass, GrantBypass, Refusal, Reply, Setting, State};

impl State {
    /// It starts at once, and puts an older one in its place. `changed_at` stays: nothing that a serving
    /// node computes hangs on it.
    pub(super) fn grant_bypass(
        &mut self,
        context: &Context<'_>,
        command: &GrantBypass,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        let longest = self.setting(Setting::BypassLongest) * 1000;
        let until = self.clock.plus(command.milliseconds.min(longest));
        let reason = command.reason.clone();
        let bypass = Bypass { reason: reason.clone(), since: self.clock, until };
        user.bypass = Some(Arc::new(bypass));
        let row = AuditRow::BypassGranted { user: user.id, reason, until };
        self.administered(context, user, row, out)
    }

    pub(super) fn cancel_bypass(
        &mut self,
        context: &Context<'_>,
        command: &CancelBypass,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        user.bypass = None;
        let row = AuditRow::BypassCancelled { user: user.id, reason: command.reason.clone() };
        self.administered(context, user, row, out)
    }
}
