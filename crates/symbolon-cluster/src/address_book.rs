//! Where peers are and by which key they are known.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::{KeyPin, NodeId};
use symbolon_store::KnownNode;

use crate::published::Published;

/// Registry first, then what the node was told when it joined; an address heard from the peer
/// itself since this process started beats both.
#[derive(Debug)]
pub(crate) struct AddressBook {
    published: Arc<Published>,
    known: Vec<KnownNode>,
    heard: Mutex<BTreeMap<NodeId, String>>,
}

/// How to reach a peer.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) address: String,
    pub(crate) pin: KeyPin,
}

impl AddressBook {
    pub(crate) fn new(published: Arc<Published>, known: Vec<KnownNode>) -> Self {
        Self {
            published,
            known,
            heard: Mutex::default(),
        }
    }

    pub(crate) fn find(&self, node: NodeId) -> Option<Contact> {
        let state = self.published.view().state;
        let registered = state.node(node).map(|row| Contact {
            address: row.peer_address.clone(),
            pin: row.pin,
        });
        let told = || {
            let known = self.known.iter().find(|known| known.node == node)?;
            Some(Contact {
                address: known.peer_address.clone(),
                pin: known.pin,
            })
        };
        let mut contact = registered.or_else(told)?;
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = heard.get(&node) {
            contact.address.clone_from(address);
        }
        Some(contact)
    }

    /// Whose key this is.
    pub(crate) fn holder(&self, pin: KeyPin) -> Option<NodeId> {
        let state = self.published.view().state;
        let registered = state.nodes().find(|row| row.pin == pin).map(|row| row.id);
        registered.or_else(|| {
            self.known
                .iter()
                .find(|known| known.pin == pin)
                .map(|known| known.node)
        })
    }

    /// Notes where a peer says it is.
    pub(crate) fn hear(&self, node: NodeId, address: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.get(&node).is_none_or(|known| known != address) {
            heard.insert(node, address.to_owned());
        }
    }

    /// All peers that this node can know of.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let state = self.published.view().state;
        let mut nodes: Vec<_> = state.nodes().map(|row| row.id).collect();
        if nodes.is_empty() {
            nodes = self.known.iter().map(|known| known.node).collect();
        }
        nodes
    }
}
