//! PINs: giving, changing and taking them.

use alloc::sync::Arc;

use super::{Context, Output};
use crate::{AuditRow, Refusal, Reply, Row, Sealed, SetPin, State, User, UserPin};

impl State {
    /// The serving node has judged the PIN by what it saw: a history or rules that are others by now
    /// make it judge again.
    pub(super) fn set_pin(
        &mut self,
        context: &Context<'_>,
        command: &SetPin,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let seen = context.proposal.seen;
        let user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        if user.changed_at.max(user.revision) > seen || !self.settings_are_fresh(seen) {
            return Err(Refusal::Stale);
        }
        let must_change = command.must_change;
        let row = match &command.pin {
            None => AuditRow::PinCleared { user: user.id },
            Some(sealed) => {
                self.sealed_now(sealed)?;
                AuditRow::PinSet { user: user.id, must_change }
            }
        };
        let id = user.id;
        self.give_pin(user, (command.pin.clone(), must_change), context, out);
        self.record(context, row, out);
        Ok(Reply::UserChanged(id))
    }

    /// A user has another PIN, or none. What was asked before is void, and what failed with the PIN
    /// before says nothing about the new one.
    pub(super) fn give_pin(
        &mut self,
        mut user: User,
        (pin, must_change): (Option<Sealed>, bool),
        context: &Context<'_>,
        out: &mut Output,
    ) {
        let set_at = self.clock;
        user.pin = pin.map(|sealed| Arc::new(UserPin { sealed, set_at, must_change }));
        user.forgive();
        user.changed_at = context.stamp.index;
        user.revision = context.stamp.index;
        self.void_challenges(user.id, out);
        self.put(Row::User(user), out);
    }
}
