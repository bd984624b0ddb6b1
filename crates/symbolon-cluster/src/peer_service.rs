//! The peer port's services.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::raft::{AppendEntriesResponse, ReadPolicy, TransferLeaderRequest, VoteResponse};
use symbolon_core::{KeyPin, NodeId};
use symbolon_proto::answer_to_proto;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::peer::v1::peer_service_server::PeerService;
use symbolon_store::Snapshots;
use tokio::time::Instant;
use tonic::{Request, Response, Status, Streaming};

use crate::audit_log::AuditLog;
use crate::audit_peers;
use crate::committer::{BATCH_PROPOSALS_MAX, CommitError, Committer};
use crate::convert::{
    log_id_from_proto, log_id_to_proto, stored_membership_from_proto, vote_to_proto,
};
use crate::guard::{self, missing};
use crate::hello::Greeter;
use crate::island::Island;
use crate::peer_client::Peers;
use crate::peer_header::HeaderRefusal;
use crate::promote::Promoter;
use crate::raft_types::{Raft, Snapshot, SnapshotMeta};
use crate::receive::{checked, receive};
use crate::ways::{Way, Ways};

/// Longest call of a stranger, its message included.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest call of a peer, its message included: longer than any peer waits for an answer.
const PEER_TIMEOUT: Duration = Duration::from_secs(10);

/// Part of that in which a hand-over is answered.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(9);

const JOIN_PATH: &str = "/symbolon.peer.v1.JoinService/Join";
const INSTALL_SNAPSHOT_PATH: &str = "/symbolon.peer.v1.PeerService/InstallSnapshot";

/// How long a call of this path of the peer port may take at most, its message included; `None` for a
/// snapshot, which takes as long as it is large.
#[must_use]
pub fn longest_call(path: &str) -> Option<Duration> {
    match path {
        INSTALL_SNAPSHOT_PATH => None,
        JOIN_PATH => Some(JOIN_TIMEOUT),
        _ => Some(PEER_TIMEOUT),
    }
}

/// Whether a call of this path is for those too whose key is not registered.
pub(crate) fn is_open(path: &str) -> bool {
    path == JOIN_PATH
}

/// The certificate that a peer presented, DER: put into a request's extensions by the listener.
#[derive(Clone, Debug)]
pub struct PeerCertificate(pub Arc<[u8]>);

/// The peer that makes a call, as [`ClusterNode::caller`](crate::ClusterNode::caller) found: put into
/// the call's extensions by who asked.
#[derive(Clone, Copy, Debug)]
pub struct PeerCaller {
    /// As this node's state has it, or as it was told.
    pub(crate) node: NodeId,
    /// Its key.
    pub(crate) pin: KeyPin,
}

/// What registered peers may ask.
pub(crate) struct PeerApi {
    pub(crate) raft: Raft,
    pub(crate) peers: Arc<Peers>,
    pub(crate) committer: Committer,
    pub(crate) greeter: Arc<Greeter>,
    pub(crate) incoming: Snapshots,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) promoter: Promoter,
    pub(crate) ways: Ways,
    pub(crate) island: Arc<Island>,
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(format!("raft does not run on this node: {error}"))
}

impl PeerApi {
    /// The peer that asks: registered, holding its key, of this cluster, epoch and lineage.
    fn admit<T>(&self, request: Request<T>) -> Result<(NodeId, T), Status> {
        let node = self.peers.number(caller(&request)?, request.metadata());
        self.peers.standing.check(request.metadata(), node).map_err(|refusal| {
            if matches!(refusal, HeaderRefusal::Epoch { .. }) {
                // Both are greeted every second: it is told of once, where it is found out why.
                self.greeter.fence.meet(node);
                tracing::debug!(peer = node.0, %refusal, "a message of a peer is not looked at");
            } else {
                tracing::warn!(peer = node.0, %refusal, "a message of a peer is not looked at");
            }
            Status::failed_precondition(refusal.to_string())
        })?;
        if self.peers.book.is_superseded(node) {
            return Err(Status::permission_denied("a seize went on without this node"));
        }
        Ok((node, request.into_inner()))
    }

    /// The peer that asks for something of the cluster's: one that this node's own state has, and not
    /// only the word of another.
    fn admit_registered<T>(&self, request: Request<T>) -> Result<(NodeId, T), Status> {
        let (node, message) = self.admit(request)?;
        if self.peers.book.is_registered(node) {
            return Ok((node, message));
        }
        Err(Status::unavailable("this node has not applied yet that the peer is registered"))
    }

    /// Refuses what would be written where there is no space, before the disk does.
    fn have_space(&self) -> Result<(), Status> {
        if self.greeter.disk.is_full() {
            return Err(Status::resource_exhausted("the disk of this node is full"));
        }
        Ok(())
    }

    fn term(&self) -> u64 {
        self.raft.metrics().borrow_watched().current_term
    }

    fn answer<T>(&self, to: NodeId, message: T) -> Response<T> {
        let mut response = Response::new(message);
        self.peers.standing.attach(response.metadata_mut(), to);
        response
    }

    async fn ballot(
        &self,
        request: Request<peer::VoteRequest>,
        pre: bool,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        let (node, message) = self.admit(request)?;
        let rpc = guard::ballot(node, &message, self.term())?;
        let answer: VoteResponse<_> =
            if pre { self.raft.pre_vote(rpc).await } else { self.raft.vote(rpc).await }
                .map_err(stopped)?;
        let message = peer::VoteResponse {
            vote: Some(vote_to_proto(&answer.vote)),
            granted: answer.vote_granted,
            last_log_id: answer.last_log_id.as_ref().map(log_id_to_proto),
        };
        Ok(self.answer(node, message))
    }
}

/// Who makes a call of the peer port.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<PeerCaller, Status> {
    let caller = request.extensions().get::<PeerCaller>().copied();
    caller.ok_or_else(|| Status::internal("nobody has said who asks"))
}

#[tonic::async_trait]
impl PeerService for PeerApi {
    async fn append_entries(
        &self,
        request: Request<peer::AppendEntriesRequest>,
    ) -> Result<Response<peer::AppendEntriesResponse>, Status> {
        use peer::append_entries_response::Result as Outcome;
        let (node, message) = self.admit(request)?;
        if !message.entry.is_empty() {
            self.have_space()?;
        }
        let rpc = guard::append(node, message, self.term())?;
        let answer = self.raft.append_entries(rpc).await.map_err(stopped)?;
        let mut message = peer::AppendEntriesResponse::default();
        match answer {
            AppendEntriesResponse::Success => message.set_result(Outcome::Success),
            AppendEntriesResponse::PartialSuccess(log_id) => {
                message.set_result(Outcome::PartialSuccess);
                message.partial = log_id.as_ref().map(log_id_to_proto);
            }
            AppendEntriesResponse::Conflict => message.set_result(Outcome::Conflict),
            AppendEntriesResponse::HigherVote(vote) => {
                message.set_result(Outcome::HigherVote);
                message.vote = Some(vote_to_proto(&vote));
            }
        }
        Ok(self.answer(node, message))
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.ballot(request, false).await
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.ballot(request, true).await
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderResponse>, Status> {
        let (node, message) = self.admit(request)?;
        let rpc = TransferLeaderRequest::new(
            guard::own_vote(node, message.from_leader.as_ref(), self.term())?,
            message.to_node,
            message.last_log_id.as_ref().map(log_id_from_proto),
        );
        let answer = self.raft.handle_transfer_leader(rpc).await.map_err(stopped)?;
        let reason = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
        Ok(self.answer(node, peer::TransferLeaderResponse { accepted: answer.is_ok(), reason }))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotChunk>>,
    ) -> Result<Response<peer::SnapshotResponse>, Status> {
        let (node, mut stream) = self.admit(request)?;
        self.have_space()?;
        let first = stream.message().await?.ok_or_else(|| missing("first chunk"))?;
        let start = first.start.ok_or_else(|| missing("start"))?;
        let vote = guard::own_vote(node, start.vote.as_ref(), self.term())?;
        let membership = start.last_membership.ok_or_else(|| missing("membership"))?;
        let meta = SnapshotMeta {
            last_log_id: start.last_log_id.as_ref().map(log_id_from_proto),
            last_membership: stored_membership_from_proto(membership)
                .map_err(|_| missing("membership"))?,
        };
        let file = receive(&self.incoming, stream).await?;
        let file = checked(file, self.peers.standing.cluster, &meta).await?;
        let answer = self.raft.install_full_snapshot(vote, Snapshot { meta, snapshot: file }).await;
        let answer = answer.map_err(stopped)?;
        Ok(self.answer(node, peer::SnapshotResponse { vote: Some(vote_to_proto(&answer.vote)) }))
    }

    async fn propose(
        &self,
        request: Request<peer::ProposeRequest>,
    ) -> Result<Response<peer::ProposeResponse>, Status> {
        let (node, message) = self.admit_registered(request)?;
        if message.proposal.len() > BATCH_PROPOSALS_MAX {
            return Err(missing("a batch of at most 256 proposals"));
        }
        let proposals = self.permitted(node, &message)?;
        let way = *self.ways.borrow();
        if let (true, Some(Way::To(master))) = (message.relay, way) {
            let answer = self.relay(master, (node, message.proposal)).await?;
            return Ok(self.answer(node, answer));
        }
        let answers = self.committer.submit(proposals).await.map_err(|error| match error {
            CommitError::ClockOff => Status::unavailable(
                "the clock of this node is over 30 s off: it stamps nothing; correct it",
            ),
            CommitError::DiskFull => Status::unavailable("the disk of this node is full"),
            CommitError::NotMaster => Status::failed_precondition("this node is not the master"),
            CommitError::Overloaded => Status::resource_exhausted("the master's queue is full"),
            CommitError::Stopped => Status::unavailable("raft does not run on this node"),
        })?;
        let answer = answers.iter().map(answer_to_proto).collect();
        Ok(self.answer(node, peer::ProposeResponse { answer }))
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexResponse>, Status> {
        let (node, peer::ReadIndexRequest {}) = self.admit_registered(request)?;
        let log_index = read_index(&self.raft).await?;
        Ok(self.answer(node, peer::ReadIndexResponse { log_index }))
    }

    async fn hand_over(
        &self,
        request: Request<peer::HandOverRequest>,
    ) -> Result<Response<peer::HandOverResponse>, Status> {
        let (node, message) = self.admit_registered(request)?;
        tracing::info!(peer = node.0, to = message.to, "asked to hand over");
        let deadline = Instant::now() + HAND_OVER_TIMEOUT;
        let result = self.promoter.hand_over(NodeId(message.to), deadline).await;
        let refusal = result.err().map(|error| error.to_string()).unwrap_or_default();
        Ok(self.answer(node, peer::HandOverResponse { refusal }))
    }

    async fn read_audit(
        &self,
        request: Request<peer::ReadAuditRequest>,
    ) -> Result<Response<peer::ReadAuditResponse>, Status> {
        let (node, message) = self.admit_registered(request)?;
        let applied = self.greeter.published.view().applied.0;
        let answer = audit_peers::answer(Arc::clone(&self.audit), applied, message).await?;
        Ok(self.answer(node, answer))
    }

    async fn hello(
        &self,
        request: Request<peer::Greeting>,
    ) -> Result<Response<peer::Greeting>, Status> {
        let (node, message) = self.admit(request)?;
        let answer = self.greeter.answer(node, &message);
        Ok(self.answer(node, answer))
    }

    async fn offer(
        &self,
        request: Request<peer::OfferRequest>,
    ) -> Result<Response<peer::OfferResponse>, Status> {
        let (node, message) = self.admit_registered(request)?;
        self.have_space()?;
        let has_quorum = self.greeter.look().master().is_some();
        let answer = self.island.answer(node, has_quorum, message).await?;
        Ok(self.answer(node, answer))
    }

    async fn compare_epochs(
        &self,
        request: Request<peer::EpochClaim>,
    ) -> Result<Response<peer::EpochClaim>, Status> {
        let node = caller(&request)?.node;
        let checked = self.peers.standing.check_cluster(request.metadata());
        checked.map_err(|refusal| Status::failed_precondition(refusal.to_string()))?;
        self.greeter.fence.hear(node, request.get_ref()).await;
        Ok(self.answer(node, self.peers.claim()))
    }
}

/// The index that a linearizable read must have applied. Only the master knows.
pub(crate) async fn read_index(raft: &Raft) -> Result<u64, Status> {
    let read = raft
        .get_read_log_id(ReadPolicy::ReadIndex)
        .await
        .map_err(|error| Status::failed_precondition(format!("no read index: {error}")))?;
    Ok(read.0.index())
}
