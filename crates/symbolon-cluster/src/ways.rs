//! How a node comes to a master that a quorum follows. openraft's word for who leads is no proof that
//! anybody does: what peers say of themselves each second is, for as long as it is fresh.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::NodeId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::hello::{Heard, Presence, QUORUM_CONTACT, leads_with_quorum};
use crate::island::Island;
use crate::proposer::Master;
use crate::raft_types::Raft;

/// How often the way is looked at when nothing is heard.
const INTERVAL: Duration = Duration::from_millis(100);
/// A new master has said by then that a quorum follows it, if one does.
const TAKES_OFFICE_WITHIN: Duration = Duration::from_millis(1500);

/// A way to the master.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// This node is the master.
    Here,
    /// To that node.
    To(NodeId),
    /// By way of a peer that reaches the master, as this node does not.
    Through {
        /// The peer.
        relay: NodeId,
        /// The master, as the peer says.
        master: NodeId,
    },
}

/// What a node knows of who leads.
pub(crate) struct Sight {
    pub(crate) own: NodeId,
    /// This node leads, and a quorum has acknowledged it lately.
    pub(crate) leads: bool,
    /// Whom openraft has for the leader, and since when.
    pub(crate) leader: Option<(NodeId, Instant)>,
    /// What was last heard of each peer.
    pub(crate) heard: Vec<(NodeId, Heard)>,
    pub(crate) now: Instant,
}

impl Sight {
    fn is_fresh(&self, at: Instant) -> bool {
        self.now.duration_since(at) < QUORUM_CONTACT
    }

    /// Peers that this node reaches.
    fn reached(&self) -> impl Iterator<Item = &(NodeId, Heard)> {
        self.heard.iter().filter(|(_, heard)| heard.answered.is_some_and(|at| self.is_fresh(at)))
    }

    /// A peer that leads with a quorum, by its own word.
    fn direct(&self) -> Option<(NodeId, Instant)> {
        let leading = self.heard.iter().filter(|(_, it)| it.leads && self.is_fresh(it.when));
        leading.map(|(node, heard)| (*node, heard.when)).max_by_key(|(_, when)| *when)
    }

    /// A peer with such a word from a master.
    fn relayed(&self) -> Option<(NodeId, NodeId)> {
        let told = self.reached().filter_map(|(node, heard)| {
            let (master, at) = heard.reaches?;
            (master != self.own && self.is_fresh(at)).then_some((at, *node, master))
        });
        told.max_by_key(|(at, ..)| *at).map(|(_, relay, master)| (relay, master))
    }

    /// Who leads with a quorum, if there is proof.
    pub(crate) fn master(&self) -> Option<NodeId> {
        let own = self.leads.then_some(self.own);
        let told = || self.direct().map(|(node, _)| node);
        own.or_else(told).or_else(|| self.relayed().map(|(_, master)| master))
    }

    /// When the newest proof was given that somebody leads with a quorum.
    pub(crate) fn proof(&self) -> Option<Instant> {
        let relayed = self.reached().filter_map(|(_, heard)| heard.reaches);
        let relayed = relayed.filter(|(master, at)| *master != self.own && self.is_fresh(*at));
        let told = self.direct().map(|(_, at)| at).max(relayed.map(|(_, at)| at).max());
        if self.leads { Some(self.now) } else { told }
    }

    /// The master that this node has that word of itself, and when it was said: what it can tell others.
    pub(crate) fn reaches(&self) -> Option<(NodeId, Instant)> {
        self.direct().filter(|(node, _)| self.reached().any(|(reached, _)| reached == node))
    }

    /// Where a proposal goes.
    pub(crate) fn way(&self) -> Option<Way> {
        let reached = |node| self.reached().find(|(known, _)| *known == node).map(|(_, it)| it);
        let leader = self.leader.map(|(node, _)| node);
        let is_own = leader == Some(self.own);
        // What openraft has is newest, unless that node has had the time to say that it leads and does
        // not, or is not reached.
        let doubted = self.leader.is_some_and(|(node, since)| {
            let late = since + TAKES_OFFICE_WITHIN;
            match reached(node) {
                _ if is_own => !self.leads && self.now > late,
                Some(heard) => !heard.leads && heard.when > late,
                None => true,
            }
        });
        let by_raft = leader.map(|node| if is_own { Way::Here } else { Way::To(node) });
        if let Some(way) = by_raft.filter(|_| !doubted) {
            return Some(way);
        }
        let direct = self.reaches().map(|(node, _)| Way::To(node));
        let relayed = || self.relayed().map(|(relay, master)| Way::Through { relay, master });
        direct.or_else(relayed).or(by_raft)
    }
}

/// The way as it is, for as long as the node runs.
pub(crate) type Ways = watch::Receiver<Option<Way>>;

/// Follows it.
pub(crate) fn follow(
    raft: &Raft,
    presence: &Arc<Presence>,
    island: &Arc<Island>,
    (own, mut master): (NodeId, Master),
    tasks: &mut JoinSet<()>,
) -> Ways {
    let (sender, receiver) = watch::channel(None);
    let (raft, presence, island) = (raft.clone(), Arc::clone(presence), Arc::clone(island));
    tasks.spawn(async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since = Instant::now();
        loop {
            let leader = *master.borrow_and_update();
            let sight = Sight {
                own,
                leads: leads_with_quorum(&raft),
                leader: leader.map(|node| (node, since)),
                heard: presence.all(),
                now: Instant::now(),
            };
            island.look(sight.proof());
            tell(&sender, sight.way());
            tokio::select! {
                _ = ticks.tick() => {}
                changed = master.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    since = Instant::now();
                }
            }
        }
    });
    receiver
}

fn tell(sender: &watch::Sender<Option<Way>>, way: Option<Way>) {
    let relays = |way: &Option<Way>| matches!(way, Some(Way::Through { .. }));
    sender.send_if_modified(|known| {
        let changed = *known != way;
        if let (Some(Way::Through { relay, master }), false) = (way, relays(known)) {
            tracing::warn!(
                master = master.0,
                through = relay.0,
                "the master is not reached from here: verifications go through another node"
            );
        } else if relays(known) && !relays(&way) {
            tracing::info!("verifications go through no other node any more");
        }
        *known = way;
        changed
    });
}

#[cfg(test)]
mod tests {
    use symbolon_core::{LogIndex, Timestamp};
    use symbolon_store::DiskLevel;

    use super::*;

    const OWN: NodeId = NodeId(1);
    const A: NodeId = NodeId(2);
    const B: NodeId = NodeId(3);

    /// What was heard so many milliseconds ago.
    struct Scene {
        start: Instant,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, now: start + Duration::from_secs(100) }
        }

        fn ago(&self, milliseconds: u64) -> Instant {
            self.now - Duration::from_millis(milliseconds)
        }

        fn heard(&self, milliseconds: u64, leads: bool) -> Heard {
            Heard {
                when: self.ago(milliseconds),
                answered: Some(self.ago(milliseconds)),
                at: Timestamp(0),
                applied: LogIndex(0),
                leaving: false,
                leads,
                reaches: None,
                disk: DiskLevel::Ample,
                last: None,
                pairing: None,
                whole_until: Timestamp(0),
                open_writes: 0,
            }
        }

        fn sight(&self, leader: Option<NodeId>, heard: &[(NodeId, Heard)]) -> Sight {
            let leader = leader.map(|node| (node, self.start));
            Sight { own: OWN, leads: false, leader, heard: heard.to_vec(), now: self.now }
        }
    }

    #[test]
    fn a_master_that_is_reached_is_asked_itself() {
        let scene = Scene::new();
        let heard = [(A, scene.heard(900, true)), (B, scene.heard(100, false))];
        let sight = scene.sight(Some(A), &heard);
        assert_eq!((sight.way(), sight.master()), (Some(Way::To(A)), Some(A)));
        assert_eq!(sight.reaches(), Some((A, scene.ago(900))));
        let own = Sight { leads: true, ..scene.sight(Some(OWN), &heard) };
        assert_eq!((own.way(), own.master()), (Some(Way::Here), Some(OWN)));
    }

    #[test]
    fn a_new_master_is_asked_before_it_has_said_that_it_leads() {
        let scene = Scene::new();
        let heard = [(A, scene.heard(300, true)), (B, scene.heard(200, false))];
        let mut sight = scene.sight(None, &heard);
        sight.leader = Some((B, scene.ago(250)));
        assert_eq!(sight.way(), Some(Way::To(B)));
        // It does not say so when it must: the other leads on, and openraft has not heard of it.
        sight.leader = Some((B, scene.ago(4_000)));
        assert_eq!(sight.way(), Some(Way::To(A)));
    }

    #[test]
    fn a_master_that_is_not_reached_is_asked_through_who_reaches_it() {
        let scene = Scene::new();
        let relay = Heard { reaches: Some((A, scene.ago(1_500))), ..scene.heard(400, false) };
        let through = Some(Way::Through { relay: B, master: A });
        let lost = [(A, scene.heard(2_000, true)), (B, relay)];
        for leader in [None, Some(A)] {
            let sight = scene.sight(leader, &lost);
            assert_eq!((sight.way(), sight.master()), (through, Some(A)), "{leader:?}");
            assert_eq!(sight.proof(), Some(scene.ago(1_500)));
            assert_eq!(sight.reaches(), None, "what a relay says is not passed on");
        }
        // It reaches this node, which does not reach it.
        let deaf = Heard { answered: None, ..scene.heard(100, true) };
        let sight = scene.sight(Some(A), &[(A, deaf), (B, relay)]).way();
        assert_eq!(sight, through);
    }

    #[test]
    fn what_is_old_or_only_openrafts_word_proves_nothing() {
        let scene = Scene::new();
        let old = Heard { reaches: Some((A, scene.ago(2_000))), ..scene.heard(100, false) };
        let mine = Heard { reaches: Some((OWN, scene.ago(10))), ..scene.heard(100, false) };
        for relay in [old, mine] {
            let heard = [(A, scene.heard(5_000, true)), (B, relay)];
            let sight = scene.sight(Some(A), &heard);
            assert_eq!((sight.way(), sight.master()), (Some(Way::To(A)), None));
            assert_eq!(sight.proof(), None);
            assert_eq!(scene.sight(None, &heard).way(), None);
        }
        // A master that its quorum has left.
        let sight = scene.sight(Some(OWN), &[]);
        assert_eq!((sight.way(), sight.master()), (Some(Way::Here), None));
    }
}
