//! Presence: every second each node tells every other where it is and how far, and learns the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use symbolon_core::{LogIndex, NodeId, Timestamp};
use symbolon_proto::peer::v1 as peer;
use symbolon_service::Clock;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::peer_client::{Peers, Purpose};
use crate::published::Published;

const INTERVAL: Duration = Duration::from_secs(1);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// A node that was heard from within this time counts as reachable.
pub(crate) const REACHABLE: Duration = Duration::from_secs(3);

/// What was last heard from a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) when: Instant,
    pub(crate) at: Timestamp,
    pub(crate) applied: LogIndex,
    /// Its clock less ours, milliseconds.
    pub(crate) offset: i64,
}

/// What was heard from all peers.
#[derive(Debug, Default)]
pub(crate) struct Presence(Mutex<BTreeMap<NodeId, Heard>>);

impl Presence {
    pub(crate) fn get(&self, node: NodeId) -> Option<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    fn note(&self, node: NodeId, heard: Heard) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, heard);
    }
}

/// Says hello and answers it.
pub(crate) struct Greeter {
    pub(crate) peers: Arc<Peers>,
    pub(crate) published: Arc<Published>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) peer_address: String,
    pub(crate) api_address: String,
}

impl Greeter {
    /// Greets every peer once a second, for as long as the node runs.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for node in self.peers.book.nodes() {
                if node != self.peers.standing.node {
                    tokio::spawn(Arc::clone(&self).greet(node));
                }
            }
        }
    }

    async fn greet(self: Arc<Self>, node: NodeId) {
        let mut client = self.peers.client(node, Purpose::Presence);
        let sent = Instant::now();
        let request = self.peers.request(node, self.hello());
        let Ok(Ok(response)) = timeout(ANSWER_TIMEOUT, client.hello(request)).await else {
            return;
        };
        let Ok(answer) = self.peers.accept(node, response) else {
            return;
        };
        let now = self.clock.now();
        // Half the round trip ago the peer's clock stood where it says.
        let half = u64::try_from(sent.elapsed().as_millis() / 2).unwrap_or(0);
        self.hear(
            node,
            &answer.peer_address,
            answer.applied_index,
            now,
            answer.clock.saturating_add(half),
        );
    }

    fn hello(&self) -> peer::HelloRequest {
        peer::HelloRequest {
            peer_address: self.peer_address.clone(),
            api_address: self.api_address.clone(),
            applied_index: self.published.view().applied.0,
            clock: self.clock.now().0,
        }
    }

    /// Answers a peer's hello.
    pub(crate) fn answer(&self, node: NodeId, request: &peer::HelloRequest) -> peer::HelloResponse {
        let now = self.clock.now();
        self.hear(node, &request.peer_address, request.applied_index, now, request.clock);
        let own = self.hello();
        peer::HelloResponse {
            peer_address: own.peer_address,
            api_address: own.api_address,
            applied_index: own.applied_index,
            clock: own.clock,
        }
    }

    fn hear(&self, node: NodeId, address: &str, applied: u64, now: Timestamp, clock: u64) {
        self.peers.book.hear(node, address);
        let offset = i128::from(clock) - i128::from(now.0);
        self.presence.note(
            node,
            Heard {
                when: Instant::now(),
                at: now,
                applied: LogIndex(applied),
                offset: i64::try_from(offset).unwrap_or(i64::MAX),
            },
        );
    }
}
