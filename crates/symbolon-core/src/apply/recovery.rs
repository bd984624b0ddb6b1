//! Recovery codes: giving a user a set.

use alloc::sync::Arc;

use super::{Context, Output};
use crate::{AuditRow, CreateRecoveryCodes, RecoveryCodes, Refusal, Reply, State};

impl State {
    /// The set takes the place of the one before.
    pub(super) fn create_codes(
        &mut self,
        context: &Context<'_>,
        command: &CreateRecoveryCodes,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        self.sealed_now(&command.codes)?;
        let sealed = command.codes.clone();
        let codes = RecoveryCodes { sealed, used: 0, created_at: self.clock };
        user.recovery_codes = Some(Arc::new(codes));
        user.changed_at = context.stamp.index;
        let row = AuditRow::RecoveryCodesCreated { user: user.id };
        self.administered(context, user, row, out)
    }
}
