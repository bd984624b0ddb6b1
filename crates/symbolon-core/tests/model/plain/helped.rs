//! PINs, and what helps those who have lost a token.

use symbolon_core::{
    AuditRow, Bypass, CancelBypass, CreateRecoveryCodes, GrantBypass, LogIndex, RecoveryCodes,
    Refusal, Reply, SetPin, Setting, Timestamp, UserPin,
};

use super::{At, Decided, Model};

impl Model {
    /// When the settings were last changed.
    pub(super) fn settings_changed_at(&self) -> LogIndex {
        self.settings.row().map_or(LogIndex(0), |row| row.changed_at)
    }

    /// A node has judged the PIN by the user and the settings that it saw.
    pub(super) fn set_pin(&mut self, at: At<'_>, command: &SetPin) -> Decided {
        let (seen, now) = (at.proposal.seen, self.now);
        let settings = self.settings_changed_at();
        let person = self.person(command.user)?.clone();
        if [person.changed_at, person.revision, settings].iter().any(|changed| *changed > seen) {
            return Err(Refusal::Stale);
        }
        if let Some(sealed) = &command.pin {
            self.under_active_key(sealed)?;
        }
        let had_failed = !person.wrong.is_empty();
        let (pin, must_change) = (command.pin.clone(), command.must_change);
        let open = self.challenges.iter().any(|open| open.user == command.user);
        self.note_if(open, "a PIN ends a challenge");
        self.challenges.retain(|open| open.user != command.user);
        let person = self.person(command.user)?;
        person.pin = pin.map(|sealed| UserPin { sealed, set_at: Timestamp(now), must_change });
        person.wrong.clear();
        person.changed_at = at.index;
        person.revision = at.index;
        self.note_if(had_failed, "failures are forgiven by a PIN");
        let user = command.user;
        self.tell(
            at,
            if command.pin.is_some() {
                AuditRow::PinSet { user, must_change }
            } else {
                AuditRow::PinCleared { user }
            },
        );
        Ok(Reply::UserChanged(user))
    }

    pub(super) fn grant_bypass(&mut self, at: At<'_>, command: &GrantBypass) -> Decided {
        let longest = self.settings.get(Setting::BypassLongest) * 1000;
        let (since, reason) = (Timestamp(self.now), command.reason.clone());
        let until = Timestamp(self.now + command.milliseconds.min(longest));
        let person = self.person(command.user)?;
        person.bypass = Some(Bypass { reason: reason.clone(), since, until });
        person.revision = at.index;
        self.note_if(command.milliseconds > longest, "a bypass is cut to the longest");
        self.tell(at, AuditRow::BypassGranted { user: command.user, reason, until });
        Ok(Reply::UserChanged(command.user))
    }

    pub(super) fn cancel_bypass(&mut self, at: At<'_>, command: &CancelBypass) -> Decided {
        let person = self.person(command.user)?;
        person.bypass = None;
        person.revision = at.index;
        let (user, reason) = (command.user, command.reason.clone());
        self.tell(at, AuditRow::BypassCancelled { user, reason });
        Ok(Reply::UserChanged(user))
    }

    pub(super) fn create_codes(&mut self, at: At<'_>, command: &CreateRecoveryCodes) -> Decided {
        self.person(command.user)?;
        self.under_active_key(&command.codes)?;
        let created_at = Timestamp(self.now);
        let person = self.person(command.user)?;
        let before = person.codes.replace(RecoveryCodes {
            sealed: command.codes.clone(),
            used: 0,
            created_at,
        });
        person.changed_at = at.index;
        person.revision = at.index;
        let begun = before.is_some_and(|codes| codes.used > 0);
        self.note_if(begun, "a set of recovery codes that was begun gives way");
        self.tell(at, AuditRow::RecoveryCodesCreated { user: command.user });
        Ok(Reply::UserChanged(command.user))
    }
}
