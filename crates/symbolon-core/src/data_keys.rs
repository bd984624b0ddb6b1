//! The cluster's data keys, and what is left of a change from one to the next.
//!
//! 1. An administrator has the next key put into the state, sealed under the one that is active.
//! 2. Each node keeps it in its header, and says so. When all registered nodes have it, it is active:
//!    new secrets are sealed under it.
//! 3. Every sealed field is sealed again under it, one by one.
//! 4. When none is under an older key, that key is retired.
//!
//! Each step is in the log, so whoever is master goes on where the last one has stopped.

use alloc::collections::BTreeSet;

use crate::digest::{Canonical, CanonicalWriter};
use crate::{DataKeyId, LogIndex, NodeId, Row, RowKey, Sealed, State, Timestamp, TokenId};

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

impl Row {
    /// The row's secret under the data key. A row has one at most.
    pub(crate) const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Cluster(row) => Some(&row.ca_key),
            Self::Token(row) => Some(&row.seed),
            Self::Application(row) => match &row.reveal {
                Some(reveal) => Some(&reveal.secret),
                None => None,
            },
            Self::JoinToken(row) => match &row.reveal {
                Some(reveal) => Some(&reveal.secret),
                None => None,
            },
            Self::Administrator(row) => match &row.reveal {
                Some(reveal) => Some(&reveal.secret),
                None => None,
            },
            // The next data key is sealed under the last one, and goes with it.
            Self::DataKeys(_) | Self::Settings(_) | Self::User(_) | Self::Node(_) => None,
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

    /// Registered nodes that have not said yet that they hold the next data key.
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

    /// Sealed fields that are not under the active data key: first those of tokens after `after`,
    /// then all others.
    pub fn fields_to_reseal(&self, after: TokenId) -> impl Iterator<Item = (RowKey, &Sealed)> {
        let active = self.active_data_key();
        self.secrets(after).filter(move |(_, sealed)| sealed.key() != Some(active))
    }

    /// All sealed fields: first those of tokens after `after`, then all others.
    pub(crate) fn secrets(&self, after: TokenId) -> impl Iterator<Item = (RowKey, &Sealed)> {
        let tokens = self.tokens.after(after).map(|row| (RowKey::Token(row.id), &row.seed));
        let cluster = self.cluster.iter().map(|row| (RowKey::Cluster, &row.ca_key));
        let applications = self.applications.iter().filter_map(|row| {
            row.reveal.as_ref().map(|reveal| (RowKey::Application(row.id), &reveal.secret))
        });
        let join_tokens = self.join_tokens.iter().filter_map(|row| {
            row.reveal.as_ref().map(|reveal| (RowKey::JoinToken(row.id), &reveal.secret))
        });
        let administrators = self.administrators().filter_map(|row| {
            row.reveal.as_ref().map(|reveal| (RowKey::Administrator(row.id), &reveal.secret))
        });
        tokens.chain(cluster).chain(applications).chain(join_tokens).chain(administrators)
    }

    /// The sealed field of a row.
    pub(crate) fn secret(&self, key: RowKey) -> Option<&Sealed> {
        match key {
            RowKey::Cluster => self.cluster().map(|row| &row.ca_key),
            RowKey::Token(id) => self.token(id).map(|row| &row.seed),
            RowKey::Application(id) => self.application(id)?.reveal.as_ref().map(|r| &r.secret),
            RowKey::JoinToken(id) => self.join_token(id)?.reveal.as_ref().map(|r| &r.secret),
            RowKey::Administrator(id) => self.administrator(id)?.reveal.as_ref().map(|r| &r.secret),
            RowKey::DataKeys | RowKey::Settings | RowKey::User(_) | RowKey::Node(_) => None,
        }
    }

    /// Keeps count of sealed fields: the secret of the row `key` gives way to `new`.
    pub(crate) fn count_sealed(&mut self, key: RowKey, new: Option<&Sealed>) {
        // 0 is no key: bytes that name none are under none.
        let under = |sealed: Option<&Sealed>| sealed.map(|sealed| sealed.key().unwrap_or_default());
        let (old, new) = (under(self.secret(key)), under(new));
        if old == new {
            return;
        }
        if let Some(old) = old {
            match self.sealed.get(&old).map_or(0, |count| count.saturating_sub(1)) {
                0 => self.sealed.remove_mut(&old),
                left => {
                    self.sealed.insert_mut(old, left);
                    true
                }
            };
        }
        if let Some(new) = new {
            let count = self.sealed.get(&new).map_or(1, |count| count + 1);
            self.sealed.insert_mut(new, count);
        }
    }
}
