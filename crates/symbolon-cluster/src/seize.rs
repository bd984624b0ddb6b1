//! An administrator has this node take the cluster over whose quorum is gone for good.
//!
//! Here is decided whether it may; what it does to the disk is in [`seizing`](crate::seizing), at the
//! start of the process that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{LineageId, LogIndex, NodeId};
use symbolon_service::{Clock, Entropy, NotPromoted, SeizedBy, Seizure};
use symbolon_store::Store;
use tokio::sync::Mutex;

use crate::epochs::{Ancestor, EpochName, Statement};
use crate::error::ClusterError;
use crate::hello::{Greeter, Presence};
use crate::keys::PrivateKey;
use crate::peer_client::Peers;
use crate::published::Published;
use crate::raft_types::LogId;
use crate::seizing::{last_log_id, last_stamp};
use crate::succession::Succession;

/// A seize of a node that runs.
pub(crate) struct Seizer {
    greeter: Arc<Greeter>,
    planner: Planner,
    /// One at a time.
    turn: Mutex<()>,
}

/// What a seize needs of any node, also of one without Raft.
pub(crate) struct Planner {
    pub(crate) peers: Arc<Peers>,
    pub(crate) published: Arc<Published>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    /// The node's, which signs that the epoch has started.
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// What a seize is decided by.
pub(crate) struct Scene {
    own: u64,
    /// Whether this node holds what it has acknowledged: one whose disk went back is part of no quorum.
    is_whole: bool,
    /// Who votes; two sets while that is being changed.
    voters: Vec<BTreeSet<u64>>,
    /// Who answered just now, and the end of their logs.
    answering: BTreeMap<u64, Option<LogId>>,
    last: Option<LogId>,
}

impl Scene {
    /// Nodes of which a majority answers, so that nothing is lost.
    fn quorum(&self) -> Option<Vec<u64>> {
        let own = self.own;
        let answers = |node: &u64| {
            if *node == own { self.is_whole } else { self.answering.contains_key(node) }
        };
        let has_majority = |voters: &BTreeSet<u64>| {
            voters.iter().filter(|node| answers(node)).count() > voters.len() / 2
        };
        if self.voters.is_empty() || !self.voters.iter().all(has_majority) {
            return None;
        }
        let all: BTreeSet<u64> = self.voters.iter().flatten().copied().collect();
        Some(all.into_iter().filter(|node| *node != self.own && answers(node)).collect())
    }

    /// A node that answers and holds more of the log.
    fn further(&self) -> Option<u64> {
        let more = self.answering.iter().filter(|(_, last)| is_after(**last, self.last));
        more.map(|(node, _)| *node).next()
    }
}

/// Whether a log that ends at `one` holds more than one that ends at `other`.
fn is_after(one: Option<LogId>, other: Option<LogId>) -> bool {
    let rank = |id: Option<LogId>| id.map(|id| (id.leader_id.term, id.index));
    rank(one) > rank(other)
}

impl Seizer {
    /// `key`: the node's, which signs that the epoch has started.
    pub(crate) fn new(
        greeter: &Arc<Greeter>,
        key: Arc<PrivateKey>,
        entropy: &Arc<dyn Entropy>,
    ) -> Self {
        let planner = Planner {
            peers: Arc::clone(&greeter.peers),
            published: Arc::clone(&greeter.published),
            presence: Arc::clone(&greeter.presence),
            store: greeter.store.clone(),
            clock: Arc::clone(&greeter.clocks) as _,
            key,
            entropy: Arc::clone(entropy),
        };
        Self { greeter: Arc::clone(greeter), planner, turn: Mutex::default() }
    }

    /// Says what a seize would do, or begins it for whoever wants it; the process is then to start again.
    pub(crate) async fn seize(&self, by: Option<SeizedBy>) -> Result<Seizure, NotPromoted> {
        let _turn = self.turn.lock().await;
        if self.greeter.fence.is_ending() {
            return Err(NotPromoted::StartingAgain);
        }
        let answering = self.greeter.greet_now().await;
        let answering = answering.into_iter().map(|(node, heard)| (node, heard.last));
        let metrics = self.greeter.raft.metrics().borrow_watched().clone();
        let voters = metrics.membership_config.membership().get_joint_config();
        // A disk that went back ends Raft.
        let mut seizure = self.planner.outlook((voters, true), answering)?;
        if let Some(by) = by {
            if !self.greeter.fence.begin_ending() {
                return Err(NotPromoted::StartingAgain);
            }
            let last = self.begin(by).await.map_err(|error| failed(&error))?;
            seizure.last_index = LogIndex(last);
        }
        Ok(seizure)
    }

    /// From here on it is carried out, whatever happens to the process. The end of the log.
    async fn begin(&self, by: SeizedBy) -> Result<u64, ClusterError> {
        let fence = &self.greeter.fence;
        // The log must not grow any more.
        fence.end_raft().await;
        let result = self.planner.plan(by);
        // Also when there is no plan: without Raft this process is of no use.
        fence.start_again();
        result
    }
}

impl Planner {
    /// What a seize would do, if it may be done. `answering`: who has answered just now, and the end of
    /// their logs.
    pub(crate) fn outlook(
        &self,
        (voters, is_whole): (&[BTreeSet<u64>], bool),
        answering: impl IntoIterator<Item = (NodeId, Option<LogId>)>,
    ) -> Result<Seizure, NotPromoted> {
        let standing = &self.peers.standing;
        let own = standing.node;
        let last = last_log_id(&self.store).map_err(|error| failed(&error))?;
        let scene = Scene {
            own: own.0,
            is_whole,
            voters: voters.to_vec(),
            answering: answering.into_iter().map(|(node, last)| (node.0, last)).collect(),
            last,
        };
        if let Some(nodes) = scene.quorum() {
            let nodes = if nodes.is_empty() { vec![own.0] } else { nodes };
            return Err(NotPromoted::QuorumThere(self.names(&nodes)));
        }
        if let Some(node) = scene.further() {
            return Err(NotPromoted::Further(self.names(&[node])));
        }
        let state = self.published.view().state;
        if !state.is_member(own) {
            return Err(NotPromoted::Absent);
        }
        let is_of_two = state.nodes().count() == 2;
        let stamp = last_stamp(&self.store).map_err(|error| failed(&error))?;
        Ok(Seizure {
            epoch: standing.epoch + 1,
            left_behind: state.nodes().map(|row| row.id).filter(|id| *id != own).collect(),
            last_index: LogIndex(last.map_or(0, |id| id.index)),
            heard_master_at: self.presence.heard_master_at(),
            pairing: is_of_two.then(|| self.presence.pairing()).flatten(),
            whole_until: stamp.max(self.presence.whole_until()),
        })
    }

    /// Makes the plan, durable on return: the node carries it out when it starts. The end of the log.
    pub(crate) fn plan(&self, by: SeizedBy) -> Result<u64, ClusterError> {
        let standing = &self.peers.standing;
        let last = last_log_id(&self.store)?;
        let fork_index = last.map_or(0, |id| id.index);
        let fork_term = last.map_or(0, |id| id.leader_id.term);
        let mut lineage = [0; 16];
        self.entropy.fill(&mut lineage);
        let mut ancestry = standing.ancestry.clone();
        ancestry.push(Ancestor { name: standing.name(), fork_index, fork_term });
        let statement = Statement {
            cluster: standing.cluster,
            name: EpochName { epoch: standing.epoch + 1, lineage: LineageId(lineage) },
            ancestry,
            node: standing.node,
            made_at: self.clock.now(),
            administrator: match by {
                SeizedBy::Administrator(administrator) => Some(administrator),
                SeizedBy::LocalRoot => None,
            },
            discarded: Vec::new(),
        };
        let signed = statement.sign(&self.key)?;
        let succession = Succession::load(&self.store)?.planning(signed);
        self.store.put_succession(&succession.encode())?;
        Ok(fork_index)
    }

    /// What nodes are called.
    pub(crate) fn names(&self, nodes: &[u64]) -> String {
        let state = self.published.view().state;
        let name = |node: &u64| {
            let row = state.node(NodeId(*node));
            row.map_or_else(|| format!("node {node}"), |row| row.name.to_string())
        };
        nodes.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

pub(crate) fn failed(error: &ClusterError) -> NotPromoted {
    tracing::error!(%error, "the cluster is not seized");
    NotPromoted::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use openraft::vote::RaftLeaderId as _;

    use super::*;
    use crate::raft_types::LeaderId;

    fn end(term: u64, index: u64) -> Option<LogId> {
        Some(LogId { leader_id: LeaderId::new(term, 1), index })
    }

    fn scene(voters: &[&[u64]], answering: &[(u64, Option<LogId>)]) -> Scene {
        Scene {
            own: 3,
            is_whole: true,
            voters: voters.iter().map(|set| set.iter().copied().collect()).collect(),
            answering: answering.iter().copied().collect(),
            last: end(5, 100),
        }
    }

    #[test]
    fn nothing_is_seized_while_a_quorum_answers() {
        let at = end(5, 100);
        let all: &[&[u64]] = &[&[1, 2, 3]];
        assert_eq!(scene(all, &[]).quorum(), None);
        assert_eq!(scene(all, &[(2, at)]).quorum(), Some(vec![2]));
        // The one voter of two nodes.
        assert_eq!(scene(&[&[1]], &[]).quorum(), None);
        assert_eq!(scene(&[&[1]], &[(1, at)]).quorum(), Some(vec![1]));
        assert_eq!(scene(&[&[3]], &[]).quorum(), Some(vec![]));
        // A change that was cut off needs both.
        assert_eq!(scene(&[&[3], &[4]], &[]).quorum(), None);
        assert_eq!(scene(&[&[3], &[4]], &[(4, at)]).quorum(), Some(vec![4]));
        // What was acknowledged may be gone from this disk.
        let gone_back = |voters| Scene { is_whole: false, ..scene(voters, &[(2, at)]) }.quorum();
        assert_eq!(gone_back(&[&[3]]), None);
        assert_eq!(gone_back(&[&[2, 3]]), None);
        assert_eq!(gone_back(&[&[2]]), Some(vec![2]));
    }

    #[test]
    fn the_node_with_the_most_of_the_log_is_the_one_to_seize() {
        let five: &[&[u64]] = &[&[1, 2, 3, 4, 5]];
        assert_eq!(scene(five, &[(4, end(5, 100))]).further(), None);
        assert_eq!(scene(five, &[(4, end(5, 101))]).further(), Some(4));
        assert_eq!(scene(five, &[(4, end(6, 90))]).further(), Some(4));
        assert_eq!(scene(five, &[(4, end(4, 200))]).further(), None);
        assert_eq!(scene(five, &[(4, None)]).further(), None);
    }
}
