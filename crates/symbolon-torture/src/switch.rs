//! A switch for the network cards of all nodes, and of the clients: it can delay frames, lose them, send them
//! twice, and carry none from one port to another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use symbolon_check::Rng;
use tokio::time::Instant;

/// As long as any that a card sends.
const FRAME_BYTES_MAX: usize = 2048;
/// Frames that are on their way at once; more are lost, as anywhere.
const FRAMES_MAX: usize = 50_000;
/// Frames that are taken from one port before it is the next one's turn.
const TURN: usize = 64;

/// How frames get from one port to another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    /// So many faults have cut it.
    pub(crate) cuts: u32,
    /// The least and the most time that a frame takes.
    pub(crate) delay: (Duration, Duration),
    pub(crate) lost_per_mille: u64,
    pub(crate) doubled_per_mille: u64,
}

#[derive(Default)]
struct Links {
    /// From each port to each.
    links: Vec<Vec<Link>>,
    carried: u64,
    lost: u64,
}

/// The switch. Clones are the same.
#[derive(Clone)]
pub(crate) struct Switch(Arc<Mutex<Links>>);

impl Switch {
    /// Joins these cards, on a thread that goes on until the program ends.
    pub(crate) fn start(ports: Vec<File>, rng: Rng) -> Self {
        let count = ports.len();
        let links = vec![vec![Link::default(); count]; count];
        let switch = Self(Arc::new(Mutex::new(Links { links, ..Links::default() })));
        let carrier = Carrier { ports, switch: switch.clone(), rng, waiting: BinaryHeap::new() };
        std::thread::spawn(move || carrier.work());
        switch
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the way from one port to another.
    pub(crate) fn change(&self, from: usize, to: usize, change: impl FnOnce(&mut Link)) {
        change(&mut self.lock().links[from][to]);
    }

    /// Changes all ways between nodes, and with `clients` all others too.
    pub(crate) fn change_all(&self, clients: bool, change: impl Fn(&mut Link)) {
        let first = usize::from(!clients);
        for row in self.lock().links.iter_mut().skip(first) {
            row.iter_mut().skip(first).for_each(&change);
        }
    }

    /// Whether all ways are as they should be.
    pub(crate) fn is_well(&self) -> bool {
        let links = self.lock();
        links.links.iter().flatten().all(|it| {
            it.cuts == 0
                && it.delay.1.is_zero()
                && it.lost_per_mille == 0
                && it.doubled_per_mille == 0
        })
    }

    /// Frames that were carried, and that were lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let links = self.lock();
        (links.carried, links.lost)
    }
}

/// A frame on its way: when it is due, its place among equals, its port.
type Waiting = (Instant, u64, usize, Vec<u8>);

struct Carrier {
    ports: Vec<File>,
    switch: Switch,
    rng: Rng,
    waiting: BinaryHeap<Reverse<Waiting>>,
}

impl Carrier {
    fn work(mut self) {
        let mut number = 0;
        loop {
            self.wait();
            self.deliver();
            for from in 0..self.ports.len() {
                for _ in 0..TURN {
                    let mut frame = vec![0; FRAME_BYTES_MAX];
                    let Ok(length) = (&self.ports[from]).read(&mut frame) else { break };
                    frame.truncate(length);
                    number += 1;
                    self.take(from, frame, number);
                }
            }
        }
    }

    /// Until a frame comes, or is due.
    fn wait(&self) {
        let now = Instant::now();
        let until =
            self.waiting.peek().map(|Reverse((due, ..))| due.saturating_duration_since(now));
        let until = until.unwrap_or(Duration::from_millis(200));
        let until = Timespec {
            tv_sec: i64::try_from(until.as_secs()).unwrap_or(0),
            tv_nsec: i64::from(until.subsec_nanos()),
        };
        let mut all: Vec<_> =
            self.ports.iter().map(|port| PollFd::new(port, PollFlags::IN)).collect();
        // Interrupted: the next look is as good.
        let _ = poll(&mut all, Some(&until));
    }

    /// What is due.
    fn deliver(&mut self) {
        let now = Instant::now();
        while self.waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            if let Some(Reverse((_, _, to, frame))) = self.waiting.pop() {
                self.give(to, &frame);
            }
        }
    }

    /// A card that takes no more loses it, as a full switch does.
    fn give(&self, to: usize, frame: &[u8]) {
        let _ = (&self.ports[to]).write(frame);
    }

    fn take(&mut self, from: usize, frame: Vec<u8>, number: u64) {
        // The first six bytes say for whom it is; a card's last one is the number of its port.
        let Some(first) = frame.first() else { return };
        let to = frame.get(5).map_or(0, |last| usize::from(*last));
        let all = 0..self.ports.len();
        let receivers = if first & 1 == 1 { all } else { to..to + 1 };
        let count = self.ports.len();
        for to in receivers.filter(|to| *to != from && *to < count) {
            self.carry((from, to), &frame, number);
        }
    }

    fn carry(&mut self, (from, to): (usize, usize), frame: &[u8], number: u64) {
        let link = {
            let mut links = self.switch.lock();
            let link = links.links[from][to];
            let is_lost = link.cuts > 0
                || self.rng.chance(link.lost_per_mille)
                || self.waiting.len() >= FRAMES_MAX;
            links.lost += u64::from(is_lost);
            links.carried += u64::from(!is_lost);
            if is_lost {
                return;
            }
            link
        };
        let times = 1 + u64::from(self.rng.chance(link.doubled_per_mille));
        for _ in 0..times {
            if link.delay.1.is_zero() {
                self.give(to, frame);
                continue;
            }
            let least = u64::try_from(link.delay.0.as_micros()).unwrap_or(0);
            let most = u64::try_from(link.delay.1.as_micros()).unwrap_or(0);
            let delay = Duration::from_micros(self.rng.range(least, most.max(least + 1)));
            self.waiting.push(Reverse((Instant::now() + delay, number, to, frame.to_vec())));
        }
    }
}
