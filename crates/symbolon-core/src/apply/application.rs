//! Applications.

use super::{Context, Output};
use crate::limits::{APPLICATIONS_MAX, KEY_OVERLAP_MILLISECONDS_MAX, REVEAL_MILLISECONDS};
use crate::{
    Application, ApplicationId, ApplicationUpdated, AuditRow, CreateApplication, DeleteApplication,
    LogIndex, OldKey, Refusal, Reply, RetireApplicationKey, Reveal, RotateApplicationKey, Row,
    RowKey, Setting, State, Strangers, UpdateApplication,
};

impl State {
    pub(super) fn create_application(
        &mut self,
        context: &Context<'_>,
        command: &CreateApplication,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        if self.application_by_name(&command.name).is_some() {
            return Err(Refusal::NameTaken);
        }
        if self.application(command.application).is_some() {
            return Err(Refusal::IdTaken);
        }
        self.sealed_now(&command.secret)?;
        if self.applications.len() >= APPLICATIONS_MAX {
            return Err(Refusal::LimitReached);
        }
        let application = Application {
            id: command.application,
            name: command.name.clone(),
            key: command.key,
            reveal: Some(Reveal {
                secret: command.secret.clone(),
                until: self.clock.plus(REVEAL_MILLISECONDS),
            }),
            old_key: None,
            rights: command.rights,
            sources: command.sources.clone(),
            disabled: false,
            exempt: command.exempt,
            strangers: Strangers::default(),
            created_at: self.clock,
            changed_at: context.stamp.index,
        };
        self.put(Row::Application(application), out);
        let row = AuditRow::ApplicationCreated {
            application: command.application,
            name: command.name.clone(),
            exempt: command.exempt,
        };
        self.record(context, row, out);
        Ok(Reply::ApplicationCreated(command.application))
    }

    pub(super) fn update_application(
        &mut self,
        context: &Context<'_>,
        command: &UpdateApplication,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let before = self.application_at(command.application, command.revision)?;
        let mut application = before.clone();
        if let Some(name) = &command.name {
            if self.application_by_name(name).is_some_and(|other| other.id != application.id) {
                return Err(Refusal::NameTaken);
            }
            application.name = name.clone();
        }
        application.rights = command.rights.unwrap_or(application.rights);
        application.disabled = command.disabled.unwrap_or(application.disabled);
        application.exempt = application.exempt.with(command.exempt);
        if let Some(sources) = &command.sources {
            application.sources = sources.clone();
        }
        let updated = ApplicationUpdated::between(&before, &application);
        self.changed(context, application, AuditRow::ApplicationUpdated(updated), out)
    }

    /// Of a key that is changed again while the one before is still taken, only the last stays.
    pub(super) fn rotate_api_key(
        &mut self,
        context: &Context<'_>,
        command: &RotateApplicationKey,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut application = self.application_at(command.application, None)?;
        self.sealed_now(&command.secret)?;
        let overlap = command.overlap_milliseconds.min(KEY_OVERLAP_MILLISECONDS_MAX);
        let until = self.clock.plus(overlap);
        application.old_key = (overlap != 0).then_some(OldKey { key: application.key, until });
        application.key = command.key;
        application.reveal = Some(Reveal {
            secret: command.secret.clone(),
            until: self.clock.plus(REVEAL_MILLISECONDS),
        });
        let application_id = application.id;
        let row = AuditRow::ApplicationKeyRotated { application: application_id, old_until: until };
        self.changed(context, application, row, out)
    }

    pub(super) fn retire_api_key(
        &mut self,
        context: &Context<'_>,
        command: &RetireApplicationKey,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut application = self.application_at(command.application, None)?;
        if application.old_key.take().is_none() {
            return Err(Refusal::WrongPhase);
        }
        let row = AuditRow::ApplicationKeyRetired { application: application.id };
        self.changed(context, application, row, out)
    }

    pub(super) fn delete_application(
        &mut self,
        context: &Context<'_>,
        command: &DeleteApplication,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut application = self.application_at(command.application, command.revision)?;
        self.forget_strangers(context, &mut application, out);
        let Application { id, name, .. } = application;
        // Its devices ask as nobody from then on.
        if self.radius_client(id).is_some() {
            self.delete(RowKey::RadiusClient(id), out);
        }
        self.delete(RowKey::Application(id), out);
        self.record(context, AuditRow::ApplicationDeleted { application: id, name }, out);
        Ok(Reply::ApplicationChanged(id))
    }

    /// Counts a name that is nobody's. Returns whether an event is to tell of it: whoever tries names
    /// without end shall not fill the audit with them.
    pub(super) fn meet_stranger(
        &mut self,
        context: &Context<'_>,
        id: ApplicationId,
        out: &mut Output,
    ) -> bool {
        let Some(mut application) = self.application(id).cloned() else {
            return false;
        };
        let before = application.strangers;
        if before.met == 0 || before.until() <= self.clock {
            self.forget_strangers(context, &mut application, out);
            application.strangers.since = self.clock;
        }
        let strangers = &mut application.strangers;
        strangers.met = strangers.met.saturating_add(1);
        let told = u64::from(strangers.met) <= self.setting(Setting::UnknownNames);
        strangers.untold = strangers.untold.saturating_add(u32::from(!told));
        self.put(Row::Application(application), out);
        told
    }

    /// Tells how many names no event has told of.
    pub(super) fn forget_strangers(
        &mut self,
        context: &Context<'_>,
        application: &mut Application,
        out: &mut Output,
    ) {
        let Strangers { since, untold, .. } = core::mem::take(&mut application.strangers);
        if untold > 0 {
            let application = application.id;
            let row = AuditRow::NamesNotAudited { application, names: untold, since };
            self.record(context, row, out);
        }
    }

    fn application_at(
        &self,
        id: ApplicationId,
        revision: Option<LogIndex>,
    ) -> Result<Application, Refusal> {
        let application = self.application(id).cloned().ok_or(Refusal::NoSuchApplication)?;
        if revision.is_some_and(|revision| revision != application.changed_at) {
            return Err(Refusal::RevisionChanged);
        }
        Ok(application)
    }

    fn changed(
        &mut self,
        context: &Context<'_>,
        mut application: Application,
        row: AuditRow,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let id = application.id;
        application.changed_at = context.stamp.index;
        self.put(Row::Application(application), out);
        self.record(context, row, out);
        Ok(Reply::ApplicationChanged(id))
    }
}
