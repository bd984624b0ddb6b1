//! Who should not lead does not: a node whose disk is full, or whose clock is off.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{ClockStanding, NodeId};
use tokio::time::{Instant, sleep};

use crate::clocks::Clocks;
use crate::hand_over::hand_over;
use crate::hello::{Greeter, Presence};
use crate::proposer::Master;
use crate::raft_types::Raft;
use crate::space::OwnDisk;

const INTERVAL: Duration = Duration::from_millis(500);
/// From one attempt to hand over to the next.
const HAND_OVER_EVERY: Duration = Duration::from_secs(3);
/// Without a master for so long, a wrong clock is better than none: a lead is taken, and handed over.
const LEADERLESS_MAX: Duration = Duration::from_secs(10);

/// Looks at the clocks, and after whether this node leads.
pub(crate) struct LeadWatch {
    disk: Arc<OwnDisk>,
    clocks: Arc<Clocks>,
    raft: Raft,
    presence: Arc<Presence>,
    own: NodeId,
    master: Master,
}

impl LeadWatch {
    pub(crate) fn new(greeter: &Greeter, master: Master) -> Self {
        Self {
            disk: Arc::clone(&greeter.disk),
            clocks: Arc::clone(&greeter.clocks),
            raft: greeter.raft.clone(),
            presence: Arc::clone(&greeter.presence),
            own: greeter.peers.standing.node,
            master,
        }
    }

    /// For as long as the node runs.
    pub(crate) async fn run(self) {
        let mut elects = true;
        let mut led_at = Instant::now();
        let mut standing = ClockStanding::Right;
        let mut handed_over: Option<Instant> = None;
        loop {
            self.note_clock(&mut standing);
            if self.master.borrow().is_some() {
                led_at = Instant::now();
            }
            let is_right = standing == ClockStanding::Right || led_at.elapsed() > LEADERLESS_MAX;
            let is_fit = is_right && !self.disk.is_full();
            if is_fit != elects {
                elects = is_fit;
                self.raft.runtime_config().elect(is_fit);
            }
            let may_try = handed_over.is_none_or(|when| when.elapsed() > HAND_OVER_EVERY);
            if !is_fit && may_try && self.raft.is_leader() {
                handed_over = Some(Instant::now());
                hand_over(&self.raft, &self.presence, &self.clocks, self.own, self.master.clone())
                    .await;
            }
            sleep(INTERVAL).await;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    fn note_clock(&self, before: &mut ClockStanding) {
        let offset = self.clocks.look();
        metrics::gauge!("symbolon_clock_offset_seconds").set(offset as f64 / 1_000.0);
        let standing = ClockStanding::of(offset);
        if standing == *before {
            return;
        }
        *before = standing;
        let seconds = offset / 1_000;
        match standing {
            ClockStanding::Right => {
                tracing::info!(seconds, "the clock of this node is right again")
            }
            ClockStanding::Aside => tracing::warn!(
                seconds,
                "the clock of this node is over 5 s from the median of the cluster's clocks: it does not \
                 lead; correct it"
            ),
            ClockStanding::Off => tracing::error!(
                seconds,
                "the clock of this node is over 30 s from the median of the cluster's clocks: it judges \
                 no time-based codes, and stamps nothing; correct it"
            ),
        }
    }
}
