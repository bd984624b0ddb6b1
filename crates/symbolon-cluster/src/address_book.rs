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
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) pin: KeyPin,
}

impl AddressBook {
    pub(crate) fn new(published: Arc<Published>, known: Vec<KnownNode>) -> Self {
        Self { published, known, heard: Mutex::default() }
    }

    /// How to reach a node; `None` when it is not registered.
    pub(crate) fn find(&self, node: NodeId) -> Option<Contact> {
        let mut contact = self.contacts().into_iter().find(|contact| contact.node == node)?;
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = heard.get(&node) {
            contact.address.clone_from(address);
        }
        Some(contact)
    }

    /// Whose key this is.
    pub(crate) fn holder(&self, pin: KeyPin) -> Option<NodeId> {
        let contacts = self.contacts().into_iter();
        contacts.filter(|contact| contact.pin == pin).map(|contact| contact.node).next()
    }

    /// All peers that this node knows of.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.contacts().into_iter().map(|contact| contact.node).collect()
    }

    /// The registry; before it is there, what this node was told when it joined. Never both, so that
    /// a node which is no longer registered is no longer known.
    fn contacts(&self) -> Vec<Contact> {
        let state = self.published.view().state;
        if state.cluster().is_some() {
            let rows = state.nodes();
            rows.map(|row| Contact {
                node: row.id,
                address: row.peer_address.clone(),
                pin: row.pin,
            })
            .collect()
        } else {
            let known = self.known.iter();
            known
                .map(|known| Contact {
                    node: known.node,
                    address: known.peer_address.clone(),
                    pin: known.pin,
                })
                .collect()
        }
    }

    /// Notes where a peer says it is.
    pub(crate) fn hear(&self, node: NodeId, address: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.get(&node).is_none_or(|known| known != address) {
            heard.insert(node, address.to_owned());
        }
    }
}
