//! Tokens: giving, proving, resynchronising and taking them.

use super::{Context, Output};
use crate::limits::TOKENS_PER_USER_MAX;
use crate::otp::{MovingFactor, Position};
use crate::{
    AuditRow, ConfirmToken, EnrollToken, Refusal, RemoveToken, Reply, ResyncToken, Row, RowKey,
    State, Token,
};

impl State {
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
        if command.serial.as_ref().is_some_and(|serial| self.token_by_serial(serial).is_some()) {
            return Err(Refusal::SerialTaken);
        }
        self.sealed_now(&command.seed)?;
        if user.tokens.len() >= TOKENS_PER_USER_MAX {
            return Err(Refusal::LimitReached);
        }
        user.tokens.push(command.token);
        // An administrator's act: it ends a lock, so that a locked user has a way back.
        user.forgive();
        user.changed_at = context.stamp.index;
        user.revision = context.stamp.index;
        self.put(Row::User(user), out);
        let counts = command.parameters.factor() == MovingFactor::Counter;
        let epoch = if counts { self.epoch_of_tokens() } else { 1 };
        let token = Token {
            id: command.token,
            user: command.user,
            parameters: command.parameters,
            seed: command.seed.clone(),
            serial: command.serial.clone(),
            pending: command.pending,
            mark: command.mark,
            drift: 0,
            epoch: if epoch > 1 { epoch } else { 0 },
            awaits_second: false,
            created_at: self.clock,
            changed_at: context.stamp.index,
        };
        self.put(Row::Token(token), out);
        let row = AuditRow::TokenEnrolled { user: command.user, token: command.token };
        self.record(context, row, out);
        Ok(Reply::TokenEnrolled(command.token))
    }

    /// The code that proves a token is spent by it.
    pub(super) fn confirm_token(
        &mut self,
        context: &Context<'_>,
        command: &ConfirmToken,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let shown = command.shown;
        let mut token = self.token(shown.token).cloned().ok_or(Refusal::NoSuchToken)?;
        if !token.pending {
            return Err(Refusal::WrongPhase);
        }
        let position = token.position(self.tolerance());
        let (first, last) = position.window(token.parameters, context.proposal.made_at);
        let used = token.mark.max(self.floor_step(&token));
        if !(first..=last).contains(&shown.step) || shown.step <= used {
            return Err(Refusal::StepRefused);
        }
        token.pending = false;
        token.mark = shown.step;
        token.changed_at = context.stamp.index;
        let row = AuditRow::TokenConfirmed { user: token.user, token: token.id, step: shown.step };
        self.put(Row::Token(token), out);
        self.record(context, row, out);
        Ok(Reply::TokenChanged(shown.token))
    }

    /// Both codes that were shown are spent by it.
    pub(super) fn resync_token(
        &mut self,
        context: &Context<'_>,
        command: &ResyncToken,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let shown = command.shown;
        let mut token = self.token(shown.token).cloned().ok_or(Refusal::NoSuchToken)?;
        let at = context.proposal.made_at;
        let position = token.position(self.tolerance());
        let (first, last) = position.resync_window(token.parameters, at);
        if !(first..=last).contains(&shown.step) || shown.step <= self.floor_step(&token) {
            return Err(Refusal::StepRefused);
        }
        let drift = Position::drift_at(token.parameters, shown.step, at);
        token.drift = drift.ok_or(Refusal::StepRefused)?;
        self.note_epoch(&mut token);
        token.mark = shown.step;
        token.changed_at = context.stamp.index;
        let row = AuditRow::TokenResynchronised {
            user: token.user,
            token: token.id,
            step: shown.step,
            drift: token.drift,
        };
        self.put(Row::Token(token), out);
        self.record(context, row, out);
        Ok(Reply::TokenChanged(shown.token))
    }

    pub(super) fn remove_token(
        &mut self,
        context: &Context<'_>,
        command: &RemoveToken,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let token = self.token(command.token).ok_or(Refusal::NoSuchToken)?;
        let mut user = self.user(token.user).cloned().ok_or(Refusal::NoSuchToken)?;
        user.tokens.retain(|id| *id != command.token);
        user.changed_at = context.stamp.index;
        user.revision = context.stamp.index;
        let row = AuditRow::TokenRemoved { user: user.id, token: command.token };
        self.put(Row::User(user), out);
        self.delete(RowKey::Token(command.token), out);
        self.record(context, row, out);
        Ok(Reply::TokenChanged(command.token))
    }
}
