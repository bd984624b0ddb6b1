//! The cluster's data keys, and what is left of a change from one to the next.
//!
//! 1. An administrator has the next key put into the state, sealed under the one that is active.
//! 2. Each node keeps it in its header, and says so. When all members have it, it is active:
//!    new secrets are sealed under it.
//! 3. Every sealed field is sealed again under it, one by one.
//! 4. When none is under an older key, that key is retired.
//!
//! Each step is in the log, so whoever is master goes on where the last one has stopped.

use alloc::collections::BTreeSet;

use crate::digest::{Canonical, CanonicalWriter};
use crate::{DataKeyId, LogIndex, NodeId, Sealed, State, Timestamp};

/// The data keys. One row, from the first change of the key on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataKeys {
    /// Seals new secrets.
    pub active: DataKeyId,
    /// The change that is under way.
    pub rotation: Option<Rotation>,
    /// Log index at which the last change ended; 0: there was none. No row that was written from
    /// there on is sealed under an older key than that change brought.
    pub retired_at: LogIndex,
}

/// A change of the data key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// The next key: the one after the active one, until it is active itself.
    pub id: DataKeyId,
    /// The key, sealed under the one before it.
    pub key: Sealed,
    /// When it began.
    pub started_at: Timestamp,
    /// Nodes that have the key on their disks.
    pub holders: BTreeSet<NodeId>,
}

impl Default for DataKeys {
    fn default() -> Self {
        Self { active: DataKeyId::FIRST, rotation: None, retired_at: LogIndex(0) }
    }
}

impl DataKeys {
    /// Whether the next key is active: fields are sealed again under it.
    #[must_use]
    pub fn is_resealing(&self) -> bool {
        self.rotation.as_ref().is_some_and(|rotation| rotation.id == self.active)
    }
}

impl Canonical for DataKeys {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.active.0.into()).number(self.retired_at.0);
        let Some(rotation) = &self.rotation else {
            w.number(0);
            return;
        };
        w.number(1).number(rotation.id.0.into()).bytes(rotation.key.as_bytes());
        w.number(rotation.started_at.0).number(rotation.holders.len() as u64);
        for holder in &rotation.holders {
            w.number(holder.0);
        }
    }
}

impl State {
    /// The data keys.
    #[must_use]
    pub fn data_keys(&self) -> DataKeys {
        self.data_keys.get(()).cloned().unwrap_or_default()
    }

    /// The data key that seals new secrets.
    #[must_use]
    pub fn active_data_key(&self) -> DataKeyId {
        self.data_keys.get(()).map_or(DataKeyId::FIRST, |keys| keys.active)
    }

    /// Members that have not said yet that they hold the next data key.
    pub fn nodes_without_next_key(&self) -> impl Iterator<Item = NodeId> {
        let rotation = self.data_keys.get(()).and_then(|keys| keys.rotation.as_ref());
        let lacks = move |id: &NodeId| rotation.is_some_and(|next| !next.holders.contains(id));
        self.nodes().map(|row| row.id).filter(lacks)
    }

    /// Number of sealed fields that are not under the active data key.
    #[must_use]
    pub fn sealed_under_others(&self) -> u64 {
        let active = self.active_data_key();
        let others = self.sealed.iter().filter(|(key, _)| **key != active);
        others.map(|(_, count)| *count).sum()
    }
}
