//! The master's end of the log: proposals of all nodes become entries, as many in one entry as came
//! while the one before was on its way. A lone proposal waits for no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::ClientWriteError;
use openraft::impls::OneshotResponder;
use openraft::raft::ClientWriteResult;
use symbolon_core::{Answer, Command, NodeId, Proposal, Refusal, Reply, Timestamp};
use symbolon_proto::batch_encode;
use symbolon_service::Clock;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::clocks::Clocks;
use crate::published::Published;
use crate::raft_types::{Payload, Raft, TypeConfig};
use crate::space::OwnDisk;

/// Proposals in one log entry.
pub(crate) const BATCH_PROPOSALS_MAX: usize = 256;
/// Bytes of an encoded proposal. Names, addresses and sealed fields are bounded well below it.
pub(crate) const PROPOSAL_BYTES_MAX: usize = 8 << 10;
/// Entries on their way through the log at once.
const ENTRIES_UNDER_WAY_MAX: usize = 2;
/// Submissions that wait, each of up to [`BATCH_PROPOSALS_MAX`] proposals.
const SUBMISSIONS_MAX: usize = 64;
/// Entries that have not come through after so long are stuck.
const STUCK: Duration = Duration::from_secs(1);

/// Why the log did not take proposals. They may still be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CommitError {
    /// This node is not the master, or has just ceased to be.
    NotMaster,
    /// Too much waits.
    Overloaded,
    /// There is no space for an entry.
    DiskFull,
    /// The clock of this node is too far off to stamp an entry.
    ClockOff,
    /// Raft has stopped on this node.
    Stopped,
}

struct Submission {
    proposals: Vec<Proposal>,
    done: oneshot::Sender<Result<Vec<Answer>, CommitError>>,
}

/// Hands proposals to the log.
#[derive(Clone)]
pub(crate) struct Committer {
    own: NodeId,
    submissions: mpsc::Sender<Submission>,
    published: Arc<Published>,
    disk: Arc<OwnDisk>,
    clocks: Arc<Clocks>,
    pub(crate) gate: Arc<EpochGate>,
}

/// Shut from a seize until the state has the epoch that it started: what comes before that would be
/// decided without the floor that the epoch puts under codes.
#[derive(Debug)]
pub(crate) struct EpochGate(AtomicBool);

impl EpochGate {
    pub(crate) fn new(open: bool) -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(open)))
    }

    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Committer {
    pub(crate) fn start(
        raft: &Raft,
        (clocks, published): (&Arc<Clocks>, &Arc<Published>),
        (disk, gate): (&Arc<OwnDisk>, &Arc<EpochGate>),
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (submissions, receiver) = mpsc::channel(SUBMISSIONS_MAX);
        let stamps = Stamps { clocks: Arc::clone(clocks), published: Arc::clone(published) };
        tasks.spawn(run(raft.clone(), stamps, receiver));
        Self {
            own: NodeId(*raft.node_id()),
            submissions,
            published: Arc::clone(published),
            disk: Arc::clone(disk),
            clocks: Arc::clone(clocks),
            gate: Arc::clone(gate),
        }
    }

    /// Puts proposals into the log and waits for their answers, in order. Only here is it known for sure
    /// who leads: whoever leads does not take its own removal.
    pub(crate) async fn submit(
        &self,
        mut proposals: Vec<Proposal>,
    ) -> Result<Vec<Answer>, CommitError> {
        let removes = |proposal: &Proposal| match &proposal.command {
            Command::RemoveNode(remove) => remove.node == self.own,
            _ => false,
        };
        let Some(place) = proposals.iter().position(removes) else {
            return self.commit(proposals).await;
        };
        proposals.remove(place);
        let index = self.published.view().applied;
        let refused = Answer { index, reply: Reply::Refused(Refusal::WrongPhase) };
        let mut answers = Box::pin(self.submit(proposals)).await?;
        answers.insert(place, refused);
        Ok(answers)
    }

    async fn commit(&self, proposals: Vec<Proposal>) -> Result<Vec<Answer>, CommitError> {
        if proposals.is_empty() {
            return Ok(Vec::new());
        }
        if self.disk.is_full() {
            return Err(CommitError::DiskFull);
        }
        if self.clocks.is_off() {
            return Err(CommitError::ClockOff);
        }
        let starts = |proposal: &Proposal| matches!(proposal.command, Command::StartEpoch(_));
        if !self.gate.is_open() && !proposals.iter().all(starts) {
            return Err(CommitError::NotMaster);
        }
        let (done, answers) = oneshot::channel();
        self.submissions.try_send(Submission { proposals, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommitError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => CommitError::Stopped,
        })?;
        answers.await.unwrap_or(Err(CommitError::Stopped))
    }
}

/// Says which time an entry is of.
struct Stamps {
    clocks: Arc<Clocks>,
    published: Arc<Published>,
}

impl Stamps {
    /// Who confirms the clock does so for the entry itself already, and once.
    fn next(&self, proposals: &[Proposal]) -> Timestamp {
        let is_new = |proposal: &Proposal| {
            let state = self.published.view().state;
            state.rights(proposal.caller).any_of(proposal.command.rights())
                && state.remembered(proposal.caller, proposal.request_id).is_none()
        };
        let mut confirmations =
            proposals.iter().filter(|it| matches!(it.command, Command::ConfirmClock));
        let confirms = confirmations.any(is_new);
        if confirms {
            self.clocks.confirm();
        }
        self.clocks.now()
    }
}

async fn run(raft: Raft, stamps: Stamps, mut submissions: mpsc::Receiver<Submission>) {
    let under_way = Arc::new(Semaphore::new(ENTRIES_UNDER_WAY_MAX));
    let mut held: Option<Submission> = None;
    loop {
        let first = match held.take() {
            Some(submission) => submission,
            None => match submissions.recv().await {
                Some(submission) => submission,
                None => return,
            },
        };
        // What comes while this waits travels in the same entry. When it waits for long, the entries
        // before it are stuck, as they are at a master that has lost its quorum: nothing is hoarded
        // that would be carried out when nobody waits for it any more.
        let permit = match timeout(STUCK, Arc::clone(&under_way).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return,
            Err(_) => {
                answer(first.done, Err(CommitError::NotMaster));
                while let Ok(next) = submissions.try_recv() {
                    answer(next.done, Err(CommitError::NotMaster));
                }
                continue;
            }
        };
        if first.done.is_closed() {
            continue;
        }
        // Who is just about to submit something does so first: what travels in one entry shares its cost.
        yield_now().await;
        let mut group = vec![first];
        let mut size = group.iter().map(|submission| submission.proposals.len()).sum::<usize>();
        while let Ok(next) = submissions.try_recv() {
            if next.done.is_closed() {
                continue;
            }
            if size + next.proposals.len() > BATCH_PROPOSALS_MAX {
                held = Some(next);
                break;
            }
            size += next.proposals.len();
            group.push(next);
        }
        metrics::histogram!("symbolon_entry_proposals").record(u32::try_from(size).unwrap_or(0));

        let mut proposals = Vec::with_capacity(size);
        let mut waiting = Vec::with_capacity(group.len());
        for submission in group {
            waiting.push((submission.proposals.len(), submission.done));
            proposals.extend(submission.proposals);
        }
        let payload = Payload(Bytes::from(batch_encode(stamps.next(&proposals), &proposals)));
        let (responder, result) = OneshotResponder::<TypeConfig, _>::new_pair();
        if raft.client_write_ff(payload, Some(responder)).await.is_err() {
            waiting.into_iter().for_each(|(_, done)| answer(done, Err(CommitError::Stopped)));
            continue;
        }
        tokio::spawn(async move {
            let result: Result<ClientWriteResult<TypeConfig>, _> = result.await;
            drop(permit);
            deliver(waiting, result.ok());
        });
    }
}

type Waiting = Vec<(usize, oneshot::Sender<Result<Vec<Answer>, CommitError>>)>;

fn answer(
    done: oneshot::Sender<Result<Vec<Answer>, CommitError>>,
    result: Result<Vec<Answer>, CommitError>,
) {
    // The caller may have gone; its request id lets it ask again.
    let _ = done.send(result);
}

fn deliver(waiting: Waiting, result: Option<ClientWriteResult<TypeConfig>>) {
    let answers = match result {
        None => Err(CommitError::Stopped),
        Some(Ok(response)) => Ok(response.data.0),
        Some(Err(
            ClientWriteError::ForwardToLeader(_) | ClientWriteError::LogEntryDiscarded(_),
        )) => Err(CommitError::NotMaster),
        Some(Err(error)) => {
            tracing::error!(%error, "the log refused an entry");
            Err(CommitError::NotMaster)
        }
    };
    match answers {
        Err(error) => waiting.into_iter().for_each(|(_, done)| answer(done, Err(error))),
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (count, done) in waiting {
                answer(done, Ok(answers.by_ref().take(count).collect()));
            }
        }
    }
}
