//! Where this node stands in the succession of epochs, as it is on disk.

use prost::Message as _;
use symbolon_core::NodeId;
use symbolon_proto::store::v1 as store;
use symbolon_store::{DataDir, Store};

use crate::address_book::Contact;
use crate::epochs::Statement;
use crate::error::ClusterError;

/// What a node's file `succession` says; the default for one that knows of no seize.
#[derive(Clone, Default)]
pub(crate) struct Succession(store::Succession);

impl Succession {
    /// Of an open store.
    ///
    /// # Errors
    /// [`ClusterError::Succession`], [`ClusterError::Store`].
    pub(crate) fn load(store: &Store) -> Result<Self, ClusterError> {
        Self::decode(store.succession()?)
    }

    /// Of a data directory that need not be open.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn of(directory: &DataDir) -> Result<Self, ClusterError> {
        Self::decode(directory.succession()?)
    }

    fn decode(body: Option<Vec<u8>>) -> Result<Self, ClusterError> {
        let body = body.unwrap_or_default();
        store::Succession::decode(&*body).map(Self).map_err(|_| ClusterError::Succession)
    }

    /// Of a node that starts in an epoch.
    pub(crate) fn starting_in(statement: store::SignedStatement) -> Self {
        Self(store::Succession { current: Some(statement), ..store::Succession::default() })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// What started the epoch that the node is in; `None` in the first.
    ///
    /// # Errors
    /// [`ClusterError::Succession`].
    pub(crate) fn current(
        &self,
    ) -> Result<Option<(Statement, store::SignedStatement)>, ClusterError> {
        self.0.current.as_ref().map(read).transpose()
    }

    /// The seize that is to be carried out.
    ///
    /// # Errors
    /// [`ClusterError::Succession`].
    pub(crate) fn plan(&self) -> Result<Option<(Statement, store::SignedStatement)>, ClusterError> {
        let plan = self.0.plan.as_ref().and_then(|plan| plan.statement.as_ref());
        plan.map(read).transpose()
    }

    /// With a seize that is to be carried out. That the disk went back is over with it: what this node holds
    /// is all that there is in the new epoch.
    #[must_use]
    pub(crate) fn planning(self, statement: store::SignedStatement) -> Self {
        let plan = Some(store::SeizePlan { statement: Some(statement) });
        Self(store::Succession { plan, gone_back: None, ..self.0 })
    }

    /// With the seize carried out.
    #[must_use]
    pub(crate) fn carried_out(self) -> Self {
        let current = self.0.plan.and_then(|plan| plan.statement).or(self.0.current);
        Self(store::Succession { current, plan: None, ..self.0 })
    }

    /// Of a node that an epoch went on without, or whose disk went back in time, which looks for its cluster
    /// at `contacts`.
    #[must_use]
    pub(crate) fn left_by(
        self,
        by: Option<store::SignedStatement>,
        contacts: impl IntoIterator<Item = Contact>,
    ) -> Self {
        let contact = contacts.into_iter().map(|contact| store::KnownNode {
            node: contact.node.0,
            pin: contact.pin.0.to_vec(),
            peer_address: contact.address,
            name: String::new(),
        });
        let left = store::Left { by, contact: contact.collect() };
        Self(store::Succession { left: Some(left), plan: None, ..self.0 })
    }

    /// Of a node whose disk went back in time, as a peer says.
    #[must_use]
    pub(crate) fn gone_back(self, peer: NodeId, lacks: String) -> Self {
        let gone_back = Some(store::GoneBack { peer: peer.0, lacks });
        Self(store::Succession { gone_back, ..self.0 })
    }

    /// Which peer has said that the disk went back, and what is not there.
    pub(crate) fn went_back(&self) -> Option<(NodeId, String)> {
        self.0.gone_back.as_ref().map(|it| (NodeId(it.peer), it.lacks.clone()))
    }

    /// What went on without the node, and where it looks for it.
    pub(crate) const fn left(&self) -> Option<&store::Left> {
        self.0.left.as_ref()
    }
}

fn read(
    signed: &store::SignedStatement,
) -> Result<(Statement, store::SignedStatement), ClusterError> {
    let statement = Statement::decode(&signed.statement).map_err(|_| ClusterError::Succession)?;
    Ok((statement, signed.clone()))
}
