//! openraft's network over the peer port.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::OptionalSend;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use sha2::{Digest as _, Sha256};
use symbolon_core::NodeId;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use tokio::time::timeout;
use tonic::Status;

use crate::acknowledged::Acknowledged;
use crate::convert::{
    entry_encode, log_id_from_proto, log_id_to_proto, stored_membership_to_proto, vote_to_proto,
};
use crate::guard;
use crate::log_store::io_error;
use crate::off_thread::blocking;
use crate::peer_client::{Peers, Purpose};
use crate::raft_types::{Snapshot, TypeConfig, Vote};
use crate::rollback::Memory;
use crate::snapshot::SnapshotFile;

/// Longest wait for the answer to an append with entries: a slow line must get them through at all.
const APPEND_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the answer to a heartbeat. openraft's own limit is shorter than a busy machine
/// may take.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(400);

/// How long to leave a peer alone that could not be reached: no longer than it takes to restart.
const BACKOFF: Duration = Duration::from_millis(100);
/// Chunks of a snapshot on their way at once.
const SNAPSHOT_CHUNKS_MAX: usize = 4;

/// Makes a [`Connection`] for each peer; `None` for a node that has none yet.
pub(crate) struct Network {
    peers: Option<(Arc<Peers>, Arc<Memory>)>,
    acknowledged: Arc<Acknowledged>,
}

impl Network {
    pub(crate) fn new(peers: Option<(Arc<Peers>, Arc<Memory>)>) -> Self {
        Self { peers, acknowledged: Arc::default() }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, (): &()) -> Connection {
        let (peers, acknowledged) = (self.peers.clone(), Arc::clone(&self.acknowledged));
        Connection { peers, acknowledged, target: NodeId(target) }
    }
}

/// What openraft sends to one peer.
pub(crate) struct Connection {
    peers: Option<(Arc<Peers>, Arc<Memory>)>,
    /// Of all connections of this node.
    acknowledged: Arc<Acknowledged>,
    target: NodeId,
}

#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("this node has no peers yet")]
    Nobody,
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("{}", .0.message())]
    Status(Status),
    #[error("the answer lacks a part")]
    Damaged,
    #[error("it lacks what it had acknowledged: its disk went back, or it does not tell the truth")]
    Lost,
}

type Rpc<T> = Result<T, RPCError<TypeConfig>>;

fn unreachable(error: &CallError) -> Unreachable<TypeConfig> {
    Unreachable::new(error)
}

impl Connection {
    fn peers(&self) -> Result<&Peers, CallError> {
        self.peers.as_ref().map(|(peers, _)| &**peers).ok_or(CallError::Nobody)
    }

    /// What the peer does not hold, having acknowledged it, it is told with the next greeting.
    fn lost(&self, index: u64) -> CallError {
        if let Some((_, memory)) = &self.peers {
            memory.note_index(self.target, index);
        }
        CallError::Lost
    }

    async fn call<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, CallError> {
        let response = timeout(limit, call).await.map_err(|_| CallError::Late(limit))?;
        let response = response.map_err(CallError::Status)?;
        self.peers()?.accept(self.target, response).map_err(CallError::Status)
    }

    /// The vote that the peer answers with.
    fn told_vote(&self, told: Option<&store::Vote>, own: &Vote) -> Result<Vote, CallError> {
        let told = told.ok_or(CallError::Damaged)?;
        guard::plausible(self.target, told, own.leader_id.term).map_err(CallError::Status)
    }

    async fn ask_vote(
        &self,
        rpc: VoteRequest<TypeConfig>,
        option: &RPCOption,
        pre: bool,
    ) -> Result<VoteResponse<TypeConfig>, CallError> {
        let limit = option.soft_ttl().max(HEARTBEAT_TIMEOUT);
        let mut client = self.peers()?.client(self.target, Purpose::Raft);
        let request = self.peers()?.request(
            self.target,
            peer::VoteRequest {
                vote: Some(vote_to_proto(&rpc.vote)),
                last_log_id: rpc.last_log_id.as_ref().map(log_id_to_proto),
                leadership_transfer: rpc.leadership_transfer,
            },
        );
        let answer = if pre {
            self.call(limit, client.pre_vote(request)).await?
        } else {
            self.call(limit, client.vote(request)).await?
        };
        let vote = self.told_vote(answer.vote.as_ref(), &rpc.vote)?;
        let last = answer.last_log_id.as_ref().map(log_id_from_proto);
        Ok(VoteResponse::new(vote, last, answer.granted))
    }

    async fn append(
        &self,
        rpc: AppendEntriesRequest<TypeConfig>,
    ) -> Result<AppendEntriesResponse<TypeConfig>, CallError> {
        use peer::append_entries_response::Result as Outcome;
        let mut client = self.peers()?.client(self.target, Purpose::Raft);
        let request = self.peers()?.request(
            self.target,
            peer::AppendEntriesRequest {
                vote: Some(vote_to_proto(&rpc.vote)),
                prev_log_id: rpc.prev_log_id.as_ref().map(log_id_to_proto),
                entry: rpc.entries.iter().map(|entry| Bytes::from(entry_encode(entry))).collect(),
                leader_commit: rpc.leader_commit.as_ref().map(log_id_to_proto),
            },
        );
        let limit = if rpc.entries.is_empty() { HEARTBEAT_TIMEOUT } else { APPEND_TIMEOUT };
        let answer = self.call(limit, client.append_entries(request)).await?;
        let (term, before) = (rpc.vote.leader_id.term, rpc.prev_log_id.map_or(0, |id| id.index));
        Ok(match answer.result() {
            Outcome::Success => {
                let last = rpc.entries.last().map_or(before, |entry| entry.log_id.index);
                self.acknowledged.note(self.target, term, last);
                AppendEntriesResponse::Success
            }
            Outcome::PartialSuccess => {
                let partial = answer.partial.as_ref().map(log_id_from_proto);
                let last = partial.map_or(0, |id| id.index);
                self.acknowledged.note(self.target, term, last);
                AppendEntriesResponse::PartialSuccess(partial)
            }
            Outcome::Conflict if self.acknowledged.has(self.target, term, before) => {
                return Err(self.lost(before));
            }
            Outcome::Conflict => AppendEntriesResponse::Conflict,
            Outcome::HigherVote => {
                AppendEntriesResponse::HigherVote(self.told_vote(answer.vote.as_ref(), &rpc.vote)?)
            }
            Outcome::Unspecified => return Err(CallError::Damaged),
        })
    }

    async fn hand_over(
        &self,
        rpc: &TransferLeaderRequest<TypeConfig>,
    ) -> Result<peer::TransferLeaderResponse, CallError> {
        let mut client = self.peers()?.client(self.target, Purpose::Raft);
        let request = self.peers()?.request(
            self.target,
            peer::TransferLeaderRequest {
                from_leader: Some(vote_to_proto(rpc.from_leader())),
                to_node: *rpc.to_node_id(),
                last_log_id: rpc.last_log_id().map(log_id_to_proto),
            },
        );
        self.call(HEARTBEAT_TIMEOUT, client.transfer_leader(request)).await
    }

    async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TypeConfig>, CallError> {
        let start = peer::SnapshotStart {
            vote: Some(vote_to_proto(&vote)),
            last_log_id: snapshot.meta.last_log_id.as_ref().map(log_id_to_proto),
            last_membership: Some(stored_membership_to_proto(&snapshot.meta.last_membership)),
        };
        let last = snapshot.meta.last_log_id.map_or(0, |id| id.index);
        let (sender, receiver) = tokio::sync::mpsc::channel(SNAPSHOT_CHUNKS_MAX);
        let file = snapshot.snapshot;
        // When the file cannot be read the stream lacks its end, and the receiver refuses it.
        tokio::spawn(async move {
            if let Err(error) = send_chunks(start, file, &sender).await {
                tracing::error!(%error, "cannot read a snapshot to send it");
            }
        });
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let mut client = self.peers()?.client(self.target, Purpose::Snapshots);
        let response = client
            .install_snapshot(self.peers()?.request(self.target, stream))
            .await
            .map_err(CallError::Status)?;
        let answer = self.peers()?.accept(self.target, response).map_err(CallError::Status)?;
        let told = self.told_vote(answer.vote.as_ref(), &vote)?;
        if told == vote {
            self.acknowledged.note(self.target, vote.leader_id.term, last);
        }
        Ok(SnapshotResponse::new(told))
    }
}

/// Sends the chunks of a snapshot, with its start before and its end after them. Whoever no longer listens
/// has given the transfer up.
async fn send_chunks(
    start: peer::SnapshotStart,
    file: SnapshotFile,
    sender: &tokio::sync::mpsc::Sender<peer::SnapshotChunk>,
) -> io::Result<()> {
    let first = peer::SnapshotChunk { start: Some(start), ..Default::default() };
    if sender.send(first).await.is_err() {
        return Ok(());
    }
    let open = move || file.snapshots.read(&file.name).map_err(io_error);
    let mut reader = blocking(open).await?;
    let mut hash = Sha256::new();
    let mut chunks = 0;
    loop {
        let (back, chunk) = blocking(move || {
            let chunk = reader.next_chunk().map_err(io_error)?;
            Ok((reader, chunk))
        })
        .await?;
        reader = back;
        let Some(data) = chunk else { break };
        hash.update(&data);
        chunks += 1;
        let chunk = peer::SnapshotChunk { data: data.into(), ..Default::default() };
        if sender.send(chunk).await.is_err() {
            return Ok(());
        }
    }
    let end = peer::SnapshotEnd { chunks, sha256: hash.finalize().to_vec() };
    let _ = sender.send(peer::SnapshotChunk { end: Some(end), ..Default::default() }).await;
    Ok(())
}

impl RaftNetworkV2<TypeConfig> for Connection {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        self.append(rpc).await.map_err(|error| match error {
            // It may only be slow: tried again at once.
            CallError::Late(_) => NetworkError::new(&error).into(),
            _ => unreachable(&error).into(),
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<TypeConfig>> {
        self.ask_vote(rpc, &option, false).await.map_err(|error| unreachable(&error).into())
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<TypeConfig>> {
        self.ask_vote(rpc, &option, true).await.map_err(|error| unreachable(&error).into())
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = self.send_snapshot(vote, snapshot) => {
                sent.map_err(|error| unreachable(&error).into())
            }
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<TypeConfig>,
        _: RPCOption,
    ) -> Rpc<TransferLeaderResponse<TypeConfig>> {
        let answer = self.hand_over(&rpc).await;
        let answer = answer.map_err(|error| RPCError::from(unreachable(&error)))?;
        if !answer.accepted {
            tracing::warn!(to = self.target.0, reason = answer.reason, "transfer not taken");
        }
        Ok(Ok(()))
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(BACKOFF)))
    }
}
