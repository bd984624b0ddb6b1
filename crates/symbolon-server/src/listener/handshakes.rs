//! Handshakes under way.

use std::collections::VecDeque;
use std::net::IpAddr;

use tokio::sync::oneshot;

/// Resolves when a handshake must give way to a newer one. Dropped when the handshake is over.
pub(super) type Eviction = oneshot::Receiver<()>;

/// Handshakes under way, the oldest first. Who is slow gives way to who is new: somebody silent could
/// otherwise hold each place for as long as a handshake may last.
pub(super) struct Handshakes {
    max: usize,
    under_way: VecDeque<Handshake>,
}

struct Handshake {
    network: IpAddr,
    /// Closed when it is over.
    evict: oneshot::Sender<()>,
}

impl Handshakes {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, under_way: VecDeque::new() }
    }

    /// One more. The oldest gives way when there are too many.
    pub(super) fn begin(&mut self, network: IpAddr) -> Eviction {
        if self.under_way.len() >= self.max {
            self.under_way.retain(|handshake| !handshake.evict.is_closed());
        }
        if self.under_way.len() >= self.max {
            self.evict(0);
        }
        let (evict, eviction) = oneshot::channel();
        self.under_way.push_back(Handshake { network, evict });
        eviction
    }

    /// Makes the oldest of a network give way. False when it has none.
    pub(super) fn evict_of(&mut self, network: IpAddr) -> bool {
        let is_one = |one: &Handshake| one.network == network && !one.evict.is_closed();
        self.under_way.iter().position(is_one).is_some_and(|at| self.evict(at))
    }

    fn evict(&mut self, at: usize) -> bool {
        // One that ends this very moment has no need of it.
        self.under_way.remove(at).is_some_and(|oldest| oldest.evict.send(()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

    #[test]
    fn the_oldest_that_is_not_over_gives_way() {
        let mut handshakes = Handshakes::new(2);
        let mut first = handshakes.begin(HERE);
        let second = handshakes.begin(HERE);
        assert!(first.try_recv().is_err());
        drop(second);
        let mut third = handshakes.begin(HERE);
        assert!(first.try_recv().is_err(), "there was room");
        let mut fourth = handshakes.begin(HERE);
        assert!(first.try_recv().is_ok());
        assert!(third.try_recv().is_err() && fourth.try_recv().is_err());
    }

    #[test]
    fn a_network_gives_way_to_itself() {
        let mut handshakes = Handshakes::new(3);
        let mut first = handshakes.begin(HERE);
        let mut second = handshakes.begin(THERE);
        let third = handshakes.begin(THERE);
        assert!(handshakes.evict_of(THERE));
        assert!(first.try_recv().is_err() && second.try_recv().is_ok());
        drop(third);
        assert!(!handshakes.evict_of(THERE), "it is over");
    }
}
