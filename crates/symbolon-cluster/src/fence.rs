//! Keeps epochs apart. No message of a node of another epoch reaches Raft; a higher term would not
//! keep an old master out, which takes it over and wins the next election with it. What such nodes tell
//! each other is which epoch they are in, and why. A node that learns so of a newer epoch ends what it
//! does at once, and comes back to its cluster empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use symbolon_core::limits::OTHER_EPOCHS_MAX;
use symbolon_core::{LineageId, NodeId, Timestamp};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use symbolon_service::{Clock, View};
use symbolon_store::Store;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::copies::{is_here, was_further};
use crate::epochs::{EpochName, Relation, Statement, Unproved};
use crate::error::ClusterError;
use crate::peer_client::{Peers, Purpose};
use crate::published::Published;
use crate::quarantine;
use crate::raft_types::Raft;
use crate::rollback::{self, Memory};
use crate::succession::Succession;

const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Fence {
    peers: Arc<Peers>,
    published: Arc<Published>,
    clock: Arc<dyn Clock>,
    store: Store,
    memory: Arc<Memory>,
    raft: Raft,
    /// Peers that are being asked.
    asking: Mutex<BTreeSet<NodeId>>,
    /// Epochs that neither came of this one nor led to it.
    apart: Mutex<BTreeMap<EpochName, Met>>,
    /// Peers that claim what they do not prove, and how.
    unproved: Mutex<BTreeMap<NodeId, Unproved>>,
    /// Raft is ended here so that the process starts again. Whoever sets it writes what that starts from.
    ending: AtomicBool,
    again: watch::Sender<bool>,
}

/// How an epoch apart was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Met {
    /// The peer that is in it.
    pub(crate) node: NodeId,
    /// The word by which it discards this one; 0: it does not.
    pub(crate) word: u32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fence {
    pub(crate) fn new(
        peers: &Arc<Peers>,
        published: &Arc<Published>,
        (store, memory, raft): (&Store, &Arc<Memory>, &Raft),
        clock: &Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            published: Arc::clone(published),
            clock: Arc::clone(clock),
            peers: Arc::clone(peers),
            store: store.clone(),
            memory: Arc::clone(memory),
            raft: raft.clone(),
            asking: Mutex::default(),
            apart: Mutex::default(),
            unproved: Mutex::default(),
            ending: AtomicBool::new(false),
            again: watch::Sender::new(false),
        })
    }

    /// A message of this peer was of another epoch: asks which and why, in its own time.
    pub(crate) fn meet(self: &Arc<Self>, node: NodeId) {
        if !lock(&self.asking).insert(node) {
            return;
        }
        let fence = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(claim) = compare(&fence.peers, node).await {
                fence.hear(node, &claim).await;
            }
            lock(&fence.asking).remove(&node);
        });
    }

    /// Takes note of what a peer claims.
    pub(crate) async fn hear(&self, node: NodeId, claim: &peer::EpochClaim) {
        match self.peers.relation(claim) {
            Ok(Relation::Same | Relation::Older) => {
                lock(&self.unproved).remove(&node);
            }
            #[cfg(feature = "planted")]
            Ok(Relation::Newer) if symbolon_core::planted::is("newer-epoch-ignored") => {}
            Ok(Relation::Newer) => {
                let Some(signed) = &claim.statement else { return };
                if self.is_of_a_copy(signed).await {
                    self.meet_apart(node, claim, 0);
                } else {
                    self.leave(claim.epoch, signed).await;
                }
            }
            Ok(Relation::Discarding) => {
                if let Some(signed) = &claim.statement {
                    self.leave(claim.epoch, signed).await;
                }
            }
            Ok(Relation::Apart(word)) => self.meet_apart(node, claim, word),
            Err(unproved) => {
                metrics::counter!("symbolon_epochs_unproved_total").increment(1);
                if lock(&self.unproved).insert(node, unproved) != Some(unproved) {
                    tracing::error!(
                        peer = node.0,
                        epoch = claim.epoch,
                        reason = %unproved,
                        "a node claims to be in an epoch and does not prove it: it is not heard"
                    );
                }
            }
        }
    }

    /// Whether what a statement started is not what this node's cluster has become, but a copy of it.
    async fn is_of_a_copy(&self, signed: &store::SignedStatement) -> bool {
        let Ok(statement) = Statement::decode(&signed.statement) else { return false };
        let own_end = self.store.log.last_index().unwrap_or(0);
        was_further(&self.peers, &self.memory, own_end, (signed, &statement))
            || is_here(&self.peers, signed).await
    }

    /// Takes note of an epoch apart.
    fn meet_apart(&self, node: NodeId, claim: &peer::EpochClaim, word: u32) {
        let lineage = LineageId::from_slice(&claim.lineage).unwrap_or_default();
        let name = EpochName { epoch: claim.epoch, lineage };
        let mut apart = lock(&self.apart);
        if apart.len() >= OTHER_EPOCHS_MAX && !apart.contains_key(&name) {
            return;
        }
        let met = Met { node, word };
        if apart.insert(name, met).is_none_or(|before| before.word != word) {
            tracing::error!(
                peer = node.0,
                epoch = claim.epoch,
                %lineage,
                "a node is in an epoch that neither came of this node's nor led to it: two nodes were \
                 seized, or it is a copy; neither takes the other's messages, and nothing but sign-ins is \
                 taken until an administrator has decided"
            );
        }
    }

    /// A peer has heard of more that this node held than it holds.
    pub(crate) fn went_back(self: &Arc<Self>, peer: NodeId, lacks: String) {
        if !self.begin_ending() {
            return;
        }
        tracing::error!(peer = peer.0, lacks, "the disk of this node has gone back in time");
        let fence = Arc::clone(self);
        tokio::spawn(async move {
            fence.end_raft().await;
            if let Err(error) = rollback::keep_that_it_went_back(&fence.store, peer, lacks) {
                tracing::error!(%error, "this is not kept; it is learnt again at the next start");
            }
            fence.start_again();
        });
    }

    /// The cluster has gone on in another epoch without this node.
    async fn leave(&self, epoch: u64, by: &store::SignedStatement) {
        if !self.begin_ending() {
            return;
        }
        tracing::error!(
            epoch,
            "another node has seized the cluster: this node ends what it does, sets its data aside, and \
             comes back empty"
        );
        self.end_raft().await;
        if let Err(error) =
            leave(&self.store, &self.peers, Some(by), (&self.published.view(), self.clock.now()))
        {
            tracing::error!(%error, "this is not kept; it is learnt again at the next start");
        }
        self.start_again();
    }

    /// Takes it on to end Raft in this process and to write what the next one starts from. Whether
    /// nobody else has.
    pub(crate) fn begin_ending(&self) -> bool {
        !self.ending.swap(true, Ordering::AcqRel)
    }

    /// Ends Raft, for whoever has taken it on.
    pub(crate) async fn end_raft(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::error!(%error, "raft did not stop cleanly");
        }
    }

    /// Whether Raft is ended here.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// The process is to start again from what is on disk.
    pub(crate) fn start_again(&self) {
        self.again.send_replace(true);
    }

    /// Waits until it is.
    pub(crate) async fn starts_again(&self) {
        let mut again = self.again.subscribe();
        if again.wait_for(|again| *again).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Epochs apart that this node has met since it was started.
    pub(crate) fn apart(&self) -> BTreeMap<EpochName, Met> {
        lock(&self.apart).clone()
    }

    /// Peers that claim an epoch which they do not prove. One that was removed, or is back under another
    /// number, is settled.
    pub(crate) fn unproved(&self) -> BTreeMap<NodeId, Unproved> {
        let known = self.peers.book.nodes();
        let mut told = lock(&self.unproved);
        told.retain(|node, _| known.contains(node));
        told.clone()
    }
}

/// Keeps for the next start that an epoch went on without this node, and where the others are; and writes
/// down what they do not hold. `by`: what went on; `None` when the disk went back in time. `view`: what this
/// node has applied.
pub(crate) fn leave(
    store: &Store,
    peers: &Peers,
    by: Option<&store::SignedStatement>,
    (view, now): (&View, Timestamp),
) -> Result<(), ClusterError> {
    if let Err(error) = quarantine::write(store, &peers.standing, by, (view, now)) {
        tracing::error!(%error, "what the cluster does not hold is not listed; the store has it");
    }
    let own = peers.standing.node;
    let others = peers.book.contacts().into_iter().filter(|contact| contact.node != own);
    let left = Succession::load(store)?.left_by(by.cloned(), others);
    Ok(store.put_succession(&left.encode())?)
}

/// What a peer says to be in, having heard what this node is in; `None` when it does not answer.
pub(crate) async fn compare(peers: &Peers, node: NodeId) -> Option<peer::EpochClaim> {
    let mut client = peers.client(node, Purpose::Presence);
    let request = peers.request(node, peers.claim());
    let answer = timeout(ANSWER_WITHIN, client.compare_epochs(request)).await.ok()?.ok()?;
    peers.standing.check_cluster(answer.metadata()).ok()?;
    Some(answer.into_inner())
}
