//! Taking a node out of the cluster.

use symbolon_core::{
    Command, DataKeyId, LogIndex, Name, Node, Operation, RemoveNode, RequestId, State,
};
use tokio::time::Instant;

use crate::names;
use crate::ports::View;
use crate::principal::Principal;
use crate::{Service, ServiceError};

/// A node that is a member no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeRemoval {
    /// The data key that the cluster changes to, which the node never had.
    pub key: DataKeyId,
    /// Tokens whose seeds the node could read until now.
    pub tokens: u64,
    /// Where the log removed it.
    pub index: LogIndex,
}

impl Service {
    /// Removes a node, and begins to change the data key, which the node has: what is on its disk, or
    /// comes to it by a backup, opens nothing that is sealed later.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], and [`ServiceError::NotRemoved`] for the master and for the last one.
    pub async fn remove_node(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        deadline: Instant,
    ) -> Result<NodeRemoval, ServiceError> {
        Self::may(principal, Operation::RemoveNode)?;
        let _place = self.admission.administration()?;
        let name = names::name("node", name)?;
        let fields = [name.as_str().as_bytes()];
        let request = self.request(principal, request_id, Operation::RemoveNode, &fields)?;
        // It may have joined a moment ago.
        if named(&self.ledger.view().state, &name).is_none() {
            self.ledger.read_barrier(deadline).await?;
        }
        let build = |view: &View| {
            let state = &view.state;
            let node = named(state, &name).ok_or(ServiceError::NotFound { kind: "node" })?.id;
            if self.ledger.status().master == Some(node) {
                return Err(ServiceError::NotRemoved(
                    "is the master; promote another first: `symbolon promote-subordinate`",
                ));
            }
            // Once removed it could not begin the change of the key.
            if self.ledger.identity().node == node {
                return Err(ServiceError::NotRemoved("is the one that was asked; ask another"));
            }
            if state.nodes().all(|row| row.id == node) {
                return Err(ServiceError::NotRemoved("is the only one that is left"));
            }
            Ok(Command::RemoveNode(RemoveNode { node }))
        };
        let (_, index) = self.administer(&request, deadline, build).await?;
        let key = self.change_key_after(principal, request.id, deadline).await?;
        let tokens = self.ledger.view().state.tokens_len() as u64;
        tracing::info!(node = name.as_str(), key = key.0, tokens, "a node was removed");
        Ok(NodeRemoval { key, tokens, index })
    }

    /// The key that the cluster changes to after a request, and the same when that comes again.
    async fn change_key_after(
        &self,
        principal: &Principal,
        RequestId(id): RequestId,
        deadline: Instant,
    ) -> Result<DataKeyId, ServiceError> {
        let own = Some(RequestId(id.map(|byte| !byte)));
        match self.begin_rotation(principal, own, deadline).await {
            Ok((key, _)) => Ok(key),
            Err(ServiceError::RotationUnderWay) => {
                let keys = self.ledger.view().state.data_keys();
                Ok(keys.rotation.map_or(keys.active, |rotation| rotation.id))
            }
            Err(error) => Err(error),
        }
    }
}

/// A node of that name, a member or not.
fn named<'s>(state: &'s State, name: &Name) -> Option<&'s Node> {
    state.nodes_registered().find(|row| row.name == *name)
}
