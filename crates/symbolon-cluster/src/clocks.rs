//! This node's time: what it keeps of its clock, and what the clocks of its peers say of it. The rules are
//! those of `symbolon_core::Timekeeper`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use symbolon_core::{ClockJump, ClockStanding, NodeId, Timekeeper, Timestamp, clock_offset};
use symbolon_service::Clock;
use tokio::time::Instant;

/// What took longer than this to be answered, as when a connection is made, tells little of a clock: it
/// counts where nothing else is known of it.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(500);
/// How long a reading counts. It goes on with the time that passes here.
const READING_HOLDS: Duration = Duration::from_secs(10);

/// What a peer's clock showed.
#[derive(Clone, Copy, Debug)]
struct Reading {
    clock: Timestamp,
    when: Instant,
}

impl Reading {
    /// What it must show now, if it goes as time goes.
    fn now(self) -> Timestamp {
        self.clock.plus(milliseconds(self.when.elapsed()))
    }
}

/// All clocks that this node knows of. As a [`Clock`] it tells the time that the node keeps.
pub(crate) struct Clocks {
    own: Arc<dyn Clock>,
    began: Instant,
    keeper: Mutex<Option<Timekeeper>>,
    readings: Mutex<BTreeMap<NodeId, Reading>>,
    /// As the clocks were compared last: asked for with each verification.
    is_off: AtomicBool,
}

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        let (clock, passed) = (self.own.now(), self.passed());
        let keeper = *self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.map_or(clock, |keeper| keeper.now(clock, passed))
    }
}

impl Clocks {
    /// Over the node's own clock, which is followed until [`start`](Self::start).
    pub(crate) fn new(own: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            own: Arc::clone(own),
            began: Instant::now(),
            keeper: Mutex::default(),
            readings: Mutex::default(),
            is_off: AtomicBool::default(),
        })
    }

    /// What the node's own clock shows, right or wrong.
    pub(crate) fn own(&self) -> Timestamp {
        self.own.now()
    }

    /// Takes note of what a peer said that its clock shows, half the round trip ago.
    pub(crate) fn hear(&self, node: NodeId, clock: Timestamp, round_trip: Duration) {
        let clock = clock.plus(milliseconds(round_trip / 2));
        let reading = Reading { clock, when: Instant::now() };
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = readings.get(&node).filter(|known| known.when.elapsed() < READING_HOLDS);
        if known.is_none() || round_trip <= ROUND_TRIP_MAX {
            readings.insert(node, reading);
        }
        drop(readings);
        self.compare();
    }

    fn compare(&self) -> i64 {
        let offset = self.own_offset();
        self.is_off.store(ClockStanding::of(offset) == ClockStanding::Off, Ordering::Release);
        offset
    }

    /// Whether this node's clock was [`Off`](ClockStanding::Off) when the clocks were compared last: with
    /// each reading, and twice a second.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Acquire)
    }

    /// Begins to keep the time, once the peers were asked; `stamped`: the last stamp that is known.
    pub(crate) fn start(&self, stamped: Timestamp) {
        let keeper = Timekeeper::start(self.own(), self.passed(), &self.others(), stamped);
        if let Some(jump) = keeper.taken() {
            let seconds = jump.by / 1_000;
            tracing::warn!(
                seconds,
                "no other node answers, so this node's clock is taken, which is that far from the last \
                 stamp; see whether it is right"
            );
        }
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// Compares the clocks. To be done about once a second. By how much the node's own is ahead, ms.
    pub(crate) fn look(&self) -> i64 {
        let offset = self.compare();
        self.keep();
        offset
    }

    fn keep(&self) {
        let others = self.others();
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = keeper.as_mut() else { return };
        let before = keeper.refused();
        keeper.look(self.own(), self.passed(), &others);
        match (before, keeper.refused()) {
            (None, Some(jump)) => tracing::error!(
                seconds = jump.by / 1_000,
                "the clock of this node has jumped, and is not followed; correct it"
            ),
            (Some(_), None) => tracing::info!("the clock of this node is followed again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Goes by the node's own clock as it is.
    pub(crate) fn confirm(&self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keeper.as_mut() {
            tracing::warn!("an administrator has confirmed the clock of this node");
            keeper.confirm(self.own(), self.passed());
        }
    }

    /// By how much the node's own clock is ahead of the median of those in contact, ms.
    pub(crate) fn own_offset(&self) -> i64 {
        clock_offset(self.own(), &self.others())
    }

    /// What a peer's clock lets it do, as seen from here. Of who is not heard nothing is known.
    pub(crate) fn standing_of(&self, node: NodeId) -> ClockStanding {
        ClockStanding::of(self.offsets().get(&node).copied().unwrap_or(0))
    }

    /// By how much each peer's clock is ahead of the median, ms.
    fn offsets(&self) -> BTreeMap<NodeId, i64> {
        let (own, readings) = (self.own(), self.readings());
        let offset = |node: &NodeId, clock: Timestamp| {
            let others = readings.iter().filter(|(other, _)| *other != node);
            let others: Vec<_> = others.map(|(_, clock)| *clock).chain([own]).collect();
            clock_offset(clock, &others)
        };
        readings.iter().map(|(node, clock)| (*node, offset(node, *clock))).collect()
    }

    /// For an administrator, this node being `node`.
    pub(crate) fn report(&self, node: NodeId) -> ClockReport {
        let keeper = *self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offsets = self.offsets();
        let own = self.own();
        let are_witnesses = offsets.len() >= 2;
        if are_witnesses {
            offsets.insert(node, self.own_offset());
        } else {
            for (other, clock) in self.readings() {
                offsets.insert(other, symbolon_core::ahead(clock, own));
            }
        }
        ClockReport {
            now: self.now(),
            offsets,
            are_witnesses,
            refused: keeper.and_then(|keeper| keeper.refused()),
            taken: keeper.and_then(|keeper| keeper.taken()),
        }
    }

    fn readings(&self) -> BTreeMap<NodeId, Timestamp> {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|_, reading| reading.when.elapsed() < READING_HOLDS);
        readings.iter().map(|(node, reading)| (*node, reading.now())).collect()
    }

    fn others(&self) -> Vec<Timestamp> {
        self.readings().into_values().collect()
    }

    fn passed(&self) -> u64 {
        milliseconds(self.began.elapsed())
    }
}

/// How it stands with the clocks, as seen from one node.
pub(crate) struct ClockReport {
    /// The time as the node keeps it.
    pub(crate) now: Timestamp,
    /// By how much each clock is ahead of the median; where there is none, of the node's own. ms.
    pub(crate) offsets: BTreeMap<NodeId, i64>,
    /// At least three clocks are in contact: their median is a witness.
    pub(crate) are_witnesses: bool,
    /// The jump of the node's own clock that is not followed.
    pub(crate) refused: Option<ClockJump>,
    /// The jump at the start that was, since there was nobody to ask.
    pub(crate) taken: Option<ClockJump>,
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use tokio::time::advance;

    use super::*;

    const NOON: u64 = 1_800_000_000_000;
    const A: NodeId = NodeId(2);
    const B: NodeId = NodeId(3);

    struct Set(AtomicU64);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    impl Clocks {
        /// What this node's clock lets it do.
        fn standing(&self) -> ClockStanding {
            ClockStanding::of(self.own_offset())
        }
    }

    /// A node's clocks, and what sets its own.
    fn clocks() -> (Arc<Clocks>, Arc<Set>) {
        let own = Arc::new(Set(AtomicU64::new(NOON)));
        let clock: Arc<dyn Clock> = Arc::clone(&own) as _;
        (Clocks::new(&clock), own)
    }

    fn quick(clocks: &Clocks, node: NodeId, at: u64) {
        clocks.hear(node, Timestamp(at), Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_goes_on_with_the_time_and_counts_for_ten_seconds() {
        let (clocks, own) = clocks();
        quick(&clocks, A, NOON - 1);
        quick(&clocks, B, NOON - 1);
        own.0.store(NOON + 60_000, Ordering::SeqCst);
        assert_eq!((clocks.own_offset(), clocks.standing()), (60_000, ClockStanding::Off));
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(clocks.own_offset(), 60_000 - 9_999);
        advance(Duration::from_millis(1)).await;
        assert_eq!((clocks.own_offset(), clocks.standing()), (0, ClockStanding::Right));
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_long_to_be_answered_counts_where_there_is_nothing_else() {
        let (clocks, _) = clocks();
        let slow = |at| clocks.hear(A, Timestamp(at), Duration::from_millis(501));
        slow(NOON);
        assert_eq!(clocks.others(), [Timestamp(NOON + 250)]);
        quick(&clocks, A, NOON);
        slow(NOON + 9_000);
        assert_eq!(clocks.others(), [Timestamp(NOON + 1)]);
        advance(READING_HOLDS).await;
        slow(NOON);
        assert_eq!(clocks.others(), [Timestamp(NOON + 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_is_kept_is_that_of_the_node_from_its_start_on() {
        let (clocks, own) = clocks();
        clocks.start(Timestamp(NOON));
        own.0.store(NOON + 3_600_000, Ordering::SeqCst);
        advance(Duration::from_secs(7)).await;
        assert_eq!(clocks.now(), Timestamp(NOON + 7_000));
        clocks.look();
        let report = clocks.report(NodeId(1));
        assert!(!report.are_witnesses && report.refused.is_some());
        clocks.confirm();
        assert_eq!(clocks.now(), clocks.own());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_measured_as_the_node_itself_is() {
        let (clocks, _) = clocks();
        quick(&clocks, A, NOON - 1);
        assert_eq!(clocks.standing_of(A), ClockStanding::Right);
        quick(&clocks, B, NOON + 5_001);
        assert_eq!(clocks.standing_of(B), ClockStanding::Aside);
        assert_eq!(clocks.standing_of(NodeId(9)), ClockStanding::Right, "nothing is known of it");
        assert_eq!(clocks.report(NodeId(1)).offsets.len(), 3);
    }
}
