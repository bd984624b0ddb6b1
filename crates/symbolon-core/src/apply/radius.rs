//! RADIUS clients.

use alloc::sync::Arc;

use super::{Context, Output};
use crate::limits::{KEY_OVERLAP_MILLISECONDS_MAX, RADIUS_CLIENTS_MAX, RADIUS_SIGNERS_MAX};
use crate::{
    AuditRow, Command, NoteRadiusSigner, RadiusClient, Refusal, RemoveRadiusClient, Reply, Row,
    RowKey, SessionReport, SetRadiusClient, Signed, State,
};

impl State {
    /// Carries out a command about RADIUS clients; of any other, nothing.
    pub(super) fn about_radius(
        &mut self,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        match &context.proposal.command {
            Command::SetRadiusClient(command) => self.set_radius_client(context, command, out),
            Command::RemoveRadiusClient(command) => {
                self.remove_radius_client(context, command, out)
            }
            Command::NoteRadiusSigner(command) => self.note_radius_signer(context, command, out),
            Command::TellSession(report) => self.tell_session(context, report, out),
            _ => Err(Refusal::NotPermitted),
        }
    }

    fn set_radius_client(
        &mut self,
        context: &Context<'_>,
        command: &SetRadiusClient,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let id = command.application;
        if self.application(id).is_none() {
            return Err(Refusal::NoSuchApplication);
        }
        let before = self.radius_client(id).cloned();
        let revision = before.as_ref().map(|row| row.changed_at).unwrap_or_default();
        if command.revision.is_some_and(|wanted| wanted != revision) {
            return Err(Refusal::RevisionChanged);
        }
        if command.policy.check().is_err() {
            return Err(Refusal::SettingRefused);
        }
        let others = self.radius_clients().filter(|row| row.id != id);
        if others.into_iter().any(|row| row.policy.shares_a_device(&command.policy)) {
            return Err(Refusal::RangeTaken);
        }
        if before.is_none() && self.radius_clients.len() >= RADIUS_CLIENTS_MAX {
            return Err(Refusal::LimitReached);
        }
        self.sealed_now(&command.secrets)?;
        let overlap = command.overlap_milliseconds.min(KEY_OVERLAP_MILLISECONDS_MAX);
        let goes_on = before.as_ref().and_then(|row| row.old_secret_until);
        let old_secret_until = match (command.new_secrets, overlap) {
            (false, _) => goes_on,
            (true, 0) => None,
            (true, overlap) => Some(self.clock.plus(overlap)),
        };
        // A device that has signed is one as long as its address is.
        let mut signers = before.as_ref().map(|row| row.signers.clone()).unwrap_or_default();
        // What must be signed follows from them alone where nothing else is said: to forget them, say
        // something else once.
        let counts = command.policy.signed == Signed::Auto;
        signers.retain(|device| counts && command.policy.has(*device));
        let client = RadiusClient {
            id,
            policy: command.policy.clone(),
            secrets: command.secrets.clone(),
            old_secret_until,
            signers,
            changed_at: context.stamp.index,
        };
        self.put(Row::RadiusClient(client), out);
        let row = AuditRow::RadiusClientSet {
            application: id,
            before: before.map(|row| Arc::new(row.policy)),
            after: Arc::new(command.policy.clone()),
            new_secrets: command.new_secrets,
        };
        self.record(context, row, out);
        Ok(Reply::ApplicationChanged(id))
    }

    fn remove_radius_client(
        &mut self,
        context: &Context<'_>,
        command: &RemoveRadiusClient,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let id = command.application;
        let Some(client) = self.radius_client(id) else {
            return Err(Refusal::NoSuchRadiusClient);
        };
        if command.revision.is_some_and(|revision| revision != client.changed_at) {
            return Err(Refusal::RevisionChanged);
        }
        self.delete(RowKey::RadiusClient(id), out);
        self.record(context, AuditRow::RadiusClientRemoved { application: id }, out);
        Ok(Reply::ApplicationChanged(id))
    }

    /// From then on, whoever strips the signature from what this device sends is refused.
    fn note_radius_signer(
        &mut self,
        context: &Context<'_>,
        command: &NoteRadiusSigner,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let (application, device) = (command.application, command.device.to_canonical());
        let Some(mut client) = self.radius_client(application).cloned() else {
            return Err(Refusal::NoSuchRadiusClient);
        };
        let is_theirs = client.policy.has(device);
        match client.signers.binary_search(&device) {
            Err(place) if is_theirs && client.signers.len() < RADIUS_SIGNERS_MAX => {
                client.signers.insert(place, device);
            }
            _ => return Ok(Reply::Done),
        }
        self.put(Row::RadiusClient(client), out);
        self.record(context, AuditRow::RadiusClientSigns { application, device }, out);
        Ok(Reply::Done)
    }

    /// Nothing changes by it: the audit tells it, with whose name it is at that time.
    fn tell_session(
        &mut self,
        context: &Context<'_>,
        report: &Arc<SessionReport>,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        if self.radius_client(report.application).is_none() {
            return Err(Refusal::NoSuchRadiusClient);
        }
        if !report.fits() {
            return Err(Refusal::LimitReached);
        }
        let user = report.name.as_ref().and_then(|name| self.account(name).user());
        let user = user.map(|user| user.id);
        self.record(context, AuditRow::SessionTold { user, report: Arc::clone(report) }, out);
        Ok(Reply::Done)
    }
}
