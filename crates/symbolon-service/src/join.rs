//! Admitting a node that brought a join token, and one that comes back after a seize.

use symbolon_core::limits::ADDRESS_BYTES_MAX;
use symbolon_core::{
    AdmitNode, Command, JoinTokenId, KeyPin, NodeId, ReadmitNode, Refusal, Reply, Secret,
};
use tokio::time::Instant;

use crate::credential::hash_secret;
use crate::fingerprint::fingerprint;
use crate::names;
use crate::ports::View;
use crate::service::{AdminRequest, refused};
use crate::{Principal, Service, ServiceError};

/// What a joiner sent, and the key it proved to hold.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// From its token.
    pub join_token: JoinTokenId,
    /// From its token.
    pub secret: Secret,
    /// What it wants to be called.
    pub name: String,
    /// Its peer key.
    pub pin: KeyPin,
    /// Where peers will reach it.
    pub peer_address: String,
    /// Where clients will reach it.
    pub api_address: String,
}

/// An admitted node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Joined {
    /// Its id.
    pub node: NodeId,
}

impl Service {
    /// Registers a node. The same token with the same key and name is the same join again.
    ///
    /// # Errors
    /// [`ServiceError::JoinToken`] says what is wrong with the token.
    pub async fn admit_node(
        &self,
        join: JoinRequest,
        deadline: Instant,
    ) -> Result<Joined, ServiceError> {
        let _place = self.admission.join()?;
        let name = names::name("name", &join.name)?;
        check_addresses(&join.peer_address, &join.api_address)?;
        self.know_join_token(&join, deadline).await?;
        let request = AdminRequest {
            principal: Principal::of_node(self.ledger.identity()),
            id: self.draw_request_id(),
            fingerprint: fingerprint(&*self.vault, "admit_node", &[&join.pin.0]),
        };
        let build = |_: &_| {
            Ok(Command::AdmitNode(AdmitNode {
                join_token: join.join_token,
                secret: hash_secret(&join.secret),
                name: name.clone(),
                pin: join.pin,
                peer_address: join.peer_address.clone(),
                api_address: join.api_address.clone(),
            }))
        };
        self.admitted(&request, deadline, build).await.map(|node| Joined { node })
    }

    /// Takes a node back that a seize went on without, by the key that it has proved to hold. The same
    /// node again is the same readmission.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when no node has that key; [`ServiceError::AlreadyExists`] when it has
    /// another name; [`ServiceError::NodeThere`] when it is a member and its disk is as it was.
    pub async fn readmit_node(
        &self,
        (previous, gone_back): (NodeId, bool),
        name: &str,
        pin: KeyPin,
        peer_address: &str,
        api_address: &str,
        deadline: Instant,
    ) -> Result<NodeId, ServiceError> {
        let _place = self.admission.join()?;
        let name = names::name("name", name)?;
        check_addresses(peer_address, api_address)?;
        let knows = || self.ledger.view().state.node_by_pin(pin).is_some();
        // Nothing is written for strangers.
        if !knows() {
            self.pass_barrier(deadline).await?;
            if !knows() {
                return Err(refused(Refusal::NodeUnknown));
            }
        }
        let parts: [&[u8]; 2] = [&pin.0, &previous.0.to_be_bytes()];
        let request = AdminRequest {
            principal: Principal::of_node(self.ledger.identity()),
            id: self.draw_request_id(),
            fingerprint: fingerprint(&*self.vault, "readmit_node", &parts),
        };
        let build = |_: &_| {
            Ok(Command::ReadmitNode(ReadmitNode {
                previous,
                gone_back,
                name: name.clone(),
                pin,
                peer_address: peer_address.to_owned(),
                api_address: api_address.to_owned(),
            }))
        };
        self.admitted(&request, deadline, build).await.map_err(|error| match error {
            // Of a node that is a member the state says no more than that.
            ServiceError::WrongPhase => ServiceError::NodeThere,
            error => error,
        })
    }

    async fn admitted(
        &self,
        request: &AdminRequest,
        deadline: Instant,
        build: impl FnMut(&View) -> Result<Command, ServiceError>,
    ) -> Result<NodeId, ServiceError> {
        match self.administer(request, deadline, build).await {
            Ok((Reply::NodeAdmitted(node), _)) => Ok(node),
            Ok(_) => Err(ServiceError::Internal),
            Err(ServiceError::AlreadyExists { .. }) => {
                Err(ServiceError::AlreadyExists { kind: "node" })
            }
            Err(ServiceError::LimitReached { .. }) => {
                Err(ServiceError::LimitReached { limit: "9 nodes" })
            }
            Err(error) => Err(error),
        }
    }

    /// Refuses whoever brings no token of this cluster before anything is written for them.
    async fn know_join_token(
        &self,
        join: &JoinRequest,
        deadline: Instant,
    ) -> Result<(), ServiceError> {
        let secret = hash_secret(&join.secret);
        let known = || {
            let state = self.ledger.view().state;
            state.join_token(join.join_token).map(|token| token.secret == secret)
        };
        let right = match known() {
            Some(right) => right,
            None => {
                // It may have been made at another node a moment ago.
                self.pass_barrier(deadline).await?;
                known().unwrap_or(false)
            }
        };
        if right { Ok(()) } else { Err(refused(Refusal::JoinTokenUnknown)) }
    }
}

fn check_addresses(peer_address: &str, api_address: &str) -> Result<(), ServiceError> {
    for (field, address) in [("peer_address", peer_address), ("api_address", api_address)] {
        if address.is_empty() || address.len() > ADDRESS_BYTES_MAX {
            let problem = format!("it has not 1 to {ADDRESS_BYTES_MAX} bytes");
            return Err(ServiceError::invalid(field, problem));
        }
    }
    Ok(())
}
