//! Clocks that are wrong: `libfaketime` stands between each node and the machine's.

use std::time::Duration;

use symbolon_check::Rng;

use crate::fault::{Kind, span};
use crate::run::World;

/// By then each certificate that a node has made for its API port has expired.
const FAR: Duration = Duration::from_secs(100 * 86_400);

impl World {
    pub(crate) async fn wrong_clock(&self, id: usize, rng: &mut Rng) {
        let far = *rng.pick(&[2_000, 6_000, 40_000, 120_000]);
        let off = Duration::from_millis(rng.range(far / 2, far));
        self.clock(Kind::Clock, id, (off, rng.chance(500)), span(rng)).await;
    }

    /// Where the clock is months ahead, the certificates of all others have expired, and its own.
    pub(crate) async fn far_clock(&self, id: usize, rng: &mut Rng) {
        self.clock(Kind::FarClock, id, (FAR, true), span(rng)).await;
    }

    async fn clock(&self, kind: Kind, id: usize, (off, ahead): (Duration, bool), time: Duration) {
        let Some(_claim) = self.claim(id) else { return };
        let way = if ahead { "ahead" } else { "behind" };
        self.begins(kind, &format!("node-{} is {off:?} {way}", id + 1));
        let node = self.cluster.node(id + 1);
        node.set_clock(off, ahead);
        self.pause(time).await;
        node.set_clock(Duration::ZERO, true);
    }
}
