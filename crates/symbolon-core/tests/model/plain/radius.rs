//! Devices that ask as an application by RADIUS.

use std::sync::Arc;

use symbolon_core::{
    AuditRow, NoteRadiusSigner, RadiusClient, RadiusPolicy, Refusal, RemoveRadiusClient, Reply,
    SessionReport, SetRadiusClient, Signed, Timestamp,
};

use super::callers::OVERLAP_MAX;
use super::{At, Decided, Model};

/// Devices of an application that are known to sign.
const SIGNERS: usize = 256;

impl Model {
    pub(super) fn set_radius_client(&mut self, at: At<'_>, command: &SetRadiusClient) -> Decided {
        let id = command.application;
        if !self.applications.iter().any(|row| row.id == id) {
            return Err(Refusal::NoSuchApplication);
        }
        let before = self.radius_clients.iter().find(|row| row.id == id).cloned();
        let known = before.as_ref().map_or(0, |row| row.changed_at.0);
        match command.revision {
            Some(revision) if revision.0 != known => return Err(Refusal::RevisionChanged),
            _ => {}
        }
        if !can_stand(&command.policy) {
            return Err(Refusal::SettingRefused);
        }
        let ours: Vec<_> = command.policy.ranges.texts().collect();
        let mut others = self.radius_clients.iter().filter(|row| row.id != id);
        if others.any(|row| row.policy.ranges.texts().any(|range| ours.contains(&range))) {
            return Err(Refusal::RangeTaken);
        }
        let named: Vec<_> = command.policy.certificates.texts().collect();
        let mut others = self.radius_clients.iter().filter(|row| row.id != id);
        if others.any(|row| row.policy.certificates.texts().any(|name| named.contains(&name))) {
            self.notes.push("a name of a certificate is another's");
            return Err(Refusal::RangeTaken);
        }
        let nowhere = ours.is_empty() && !named.is_empty();
        self.note_if(nowhere, "devices that have certificates and no address");
        self.under_active_key(&command.secrets)?;
        let mut client = RadiusClient {
            id,
            policy: command.policy.clone(),
            secrets: command.secrets.clone(),
            old_secret_until: None,
            signers: Vec::new(),
            changed_at: at.index,
        };
        let overlap = command.overlap_milliseconds.min(OVERLAP_MAX);
        if command.new_secrets && overlap > 0 {
            client.old_secret_until = Some(Timestamp(self.now + overlap));
        }
        if let Some(before) = &before {
            if !command.new_secrets {
                client.old_secret_until = before.old_secret_until;
            }
            let goes_on = !command.new_secrets && before.old_secret_until.is_some();
            self.note_if(goes_on, "an old secret goes on beside a change");
            for device in &before.signers {
                if is_among(&client.policy, *device) && client.policy.signed == Signed::Auto {
                    client.signers.push(*device);
                }
            }
            let lost = client.signers.len() < before.signers.len();
            self.note_if(lost, "a device that signed is one no more");
            self.note_if(!client.signers.is_empty(), "a device that signed stays one");
        }
        self.radius_clients.retain(|row| row.id != id);
        self.radius_clients.push(client);
        let row = AuditRow::RadiusClientSet {
            application: id,
            before: before.map(|row| row.policy.into()),
            after: command.policy.clone().into(),
            new_secrets: command.new_secrets,
        };
        self.tell(at, row);
        Ok(Reply::ApplicationChanged(id))
    }

    pub(super) fn remove_radius_client(
        &mut self,
        at: At<'_>,
        command: &RemoveRadiusClient,
    ) -> Decided {
        let id = command.application;
        let row = self.radius_clients.iter().find(|row| row.id == id);
        let changed_at = row.ok_or(Refusal::NoSuchRadiusClient)?.changed_at;
        if command.revision.is_some_and(|revision| revision != changed_at) {
            return Err(Refusal::RevisionChanged);
        }
        self.radius_clients.retain(|row| row.id != id);
        self.tell(at, AuditRow::RadiusClientRemoved { application: id });
        Ok(Reply::ApplicationChanged(id))
    }

    pub(super) fn note_radius_signer(&mut self, at: At<'_>, command: &NoteRadiusSigner) -> Decided {
        let application = command.application;
        let row = self.radius_clients.iter_mut().find(|row| row.id == application);
        let row = row.ok_or(Refusal::NoSuchRadiusClient)?;
        // However it is dressed.
        let device = command.device.to_canonical();
        let is_known = row.signers.contains(&device);
        let is_among = is_among(&row.policy, device);
        if !is_known && is_among && row.signers.len() < SIGNERS {
            row.signers.push(device);
            row.signers.sort();
            self.tell(at, AuditRow::RadiusClientSigns { application, device });
        }
        self.note_if(is_known, "a device that signs is told of again");
        self.note_if(!is_among, "a device of nobody signs");
        Ok(Reply::Done)
    }

    pub(super) fn tell_session(&mut self, at: At<'_>, report: &Arc<SessionReport>) -> Decided {
        if !self.radius_clients.iter().any(|row| row.id == report.application) {
            return Err(Refusal::NoSuchRadiusClient);
        }
        if report.session.len() > 64 || report.station.len() > 64 {
            return Err(Refusal::LimitReached);
        }
        let meant = report.name.as_ref().map_or_else(Vec::new, |name| self.meant(name));
        self.note_if(report.name.is_none(), "a session of no name is told of");
        self.note_if(meant.len() > 1, "a session of one of several is told of");
        let user = match &meant[..] {
            [person] => Some(person.id),
            _ => None,
        };
        self.note_if(user.is_some(), "a session of a user is told of");
        self.tell(at, AuditRow::SessionTold { user, report: Arc::clone(report) });
        Ok(Reply::Done)
    }

    /// Old secrets that are over are taken no more, of which no event tells.
    pub(super) fn end_old_secrets(&mut self) {
        let now = self.now;
        for row in &mut self.radius_clients {
            if row.old_secret_until.is_some_and(|until| until.0 <= now) {
                row.old_secret_until = None;
                self.notes.push("an old secret is over");
            }
        }
    }
}

/// All ranges here are of one address, or of three of the four parts of IPv4.
fn is_among(policy: &RadiusPolicy, device: std::net::IpAddr) -> bool {
    let text = device.to_string();
    policy.ranges.texts().any(|range| match range.split_once('/') {
        Some((first, "24")) => {
            text.rsplit_once('.').map(|it| it.0) == first.rsplit_once('.').map(|it| it.0)
        }
        Some((first, _)) => text == first,
        None => false,
    })
}

/// Somebody can ask, and every target is asked for 0.1 to 60 seconds.
fn can_stand(policy: &RadiusPolicy) -> bool {
    let mut waits = policy.targets.iter().map(|target| target.timeout_milliseconds);
    let devices = policy.ranges.texts().len() + policy.certificates.texts().len();
    devices > 0 && waits.all(|wait| (100..=60_000).contains(&wait))
}
