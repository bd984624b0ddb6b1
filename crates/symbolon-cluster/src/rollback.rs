//! Notices a disk that has gone back in time: a data directory that was put back, a virtual machine that
//! was reverted. Such a node has forgotten votes that it gave and entries that it acknowledged, and may
//! give another vote and acknowledge others in their place.
//!
//! Each node tells its peers what it holds durably, once a second, and keeps what they tell. None of the
//! three numbers ever goes back, but on such a disk. So a node asks its peers, before Raft starts and
//! with every greeting, what they have heard of it. One that held more than it does has gone back: it
//! does not vote, lead or serve. Where others lead it sets its data aside and comes back empty, under
//! another number. The only voter must not: what it has may be all that there is.
//!
//! What a node has acknowledged since its last greeting only the leader knows. It notices that the node
//! does not hold it, and has it be told.
//!
//! A leader may count an entry before its own disk has it, and a power loss may then take it: no number
//! tells of anything that was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prost::Message as _;
use symbolon_core::limits::NODES_MAX;
use symbolon_core::{NodeId, Timestamp};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use symbolon_service::View;
use symbolon_store::{Batch, Space, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Code;

use crate::clocks::Clocks;
use crate::copies::was_further;
use crate::epochs::{Relation, Statement};
use crate::error::ClusterError;
use crate::fence;
use crate::hello::told_of;
use crate::machine::Machine;
use crate::node::NodeSettings;
use crate::peer_client::{Peers, Purpose};
use crate::succession::Succession;

/// Longest wait for peers at a start. One whose port is closed is not waited for.
const ASK_WITHIN: Duration = Duration::from_secs(3);
/// How long a node whose disk went back waits for another one to lead.
const LEADS_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Where a node keeps what its peers told: beside the log, so that it is durable soon.
const KEY: &[u8] = b"log/kept";

/// What a node holds durably.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    /// How often its store was opened.
    pub(crate) incarnation: u64,
    /// Its votes and truncations.
    pub(crate) revision: u64,
    /// The last entry that was committed and that it holds.
    pub(crate) index: u64,
}

impl Kept {
    /// What the node of a store may tell: `applied` is known to be committed.
    pub(crate) fn of(store: &Store, applied: u64) -> Self {
        let held = Self::held(store);
        Self { index: held.index.min(applied), ..held }
    }

    /// The same, with the end of the log.
    fn held(store: &Store) -> Self {
        let tip = store.tip();
        Self {
            incarnation: tip.incarnation,
            revision: tip.marks.revision,
            index: tip.marks.last.unwrap_or(0),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            incarnation: self.incarnation.max(other.incarnation),
            revision: self.revision.max(other.revision),
            index: self.index.max(other.index),
        }
    }

    pub(crate) const fn to_proto(self) -> peer::Kept {
        let Self { incarnation, revision, index } = self;
        peer::Kept { incarnation, revision, log_index: index }
    }

    const fn from_proto(kept: &peer::Kept) -> Self {
        let peer::Kept { incarnation, revision, log_index } = *kept;
        Self { incarnation, revision, index: log_index }
    }

    /// What it lacks of what it told others.
    fn lacks(self, told: Self) -> Option<String> {
        let Self { incarnation, revision, index } = self;
        if incarnation < told.incarnation {
            return Some(format!(
                "it was started {} times, and this is start {incarnation}",
                told.incarnation
            ));
        }
        if revision < told.revision {
            return Some(format!(
                "it held {} votes and truncations, and holds {revision}",
                told.revision
            ));
        }
        (index < told.index).then(|| {
            format!("it held the log up to entry {}, and holds it up to {index}", told.index)
        })
    }
}

/// What a node's peers told of what they hold.
#[derive(Debug)]
pub(crate) struct Memory {
    heard: Mutex<BTreeMap<NodeId, Kept>>,
}

impl Memory {
    /// As it was kept.
    pub(crate) fn load(store: &Store) -> Result<Self, ClusterError> {
        let kept = store.kv.get(&Space::Meta.key(KEY))?;
        let damaged = |error: prost::DecodeError| ClusterError::Image {
            path: store.image.path(),
            cause: format!("what the peers held cannot be understood: {error}"),
        };
        let kept = store::PeersKept::decode(&*kept.unwrap_or_default()).map_err(damaged)?;
        let heard = kept.node.iter().map(|of| {
            let kept =
                Kept { incarnation: of.incarnation, revision: of.revision, index: of.log_index };
            (NodeId(of.node), kept)
        });
        Ok(Self { heard: Mutex::new(heard.collect()) })
    }

    /// What is known of a node.
    pub(crate) fn of(&self, node: NodeId) -> Kept {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(&node).copied().unwrap_or_default()
    }

    /// Whether a node that tells this is one that has gone back, or a copy. How far its log goes tells
    /// nothing: it may not have read all of it yet.
    pub(crate) fn is_before(&self, node: NodeId, told: Option<&peer::Kept>) -> bool {
        let (known, told) = (self.of(node), told.map(Kept::from_proto).unwrap_or_default());
        told.incarnation < known.incarnation || told.revision < known.revision
    }

    /// Takes note of what a node told.
    pub(crate) fn note(&self, node: NodeId, told: &peer::Kept) {
        self.know(node, Kept::from_proto(told));
    }

    /// Takes note of an entry that a node has acknowledged to the leader of a term, and that the leader of
    /// the same term has found it without.
    pub(crate) fn note_index(&self, node: NodeId, index: u64) {
        self.know(node, Kept { index, ..Kept::default() });
    }

    fn know(&self, node: NodeId, held: Kept) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < NODES_MAX || heard.contains_key(&node) {
            let known = heard.entry(node).or_default();
            *known = known.max(held);
        }
    }

    /// Keeps it for the next start if it is not what was kept last.
    pub(crate) fn keep(&self, store: &Store, last: &mut Vec<u8>) {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let node = heard.iter().map(|(node, kept)| store::PeerKept {
            node: node.0,
            incarnation: kept.incarnation,
            revision: kept.revision,
            log_index: kept.index,
        });
        let kept = store::PeersKept { node: node.collect() }.encode_to_vec();
        drop(heard);
        if kept == *last {
            return;
        }
        let mut batch = Batch::new();
        batch.insert(Space::Meta.key(KEY), kept.clone());
        match store.kv.write(batch) {
            Ok(()) => *last = kept,
            // A store that fails ends the node elsewhere.
            Err(error) => tracing::debug!(%error, "what the peers hold is not kept"),
        }
    }
}

/// What this node lacks of what it told a peer that says so; `None` when it has all of it.
pub(crate) fn lacks(store: &Store, told: Option<&peer::Kept>) -> Option<String> {
    #[cfg(feature = "planted")]
    if symbolon_core::planted::is("old-disk-not-asked") {
        return None;
    }
    Kept::held(store).lacks(Kept::from_proto(told?))
}

/// Keeps for the next start that a peer has heard of more than the disk holds.
///
/// # Errors
/// [`ClusterError::Succession`], [`ClusterError::Store`].
pub(crate) fn keep_that_it_went_back(
    store: &Store,
    peer: NodeId,
    lacks: String,
) -> Result<(), ClusterError> {
    let succession = Succession::load(store)?.gone_back(peer, lacks);
    Ok(store.put_succession(&succession.encode())?)
}

/// What a node knows that has not started.
pub(crate) struct Scene<'a> {
    pub(crate) peers: &'a Arc<Peers>,
    pub(crate) store: &'a Store,
    pub(crate) memory: &'a Memory,
    pub(crate) clocks: &'a Arc<Clocks>,
    /// Who votes, as far as this disk knows.
    pub(crate) voters: BTreeSet<u64>,
    /// What it has applied.
    pub(crate) view: View,
    /// It will not start now: nobody shall hand over to it.
    pub(crate) is_leaving: bool,
}

/// What a peer says to it.
pub(crate) enum Said {
    /// How it is, and what it has heard that the node holds.
    Greeting(Box<peer::Greeting>),
    /// It is in another epoch.
    Epoch(peer::EpochClaim),
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        machine: &Machine,
        peers: &'a Arc<Peers>,
        (store, memory): (&'a Store, &'a Memory),
        clocks: &'a Arc<Clocks>,
    ) -> Self {
        let voters = machine.membership.voter_ids().collect();
        let view = machine.published.view();
        Self { peers, store, memory, clocks, voters, view, is_leaving: false }
    }

    /// Asks all peers, before this node takes part in anything.
    ///
    /// # Errors
    /// [`ClusterError::LeftBehind`] and [`ClusterError::GoneBack`]: the node is to start again, and comes
    /// back empty. [`ClusterError::RolledBack`]: it cannot come back by itself yet.
    pub(crate) async fn ask(&self, settings: &NodeSettings) -> Result<(), ClusterError> {
        let view = &self.view;
        let mut went_back = Succession::load(self.store)?.went_back();
        let give_up = Instant::now() + LEADS_WITHIN;
        loop {
            let now = settings.clock.now();
            let answers = self.ask_all().await;
            let mut leads = false;
            let known = self.peers.book.nodes().len();
            for (node, said) in answers {
                match said {
                    Said::Epoch(claim) => self.leave_if_gone_on(node, &claim, (view, now))?,
                    Said::Greeting(greeting) => {
                        leads |= greeting.leads;
                        tracing::debug!(
                            peer = node.0,
                            leads = greeting.leads,
                            "a peer has answered"
                        );
                        // The image may be older than they are, and who leads now is one of them.
                        self.peers.book.tell(told_of(&greeting));
                        let lacks = lacks(self.store, greeting.yours.as_ref());
                        if let Some(lacks) = lacks.filter(|_| went_back.is_none()) {
                            tracing::error!(peer = node.0, lacks, "the disk has gone back in time");
                            keep_that_it_went_back(self.store, node, lacks.clone())?;
                            went_back = Some((node, lacks));
                        }
                    }
                }
            }
            let Some((peer, lacks)) = &went_back else {
                if self.peers.book.nodes().len() > known {
                    continue;
                }
                return Ok(());
            };
            if leads {
                fence::leave(self.store, self.peers, None, (view, now))?;
                return Err(ClusterError::GoneBack);
            }
            let is_alone = self.voters == BTreeSet::from([self.peers.standing.node.0]);
            if is_alone || Instant::now() > give_up {
                return Err(self.refused((peer.0, lacks.clone()), is_alone));
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// Asks all peers how they are. Those that do not answer are left out.
    pub(crate) async fn ask_all(&self) -> Vec<(NodeId, Said)> {
        let applied = self.view.applied.0;
        let greeting = |to: NodeId| peer::Greeting {
            // Nobody shall look for it here before it is known that it may go on.
            applied_index: applied,
            leaving: self.is_leaving,
            clock: self.clocks.own().0,
            kept: Some(Kept::of(self.store, applied).to_proto()),
            yours: Some(self.memory.of(to).to_proto()),
            ..peer::Greeting::default()
        };
        let deadline = Instant::now() + ASK_WITHIN;
        let own = self.peers.standing.node;
        let mut asked = JoinSet::new();
        for node in self.peers.book.nodes().into_iter().filter(|node| *node != own) {
            let (peers, greeting) = (Arc::clone(self.peers), greeting(node));
            let clocks = Arc::clone(self.clocks);
            asked.spawn(async move {
                let mut client = peers.client(node, Purpose::Presence);
                let request = peers.request(node, greeting);
                let sent = Instant::now();
                let said = match timeout_at(deadline, client.hello(request)).await.ok()? {
                    Ok(answer) => {
                        let answer = peers.accept(node, answer).ok()?;
                        clocks.hear(node, Timestamp(answer.clock), sent.elapsed());
                        Said::Greeting(Box::new(answer))
                    }
                    Err(status) if status.code() == Code::FailedPrecondition => {
                        Said::Epoch(fence::compare(&peers, node).await?)
                    }
                    Err(_) => return None,
                };
                Some((node, said))
            });
        }
        asked.join_all().await.into_iter().flatten().collect()
    }

    /// The statement of an epoch that a peer is in, if the cluster has gone on in it without this node.
    ///
    /// # Errors
    /// [`ClusterError::Succession`].
    pub(crate) fn gone_on<'c>(
        &self,
        claim: &'c peer::EpochClaim,
    ) -> Result<Option<&'c store::SignedStatement>, ClusterError> {
        let Some(signed) = &claim.statement else { return Ok(None) };
        let goes = match self.peers.relation(claim) {
            Ok(Relation::Discarding) => true,
            Ok(Relation::Newer) => {
                let end = self.store.log.last_index().unwrap_or(0);
                let statement = Statement::decode(&signed.statement);
                let statement = statement.map_err(|_| ClusterError::Succession)?;
                !was_further(self.peers, self.memory, end, (signed, &statement))
            }
            Ok(Relation::Same | Relation::Older | Relation::Apart(_)) | Err(_) => false,
        };
        Ok(goes.then_some(signed))
    }

    fn leave_if_gone_on(
        &self,
        node: NodeId,
        claim: &peer::EpochClaim,
        seen: (&View, Timestamp),
    ) -> Result<(), ClusterError> {
        let Some(signed) = self.gone_on(claim)? else { return Ok(()) };
        tracing::error!(
            peer = node.0,
            epoch = claim.epoch,
            "the cluster has gone on without this node"
        );
        fence::leave(self.store, self.peers, Some(signed), seen)?;
        Err(ClusterError::LeftBehind { epoch: claim.epoch })
    }

    fn refused(&self, (peer, lacks): (u64, String), is_alone: bool) -> ClusterError {
        let row = self.view.state.node(NodeId(peer));
        let name = row.map_or_else(|| "NODE".to_owned(), |row| row.name.to_string());
        let remedy = if is_alone {
            format!(
                "it is the only voter, so nobody goes on without it: put the newest copy of its data \
                 directory back, or have the other node go on, `symbolon promote-subordinate {name} \
                 --seize`, and start this one again: then it comes back by itself"
            )
        } else {
            "no other node leads, so it cannot come back yet: start the others first, then this one again"
                .to_owned()
        };
        let path = self.store.image.path();
        ClusterError::RolledBack { path, peer, lacks, remedy }
    }
}

#[cfg(test)]
mod tests {
    use symbolon_store::SimDisk;

    use super::*;
    use crate::damage::build::header;

    const HELD: Kept = Kept { incarnation: 3, revision: 7, index: 100 };

    #[test]
    fn a_node_that_holds_less_than_it_told_has_gone_back() {
        assert_eq!(HELD.lacks(HELD), None);
        assert_eq!(HELD.lacks(Kept::default()), None);
        assert_eq!(HELD.lacks(Kept { incarnation: 2, revision: 6, index: 99 }), None);
        for (told, words) in [
            (Kept { incarnation: 4, ..HELD }, "this is start 3"),
            (Kept { revision: 8, ..HELD }, "holds 7"),
            (Kept { index: 101, ..HELD }, "up to entry 101, and holds it up to 100"),
        ] {
            let lacks = HELD.lacks(told).unwrap();
            assert!(lacks.contains(words), "{lacks}");
        }
    }

    #[test]
    fn what_is_heard_only_rises_and_is_kept() {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        let memory = Memory::load(&store).unwrap();
        let node = NodeId(2);
        memory.note(node, &HELD.to_proto());
        memory.note(node, &Kept { incarnation: 4, revision: 1, index: 1 }.to_proto());
        let highest = Kept { incarnation: 4, ..HELD };
        assert_eq!(memory.of(node), highest);
        let mut last = Vec::new();
        memory.keep(&store, &mut last);
        drop(store);
        let store = Store::simulated(&disk).unwrap();
        let memory = Memory::load(&store).unwrap();
        assert_eq!((memory.of(node), memory.of(NodeId(3))), (highest, Kept::default()));
    }

    #[test]
    fn nothing_is_told_that_is_not_durable_or_may_not_be_committed() {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        store.log.append((1..=9).map(|index| (index, [1]))).unwrap();
        assert_eq!(Kept::of(&store, 9).index, 0);
        store.log.sync_blocking().unwrap();
        assert_eq!(Kept::of(&store, 9).index, 9);
        assert_eq!(Kept::of(&store, 5).index, 5);
        let told = Kept::of(&store, 9);
        assert_eq!(Kept::held(&store).lacks(told), None);
        assert_eq!(told.incarnation, 1);
    }
}
