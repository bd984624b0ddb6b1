//! A master that stops, can write no more, or whose clock is off lets another voter lead.

use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{ClockStanding, NodeId};
use symbolon_store::DiskLevel;
use tokio::time::timeout;

use crate::clocks::Clocks;
use crate::hello::Presence;
use crate::proposer::Master;
use crate::raft_types::{LogId, Raft, TypeConfig};

/// How long such a master waits for another to take over.
const WAIT: Duration = Duration::from_secs(2);
/// A voter that has not acknowledged for so long is not asked.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);

/// Hands leadership over if this node is the master of three voters or more.
pub(crate) async fn hand_over(
    raft: &Raft,
    presence: &Presence,
    clocks: &Clocks,
    own: NodeId,
    mut master: Master,
) {
    let metrics = raft.metrics().borrow_watched().clone();
    let voters = metrics.membership_config.membership().voter_ids().count();
    if metrics.current_leader != Some(own.0) || voters < 3 {
        return;
    }
    let Some(target) = successor(&metrics, presence, clocks, own) else {
        return tracing::warn!("no other voter can take over");
    };
    tracing::info!(to = target, "handing leadership over");
    if let Err(error) = raft.trigger().transfer_leader(target).await {
        return tracing::warn!(%error, "leadership was not handed over");
    }
    let over = master.wait_for(|leader| leader.is_some_and(|node| node != own));
    if timeout(WAIT, over).await.is_err() {
        tracing::warn!(to = target, "nobody took over in time");
    }
}

/// openraft checks nothing about the target: take the voter that is furthest along among those that
/// acknowledged lately, are not stopping themselves, and may lead by their clocks.
fn successor(
    metrics: &openraft::RaftMetrics<TypeConfig>,
    presence: &Presence,
    clocks: &Clocks,
    own: NodeId,
) -> Option<u64> {
    let voters = metrics.membership_config.membership().voter_ids();
    voters
        .filter(|id| *id != own.0)
        .filter(|id| {
            let heard = presence.get(NodeId(*id));
            let is_right = clocks.standing_of(NodeId(*id)) == ClockStanding::Right;
            is_right && !heard.is_some_and(|heard| heard.leaving || heard.disk == DiskLevel::Full)
        })
        .filter(|id| {
            let heard = metrics.heartbeat.as_ref().and_then(|map| map.get(id)).copied();
            heard.flatten().is_some_and(|when| when.elapsed() < ACKNOWLEDGED_WITHIN)
        })
        .max_by_key(|id| {
            let matched = metrics.replication.as_ref().and_then(|map| map.get(id)).copied();
            matched.flatten().map_or(0, |id: LogId| id.index)
        })
}
