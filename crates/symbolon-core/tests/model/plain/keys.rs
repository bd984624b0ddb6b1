//! A change of the data key.

use symbolon_core::{
    AuditRow, ConfirmDataKey, DataKeyId, NodeId, Refusal, Reply, Reseal, RetireDataKey,
    RotateDataKey, Rotation, RowKey, Sealed, Timestamp,
};

use super::{At, Decided, Model, key_of};

impl Model {
    pub(crate) fn active_key(&self) -> DataKeyId {
        self.keys.as_ref().map_or(DataKeyId(1), |keys| keys.active)
    }

    /// Every secret of every row.
    fn secrets(&mut self) -> Vec<(RowKey, &mut Sealed)> {
        let mut secrets = Vec::new();
        for token in &mut self.tokens {
            secrets.push((RowKey::Token(token.id), &mut token.seed));
        }
        for person in &mut self.people {
            let row = RowKey::User(person.id);
            secrets.extend(person.pin.as_mut().map(|pin| (row, &mut pin.sealed)));
            secrets.extend(person.codes.as_mut().map(|codes| (row, &mut codes.sealed)));
        }
        if let Some(cluster) = &mut self.cluster {
            secrets.push((RowKey::Cluster, &mut cluster.ca_key));
        }
        for row in &mut self.applications {
            if let Some(reveal) = &mut row.reveal {
                secrets.push((RowKey::Application(row.id), &mut reveal.secret));
            }
        }
        for row in &mut self.administrators {
            if let Some(reveal) = &mut row.reveal {
                secrets.push((RowKey::Administrator(row.id), &mut reveal.secret));
            }
        }
        for row in &mut self.join_tokens {
            if let Some(reveal) = &mut row.reveal {
                secrets.push((RowKey::JoinToken(row.id), &mut reveal.secret));
            }
        }
        for row in &mut self.radius_clients {
            secrets.push((RowKey::RadiusClient(row.id), &mut row.secrets));
        }
        secrets
    }

    /// Rows whose secrets are not under the active key.
    pub(crate) fn under_others(&mut self) -> Vec<RowKey> {
        let active = Some(self.active_key());
        let others = self.secrets().into_iter().filter(|(_, sealed)| key_of(sealed) != active);
        others.map(|(row, _)| row).collect()
    }

    /// Nodes that do not hold the key that is coming.
    pub(crate) fn lacking(&self) -> Vec<NodeId> {
        let rotation = self.keys.as_ref().and_then(|keys| keys.rotation.as_ref());
        let nodes = self.nodes.iter().filter(|node| !node.superseded).map(|node| node.id);
        rotation.map_or_else(Vec::new, |rotation| {
            nodes.filter(|id| !rotation.holders.contains(id)).collect()
        })
    }

    fn rotation(&self) -> Option<&Rotation> {
        self.keys.as_ref()?.rotation.as_ref()
    }

    pub(super) fn rotate_data_key(&mut self, at: At<'_>, command: &RotateDataKey) -> Decided {
        if self.rotation().is_some() {
            return Err(Refusal::RotationUnderWay);
        }
        if command.id.0 != self.active_key().0 + 1 {
            return Err(Refusal::IdTaken);
        }
        self.under_active_key(&command.key)?;
        let now = Timestamp(self.now);
        let keys = self.keys.get_or_insert_default();
        keys.rotation = Some(Rotation {
            id: command.id,
            key: command.key.clone(),
            started_at: now,
            holders: Default::default(),
        });
        self.tell(at, AuditRow::DataKeyRotationStarted { id: command.id });
        Ok(Reply::DataKeyRotationStarted(command.id))
    }

    pub(super) fn confirm_data_key(&mut self, at: At<'_>, command: &ConfirmDataKey) -> Decided {
        if self.rotation().is_none_or(|rotation| rotation.id != command.id) {
            return Err(Refusal::WrongPhase);
        }
        let keys = self.keys.as_mut().unwrap();
        keys.rotation.as_mut().unwrap().holders.insert(command.node);
        let is_active = keys.active == command.id;
        self.note_if(is_active, "a node has the key after it became active");
        let activated = self.activate(at) && self.nodes.len() > 1;
        self.note_if(activated, "the last of several nodes makes a key active");
        Ok(Reply::Done)
    }

    /// The next key is active once nobody lacks it. Whether it is so by this.
    pub(super) fn activate(&mut self, at: At<'_>) -> bool {
        let active = self.active_key();
        let next = self.rotation().map(|rotation| rotation.id).filter(|id| *id != active);
        let Some(id) = next.filter(|_| self.lacking().is_empty()) else { return false };
        self.keys.as_mut().unwrap().active = id;
        self.tell(at, AuditRow::DataKeyActivated { id });
        true
    }

    pub(super) fn reseal(&mut self, command: &Reseal) -> Decided {
        let active = self.active_key();
        if self.rotation().is_none_or(|rotation| rotation.id != active) {
            return Err(Refusal::WrongPhase);
        }
        let (old, new) = (command.old.as_bytes(), command.new.as_bytes());
        if key_of(&command.new) != Some(active) || old.len() != new.len() {
            return Err(Refusal::Stale);
        }
        let mut secrets = self.secrets();
        let is_meant = |row: RowKey, sealed: &Sealed| row == command.row && *sealed == command.old;
        let secret = secrets.iter_mut().find(|(row, sealed)| is_meant(*row, sealed));
        *secret.ok_or(Refusal::Stale)?.1 = command.new.clone();
        Ok(Reply::Done)
    }

    pub(super) fn retire_data_key(&mut self, at: At<'_>, command: &RetireDataKey) -> Decided {
        let active = self.active_key();
        let is_active = self.rotation().is_some_and(|rotation| rotation.id == active);
        let is_last = active.0 == command.id.0 + 1;
        if !is_active || !is_last {
            return Err(Refusal::WrongPhase);
        }
        let (left, lacking) = (self.under_others().len(), self.lacking().len());
        self.note_if(left > 0, "a key is retired too early");
        self.note_if(left == 0 && lacking > 0, "a key is retired before a new node has the next");
        if left + lacking > 0 {
            return Err(Refusal::WrongPhase);
        }
        let keys = self.keys.as_mut().unwrap();
        keys.rotation = None;
        keys.retired_at = at.index;
        self.tell(at, AuditRow::DataKeyRetired { id: command.id });
        Ok(Reply::Done)
    }
}
