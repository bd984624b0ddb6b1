//! What each peer has acknowledged to this node as the leader. A peer never loses that, unless its disk went
//! back or it lies: openraft ends a leader that hears of it, so it is not told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use symbolon_core::NodeId;

/// Per peer the term in which this node leads, and the last log index that the peer has acknowledged in it.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged(Mutex<BTreeMap<NodeId, (u64, u64)>>);

impl Acknowledged {
    /// A peer holds the log up to an index. In another term it may have been told otherwise since.
    pub(crate) fn note(&self, peer: NodeId, term: u64, index: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known.entry(peer).or_insert((term, index));
        *last = if last.0 == term { (term, last.1.max(index)) } else { (term, index) };
    }

    /// Whether a peer that does not hold an entry had acknowledged it.
    pub(crate) fn has(&self, peer: NodeId, term: u64, index: u64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&peer).is_some_and(|last| last.0 == term && index <= last.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_in_a_term_is_had_in_that_term_alone() {
        let (known, peer) = (Acknowledged::default(), NodeId(2));
        assert!(!known.has(peer, 3, 1));
        known.note(peer, 3, 10);
        known.note(peer, 3, 8);
        assert!(known.has(peer, 3, 10) && !known.has(peer, 3, 11));
        assert!(!known.has(NodeId(3), 3, 10));
        // Another leader may have had it cut off what was not committed.
        assert!(!known.has(peer, 5, 10));
        known.note(peer, 5, 4);
        assert!(known.has(peer, 5, 4) && !known.has(peer, 5, 5));
    }
}
