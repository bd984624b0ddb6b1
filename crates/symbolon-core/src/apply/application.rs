//! Applications.

use super::{Context, Output};
use crate::limits::{APPLICATIONS_MAX, REVEAL_MILLISECONDS};
use crate::{Application, AuditRow, CreateApplication, Refusal, Reply, Reveal, Row, State};

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
            created_at: self.clock,
            changed_at: context.stamp.index,
        };
        self.put(Row::Application(application), out);
        let row = AuditRow::ApplicationCreated {
            application: command.application,
            name: command.name.clone(),
        };
        self.record(context, row, out);
        Ok(Reply::ApplicationCreated(command.application))
    }
}
