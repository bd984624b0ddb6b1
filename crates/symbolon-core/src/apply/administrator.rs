//! Administrators. One who may do everything is always left.

use super::{Context, Output};
use crate::limits::{ADMINISTRATORS_MAX, REVEAL_MILLISECONDS};
use crate::{
    Administrator, AdministratorId, AdministratorUpdated, AuditRow, CreateAdministrator,
    DeleteAdministrator, LogIndex, Refusal, Reply, Reveal, Role, RotateAdministratorToken, Row,
    RowKey, Scope, Sealed, State, UpdateAdministrator,
};

impl State {
    pub(super) fn create_admin(
        &mut self,
        context: &Context<'_>,
        command: &CreateAdministrator,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        if self.administrator_by_name(&command.name).is_some() {
            return Err(Refusal::NameTaken);
        }
        if self.administrator(command.administrator).is_some() {
            return Err(Refusal::IdTaken);
        }
        self.sealed_now(&command.secret)?;
        if self.administrators.len() >= ADMINISTRATORS_MAX {
            return Err(Refusal::LimitReached);
        }
        let administrator = Administrator {
            role: command.role,
            scope: scope_of(command.role, &command.scope),
            reveal: Some(self.reveal_of(&command.secret)),
            created_at: self.clock,
            changed_at: context.stamp.index,
            ..Administrator::first(command.administrator, command.name.clone(), command.key)
        };
        let row = AuditRow::AdministratorCreated {
            administrator: administrator.id,
            name: administrator.name.clone(),
            role: administrator.role,
            scope: administrator.scope.clone(),
        };
        self.put(Row::Administrator(administrator), out);
        self.record(context, row, out);
        Ok(Reply::AdministratorCreated(command.administrator))
    }

    pub(super) fn update_admin(
        &mut self,
        context: &Context<'_>,
        command: &UpdateAdministrator,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let before = self.admin_at(command.administrator, command.revision)?;
        let mut administrator = before.clone();
        administrator.role = command.role.unwrap_or(before.role);
        administrator.disabled = command.disabled.unwrap_or(before.disabled);
        let scope = command.scope.as_ref().unwrap_or(&before.scope);
        administrator.scope = scope_of(administrator.role, scope);
        if before.is_whole() && !administrator.is_whole() {
            self.another_than(before.id)?;
        }
        let updated = AdministratorUpdated::between(&before, &administrator);
        self.put_admin(context, administrator, AuditRow::AdministratorUpdated(updated), out)
    }

    /// The token before is taken no more.
    pub(super) fn rotate_token(
        &mut self,
        context: &Context<'_>,
        command: &RotateAdministratorToken,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut administrator = self.admin_at(command.administrator, None)?;
        self.sealed_now(&command.secret)?;
        administrator.key = command.key;
        administrator.reveal = Some(self.reveal_of(&command.secret));
        let row = AuditRow::AdministratorTokenRotated { administrator: administrator.id };
        self.put_admin(context, administrator, row, out)
    }

    pub(super) fn delete_admin(
        &mut self,
        context: &Context<'_>,
        command: &DeleteAdministrator,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let before = self.admin_at(command.administrator, command.revision)?;
        if before.is_whole() {
            self.another_than(before.id)?;
        }
        let Administrator { id, name, .. } = before;
        self.delete(RowKey::Administrator(id), out);
        self.record(context, AuditRow::AdministratorDeleted { administrator: id, name }, out);
        Ok(Reply::AdministratorChanged(id))
    }

    fn admin_at(
        &self,
        id: AdministratorId,
        revision: Option<LogIndex>,
    ) -> Result<Administrator, Refusal> {
        let administrator = self.administrator(id).cloned().ok_or(Refusal::NoSuchAdministrator)?;
        if revision.is_some_and(|revision| revision != administrator.changed_at) {
            return Err(Refusal::RevisionChanged);
        }
        Ok(administrator)
    }

    /// Refuses to lose the last who may do everything: nobody could make another.
    fn another_than(&self, id: AdministratorId) -> Result<(), Refusal> {
        let left = self.administrators().any(|row| row.id != id && row.is_whole());
        if left { Ok(()) } else { Err(Refusal::LastAdministrator) }
    }

    fn put_admin(
        &mut self,
        context: &Context<'_>,
        mut administrator: Administrator,
        row: AuditRow,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let id = administrator.id;
        administrator.changed_at = context.stamp.index;
        self.put(Row::Administrator(administrator), out);
        self.record(context, row, out);
        Ok(Reply::AdministratorChanged(id))
    }

    fn reveal_of(&self, secret: &Sealed) -> Reveal {
        Reveal { secret: secret.clone(), until: self.clock.plus(REVEAL_MILLISECONDS) }
    }
}

/// Others than a help desk deal with everybody, or with nobody.
fn scope_of(role: Role, scope: &Scope) -> Scope {
    if role == Role::HelpDesk { scope.clone() } else { Scope::default() }
}
