//! What the master does without being asked: brings registered nodes into Raft, makes voters of
//! them, and lets state time pass when something is due.
//!
//! The number of voters follows the number of registered nodes, never of live ones: 1 or 2 nodes: one
//! voter; 3 or 4: three; 5 and more: five. One step at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{ChangeMembers, Instant as _};
use symbolon_core::limits::OTHER_EPOCHS_MAX;
use symbolon_core::{Command, MeetEpoch, NodeId, SetNodeAddresses, StartEpoch, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use crate::committer::Committer;
use crate::epochs::Statement;
use crate::fence::Fence;
use crate::node::NodeSettings;
use crate::own_proposals::OwnProposals;
use crate::peer_header::Standing;
use crate::published::Published;
use crate::raft_types::{LogId, Raft};

const INTERVAL: Duration = Duration::from_millis(250);
/// Entries that a learner may lack and still count as caught up.
const LAG_MAX: u64 = 100;
/// A learner becomes a voter only if it has acknowledged within this time.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// Voters of a cluster of so many registered nodes.
pub(crate) const fn voters_wanted(registered: usize) -> usize {
    match registered {
        0..=2 => 1,
        3..=4 => 3,
        _ => 5,
    }
}

/// See the module.
pub(crate) struct Steward {
    pub(crate) raft: Raft,
    pub(crate) published: Arc<Published>,
    pub(crate) proposals: OwnProposals,
    pub(crate) own: NodeId,
    pub(crate) settings: NodeSettings,
    pub(crate) standing: Standing,
    pub(crate) committer: Committer,
    pub(crate) fence: Arc<Fence>,
}

impl Steward {
    /// Looks after the cluster for as long as the node runs.
    pub(crate) async fn run(self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.watch_epoch().await;
            if !self.committer.gate.is_open() {
                continue;
            }
            self.announce().await;
            self.tell_of_epochs_apart().await;
            if self.raft.is_leader() {
                self.let_time_pass().await;
                self.arrange_members().await;
            }
        }
    }

    /// Tells the state of the epoch that a seize has started, before anything else is decided in it.
    async fn watch_epoch(&self) {
        if self.committer.gate.is_open() {
            return;
        }
        if self.raft.is_leader() && !is_in_epoch(&self.published, &self.standing) {
            let administrator = self.standing.statement.as_ref();
            let administrator = administrator
                .and_then(|signed| Statement::decode(&signed.statement).ok())
                .and_then(|statement| statement.administrator);
            let command = Command::StartEpoch(StartEpoch {
                epoch: self.standing.epoch,
                lineage: self.standing.lineage,
                node: self.own,
                administrator,
                clock: self.settings.clock.now(),
            });
            // Not with what waits in the queues of this node: that is taken after it.
            let proposal = self.proposals.proposal(self.published.view().applied, command);
            if let Err(error) = self.committer.submit(vec![proposal]).await {
                tracing::warn!(?error, "the epoch is not told yet");
            }
        }
        if is_in_epoch(&self.published, &self.standing) {
            self.committer.gate.open();
        }
    }

    /// Tells the cluster of epochs apart that this node has met, so that all of it knows.
    async fn tell_of_epochs_apart(&self) {
        let state = self.published.view().state;
        let others = state.cluster().map_or(&[][..], |cluster| &cluster.others);
        for (name, met) in self.fence.apart() {
            let (epoch, lineage, word) = (name.epoch, name.lineage, met.word);
            let known = others.iter().find(|it| (it.epoch, it.lineage) == (epoch, lineage));
            let is_full = known.is_none() && others.len() >= OTHER_EPOCHS_MAX;
            if is_full || known.is_some_and(|known| known.theirs >= word) {
                continue;
            }
            self.proposals.propose(Command::MeetEpoch(MeetEpoch { epoch, lineage, word })).await;
        }
    }

    /// Tells the cluster when this node is reached at other addresses than it has registered.
    async fn announce(&self) {
        let state = self.published.view().state;
        let Some(row) = state.node(self.own) else {
            return;
        };
        if row.peer_address == self.settings.peer_address
            && row.api_address == self.settings.api_address
        {
            return;
        }
        let command = Command::SetNodeAddresses(SetNodeAddresses {
            node: self.own,
            peer_address: self.settings.peer_address.clone(),
            api_address: self.settings.api_address.clone(),
        });
        self.proposals.propose(command).await;
    }

    async fn let_time_pass(&self) {
        let due = self.published.view().state.next_due();
        if due.is_some_and(|due: Timestamp| due <= self.settings.clock.now()) {
            self.proposals.propose(Command::Tick).await;
        }
    }

    /// One step towards the members that the registry asks for.
    async fn arrange_members(&self) {
        let registered: BTreeSet<u64> =
            self.published.view().state.nodes().map(|row| row.id.0).collect();
        let is_member = registered.contains(&self.own.0);
        if !is_member {
            // It was removed, and leads all the same: whatever it made of the members would be itself. The
            // others take nothing of it any more, and one of them leads in a moment.
            tracing::warn!(
                "this node was removed from the cluster and still leads: another takes over"
            );
            return;
        }
        let metrics = self.raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        if membership.get_joint_config().len() > 1 {
            // A master died between the two halves of a change: finish it.
            tracing::info!("finishing a change of voters that was left half done");
            let nothing_more = ChangeMembers::AddVoterIds(BTreeSet::new());
            if let Err(error) = self.raft.change_membership(nothing_more, true).await {
                tracing::warn!(%error, "the change of voters is not finished yet");
            }
            return;
        }
        let members: BTreeSet<u64> = membership.nodes().map(|(id, ())| *id).collect();
        if let Some(new) = registered.difference(&members).next() {
            tracing::info!(node = new, "adding a learner");
            if let Err(error) = self.raft.add_learner(*new, (), false).await {
                tracing::warn!(node = new, %error, "a learner is not added yet");
            }
            return;
        }
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        let wanted = voters_wanted(registered.len());
        if let Some(change) = fewer(&members, &voters, &registered, self.own.0) {
            tracing::info!(?change, "changing the members");
            if let Err(error) = self.raft.change_membership(change, true).await {
                tracing::warn!(%error, "the members are not changed yet");
            }
            return;
        }
        if voters.len() >= wanted {
            return;
        }
        let last = metrics.last_log_index.unwrap_or(0);
        let ready: Vec<u64> = membership
            .learner_ids()
            .filter(|id| {
                let matched = metrics.replication.as_ref().and_then(|map| map.get(id));
                let matched = matched.copied().flatten().map_or(0, |id: LogId| id.index);
                let heard = metrics.heartbeat.as_ref().and_then(|map| map.get(id)).copied();
                matched > 0
                    && last.saturating_sub(matched) <= LAG_MAX
                    && heard.flatten().is_some_and(|when| when.elapsed() < ACKNOWLEDGED_WITHIN)
            })
            .take(wanted - voters.len())
            .collect();
        if voters.len() + ready.len() < wanted {
            return;
        }
        tracing::info!(nodes = ?ready, "making voters");
        let change = ChangeMembers::AddVoterIds(ready.into_iter().collect());
        if let Err(error) = self.raft.change_membership(change, true).await {
            tracing::warn!(%error, "the voters are not changed yet");
        }
    }
}

/// The next step towards fewer members or voters, if one is to be taken: nodes that were removed first
/// vote no more and then take part no more; and of more voters than there should be, those go that were
/// admitted last, but never this one, which is the master.
fn fewer(
    members: &BTreeSet<u64>,
    voters: &BTreeSet<u64>,
    registered: &BTreeSet<u64>,
    own: u64,
) -> Option<ChangeMembers<u64, ()>> {
    let removed: BTreeSet<u64> = members.difference(registered).copied().collect();
    let stay: BTreeSet<u64> = voters.difference(&removed).copied().collect();
    let wanted = voters_wanted(registered.len());
    if stay.len() > wanted {
        let first = [own].into_iter().chain(stay.into_iter().filter(|node| *node != own));
        return Some(ChangeMembers::ReplaceAllVoters(first.take(wanted).collect()));
    }
    if stay.is_empty() || removed.is_empty() {
        return None;
    }
    let voting: BTreeSet<u64> = voters.intersection(&removed).copied().collect();
    Some(if voting.is_empty() {
        ChangeMembers::RemoveNodes(removed)
    } else {
        ChangeMembers::RemoveVoters(voting)
    })
}

/// Whether the state has the epoch that this node is in.
pub(crate) fn is_in_epoch(published: &Published, standing: &Standing) -> bool {
    let state = published.view().state;
    // A node that has nothing yet is in no hurry: it leads nobody.
    let known = state.cluster().map_or(0, |cluster| cluster.epoch);
    standing.statement.is_none() || known >= standing.epoch
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use openraft::ChangeMembers;

    use super::{fewer, voters_wanted};

    fn step(members: &[u64], voters: &[u64], registered: &[u64]) -> Option<ChangeMembers<u64, ()>> {
        let set = |nodes: &[u64]| nodes.iter().copied().collect::<BTreeSet<u64>>();
        fewer(&set(members), &set(voters), &set(registered), 2)
    }

    #[test]
    fn a_node_that_was_removed_first_votes_no_more_and_then_takes_part_no_more() {
        let set = |nodes: &[u64]| nodes.iter().copied().collect::<BTreeSet<u64>>();
        assert_eq!(step(&[1, 2, 3], &[1, 2, 3], &[1, 2, 3]), None);
        let one_voter = Some(ChangeMembers::ReplaceAllVoters(set(&[2])));
        assert_eq!(step(&[1, 2, 3], &[1, 2, 3], &[1, 2]), one_voter);
        let gone = Some(ChangeMembers::RemoveNodes(set(&[3])));
        assert_eq!(step(&[1, 2, 3], &[2], &[1, 2]), gone);
        // Replaced by itself under another number.
        let voter = Some(ChangeMembers::RemoveVoters(set(&[3])));
        assert_eq!(step(&[1, 2, 3], &[1, 2, 3], &[1, 2, 4]), voter);
        assert_eq!(step(&[1, 2, 3, 4], &[1, 2], &[1, 2, 4]), gone);
        let three = Some(ChangeMembers::ReplaceAllVoters(set(&[1, 2, 3])));
        assert_eq!(step(&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], &[1, 2, 3, 4]), three);
    }

    #[test]
    fn one_voter_until_the_third_node_then_three_then_five() {
        let wanted: Vec<_> = (1..=9).map(voters_wanted).collect();
        assert_eq!(wanted, [1, 1, 3, 3, 5, 5, 5, 5, 5]);
    }
}
