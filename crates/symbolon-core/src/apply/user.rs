//! Users and their tokens.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::{TOKENS_PER_USER_MAX, USERS_MAX};
use crate::{AuditRow, CreateUser, EnrollToken, Refusal, Reply, Row, State, Token, User};

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

    pub(super) fn enroll_token(
        &mut self,
        context: &Context<'_>,
        command: &EnrollToken,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        if command.token.0 == 0 || self.token(command.token).is_some() {
            return Err(Refusal::IdTaken);
        }
        self.sealed_now(&command.seed)?;
        if user.tokens.len() >= TOKENS_PER_USER_MAX {
            return Err(Refusal::LimitReached);
        }
        user.tokens.push(command.token);
        // An administrator's act: it ends a lock, so that a locked user has a way back.
        user.failures = 0;
        user.changed_at = context.stamp.index;
        self.put(Row::User(user), out);
        let token = Token {
            id: command.token,
            user: command.user,
            parameters: command.parameters,
            seed: command.seed.clone(),
            mark: 0,
            created_at: self.clock,
            changed_at: context.stamp.index,
        };
        self.put(Row::Token(token), out);
        let row = AuditRow::TokenEnrolled { user: command.user, token: command.token };
        self.record(context, row, out);
        Ok(Reply::TokenEnrolled(command.token))
    }
}
