//! Time and expiry. Expiry is a command, so that nothing expires by one node's clock.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::{AuditRow, RadiusClient, Refusal, Reply, Row, RowKey, State};

impl State {
    /// The master has stamped the entry by the clock that it confirms: state time has moved already.
    pub(super) fn confirm_clock(&mut self, context: &Context<'_>, out: &mut Output) -> Reply {
        self.record(context, AuditRow::ClockConfirmed, out);
        Reply::Done
    }

    /// Expires all that is due at state time.
    pub(super) fn tick(
        &mut self,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let now = self.clock;
        let due = self.due.keys().take_while(|(at, _)| *at <= now).map(|(_, key)| *key);
        for key in due.collect::<Vec<_>>() {
            self.expire(key, context, out);
        }
        Ok(Reply::Done)
    }

    fn expire(&mut self, key: RowKey, context: &Context<'_>, out: &mut Output) {
        match key {
            RowKey::Application(id) => {
                let Some(mut application) = self.application(id).cloned() else {
                    return;
                };
                let now = self.clock;
                application.reveal = application.reveal.filter(|reveal| now < reveal.until);
                let had_old_key = application.old_key.is_some();
                application.old_key = application.old_key.filter(|old| now < old.until);
                let retired = had_old_key && application.old_key.is_none();
                if application.strangers.until() <= now {
                    self.forget_strangers(context, &mut application, out);
                }
                self.put(Row::Application(application), out);
                if retired {
                    self.record(context, AuditRow::ApplicationKeyRetired { application: id }, out);
                }
            }
            RowKey::RadiusClient(id) => {
                if let Some(client) = self.radius_client(id).cloned() {
                    let client = RadiusClient { old_secret_until: None, ..client };
                    self.put(Row::RadiusClient(client), out);
                }
            }
            RowKey::Administrator(id) => {
                if let Some(mut administrator) = self.administrator(id).cloned() {
                    administrator.reveal = None;
                    self.put(Row::Administrator(administrator), out);
                }
            }
            RowKey::JoinToken(id) => {
                let Some(mut token) = self.join_token(id).cloned() else {
                    return;
                };
                if token.expires_at > self.clock {
                    token.reveal = None;
                    self.put(Row::JoinToken(token), out);
                } else {
                    self.delete(key, out);
                    let row = AuditRow::JoinTokenExpired { join_token: id };
                    self.record(context, row, out);
                }
            }
            RowKey::Challenge(_) => self.delete(key, out),
            _ => {}
        }
    }
}
