//! The part of the peer port that is open to nodes which take no part yet: joining, and coming back.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{JoinTokenId, LineageId, NodeId, Secret};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::peer::v1::join_service_server::JoinService;
use symbolon_proto::store::v1 as store;
use symbolon_service::{JoinRequest, Service, ServiceError};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::committer::EpochGate;
use crate::copies::lives;
use crate::epochs::{EpochName, Relation, Statement};
use crate::guard::missing;
use crate::hello::{Greeter, REACHABLE, registered};
use crate::keys::pin_of;
use crate::peer_client::Peers;
use crate::peer_service::{JOIN_TIMEOUT, PeerCaller, PeerCertificate, caller};
use crate::rollback::Kept;
use crate::vault::KeyringVault;

/// Longest message of a stranger: what a joiner says fits many times over.
pub(crate) const JOIN_BYTES_MAX: usize = 16 << 10;
/// Part of the longest call in which the answer is made, so that the joiner hears why.
const JOIN_ANSWER_TIME: Duration = Duration::from_millis(500);

/// What anyone who holds a key and a join token may ask.
pub(crate) struct JoinApi {
    pub(crate) service: Arc<Service>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) vault: Arc<KeyringVault>,
    pub(crate) ca_certificate: Vec<u8>,
    pub(crate) greeter: Arc<Greeter>,
    pub(crate) gate: Arc<EpochGate>,
}

impl JoinApi {
    /// What a node needs that was admitted.
    fn admitted(&self, node: NodeId) -> Response<peer::JoinResponse> {
        let state = self.service.ledger().view().state;
        let standing = &self.peers.standing;
        let known = state.nodes().filter(|row| row.id != node);
        let keyring = self.vault.keyring();
        let data_keys = keyring.data_keys().iter();
        Response::new(peer::JoinResponse {
            cluster: standing.cluster.0.to_vec(),
            cluster_name: state.cluster().map(|row| row.name.to_string()).unwrap_or_default(),
            epoch: standing.epoch,
            lineage: standing.lineage.0.to_vec(),
            node: node.0,
            data_key: data_keys.map(|key| key.to_secret().expose().to_vec()).collect(),
            ca_certificate: self.ca_certificate.clone(),
            known_node: known.map(registered).collect(),
            fingerprint_key: keyring.fingerprint_key().expose().to_vec(),
            statement: standing.statement.clone(),
        })
    }

    /// Whether this node is in the epoch that a returning node was told of, or in one that came of it.
    async fn is_in(&self, node: NodeId, by: &store::SignedStatement) -> Result<(), Status> {
        let other = || Status::failed_precondition("this node is in another epoch");
        let statement = Statement::decode(&by.statement).map_err(|_| missing("statement"))?;
        let EpochName { epoch, lineage } = statement.name;
        let claim =
            peer::EpochClaim { epoch, lineage: lineage.0.to_vec(), statement: Some(by.clone()) };
        match self.peers.relation(&claim) {
            Ok(Relation::Same | Relation::Older) => Ok(()),
            Ok(Relation::Newer | Relation::Discarding) => {
                self.greeter.fence.hear(node, &claim).await;
                Err(other())
            }
            Ok(Relation::Apart(_)) | Err(_) => Err(other()),
        }
    }

    /// The number that a node had which wants to come back, and whether it gives up one under which it is
    /// a member: its disk went back. Whoever asks while that member is there is a copy of it.
    async fn given_up(
        &self,
        asking: NodeId,
        message: &peer::RejoinRequest,
    ) -> Result<(NodeId, bool), Status> {
        let previous = NodeId(message.previous);
        let has_run = self.greeter.memory.of(asking) != Kept::default() || asking == previous;
        if !self.peers.book.is_registered(asking) || !has_run {
            return Ok((previous, false));
        }
        // A seize leaves nobody a member whom it goes on without.
        let is_copy = message.left.is_some() && asking == previous;
        if is_copy || lives(&self.peers, asking).await {
            return Err(join_status(&ServiceError::NodeThere));
        }
        let heard = self.greeter.presence.get(asking);
        if heard.is_some_and(|heard| heard.when.elapsed() < REACHABLE) {
            return Err(Status::unavailable("the node was heard of a moment ago; ask again"));
        }
        Ok((asking, true))
    }
}

#[tonic::async_trait]
impl JoinService for JoinApi {
    async fn join(
        &self,
        request: Request<peer::JoinRequest>,
    ) -> Result<Response<peer::JoinResponse>, Status> {
        let certificate = request.extensions().get::<PeerCertificate>();
        let pin = certificate.and_then(|certificate| pin_of(&certificate.0));
        let pin = pin.ok_or_else(|| Status::unauthenticated("no client certificate"))?;
        let message = request.into_inner();
        let join = JoinRequest {
            join_token: JoinTokenId(message.join_token),
            secret: Secret::new(message.secret),
            name: message.name,
            pin,
            peer_address: message.peer_address,
            api_address: message.api_address,
        };
        let deadline = Instant::now() + (JOIN_TIMEOUT - JOIN_ANSWER_TIME);
        let joined = self.service.admit_node(join, deadline).await.map_err(|error| {
            tracing::warn!(%error, "a join is refused");
            join_status(&error)
        })?;
        tracing::info!(node = joined.node.0, "admitted a node");
        Ok(self.admitted(joined.node))
    }

    async fn rejoin(
        &self,
        request: Request<peer::RejoinRequest>,
    ) -> Result<Response<peer::JoinResponse>, Status> {
        let PeerCaller { node: asking, pin } = caller(&request)?;
        let message = request.into_inner();
        match &message.left {
            Some(left) => self.is_in(asking, left).await?,
            None => {
                let was_in = LineageId::from_slice(&message.lineage);
                let was_in = was_in.map(|lineage| EpochName { epoch: message.epoch, lineage });
                let is_known = was_in.is_some_and(|name| self.peers.standing.is_of(name));
                is_known.then_some(()).ok_or_else(|| missing("statement or known epoch"))?;
            }
        }
        if !self.gate.is_open() {
            return Err(Status::unavailable("the epoch has not begun at this node yet"));
        }
        let (previous, gone_back) = self.given_up(asking, &message).await?;
        let peer::RejoinRequest { name, peer_address, api_address, .. } = message;
        let deadline = Instant::now() + (JOIN_TIMEOUT - JOIN_ANSWER_TIME);
        let readmitted = self
            .service
            .readmit_node((previous, gone_back), &name, pin, &peer_address, &api_address, deadline)
            .await;
        let node = readmitted.map_err(|error| {
            tracing::warn!(node = previous.0, %error, "a node is not taken back");
            join_status(&error)
        })?;
        tracing::info!(node = node.0, previous = previous.0, "a node is back");
        Ok(self.admitted(node))
    }
}

fn join_status(error: &ServiceError) -> Status {
    let message = error.to_string();
    match error {
        ServiceError::InvalidArgument { .. } => Status::invalid_argument(message),
        ServiceError::JoinToken(_) => Status::permission_denied(message),
        ServiceError::AlreadyExists { .. } | ServiceError::NodeThere => {
            Status::already_exists(message)
        }
        ServiceError::Overloaded(_)
        | ServiceError::LimitReached { .. }
        | ServiceError::NoGuessesLeft
        | ServiceError::DiskLow(_) => Status::resource_exhausted(message),
        ServiceError::NoMaster
        | ServiceError::Stopping
        | ServiceError::DiskFull
        | ServiceError::Island { .. }
        | ServiceError::Halted => Status::unavailable(message),
        _ => Status::internal(message),
    }
}
