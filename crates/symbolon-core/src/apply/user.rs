//! Users.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::{BLOCK_MILLISECONDS_MAX, USERS_MAX};
use crate::{
    AuditRow, Block, BlockUser, CreateUser, DeleteUser, LogIndex, ProfileChange, RecordExport,
    Refusal, Reply, Row, RowKey, State, Timestamp, UnblockUser, UpdateUser, User, UserChange,
};

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
            failed_at: Timestamp(0),
            failed_by: Vec::new(),
            tokens: Vec::new(),
            disabled: false,
            block: None,
            pin: None,
            bypass: None,
            recovery_codes: None,
            profile: command.profile.clone().kept(),
            created_at: self.clock,
            changed_at: context.stamp.index,
            revision: context.stamp.index,
        };
        self.put(Row::User(user), out);
        let row = AuditRow::UserCreated { user: command.user, name: command.name.clone() };
        self.record(context, row, out);
        Ok(Reply::UserCreated(command.user))
    }

    pub(super) fn update_user(
        &mut self,
        context: &Context<'_>,
        command: &UpdateUser,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let before = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        at_revision(&before, command.revision)?;
        let mut user = before.clone();
        if let Some(name) = &command.display_name {
            user.display_name = name.clone();
        }
        let disabled = command.disabled.filter(|disabled| *disabled != before.disabled);
        if let Some(disabled) = disabled {
            user.disabled = disabled;
            user.changed_at = context.stamp.index;
        }
        let ProfileChange { fields, values } = &command.profile;
        let profile = user.profile().differing(values, fields);
        user.profile = user.profile().with(values, &profile).kept();
        let row = AuditRow::UserUpdated {
            user: user.id,
            display_name: None,
            disabled,
            profile,
            change: UserChange::between(&before, &user),
        };
        self.administered(context, user, row, out)
    }

    pub(super) fn block_user(
        &mut self,
        context: &Context<'_>,
        command: &BlockUser,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        let until = self.clock.plus(command.milliseconds.min(BLOCK_MILLISECONDS_MAX));
        let reason = command.reason.clone();
        user.block = Some(Block { reason: reason.clone(), since: self.clock, until });
        user.changed_at = context.stamp.index;
        let row = AuditRow::UserBlocked { user: user.id, reason, until };
        self.administered(context, user, row, out)
    }

    pub(super) fn unblock_user(
        &mut self,
        context: &Context<'_>,
        command: &UnblockUser,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        let failures = user.forgive();
        user.block = None;
        user.changed_at = context.stamp.index;
        let reason = command.reason.clone();
        let row = AuditRow::UserUnblocked { user: user.id, reason, failures };
        self.administered(context, user, row, out)
    }

    pub(super) fn delete_user(
        &mut self,
        context: &Context<'_>,
        command: &DeleteUser,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let user = self.user(command.user).cloned().ok_or(Refusal::NoSuchUser)?;
        at_revision(&user, command.revision)?;
        for token in &user.tokens {
            self.delete(RowKey::Token(*token), out);
        }
        self.void_challenges(user.id, out);
        self.delete(RowKey::User(user.id), out);
        let tokens = u32::try_from(user.tokens.len()).unwrap_or(u32::MAX);
        let row = AuditRow::UserDeleted { user: user.id, name: user.name, tokens };
        self.record(context, row, out);
        Ok(Reply::UserChanged(user.id))
    }

    /// Changes nothing: who has read what is held about a person is to be known.
    pub(super) fn record_export(
        &mut self,
        context: &Context<'_>,
        command: &RecordExport,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let name = command.name.clone();
        let user = self.user_by_name(&name).map(|user| user.id);
        self.record(context, AuditRow::PersonalDataExported { user, name }, out);
        Ok(Reply::Done)
    }

    pub(super) fn administered(
        &mut self,
        context: &Context<'_>,
        mut user: User,
        row: AuditRow,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let id = user.id;
        user.revision = context.stamp.index;
        self.put(Row::User(user), out);
        self.record(context, row, out);
        Ok(Reply::UserChanged(id))
    }
}

fn at_revision(user: &User, revision: Option<LogIndex>) -> Result<(), Refusal> {
    if revision.is_none_or(|revision| revision == user.revision) {
        Ok(())
    } else {
        Err(Refusal::RevisionChanged)
    }
}
