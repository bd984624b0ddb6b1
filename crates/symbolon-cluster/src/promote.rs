//! An administrator makes another node the master.
//!
//! Among several voters leadership is transferred (Raft thesis, section 3.10). Where there is one voter,
//! its vote goes over to the learner by a change of membership, and it becomes the learner: a transfer
//! of leadership to a node that does not vote would leave nobody who can lead. openraft checks nothing
//! about the node that is to take over, so it is checked here first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{ChangeMembers, Instant as _};
use symbolon_core::{ClockStanding, NodeId};
use symbolon_proto::peer::v1 as peer;
use symbolon_service::NotPromoted;
use symbolon_store::DiskLevel;
use tokio::time::{Instant, sleep, timeout_at};

use crate::clocks::Clocks;
use crate::hello::{Greeter, Presence, leads_with_quorum};
use crate::peer_client::{Peers, Purpose};
use crate::proposer::Master;
use crate::raft_types::{LogId, Raft};

/// A node that has not acknowledged for so long is not asked: two heartbeats.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(200);
/// Entries that it may lack: what is on its way under load.
const LAG_MAX: u64 = 100;
/// How long the master waits for the node to be fit.
const FIT_WITHIN: Duration = Duration::from_secs(2);
const FIT_TRY: Duration = Duration::from_millis(50);
/// How long it waits for the node to take over, each of the times that it asks.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(2);
const TRIES: usize = 2;
/// How long the vote may take to go over.
const VOTE_GOES_WITHIN: Duration = Duration::from_secs(5);

/// How a node becomes the master.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// It is.
    Nothing,
    /// Leadership is transferred to it.
    Transfer,
    /// The one vote goes over to it.
    Vote,
}

/// What the master knows of the node that is to take its place.
#[derive(Clone, Debug)]
struct Facts {
    own: u64,
    target: u64,
    voters: BTreeSet<u64>,
    learners: BTreeSet<u64>,
    is_changing: bool,
    /// Since it acknowledged.
    acknowledged: Option<Duration>,
    /// Entries that it has not acknowledged.
    lag: u64,
    is_unfit: bool,
}

impl Facts {
    /// How it can become the master, or why it cannot now.
    fn way(&self) -> Result<Way, NotPromoted> {
        let Self { own, target, voters, learners, .. } = self;
        if own == target {
            return Ok(Way::Nothing);
        }
        let way = match (voters.contains(target), learners.contains(target)) {
            (true, _) => Way::Transfer,
            (false, true) if voters.len() == 1 => Way::Vote,
            (false, true) => return Err(NotPromoted::Learner),
            (false, false) => return Err(NotPromoted::Absent),
        };
        if self.is_changing {
            return Err(NotPromoted::ChangeUnderWay);
        }
        if self.is_unfit {
            return Err(NotPromoted::Unfit);
        }
        if self.acknowledged.is_none_or(|ago| ago > ACKNOWLEDGED_WITHIN) {
            return Err(NotPromoted::Silent);
        }
        if self.lag > LAG_MAX {
            return Err(NotPromoted::Behind(self.lag));
        }
        Ok(way)
    }
}

/// What it takes to promote a node.
#[derive(Clone)]
pub(crate) struct Promoter {
    raft: Raft,
    presence: Arc<Presence>,
    clocks: Arc<Clocks>,
    peers: Arc<Peers>,
    master: Master,
}

impl Promoter {
    pub(crate) fn new(greeter: &Greeter, master: &Master) -> Self {
        Self {
            raft: greeter.raft.clone(),
            presence: Arc::clone(&greeter.presence),
            clocks: Arc::clone(&greeter.clocks),
            peers: Arc::clone(&greeter.peers),
            master: master.clone(),
        }
    }

    /// Has the master hand over to `target`, wherever it is.
    pub(crate) async fn promote(
        &self,
        target: NodeId,
        deadline: Instant,
    ) -> Result<(), NotPromoted> {
        let known = *self.master.borrow();
        let master = known.ok_or(NotPromoted::NoMaster)?;
        if master == self.peers.standing.node {
            return self.hand_over(target, deadline).await;
        }
        let mut client = self.peers.client(master, Purpose::Proposals);
        let request = self.peers.request(master, peer::HandOverRequest { to: target.0 });
        let answer = async { self.peers.accept(master, client.hand_over(request).await?) };
        match timeout_at(deadline, answer).await {
            Ok(Ok(peer::HandOverResponse { refusal })) if refusal.is_empty() => {
                self.leads(target, deadline).await
            }
            Ok(Ok(peer::HandOverResponse { refusal })) => Err(NotPromoted::AtMaster(refusal)),
            Ok(Err(status)) => {
                tracing::debug!(master = master.0, reason = status.message(), "not handed over");
                Err(NotPromoted::NoMaster)
            }
            Err(_) => Err(NotPromoted::NotTakenOver),
        }
    }

    /// Hands over to `target`. For the master.
    pub(crate) async fn hand_over(
        &self,
        target: NodeId,
        deadline: Instant,
    ) -> Result<(), NotPromoted> {
        if !leads_with_quorum(&self.raft) {
            return Err(NotPromoted::NoMaster);
        }
        let fit_until = deadline.min(Instant::now() + FIT_WITHIN);
        let way = loop {
            match self.facts(target).way() {
                Ok(way) => break way,
                Err(error) if Instant::now() >= fit_until => return Err(error),
                // Nothing of this changes within a moment.
                Err(error @ (NotPromoted::Learner | NotPromoted::Unfit)) => return Err(error),
                Err(_) => sleep(FIT_TRY).await,
            }
        };
        match way {
            Way::Nothing => Ok(()),
            Way::Transfer => self.transfer(target, deadline).await,
            Way::Vote => self.give_vote(target, deadline).await,
        }
    }

    fn facts(&self, target: NodeId) -> Facts {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        let heard = metrics.heartbeat.as_ref().and_then(|map| map.get(&target.0)).copied();
        let matched = metrics.replication.as_ref().and_then(|map| map.get(&target.0)).copied();
        let matched = matched.flatten().map_or(0, |id: LogId| id.index);
        let presence = self.presence.get(target);
        let is_off = self.clocks.standing_of(target) != ClockStanding::Right;
        Facts {
            own: self.peers.standing.node.0,
            target: target.0,
            voters: membership.voter_ids().collect(),
            learners: membership.learner_ids().collect(),
            is_changing: membership.get_joint_config().len() > 1,
            acknowledged: heard.flatten().map(|when| when.elapsed()),
            lag: metrics.last_log_index.unwrap_or(0).saturating_sub(matched),
            is_unfit: is_off
                || presence.is_some_and(|heard| heard.leaving || heard.disk == DiskLevel::Full),
        }
    }

    async fn transfer(&self, target: NodeId, deadline: Instant) -> Result<(), NotPromoted> {
        for _ in 0..TRIES {
            tracing::info!(to = target.0, "handing leadership over");
            if let Err(error) = self.raft.trigger().transfer_leader(target.0).await {
                tracing::warn!(%error, "leadership was not handed over");
            }
            let until = deadline.min(Instant::now() + TAKES_OVER_WITHIN);
            if self.leads(target, until).await.is_ok() {
                return Ok(());
            }
            // Asked once more only while it is this node's to give.
            if !leads_with_quorum(&self.raft) {
                break;
            }
        }
        Err(NotPromoted::NotTakenOver)
    }

    async fn give_vote(&self, target: NodeId, deadline: Instant) -> Result<(), NotPromoted> {
        tracing::info!(to = target.0, "handing the vote over");
        let change = ChangeMembers::ReplaceAllVoters(BTreeSet::from([target.0]));
        let until = deadline.min(Instant::now() + VOTE_GOES_WITHIN);
        match timeout_at(until, self.raft.change_membership(change, true)).await {
            Ok(Ok(_)) => {}
            // The change was made, and who could say so leads no more: the other will.
            Ok(Err(error)) => tracing::info!(%error, "the vote may have been handed over"),
            Err(_) => return Err(NotPromoted::LostOnTheWay),
        }
        self.leads(target, deadline.min(Instant::now() + TAKES_OVER_WITHIN)).await
    }

    /// Waits until `target` leads, as far as this node knows.
    async fn leads(&self, target: NodeId, until: Instant) -> Result<(), NotPromoted> {
        let mut master = self.master.clone();
        let leads = master.wait_for(|leader| *leader == Some(target));
        match timeout_at(until, leads).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(NotPromoted::NotTakenOver),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(voters: &[u64], learners: &[u64], target: u64) -> Facts {
        Facts {
            own: 1,
            target,
            voters: voters.iter().copied().collect(),
            learners: learners.iter().copied().collect(),
            is_changing: false,
            acknowledged: Some(Duration::from_millis(99)),
            lag: 3,
            is_unfit: false,
        }
    }

    #[test]
    fn a_voter_is_given_the_lead_and_the_one_learner_of_one_voter_its_vote() {
        assert_eq!(facts(&[1, 2, 3], &[], 1).way(), Ok(Way::Nothing));
        assert_eq!(facts(&[1, 2, 3], &[], 3).way(), Ok(Way::Transfer));
        assert_eq!(facts(&[1], &[2], 2).way(), Ok(Way::Vote));
        assert_eq!(facts(&[1, 2, 3], &[4], 4).way(), Err(NotPromoted::Learner));
        assert_eq!(facts(&[1, 2, 3], &[4], 9).way(), Err(NotPromoted::Absent));
        assert_eq!(facts(&[1], &[], 2).way(), Err(NotPromoted::Absent));
    }

    #[test]
    fn nobody_is_asked_who_could_not_take_over_at_once() {
        let fit = facts(&[1, 2, 3], &[], 2);
        let silent = |acknowledged| Facts { acknowledged, ..fit.clone() }.way();
        assert_eq!(silent(None), Err(NotPromoted::Silent));
        assert_eq!(silent(Some(Duration::from_millis(201))), Err(NotPromoted::Silent));
        assert_eq!(Facts { lag: 101, ..fit.clone() }.way(), Err(NotPromoted::Behind(101)));
        assert_eq!(Facts { is_unfit: true, ..fit.clone() }.way(), Err(NotPromoted::Unfit));
        let changing = Facts { is_changing: true, ..fit };
        assert_eq!(changing.way(), Err(NotPromoted::ChangeUnderWay));
    }
}
