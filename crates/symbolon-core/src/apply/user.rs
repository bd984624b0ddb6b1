//! Users.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::USERS_MAX;
use crate::{AuditRow, CreateUser, Refusal, Reply, Row, State, User};

impl State {
    pub(super) fn create_user(
        &mut self,
        context: &Context<'_>,
        command: &CreateUser,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        if self.user_by_name(&command.name).is_some() {
            return Err(Refusal::NameTaken);
        }
        // 0 stands for "none" in formats.
        if command.user.0 == 0 || self.user(command.user).is_some() {
            return Err(Refusal::IdTaken);
        }
        if self.users.len() >= USERS_MAX {
            return Err(Refusal::LimitReached);
        }
        let user = User {
            id: command.user,
            name: command.name.clone(),
            display_name: command.display_name.clone(),
            failures: 0,
            tokens: Vec::new(),
            created_at: self.clock,
            changed_at: context.stamp.index,
        };
        self.put(Row::User(user), out);
        let row = AuditRow::UserCreated { user: command.user, name: command.name.clone() };
        self.record(context, row, out);
        Ok(Reply::UserCreated(command.user))
    }
}
