//! Every node's way to the log: proposals wait in two bounded queues, travel to the master together with
//! others of their queue, and wait out elections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{Answer, NodeId, Proposal};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::{answer_from_proto, proposal_encode};
use symbolon_service::{
    ADMINISTRATION_QUEUE_MAX, Answered, Lane, ProposeError, SESSIONS_UNDER_WAY_MAX,
    VERIFICATION_QUEUE_MAX,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::committer::{BATCH_PROPOSALS_MAX, CommitError, Committer};
use crate::island::{Decided, Island};
use crate::peer_client::{Peers, Purpose};
use crate::raft_types::Raft;
use crate::ways::{Way, Ways};

/// Batches of verifications on their way to the master at once.
const BATCHES_UNDER_WAY_MAX: usize = 4;
/// Those of administration: they have ways of their own to be late, and no verification waits behind them.
const ADMINISTRATION_UNDER_WAY_MAX: usize = 2;
/// Pause before a batch is tried again when nothing else says that it is worth while.
const RETRY: Duration = Duration::from_millis(20);

struct Pending {
    proposal: Proposal,
    deadline: Instant,
    done: oneshot::Sender<Result<Answered, ProposeError>>,
}

/// Takes proposals of this node.
#[derive(Clone)]
pub(crate) struct Proposer {
    verification: mpsc::Sender<Pending>,
    administration: mpsc::Sender<Pending>,
}

/// Who is master, as far as this node knows.
pub(crate) type Master = watch::Receiver<Option<NodeId>>;

/// Follows openraft's idea of the leader.
pub(crate) fn follow_master(raft: &Raft, tasks: &mut JoinSet<()>) -> Master {
    let mut metrics = raft.server_metrics();
    let (sender, receiver) = watch::channel(None);
    tasks.spawn(async move {
        loop {
            let leader = metrics.borrow_watched().current_leader.map(NodeId);
            sender.send_if_modified(|known| {
                let changed = *known != leader;
                *known = leader;
                changed
            });
            if metrics.changed().await.is_err() {
                return;
            }
        }
    });
    receiver
}

struct Route {
    committer: Committer,
    peers: Arc<Peers>,
    ways: Ways,
    island: Arc<Island>,
}

impl Proposer {
    pub(crate) fn start(
        committer: Committer,
        peers: Arc<Peers>,
        (ways, island): (Ways, &Arc<Island>),
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (verification, verifications) = mpsc::channel(VERIFICATION_QUEUE_MAX);
        // What devices tell of sessions has places of its own beside what administrators do.
        let administration_max = ADMINISTRATION_QUEUE_MAX + SESSIONS_UNDER_WAY_MAX;
        let (administration, administrations) = mpsc::channel(administration_max);
        let route = Arc::new(Route { committer, peers, ways, island: Arc::clone(island) });
        let lanes = [
            (verifications, Lane::Verification, BATCHES_UNDER_WAY_MAX),
            (administrations, Lane::Administration, ADMINISTRATION_UNDER_WAY_MAX),
        ];
        for (queue, lane, batches_max) in lanes {
            tasks.spawn(run(Arc::clone(&route), queue, lane, batches_max));
        }
        Self { verification, administration }
    }

    pub(crate) async fn propose(
        &self,
        proposal: Proposal,
        lane: Lane,
        deadline: Instant,
    ) -> Result<Answered, ProposeError> {
        let (queue, name) = match lane {
            Lane::Verification => (&self.verification, "proposals of verifications"),
            Lane::Administration => (&self.administration, "proposals of administration"),
        };
        let (done, answer) = oneshot::channel();
        let pending = Pending { proposal, deadline, done };
        queue.try_send(pending).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ProposeError::Overloaded(name),
            mpsc::error::TrySendError::Closed(_) => ProposeError::Stopping,
        })?;
        match timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            // Given up: here at its deadline, or because the node stops.
            Ok(Err(_)) if Instant::now() < deadline => Err(ProposeError::Stopping),
            Ok(Err(_)) => Err(ProposeError::NoMaster),
            Err(_) => Err(ProposeError::NoMaster),
        }
    }
}

async fn run(
    route: Arc<Route>,
    mut queue: mpsc::Receiver<Pending>,
    lane: Lane,
    batches_max: usize,
) {
    let under_way = Arc::new(Semaphore::new(batches_max));
    while let Some(first) = queue.recv().await {
        // What comes while this waits travels along.
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else {
            return;
        };
        // So does what is just about to be proposed: those that are ready to run do so first.
        yield_now().await;
        let mut batch = vec![first];
        while batch.len() < BATCH_PROPOSALS_MAX {
            let Ok(pending) = queue.try_recv() else { break };
            batch.push(pending);
        }
        let route = Arc::clone(&route);
        tokio::spawn(async move {
            route.deliver(batch, lane).await;
            drop(permit);
        });
    }
}

enum Failure {
    /// Try again as soon as there is a master.
    Again,
    /// The master has too much to do.
    Overloaded,
    /// This node is stopping.
    Stopping,
}

impl Route {
    /// Tries until every proposal is answered or late. A proposal that was sent to a master that
    /// died is sent again as it is: its request id makes the second one harmless.
    async fn deliver(&self, mut batch: Vec<Pending>, lane: Lane) {
        let mut ways = self.ways.clone();
        let mut island = self.island.follow();
        loop {
            // Nobody waits for these any more.
            let now = Instant::now();
            batch.retain(|pending| pending.deadline > now && !pending.done.is_closed());
            let Some(latest) = batch.iter().map(|pending| pending.deadline).max() else {
                return;
            };

            if lane == Lane::Verification && island.borrow_and_update().is_some() {
                self.decide_here(&mut batch).await;
                continue;
            }
            let way = *ways.borrow_and_update();
            let proposals: Vec<_> = batch.iter().map(|pending| pending.proposal.clone()).collect();
            let attempt = async {
                match way {
                    Some(Way::Here) => self.commit_here(proposals).await,
                    Some(Way::To(node)) => self.commit_at(node, proposals, false).await,
                    Some(Way::Through { relay, .. }) if lane == Lane::Verification => {
                        self.commit_at(relay, proposals, true).await
                    }
                    None | Some(Way::Through { .. }) => Err(Failure::Again),
                }
            };
            let result = tokio::select! {
                result = attempt => result,
                () = other_way(&mut ways, way) => continue,
                _ = island.changed(), if lane == Lane::Verification => continue,
                () = sleep_until(latest) => continue,
            };
            match result {
                Ok(answers) => {
                    for (pending, answer) in batch.into_iter().zip(answers) {
                        let _ = pending.done.send(Ok(Answered { answer, island: false }));
                    }
                    return;
                }
                Err(Failure::Again) => {
                    let changed = timeout_at(Instant::now() + RETRY, ways.changed()).await;
                    if let Ok(Err(_)) = changed {
                        // Raft has stopped: nothing will change any more.
                        sleep_until(Instant::now() + RETRY).await;
                    }
                }
                Err(Failure::Overloaded) => {
                    let error = ProposeError::Overloaded("proposals at the master");
                    return fail(batch, &error);
                }
                Err(Failure::Stopping) => return fail(batch, &ProposeError::Stopping),
            }
        }
    }

    /// Decides without the log. What is to be tried again stays.
    async fn decide_here(&self, batch: &mut Vec<Pending>) {
        let proposals: Vec<_> = batch.iter().map(|pending| pending.proposal.clone()).collect();
        let decided = self.island.decide(&proposals).await;
        let island = true;
        #[cfg(feature = "planted")]
        let island = island && !symbolon_core::planted::is("island-not-said");
        let mut again = Vec::new();
        for (pending, decided) in std::mem::take(batch).into_iter().zip(decided) {
            let result = match decided {
                Decided::Answer(answer) => Ok(Answered { answer, island }),
                Decided::Refused(error) => Err(error),
                Decided::Again => {
                    again.push(pending);
                    continue;
                }
            };
            let _ = pending.done.send(result);
        }
        if !again.is_empty() {
            sleep_until(Instant::now() + RETRY).await;
        }
        *batch = again;
    }

    async fn commit_here(&self, proposals: Vec<Proposal>) -> Result<Vec<Answer>, Failure> {
        self.committer.submit(proposals).await.map_err(|error| match error {
            // Another may lead in a moment.
            CommitError::NotMaster | CommitError::DiskFull | CommitError::ClockOff => {
                Failure::Again
            }
            CommitError::Overloaded => Failure::Overloaded,
            CommitError::Stopped => Failure::Stopping,
        })
    }

    async fn commit_at(
        &self,
        node: NodeId,
        proposals: Vec<Proposal>,
        relay: bool,
    ) -> Result<Vec<Answer>, Failure> {
        let mut client = self.peers.client(node, Purpose::Proposals);
        let encoded = proposals.iter().map(|proposal| Bytes::from(proposal_encode(proposal)));
        let proposal = encoded.collect();
        let request =
            self.peers.request(node, peer::ProposeRequest { proposal, relay, of_node: 0 });
        let count = proposals.len();
        let answer = async {
            let response = client.propose(request).await?;
            self.peers.accept(node, response)
        };
        match answer.await {
            Ok(response) if response.answer.len() == count => response
                .answer
                .into_iter()
                .map(|answer| answer_from_proto(answer).map_err(|_| Failure::Again))
                .collect(),
            Ok(_) => Err(Failure::Again),
            Err(status) if status.code() == tonic::Code::ResourceExhausted => {
                Err(Failure::Overloaded)
            }
            Err(status) => {
                tracing::debug!(master = node.0, reason = status.message(), "not proposed yet");
                Err(Failure::Again)
            }
        }
    }
}

/// Waits until there is another way than was tried.
async fn other_way(ways: &mut Ways, tried: Option<Way>) {
    let changed = ways.wait_for(|way| way.is_some() && *way != tried).await.is_ok();
    if !changed {
        std::future::pending::<()>().await;
    }
}

fn fail(batch: Vec<Pending>, error: &ProposeError) {
    for pending in batch {
        let _ = pending.done.send(Err(error.clone()));
    }
}
