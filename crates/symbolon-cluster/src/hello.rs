//! Presence: every second each node tells every other where it is and how far, and learns the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::limits::{ADDRESS_BYTES_MAX, NODES_MAX};
use symbolon_core::{KeyPin, LogIndex, Node, NodeId, Timestamp};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use symbolon_service::{Clock, Pairing};
use symbolon_store::{DiskLevel, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tonic::Code;

use crate::address_book::Contact;
use crate::clocks::Clocks;
use crate::convert::{log_id_from_proto, log_id_to_proto};
use crate::digests::Checkpoint;
use crate::fence::Fence;
use crate::halt::Halt;
use crate::node::NodeSettings;
use crate::pair::{self, Pair};
use crate::peer_client::{Peers, Purpose};
use crate::proposer::Master;
use crate::published::Published;
use crate::quarantine::Quarantines;
use crate::raft_types::{LogId, Raft};
use crate::rollback::{self, Kept, Memory};
use crate::seizing::last_log_id;
use crate::space::{OwnDisk, level_from_proto, level_to_proto};
use crate::ways::Sight;

const INTERVAL: Duration = Duration::from_secs(1);
/// Rounds of greetings after which it is kept what the peers hold.
const KEPT_EVERY: u64 = 10;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait of a stopping node for its peers to hear of it.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(300);
/// A node that was heard from within this time counts as reachable.
pub(crate) const REACHABLE: Duration = Duration::from_secs(3);
/// A master's word that it has a quorum holds for so long, and so does an acknowledgement of one.
pub(crate) const QUORUM_CONTACT: Duration = Duration::from_secs(2);

/// What was last heard from a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) when: Instant,
    pub(crate) at: Timestamp,
    pub(crate) applied: LogIndex,
    /// It is stopping.
    pub(crate) leaving: bool,
    /// When it last answered what this node asked.
    pub(crate) answered: Option<Instant>,
    /// It leads, and a quorum acknowledged it lately.
    pub(crate) leads: bool,
    /// The master that it reaches itself, and when that has told it of its quorum.
    pub(crate) reaches: Option<(NodeId, Instant)>,
    /// How it stands with the space on its disk.
    pub(crate) disk: DiskLevel,
    /// The end of its log.
    pub(crate) last: Option<LogId>,
    /// How it stands to this node, if it is the master of two.
    pub(crate) pairing: Option<Pairing>,
    /// What was acknowledged before, by the clock of who was the master, is on this node's disk.
    pub(crate) whole_until: Timestamp,
    /// Writes that lie in quarantine at it, and that nobody has settled.
    pub(crate) open_writes: u64,
}

impl Heard {
    /// What a greeting tells that came now, at a time of this node's. `asked`: when it was, if this is its
    /// answer.
    pub(crate) fn of(greeting: &peer::Greeting, at: Timestamp, asked: Option<Instant>) -> Self {
        Self {
            when: Instant::now(),
            at,
            applied: LogIndex(greeting.applied_index),
            leaving: greeting.leaving,
            answered: asked,
            leads: greeting.leads,
            reaches: reaches_from_proto(greeting),
            disk: level_from_proto(greeting.disk()),
            last: greeting.last_log_id.as_ref().map(log_id_from_proto),
            pairing: greeting.pairing.as_ref().map(pair::from_proto),
            whole_until: Timestamp(greeting.pairing.map_or(0, |word| word.whole_until)),
            open_writes: greeting.open_writes,
        }
    }
}

/// What was heard from all peers.
#[derive(Debug, Default)]
pub(crate) struct Presence(Mutex<BTreeMap<NodeId, Heard>>);

impl Presence {
    pub(crate) fn get(&self, node: NodeId) -> Option<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    /// What was heard of each.
    pub(crate) fn all(&self) -> Vec<(NodeId, Heard)> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|(node, heard)| (*node, *heard)).collect()
    }

    /// Nodes that were heard from since then.
    fn heard_since(&self, since: Instant) -> Vec<(NodeId, Heard)> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = heard.iter().filter(|(_, heard)| heard.when >= since);
        lately.map(|(node, heard)| (*node, *heard)).collect()
    }

    /// When a node was last heard that said it leads.
    pub(crate) fn heard_master_at(&self) -> Option<Timestamp> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.values().filter(|heard| heard.leads).map(|heard| heard.at).max()
    }

    /// Who was heard last to lead, or to be reached by somebody.
    pub(crate) fn last_master(&self) -> Option<NodeId> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let direct = heard.iter().filter(|(_, it)| it.leads).map(|(node, it)| (it.when, *node));
        let told = heard.values().filter_map(|it| it.reaches.map(|(node, at)| (at, node)));
        direct.chain(told).max().map(|(_, node)| node)
    }

    /// What the master of two said last of how it stands to this node.
    pub(crate) fn pairing(&self) -> Option<Pairing> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.values().filter(|heard| heard.pairing.is_some()).max_by_key(|it| it.when);
        last.and_then(|heard| heard.pairing)
    }

    /// What was acknowledged before is on this node's disk, by what was heard; 0: nothing was.
    pub(crate) fn whole_until(&self) -> Timestamp {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.values().map(|heard| heard.whole_until).max().unwrap_or_default()
    }

    pub(crate) fn note(&self, node: NodeId, mut heard: Heard) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = known.get(&node) {
            heard.answered = heard.answered.or(before.answered);
            if heard.whole_until == Timestamp(0) {
                // What was said before stays true.
                heard.whole_until = before.whole_until;
            }
        }
        known.insert(node, heard);
    }
}

/// Says hello and answers it.
pub(crate) struct Greeter {
    pub(crate) peers: Arc<Peers>,
    pub(crate) published: Arc<Published>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) peer_address: String,
    pub(crate) api_address: String,
    /// This node is stopping.
    pub(crate) leaving: AtomicBool,
    pub(crate) raft: Raft,
    pub(crate) halt: Arc<Halt>,
    pub(crate) disk: Arc<OwnDisk>,
    pub(crate) store: Store,
    pub(crate) memory: Arc<Memory>,
    pub(crate) pair: Arc<Pair>,
    pub(crate) fence: Arc<Fence>,
    pub(crate) quarantines: Arc<Quarantines>,
}

impl Greeter {
    pub(crate) fn new(
        raft: &Raft,
        peers: &Arc<Peers>,
        published: &Arc<Published>,
        (store, memory, pair): (&Store, Arc<Memory>, Arc<Pair>),
        (clocks, settings): (&Arc<Clocks>, &NodeSettings),
    ) -> Arc<Self> {
        Arc::new(Self {
            peers: Arc::clone(peers),
            published: Arc::clone(published),
            presence: Arc::default(),
            clocks: Arc::clone(clocks),
            peer_address: settings.peer_address.clone(),
            api_address: settings.api_address.clone(),
            leaving: AtomicBool::new(false),
            raft: raft.clone(),
            halt: Arc::default(),
            disk: Arc::default(),
            fence: Fence::new(peers, published, (store, &memory, raft), &settings.clock),
            quarantines: Quarantines::new(store.directory()),
            store: store.clone(),
            memory,
            pair,
        })
    }

    /// Greets every peer once a second and when the master changes, for as long as the node runs.
    pub(crate) async fn run(self: Arc<Self>, mut master: Master) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lost = BTreeSet::new();
        let mut differ = Vec::new();
        let mut kept = Vec::new();
        let mut round = 0_u64;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = master.changed() => if changed.is_err() { return },
            }
            self.note_changes(&mut lost);
            self.compare_digests(&mut differ);
            if round.is_multiple_of(KEPT_EVERY) {
                self.memory.keep(&self.store, &mut kept);
            }
            round += 1;
            // Not waited for: a peer that does not answer holds up no other.
            self.greet_all().detach_all();
        }
    }

    /// Logs once when a peer falls silent, and once when it is heard again.
    fn note_changes(&self, lost: &mut BTreeSet<NodeId>) {
        for node in self.peers.book.nodes() {
            let Some(heard) = self.presence.get(node) else { continue };
            if heard.when.elapsed() < REACHABLE {
                if lost.remove(&node) {
                    tracing::info!(peer = node.0, "a node is heard again");
                }
            } else if lost.insert(node) {
                tracing::warn!(peer = node.0, "a node was not heard from for 3 s");
            }
        }
    }

    /// Compares this node's state with the others'. Logs when the nodes that differ are others than
    /// before.
    fn compare_digests(&self, differ: &mut Vec<NodeId>) {
        let published = &self.published;
        let registered = published.view().state.nodes().count();
        let comparison = published.digests.compare(published.checkpoint(), registered);
        metrics::gauge!("symbolon_digest_differences")
            .set(u32::try_from(comparison.differ.len()).unwrap_or(u32::MAX));
        if comparison.differ != *differ {
            for peer in comparison.differ.iter().filter(|peer| !differ.contains(peer)) {
                tracing::error!(
                    peer = peer.0,
                    "a node has another state than this one after the same log entry: the disk of \
                     one of them was changed or has failed; compare the digests of all nodes"
                );
            }
            differ.clone_from(&comparison.differ);
        }
        if let Some(index) = comparison.outvoted_at {
            self.halt.halt(index);
        }
    }

    /// Keeps for the next start what the peers hold.
    pub(crate) fn remember(&self) {
        self.memory.keep(&self.store, &mut Vec::new());
    }

    /// Tells every peer that this node is stopping.
    pub(crate) async fn leave(self: &Arc<Self>) {
        self.leaving.store(true, Ordering::Release);
        let _ = timeout(LEAVE_TIMEOUT, self.greet_all().join_all()).await;
    }

    /// Greets every peer, and tells who has answered once each has had the time to.
    pub(crate) async fn greet_now(self: &Arc<Self>) -> Vec<(NodeId, Heard)> {
        let since = Instant::now();
        self.greet_all().join_all().await;
        self.presence.heard_since(since)
    }

    fn greet_all(self: &Arc<Self>) -> JoinSet<()> {
        let nodes = self.peers.book.nodes().into_iter();
        let others = nodes.filter(|node| *node != self.peers.standing.node);
        others.map(|node| Arc::clone(self).greet(node)).collect()
    }

    async fn greet(self: Arc<Self>, node: NodeId) {
        let mut client = self.peers.client(node, Purpose::Presence);
        let sent = Instant::now();
        let request = self.peers.request(node, self.greeting(node));
        let response = match timeout(ANSWER_TIMEOUT, client.hello(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => {
                return self.fence.meet(node);
            }
            Ok(Err(_)) | Err(_) => return,
        };
        let Ok(answer) = self.peers.accept(node, response) else {
            return self.fence.meet(node);
        };
        self.clocks.hear(node, Timestamp(answer.clock), sent.elapsed());
        self.hear(node, &answer, Some(sent));
    }

    /// What this node knows of who leads.
    pub(crate) fn look(&self) -> Sight {
        Sight {
            own: self.peers.standing.node,
            leads: leads_with_quorum(&self.raft),
            leader: None,
            heard: self.presence.all(),
            now: Instant::now(),
        }
    }

    fn greeting(&self, to: NodeId) -> peer::Greeting {
        let reaches = self.look().reaches();
        let ago = |(_, at): (_, Instant)| u32::try_from(at.elapsed().as_millis());
        peer::Greeting {
            reaches_master: reaches.map_or(0, |(master, _)| master.0),
            reached_milliseconds_ago: reaches.map_or(0, |it| ago(it).unwrap_or(u32::MAX)),
            peer_address: self.peer_address.clone(),
            api_address: self.api_address.clone(),
            applied_index: self.published.view().applied.0,
            kept: Some(Kept::of(&self.store, self.published.view().applied.0).to_proto()),
            yours: Some(self.memory.of(to).to_proto()),
            clock: self.clocks.own().0,
            leaving: self.leaving.load(Ordering::Acquire),
            leads: leads_with_quorum(&self.raft),
            registered: self.published.view().state.nodes().map(registered).collect(),
            checkpoint: self.checkpoints(),
            disk: level_to_proto(self.disk.level()).into(),
            open_writes: self.quarantines.open_writes(),
            last_log_id: last_log_id(&self.store).ok().flatten().as_ref().map(log_id_to_proto),
            pairing: self.pair.word(),
        }
    }

    fn checkpoints(&self) -> Vec<peer::Checkpoint> {
        let kept = self.published.digests.own();
        [self.published.checkpoint()].into_iter().chain(kept).map(Checkpoint::to_proto).collect()
    }

    /// Answers a peer's hello.
    pub(crate) fn answer(&self, node: NodeId, greeting: &peer::Greeting) -> peer::Greeting {
        self.hear(node, greeting, None);
        self.greeting(node)
    }

    /// `asked`: when it was, if this is its answer.
    fn hear(&self, node: NodeId, greeting: &peer::Greeting, asked: Option<Instant>) {
        if self.memory.is_before(node, greeting.kept.as_ref()) {
            // It is told so, and is not where this node's peer is: the peer may be somewhere else.
            return;
        }
        if is_address(&greeting.peer_address) {
            self.peers.book.hear(node, &greeting.peer_address);
        }
        if let Some(kept) = &greeting.kept {
            self.memory.note(node, kept);
        }
        if let Some(lacks) = rollback::lacks(&self.store, greeting.yours.as_ref()) {
            self.fence.went_back(node, lacks);
        }
        self.peers.book.tell(told_of(greeting));
        let checkpoints = greeting.checkpoint.iter().filter_map(Checkpoint::from_proto);
        self.published.digests.note(node, checkpoints);
        self.presence.note(node, Heard::of(greeting, self.clocks.now(), asked));
    }
}

fn reaches_from_proto(greeting: &peer::Greeting) -> Option<(NodeId, Instant)> {
    let ago = Duration::from_millis(greeting.reached_milliseconds_ago.into());
    let at = Instant::now().checked_sub(ago)?;
    (greeting.reaches_master != 0).then_some((NodeId(greeting.reaches_master), at))
}

/// Whether this node leads and a quorum acknowledged it lately. A lone voter is its own quorum.
pub(crate) fn leads_with_quorum(raft: &Raft) -> bool {
    let metrics = raft.metrics().borrow_watched().clone();
    if metrics.current_leader != Some(metrics.id) {
        return false;
    }
    let alone = metrics.membership_config.membership().voter_ids().count() == 1;
    let acked = metrics.last_quorum_acked;
    alone || acked.is_some_and(|acked| acked.elapsed() < QUORUM_CONTACT)
}

/// A node of the registry, as others are told of it.
pub(crate) fn registered(row: &Node) -> store::KnownNode {
    store::KnownNode {
        node: row.id.0,
        pin: row.pin.0.to_vec(),
        peer_address: row.peer_address.clone(),
        name: row.name.to_string(),
    }
}

/// The nodes that a peer tells of.
pub(crate) fn told_of(greeting: &peer::Greeting) -> impl Iterator<Item = Contact> {
    greeting.registered.iter().take(NODES_MAX).filter_map(contact)
}

/// Whether a text may stand as an address: what is kept of a peer's words is bounded.
fn is_address(text: &str) -> bool {
    (1..=ADDRESS_BYTES_MAX).contains(&text.len())
}

fn contact(known: &store::KnownNode) -> Option<Contact> {
    if !is_address(&known.peer_address) {
        return None;
    }
    Some(Contact {
        node: NodeId(known.node),
        address: known.peer_address.clone(),
        pin: KeyPin::from_slice(&known.pin)?,
    })
}
