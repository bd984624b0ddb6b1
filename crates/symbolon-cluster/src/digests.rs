//! Equal logs must give equal states: nodes tell each other the digests of theirs, and a node that
//! a majority contradicts serves nobody.
//!
//! A digest is told with its log index. Two nodes that are idle stand at the same index; on busy ones
//! those of every [`EVERY`] entries are kept for a while, so that each finds the other's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use symbolon_core::{Digest, LogIndex, NodeId};
use symbolon_proto::FORMAT_LEVEL;
use symbolon_proto::peer::v1 as peer;

/// Entries from one kept digest to the next.
pub(crate) const EVERY: u64 = 4096;
/// Digests that are kept, of this node and of each other.
const KEPT_MAX: usize = 8;

/// The digest of a state after a log entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) index: LogIndex,
    pub(crate) digest: Digest,
}

impl Checkpoint {
    pub(crate) fn to_proto(self) -> peer::Checkpoint {
        peer::Checkpoint {
            log_index: self.index.0,
            digest: self.digest.0.to_vec(),
            format_level: FORMAT_LEVEL,
        }
    }

    /// `None` for one that cannot be compared with ours.
    pub(crate) fn from_proto(message: &peer::Checkpoint) -> Option<Self> {
        let digest = Digest::from_slice(&message.digest)?;
        let comparable = message.format_level == FORMAT_LEVEL;
        comparable.then_some(Self { index: LogIndex(message.log_index), digest })
    }
}

/// What the comparison says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Comparison {
    /// Nodes whose state differs from this one's after the same entry.
    pub(crate) differ: Vec<NodeId>,
    /// After which entry a majority of all nodes, at least two, has another digest than this node
    /// and one in common.
    pub(crate) outvoted_at: Option<LogIndex>,
}

/// Digests of this node and of the others.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    own: VecDeque<Checkpoint>,
    others: BTreeMap<NodeId, Vec<Checkpoint>>,
}

impl Digests {
    /// Keeps one of this node's own.
    pub(crate) fn keep(&self, own: Checkpoint) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.own.len() == KEPT_MAX {
            kept.own.pop_front();
        }
        kept.own.push_back(own);
    }

    /// Those of this node's own that it keeps.
    pub(crate) fn own(&self) -> Vec<Checkpoint> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.own.iter().copied().collect()
    }

    /// Takes note of what another node tells, instead of what it told before.
    pub(crate) fn note(&self, node: NodeId, told: impl IntoIterator<Item = Checkpoint>) {
        let told = told.into_iter().take(KEPT_MAX + 1).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).others.insert(node, told);
    }

    /// Compares this node, which stands at `now`, with the others of a cluster of so many nodes.
    pub(crate) fn compare(&self, now: Checkpoint, registered: usize) -> Comparison {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own: BTreeMap<_, _> =
            kept.own.iter().chain([&now]).map(|own| (own.index, own.digest)).collect();
        let contradicts =
            |told: &&Checkpoint| own.get(&told.index).is_some_and(|digest| *digest != told.digest);
        let mut comparison = Comparison::default();
        let mut votes = BTreeMap::new();
        for (node, told) in &kept.others {
            let against: Vec<_> = told.iter().filter(contradicts).collect();
            if !against.is_empty() {
                comparison.differ.push(*node);
            }
            for told in against {
                *votes.entry((told.index, told.digest)).or_insert(0_usize) += 1;
            }
        }
        let majority = (registered / 2 + 1).max(2);
        let outvoted = votes.into_iter().find(|(_, votes)| *votes >= majority);
        comparison.outvoted_at = outvoted.map(|((index, _), _)| index);
        comparison
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(index: u64, digest: u8) -> Checkpoint {
        Checkpoint { index: LogIndex(index), digest: Digest([digest; 32]) }
    }

    fn digests(own: &[Checkpoint], others: &[&[Checkpoint]]) -> Digests {
        let digests = Digests::default();
        own.iter().for_each(|own| digests.keep(*own));
        for (node, told) in (2..).zip(others) {
            digests.note(NodeId(node), told.iter().copied());
        }
        digests
    }

    #[test]
    fn nodes_are_compared_after_the_same_entry() {
        let digests = digests(&[at(4096, 1)], &[&[at(5000, 9), at(4096, 1)], &[at(5001, 9)]]);
        assert_eq!(digests.compare(at(5002, 2), 3), Comparison::default());
        let comparison = digests.compare(at(5001, 2), 3);
        assert_eq!(comparison.differ, [NodeId(3)]);
        assert_eq!(comparison.outvoted_at, None, "one of three is no majority");
    }

    #[test]
    fn a_majority_of_all_nodes_that_agree_outvotes() {
        let two = digests(&[at(4096, 1)], &[&[at(4096, 2)], &[at(4096, 2)]]);
        assert_eq!(two.compare(at(5000, 1), 3).outvoted_at, Some(LogIndex(4096)));
        assert_eq!(two.compare(at(5000, 1), 5).outvoted_at, None, "two of five");
        let apart = digests(&[at(4096, 1)], &[&[at(4096, 2)], &[at(4096, 3)]]);
        let comparison = apart.compare(at(5000, 1), 3);
        assert_eq!(comparison.outvoted_at, None, "they differ from each other as well");
        assert_eq!(comparison.differ.len(), 2);
    }

    #[test]
    fn one_other_node_never_outvotes() {
        let one = digests(&[], &[&[at(7, 2)]]);
        let comparison = one.compare(at(7, 1), 2);
        assert_eq!((comparison.differ.len(), comparison.outvoted_at), (1, None));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let digests = Digests::default();
        (0..100).for_each(|index| digests.keep(at(index, 1)));
        assert_eq!(digests.own().len(), KEPT_MAX);
        digests.note(NodeId(2), (0..100).map(|index| at(index, 2)));
        assert_eq!(digests.compare(at(99, 1), 3).differ, [], "only the first few are looked at");
    }
}
