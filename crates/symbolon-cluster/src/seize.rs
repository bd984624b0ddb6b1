//! An administrator has this node take the cluster over whose quorum is gone for good.
//!
//! Here is decided whether it may; what it does to the disk is in [`seizing`](crate::seizing), at the
//! start of the process that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{AdministratorId, LineageId, LogIndex, NodeId};
use symbolon_service::{Clock as _, Entropy, NotPromoted, Seizure};
use tokio::sync::Mutex;

use crate::epochs::{Ancestor, EpochName, Statement};
use crate::error::ClusterError;
use crate::hello::{Greeter, Heard};
use crate::keys::PrivateKey;
use crate::raft_types::LogId;
use crate::seizing::{last_log_id, last_stamp};
use crate::succession::Succession;

/// See the module.
pub(crate) struct Seizer {
    greeter: Arc<Greeter>,
    key: Arc<PrivateKey>,
    entropy: Arc<dyn Entropy>,
    /// One at a time.
    turn: Mutex<()>,
}

/// What a seize is decided by.
struct Scene {
    own: u64,
    /// Who votes; two sets while that is being changed.
    voters: Vec<BTreeSet<u64>>,
    /// Who answered just now, and the end of their logs.
    answering: BTreeMap<u64, Option<LogId>>,
    last: Option<LogId>,
}

impl Scene {
    /// Nodes of which a majority answers, so that nothing is lost.
    fn quorum(&self) -> Option<Vec<u64>> {
        let answers = |node: &u64| *node == self.own || self.answering.contains_key(node);
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
        let (greeter, entropy) = (Arc::clone(greeter), Arc::clone(entropy));
        Self { greeter, key, entropy, turn: Mutex::default() }
    }

    /// Says what a seize would do, or begins it for the administrator who wants it; the process is then
    /// to start again.
    pub(crate) async fn seize(&self, by: Option<AdministratorId>) -> Result<Seizure, NotPromoted> {
        let _turn = self.turn.lock().await;
        if self.greeter.fence.is_ending() {
            return Err(NotPromoted::StartingAgain);
        }
        let answering = self.greeter.greet_now().await;
        let scene = self.scene(answering).map_err(|error| failed(&error))?;
        if let Some(nodes) = scene.quorum() {
            return Err(NotPromoted::QuorumThere(self.names(&nodes)));
        }
        if let Some(node) = scene.further() {
            return Err(NotPromoted::Further(self.names(&[node])));
        }
        let state = self.greeter.published.view().state;
        let standing = &self.greeter.peers.standing;
        let own = standing.node;
        if !state.is_member(own) {
            return Err(NotPromoted::Absent);
        }
        let is_of_two = state.nodes().count() == 2;
        let stamp = last_stamp(&self.greeter.store).map_err(|error| failed(&error))?;
        let left_behind = state.nodes().map(|row| row.id).filter(|id| *id != own).collect();
        let mut seizure = Seizure {
            epoch: standing.epoch + 1,
            left_behind,
            last_index: LogIndex(scene.last.map_or(0, |id| id.index)),
            heard_master_at: self.greeter.heard_master_at(),
            pairing: is_of_two.then(|| self.greeter.presence.pairing()).flatten(),
            whole_until: stamp.max(self.greeter.presence.whole_until()),
        };
        if let Some(administrator) = by {
            if !self.greeter.fence.begin_ending() {
                return Err(NotPromoted::StartingAgain);
            }
            let last = self.begin(administrator).await.map_err(|error| failed(&error))?;
            seizure.last_index = LogIndex(last);
        }
        Ok(seizure)
    }

    fn scene(&self, answering: Vec<(NodeId, Heard)>) -> Result<Scene, ClusterError> {
        let greeter = &self.greeter;
        let metrics = greeter.raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        Ok(Scene {
            own: greeter.peers.standing.node.0,
            voters: membership.get_joint_config().clone(),
            answering: answering.into_iter().map(|(node, heard)| (node.0, heard.last)).collect(),
            last: last_log_id(&greeter.store)?,
        })
    }

    /// From here on it is carried out, whatever happens to the process. The end of the log.
    async fn begin(&self, administrator: AdministratorId) -> Result<u64, ClusterError> {
        let greeter = &self.greeter;
        // The log must not grow any more.
        greeter.fence.end_raft().await;
        let result = self.plan(administrator);
        // Also when there is no plan: without Raft this process is of no use.
        greeter.fence.start_again();
        result
    }

    fn plan(&self, administrator: AdministratorId) -> Result<u64, ClusterError> {
        let (greeter, standing) = (&self.greeter, &self.greeter.peers.standing);
        let fork_index = last_log_id(&greeter.store)?.map_or(0, |id| id.index);
        let mut lineage = [0; 16];
        self.entropy.fill(&mut lineage);
        let mut ancestry = standing.ancestry.clone();
        ancestry.push(Ancestor { name: standing.name(), fork_index });
        let statement = Statement {
            cluster: standing.cluster,
            name: EpochName { epoch: standing.epoch + 1, lineage: LineageId(lineage) },
            ancestry,
            node: standing.node,
            made_at: greeter.clocks.now(),
            administrator,
            discarded: Vec::new(),
        };
        let signed = statement.sign(&self.key)?;
        let succession = Succession::load(&greeter.store)?.planning(signed);
        greeter.store.put_succession(&succession.encode())?;
        Ok(fork_index)
    }

    fn names(&self, nodes: &[u64]) -> String {
        let state = self.greeter.published.view().state;
        let name = |node: &u64| {
            let row = state.node(NodeId(*node));
            row.map_or_else(|| format!("node {node}"), |row| row.name.to_string())
        };
        nodes.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

fn failed(error: &ClusterError) -> NotPromoted {
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
