//! Two nodes: whether what the master has answered is on the other's disk too.
//!
//! Two nodes have one voter, so an entry is committed once the master has it, and a seize of the other
//! would lose what only the master has. So the master applies an entry only when the other has it on disk
//! as well: before, nothing tells of it, no answer, no read, and no answer to a request that is sent
//! again. The two are *paired*. When the other has acknowledged nothing for [`ALONE_AFTER`], the master is
//! *alone*: it waits for nobody, until the other has caught up.
//!
//! What the other has is what openraft tells of its replication: a follower answers an append when its
//! log has called back that it is synced.

use std::sync::Arc;
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{NodeId, Timestamp};
use symbolon_proto::peer::v1 as peer;
use symbolon_service::{Clock, Pairing};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::machine::Machine;
use crate::published::Published;
use crate::raft_types::{LogId, Raft, TypeConfig};

/// How long the master waits for the other before it goes on alone.
pub(crate) const ALONE_AFTER: Duration = Duration::from_millis(500);
/// How often it is looked whether the other has fallen silent.
const LOOK: Duration = Duration::from_millis(100);
/// Entries that the other may lack for the master to wait for it again, so that it can catch up with a
/// master that goes on writing.
const NEARLY: u64 = 32;

/// How a node stands to the other of two, while it is the master. Of any other node it says nothing.
pub(crate) struct Pair {
    told: watch::Sender<Told>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Stand {
    /// This is not the master of two nodes.
    #[default]
    Single,
    Paired,
    Alone(Alone),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Alone {
    since: Timestamp,
    /// What was acknowledged before is on the other's disk; 0 when that is not known.
    whole_until: Timestamp,
    /// What the other had when it fell silent.
    stuck_at: u64,
    /// The other has nearly caught up: entries wait for it again.
    is_closing: bool,
}

/// What is told to those who wait. Changed under the lock of its channel alone.
#[derive(Clone, Copy, Default, Debug)]
struct Told {
    stand: Stand,
    other: Option<u64>,
    /// The last entry that the other has on disk.
    acknowledged: u64,
    /// The last entry that was applied and that the other may lack.
    let_through: u64,
}

/// What openraft and the registry tell.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The other node; `None` where this is not the master of two.
    other: Option<u64>,
    acknowledged: u64,
    last: u64,
    is_silent: bool,
}

impl Facts {
    fn of(metrics: &openraft::RaftMetrics<TypeConfig>, published: &Published) -> Self {
        let members = metrics.membership_config.membership();
        let members = || members.nodes().map(|(id, ())| *id);
        let leads_two = leads_two(metrics);
        let other = members().find(|node| leads_two && *node != metrics.id).filter(|_| {
            let state = published.view().state;
            members().all(|node| state.is_member(NodeId(node))) && state.nodes().count() == 2
        });
        let matched = metrics.replication.as_ref().zip(other).and_then(|(map, id)| map.get(&id));
        let heard = metrics.heartbeat.as_ref().zip(other).and_then(|(map, id)| map.get(&id));
        Self {
            other,
            acknowledged: matched.copied().flatten().map_or(0, |id: LogId| id.index),
            last: metrics.last_log_index.unwrap_or(0),
            is_silent: heard.copied().flatten().is_none_or(|when| when.elapsed() > ALONE_AFTER),
        }
    }
}

/// Whether this node leads a cluster of two.
fn leads_two(metrics: &openraft::RaftMetrics<TypeConfig>) -> bool {
    let members = metrics.membership_config.membership();
    metrics.current_leader == Some(metrics.id) && members.nodes().count() == 2
}

impl Told {
    /// Whether an entry may be applied. What may be is taken note of.
    fn passes(&mut self, index: u64) -> bool {
        let waits = match self.stand {
            Stand::Single => false,
            Stand::Paired => true,
            Stand::Alone(alone) => alone.is_closing,
        };
        let is_there = index <= self.acknowledged;
        if !waits && !is_there {
            self.let_through = self.let_through.max(index);
        }
        is_there || !waits
    }

    fn note(&mut self, facts: Facts, now: Timestamp) {
        if self.other != facts.other {
            (self.other, self.stand) = (facts.other, Stand::Single);
        }
        self.acknowledged = facts.acknowledged;
        if facts.other.is_none() {
            return;
        }
        // A reading of the end of the log may be older than what was let through.
        let has_all = facts.acknowledged >= facts.last.max(self.let_through);
        self.stand = match self.stand {
            Stand::Paired if facts.is_silent => Stand::Alone(self.alone(now, now)),
            Stand::Paired => Stand::Paired,
            // After a start it is not known what this node acknowledged before.
            Stand::Single if facts.is_silent || !has_all => {
                Stand::Alone(Alone { stuck_at: 0, ..self.alone(now, Timestamp(0)) })
            }
            Stand::Alone(alone) if facts.is_silent => {
                Stand::Alone(Alone { is_closing: false, ..alone })
            }
            Stand::Single => Stand::Paired,
            Stand::Alone(alone) => {
                let has_let_through = facts.acknowledged >= self.let_through;
                if has_all || (alone.is_closing && has_let_through) {
                    Stand::Paired
                } else {
                    let is_near = facts.last.saturating_sub(facts.acknowledged) <= NEARLY;
                    let is_closing =
                        alone.is_closing || (is_near && facts.acknowledged > alone.stuck_at);
                    Stand::Alone(Alone { is_closing, ..alone })
                }
            }
        };
    }

    fn alone(&self, since: Timestamp, whole_until: Timestamp) -> Alone {
        Alone { since, whole_until, stuck_at: self.acknowledged, is_closing: false }
    }

    /// An entry has waited for long enough.
    fn go_alone(&mut self, now: Timestamp) {
        self.stand = match self.stand {
            Stand::Single => Stand::Single,
            Stand::Paired => Stand::Alone(self.alone(now, now)),
            Stand::Alone(alone) => {
                Stand::Alone(Alone { stuck_at: self.acknowledged, is_closing: false, ..alone })
            }
        };
    }

    const fn shown(&self) -> Option<Pairing> {
        match self.stand {
            Stand::Single => None,
            Stand::Paired => Some(Pairing::Paired),
            Stand::Alone(Alone { since, .. }) => Some(Pairing::Alone { since }),
        }
    }
}

impl Pair {
    /// Of the node of a machine, which applies from now on what this lets pass.
    pub(crate) fn before(machine: &mut Machine, clock: &Arc<dyn Clock>) -> Arc<Self> {
        let pair = Arc::new(Self { told: watch::Sender::default(), clock: Arc::clone(clock) });
        machine.pair = Some(Arc::clone(&pair));
        pair
    }

    /// Waits until an entry may be applied: [`ALONE_AFTER`] at most, whoever else has ended.
    pub(crate) async fn hold(&self, index: u64) {
        let mut told = self.told.subscribe();
        let until = Instant::now() + ALONE_AFTER;
        while !self.passes(index) {
            if timeout_at(until, told.changed()).await.is_err() {
                self.change(Told::go_alone);
            }
        }
    }

    fn passes(&self, index: u64) -> bool {
        let mut passes = false;
        self.told.send_if_modified(|told| {
            passes = told.passes(index);
            false
        });
        passes
    }

    /// Follows what the other acknowledges, for as long as Raft runs.
    pub(crate) async fn follow(self: Arc<Self>, raft: Raft, published: Arc<Published>) {
        let (mut metrics, mut standing) = (raft.metrics(), raft.server_metrics());
        loop {
            let (facts, leads_two) = {
                let metrics = metrics.borrow_watched();
                (Facts::of(&metrics, &published), leads_two(&metrics))
            };
            self.change(|told, now| told.note(facts, now));
            // Of other clusters this need not look at each entry.
            let changed = async {
                if leads_two { metrics.changed().await } else { standing.changed().await }
            };
            if let Ok(Err(_)) = timeout(LOOK, changed).await {
                return;
            }
        }
    }

    /// Changes what is told, and tells the log of it.
    fn change(&self, change: impl FnOnce(&mut Told, Timestamp)) {
        // Read first: what was acknowledged before then is judged by what is told until then.
        let now = self.clock.now();
        let (mut before, mut after) = (None, None);
        let mut other = None;
        self.told.send_if_modified(|told| {
            let earlier = *told;
            change(told, now);
            (before, after, other) = (earlier.shown(), told.shown(), told.other);
            earlier.stand != told.stand || earlier.acknowledged != told.acknowledged
        });
        if before == after {
            return;
        }
        let is_alone = matches!(after, Some(Pairing::Alone { .. }));
        metrics::gauge!("symbolon_alone").set(f64::from(u8::from(is_alone)));
        let peer = other.unwrap_or_default();
        match (before, after) {
            (_, None) => {}
            (_, Some(Pairing::Paired)) => {
                tracing::info!(peer, "paired: answers wait until the other node has them on disk");
            }
            (None, Some(Pairing::Alone { .. })) => {
                tracing::info!(peer, "alone until the other node has caught up");
            }
            (Some(_), Some(Pairing::Alone { .. })) => {
                tracing::warn!(
                    peer,
                    "alone: the other node has not acknowledged for 500 ms, and no answer waits for it; \
                     what is written now is on this node only"
                );
            }
        }
    }

    /// How this node stands to the other; `None`: it is not the master of two.
    pub(crate) fn shown(&self) -> Option<Pairing> {
        self.told.borrow().shown()
    }

    /// What the other is told of it.
    pub(crate) fn word(&self) -> Option<peer::Pairing> {
        // Read first: what was acknowledged before then is on the other's disk if they are paired after.
        let now = self.clock.now();
        let stand = self.told.borrow().stand;
        match stand {
            Stand::Single => None,
            Stand::Paired => Some(peer::Pairing { alone_since: 0, whole_until: now.0 }),
            Stand::Alone(alone) => {
                Some(peer::Pairing { alone_since: alone.since.0, whole_until: alone.whole_until.0 })
            }
        }
    }
}

/// What a master says of how it stands to this node.
pub(crate) const fn from_proto(word: &peer::Pairing) -> Pairing {
    match word.alone_since {
        0 => Pairing::Paired,
        since => Pairing::Alone { since: Timestamp(since) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(7_000);

    fn facts(acknowledged: u64, last: u64) -> Facts {
        Facts { other: Some(2), acknowledged, last, is_silent: false }
    }

    fn silent(acknowledged: u64, last: u64) -> Facts {
        Facts { is_silent: true, ..facts(acknowledged, last) }
    }

    fn paired(acknowledged: u64) -> Told {
        let mut told = Told::default();
        told.note(facts(acknowledged, acknowledged), NOW);
        assert_eq!(told.stand, Stand::Paired);
        told
    }

    fn alone(told: &Told) -> Alone {
        let Stand::Alone(alone) = told.stand else { panic!("{told:?}") };
        alone
    }

    #[test]
    fn an_entry_waits_for_the_other_of_two_and_nobody_waits_elsewhere() {
        let mut told = Told::default();
        told.note(Facts { other: None, ..facts(0, 9) }, NOW);
        assert!(told.passes(9), "one node, or three");
        let mut told = paired(9);
        assert!(told.passes(9) && !told.passes(10));
        told.note(facts(10, 10), NOW);
        assert!(told.passes(10) && !told.passes(11));
    }

    #[test]
    fn whoever_has_waited_for_long_goes_on_and_nobody_waits_after_it() {
        let mut told = paired(9);
        assert!(!told.passes(10));
        told.go_alone(NOW);
        assert!(told.passes(10) && told.passes(11));
        assert_eq!((alone(&told).since, alone(&told).whole_until), (NOW, NOW));
        // Heartbeats are answered and entries are not, as by a disk that is full.
        told.note(facts(9, 11), NOW);
        assert!(told.passes(12));
        // Silence is enough: nobody need wait for it first.
        let mut told = paired(9);
        told.note(silent(9, 9), NOW);
        assert_eq!(alone(&told).whole_until, NOW);
    }

    #[test]
    fn it_is_paired_again_when_the_other_has_what_it_missed_also_under_load() {
        let mut told = paired(9);
        told.go_alone(NOW);
        assert!(told.passes(100));
        told.note(facts(60, 100), NOW);
        assert!(told.passes(101), "it is far behind still");
        told.note(facts(90, 110), NOW);
        assert!(!told.passes(111), "it is near, and is waited for");
        told.note(facts(101, 111), NOW);
        assert_eq!(told.stand, Stand::Paired);
        assert!(!told.passes(111));
        // A slow one is not waited for again and again: only when it has moved.
        let mut told = paired(9);
        told.go_alone(NOW);
        assert!(told.passes(10));
        told.note(facts(9, 12), NOW);
        assert!(!alone(&told).is_closing);
        told.note(silent(10, 12), NOW);
        assert!(!alone(&told).is_closing);
    }

    #[test]
    fn what_was_let_through_counts_though_the_end_of_the_log_is_not_known_yet() {
        let mut told = paired(9);
        told.go_alone(NOW);
        assert!(told.passes(12));
        told.note(facts(11, 11), NOW);
        assert_ne!(told.stand, Stand::Paired);
        told.note(facts(12, 12), NOW);
        assert_eq!(told.stand, Stand::Paired);
    }

    #[test]
    fn a_master_that_has_just_begun_does_not_know_what_the_other_lacks() {
        let mut told = Told::default();
        told.note(silent(0, 9), NOW);
        assert_eq!(alone(&told).whole_until, Timestamp(0));
        told.note(facts(9, 9), NOW);
        assert_eq!(told.stand, Stand::Paired);
        // Another node in its place is another matter.
        told.note(Facts { other: Some(3), ..facts(0, 9) }, NOW);
        assert_eq!(alone(&told).whole_until, Timestamp(0));
        told.note(Facts { other: None, ..facts(0, 9) }, NOW);
        assert_eq!(told.shown(), None);
    }
}
