//! Who asks.

use symbolon_core::{Caller, KeyHash, Name, Right, Rights};

use crate::ports::Identity;
use crate::{Service, ServiceError};

/// Who was authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// For the log.
    pub caller: Caller,
    /// For people.
    pub name: Name,
    /// What they may do.
    pub rights: Rights,
    /// Hash of the secret by which they were known.
    pub(crate) key: KeyHash,
    /// Whether it is root on this node's machine, whatever the rights: see [`Service::local_root`].
    pub(crate) is_local: bool,
}

impl Principal {
    /// A node, for what it does by itself.
    pub(crate) fn of_node(identity: &Identity) -> Self {
        let caller = Caller::Node(identity.node);
        let key = KeyHash::default();
        let name = identity.name.clone();
        Self { caller, name, rights: Rights::NONE, key, is_local: false }
    }

    /// Whether they are told why a verification was denied.
    #[must_use]
    pub const fn learns_details(&self) -> bool {
        self.rights.has(Right::HelpDesk) || self.rights.has(Right::Administrator)
    }
}

impl Service {
    /// Root on this node's machine, who has opened the node's local socket, and may do what
    /// [`symbolon_core::Operation::is_local`] says. In the log it is the node.
    ///
    /// # Errors
    /// [`ServiceError::Halted`] at a node that serves nobody.
    pub fn local_root(&self) -> Result<Principal, ServiceError> {
        if self.ledger.halted_at().is_some() {
            return Err(ServiceError::Halted);
        }
        Ok(Principal { is_local: true, ..Principal::of_node(self.ledger.identity()) })
    }
}
