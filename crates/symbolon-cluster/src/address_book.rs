//! Where peers are and by which key they are known.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::limits::NODES_MAX;
use symbolon_core::{KeyPin, NodeId, OtherEpoch, State};
use symbolon_store::KnownNode;

use crate::published::Published;

/// Registry first, then what this node was told; an address heard from the peer itself since this
/// process started beats both.
#[derive(Debug)]
pub(crate) struct AddressBook {
    published: Arc<Published>,
    /// What this node was told when it joined.
    known: Vec<KnownNode>,
    told: Mutex<BTreeMap<NodeId, Contact>>,
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
    /// `known`: what this node was told when it joined.
    pub(crate) fn new(published: Arc<Published>, known: &[KnownNode]) -> Self {
        let told = known.iter().map(|known| {
            let contact =
                Contact { node: known.node, address: known.peer_address.clone(), pin: known.pin };
            (known.node, contact)
        });
        let (known, told) = (known.to_vec(), Mutex::new(told.collect()));
        Self { published, known, told, heard: Mutex::default() }
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

    /// Whether this node's own state has the key, also of a node that a seize went on without. A node that has
    /// no state yet goes by what it was told when it joined: else it could never follow a seize that came
    /// before it had heard of anything.
    pub(crate) fn has_key(&self, pin: KeyPin) -> bool {
        let state = self.published.view().state;
        let was_told = || self.known.iter().any(|known| known.pin == pin);
        state.node_by_pin(pin).is_some() || (state.cluster().is_none() && was_told())
    }

    /// Epochs apart that this node's own state knows of.
    pub(crate) fn others(&self) -> Vec<OtherEpoch> {
        let state = self.published.view().state;
        state.cluster().map(|cluster| cluster.others.clone()).unwrap_or_default()
    }

    /// Whose key this is. A node that came back has it under another number than before: one that is
    /// reading the log for the first time has been told of the newer, and its state has the older as yet.
    /// A peer's word is no reason to take a key from a node that the state has.
    pub(crate) fn holder(&self, pin: KeyPin) -> Option<NodeId> {
        let state = self.published.view().state;
        let newer = self.known.iter().filter(|known| is_news(&state, known.node));
        if let Some(known) = newer.rev().find(|known| known.pin == pin) {
            return Some(known.node);
        }
        if let Some(row) = state.node_by_pin(pin) {
            return Some(row.id);
        }
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.values().find(|known| known.pin == pin)?;
        is_news(&state, known.node).then_some(known.node)
    }

    /// Whether a registered peer has told that a node has that key, of one that this node's state cannot have
    /// yet.
    pub(crate) fn was_told(&self, node: NodeId, pin: KeyPin) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = told.get(&node).is_some_and(|known| known.pin == pin);
        is_it && is_news(&self.published.view().state, node)
    }

    /// Whether this node's own state has the node as a member.
    pub(crate) fn is_registered(&self, node: NodeId) -> bool {
        self.published.view().state.is_member(node)
    }

    /// Whether a seize went on without the node.
    pub(crate) fn is_superseded(&self, node: NodeId) -> bool {
        self.published.view().state.node(node).is_some_and(|row| row.superseded)
    }

    /// All peers that this node knows of.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.contacts().into_iter().map(|contact| contact.node).collect()
    }

    /// The registry of the state, and after it those whom it does not know yet: a node that is new, or
    /// was away while another joined, may be led by one that its own registry does not hold. It then
    /// takes the word of the node that admitted it, or of a registered peer. The registry has the last
    /// word: numbers are given once, so one that is not in it and not above all that are was removed.
    pub(crate) fn contacts(&self) -> Vec<Contact> {
        let state = self.published.view().state;
        let registered = state.nodes_registered().map(|row| Contact {
            node: row.id,
            address: row.peer_address.clone(),
            pin: row.pin,
        });
        let mut contacts: Vec<_> = registered.collect();
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for known in told.values() {
            if is_news(&state, known.node) {
                contacts.push(known.clone());
            }
        }
        contacts
    }

    /// Takes a registered peer's word for nodes.
    pub(crate) fn tell(&self, nodes: impl IntoIterator<Item = Contact>) {
        let state = self.published.view().state;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|node, _| is_news(&state, *node));
        for contact in nodes {
            if is_news(&state, contact.node) && told.len() < NODES_MAX {
                told.insert(contact.node, contact);
            }
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

/// Whether a state cannot have the node yet.
fn is_news(state: &State, node: NodeId) -> bool {
    node.0 > state.last_node()
}
