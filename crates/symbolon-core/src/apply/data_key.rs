//! A change of the data key, step by step. See `data_keys.rs`.

use alloc::collections::BTreeSet;

use super::{Context, Output};
use crate::{
    AuditRow, ConfirmDataKey, DataKeyId, DataKeys, Refusal, Reply, Reseal, RetireDataKey,
    RotateDataKey, Rotation, Row, Sealed, State,
};

impl State {
    /// Refuses a new secret that is not under the active data key: the serving node's view was old.
    pub(super) fn sealed_now(&self, sealed: &Sealed) -> Result<(), Refusal> {
        if sealed.key() == Some(self.active_data_key()) { Ok(()) } else { Err(Refusal::Stale) }
    }

    pub(super) fn rotate_data_key(
        &mut self,
        context: &Context<'_>,
        command: &RotateDataKey,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut keys = self.data_keys();
        if keys.rotation.is_some() {
            return Err(Refusal::RotationUnderWay);
        }
        if keys.active.0.checked_add(1) != Some(command.id.0) {
            return Err(Refusal::IdTaken);
        }
        self.sealed_now(&command.key)?;
        keys.rotation = Some(Rotation {
            id: command.id,
            key: command.key.clone(),
            started_at: self.clock,
            holders: BTreeSet::new(),
        });
        self.put(Row::DataKeys(keys), out);
        self.record(context, AuditRow::DataKeyRotationStarted { id: command.id }, out);
        Ok(Reply::DataKeyRotationStarted(command.id))
    }

    /// The last node that confirms makes the key the active one.
    pub(super) fn confirm_data_key(
        &mut self,
        context: &Context<'_>,
        command: &ConfirmDataKey,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut keys = self.data_keys();
        let rotation = keys.rotation.as_mut().filter(|rotation| rotation.id == command.id);
        let rotation = rotation.ok_or(Refusal::WrongPhase)?;
        if rotation.holders.insert(command.node) {
            self.put(Row::DataKeys(keys), out);
            self.activate_spread_key(context, out);
        }
        Ok(Reply::Done)
    }

    /// Makes the next data key the active one, once all members have it.
    pub(super) fn activate_spread_key(&mut self, context: &Context<'_>, out: &mut Output) {
        let keys = self.data_keys();
        let next = keys.rotation.as_ref().map(|rotation| rotation.id);
        let Some(id) = next.filter(|id| *id != keys.active) else {
            return;
        };
        if self.nodes_without_next_key().next().is_none() {
            self.put(Row::DataKeys(DataKeys { active: id, ..keys }), out);
            self.record(context, AuditRow::DataKeyActivated { id }, out);
        }
    }

    /// Compares and sets. `changed_at` stays, since the secret is the same: an outcome that was
    /// computed from it is not stale.
    pub(super) fn reseal(&mut self, command: &Reseal, out: &mut Output) -> Result<Reply, Refusal> {
        if !self.data_keys().is_resealing() {
            return Err(Refusal::WrongPhase);
        }
        self.sealed_now(&command.new)?;
        let same_length = command.new.as_bytes().len() == command.old.as_bytes().len();
        let field = self.sealed_field(command.row, &command.old).filter(|_| same_length);
        let row = field.and_then(|field| self.with_sealed(field, &command.new));
        let row = row.ok_or(Refusal::Stale)?;
        self.put(row, out);
        Ok(Reply::Done)
    }

    /// Ends the change, if nothing needs an older key any more.
    pub(super) fn retire_data_key(
        &mut self,
        context: &Context<'_>,
        command: &RetireDataKey,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let keys = self.data_keys();
        let id = DataKeyId(command.id.0.saturating_add(1));
        let done = keys.is_resealing()
            && keys.active == id
            && self.sealed_under_others() == 0
            && self.nodes_without_next_key().next().is_none();
        if !done {
            return Err(Refusal::WrongPhase);
        }
        let retired_at = context.stamp.index;
        self.put(Row::DataKeys(DataKeys { rotation: None, retired_at, ..keys }), out);
        self.record(context, AuditRow::DataKeyRetired { id: command.id }, out);
        Ok(Reply::Done)
    }
}
