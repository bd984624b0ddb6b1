//! What goes wrong in a round, and when: the choices are the seed's; the time is that of the wall.

use std::sync::Arc;
use std::time::Duration;

use symbolon_check::Rng;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::run::World;

/// What may go wrong, with the name that it is counted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Kill,
    KillAll,
    Stop,
    Freeze,
    Cut,
    OneWay,
    Isolate,
    Split,
    Slow,
    Lossy,
    Doubled,
    PowerOff,
    PowerOffAll,
    FailingDisk,
    SlowDisk,
    FullDisk,
    Damage,
    RollBack,
    Clock,
    FarClock,
    Promote,
    Seize,
    Replace,
    Silent,
    Garbage,
    Flood,
}

const ALL: [(Kind, &str, u64); 26] = [
    (Kind::Kill, "kill -9", 4),
    (Kind::KillAll, "kill -9 of all", 1),
    (Kind::Stop, "SIGTERM", 1),
    (Kind::Freeze, "SIGSTOP", 3),
    (Kind::Cut, "cut", 3),
    (Kind::OneWay, "one-way cut", 3),
    (Kind::Isolate, "isolation", 3),
    (Kind::Split, "split", 3),
    (Kind::Slow, "delay", 2),
    (Kind::Lossy, "loss", 2),
    (Kind::Doubled, "duplication", 1),
    (Kind::PowerOff, "power loss", 3),
    (Kind::PowerOffAll, "power loss of all", 1),
    (Kind::FailingDisk, "failing disk", 2),
    (Kind::SlowDisk, "slow disk", 1),
    (Kind::FullDisk, "full disk", 2),
    (Kind::Damage, "damaged file", 2),
    (Kind::RollBack, "rolled-back disk", 2),
    (Kind::Clock, "clock", 3),
    (Kind::FarClock, "expired certificates", 1),
    (Kind::Promote, "promotion", 2),
    (Kind::Seize, "seize", 3),
    (Kind::Replace, "removal", 2),
    (Kind::Silent, "10,000 silent connections", 1),
    (Kind::Garbage, "garbage", 2),
    (Kind::Flood, "flood", 1),
];

/// Kinds that take data from a machine: not beside a seize, whose node may know nothing of those that came
/// meanwhile. Then there are two clusters, which is what people are told to prevent.
const TAKING: [Kind; 3] = [Kind::Damage, Kind::RollBack, Kind::Replace];

/// At which place which comes.
const DUE: [(u64, Kind); 4] =
    [(8, Kind::Seize), (5, Kind::RollBack), (14, Kind::Damage), (20, Kind::Replace)];

/// The faults of a round.
pub(crate) struct Faults {
    rng: Rng,
    /// As often as they are likely.
    kinds: Vec<Kind>,
    next: Instant,
    begun: u64,
    /// Mean time from one to the next, in milliseconds.
    pace: u64,
}

/// The name of a kind.
fn name(kind: Kind) -> &'static str {
    ALL.iter().find(|(it, ..)| *it == kind).map_or("", |(_, name, _)| name)
}

impl Faults {
    pub(crate) fn new(mut rng: Rng, round: u64, only: &[String]) -> Self {
        let share = rng.range(500, 950);
        // In every other round; the first has none, so that what follows a seize is not all that is seen.
        let seizes = round.is_multiple_of(2);
        let mut kinds = Vec::new();
        for (kind, name, weight) in ALL {
            let is_wanted = if only.is_empty() {
                let is_taking = TAKING.contains(&kind);
                rng.chance(share) && !(is_taking && seizes) && (kind != Kind::Seize || seizes)
            } else {
                only.iter().any(|it| name.contains(&**it))
            };
            for _ in 0..if is_wanted { weight } else { 0 } {
                kinds.push(kind);
            }
        }
        if seizes && only.is_empty() {
            kinds.extend([Kind::Seize; 3]);
        }
        let pace = rng.range(700, 3_000);
        Self { rng, kinds, next: Instant::now(), begun: 0, pace }
    }

    /// What may happen.
    pub(crate) fn named(&self) -> String {
        let mut names: Vec<_> = self.kinds.iter().map(|kind| name(*kind)).collect();
        names.dedup();
        names.join(", ")
    }

    /// When the next one begins, if it does before the end.
    pub(crate) fn next(&mut self, end: Instant) -> Option<Instant> {
        self.next += Duration::from_millis(self.rng.range(self.pace / 10, self.pace * 2));
        (self.next < end && !self.kinds.is_empty()).then_some(self.next)
    }

    /// Begins one. It ends by itself, or when all do.
    pub(crate) fn begin(&mut self, world: &Arc<World>, under_way: &mut JoinSet<()>) {
        self.begun += 1;
        // Those that need all to be well come in each round that has them, whatever the dice say.
        let due =
            DUE.iter().find(|(place, kind)| *place == self.begun && self.kinds.contains(kind));
        let kind = due.map_or_else(|| *self.rng.pick(&self.kinds), |(_, kind)| *kind);
        let (world, mut rng) = (Arc::clone(world), self.rng.fork());
        under_way.spawn(async move { world.suffer(kind, &mut rng).await });
    }
}

/// A time that is short more often than not.
pub(crate) fn span(rng: &mut Rng) -> Duration {
    let (least, most) = *rng.pick(&[(1, 4), (1, 8), (5, 12), (8, 25)]);
    Duration::from_millis(rng.range(least * 1000, most * 1000))
}

impl World {
    /// Says that a fault has begun.
    pub(crate) fn begins(&self, kind: Kind, what: &str) {
        self.count(name(kind), 1);
        self.history.say("fault", &format!("{} {what}", name(kind)));
    }

    async fn suffer(&self, kind: Kind, rng: &mut Rng) {
        let id = rng.index(self.machines.len());
        match kind {
            Kind::Kill | Kind::Stop | Kind::Freeze | Kind::PowerOff => {
                self.interrupt(kind, id, rng).await;
            }
            Kind::KillAll | Kind::PowerOffAll => self.interrupt_all(kind, rng).await,
            Kind::Cut | Kind::OneWay | Kind::Isolate | Kind::Split => self.cut(kind, rng).await,
            Kind::Slow | Kind::Lossy | Kind::Doubled => self.hamper(kind, rng).await,
            Kind::FailingDisk => self.failing_disk(id, rng).await,
            Kind::SlowDisk => self.slow_disk(id, rng).await,
            Kind::FullDisk => self.full_disk(id, rng).await,
            Kind::Damage => self.damage(id, rng).await,
            Kind::RollBack => self.roll_back(id, rng).await,
            Kind::Clock => self.wrong_clock(id, rng).await,
            Kind::FarClock => self.far_clock(id, rng).await,
            Kind::Promote => self.promote(id).await,
            Kind::Seize => self.seize(rng).await,
            Kind::Replace => self.replace_some(id).await,
            Kind::Silent => self.silent(id, rng).await,
            Kind::Garbage => self.garbage(id, rng).await,
            Kind::Flood => self.flood(id, rng).await,
        }
    }

    async fn cut(&self, kind: Kind, rng: &mut Rng) {
        let pairs = pairs(rng, self.machines.len(), kind);
        if pairs.is_empty() {
            return;
        }
        self.begins(kind, &format!("{pairs:?}"));
        for (from, to) in &pairs {
            self.switch.change(*from, *to, |link| link.cuts += 1);
        }
        self.pause(span(rng)).await;
        for (from, to) in &pairs {
            self.switch.change(*from, *to, |link| link.cuts -= 1);
        }
        self.history.say("fault", &format!("mended {pairs:?}"));
    }

    /// All frames are late, get lost or come twice; sometimes also those of clients.
    async fn hamper(&self, kind: Kind, rng: &mut Rng) {
        let (clients, most) = (rng.chance(300), Duration::from_millis(rng.range(5, 250)));
        let often = rng.range(5, 150);
        self.begins(kind, &format!("up to {most:?}, {often} of 1000, clients {clients}"));
        self.switch.change_all(clients, |link| match kind {
            Kind::Slow => link.delay = (most / 4, most),
            Kind::Lossy => link.lost_per_mille = often,
            _ => link.doubled_per_mille = often,
        });
        self.pause(span(rng)).await;
        self.switch.change_all(true, |link| match kind {
            Kind::Slow => link.delay = Default::default(),
            Kind::Lossy => link.lost_per_mille = 0,
            _ => link.doubled_per_mille = 0,
        });
        self.history.say("fault", "frames pass again");
    }
}

/// Which ways are cut; ports are counted from 1.
fn pairs(rng: &mut Rng, count: usize, kind: Kind) -> Vec<(usize, usize)> {
    let one = 1 + rng.index(count);
    let other = 1 + (one + rng.index(count - 1)) % count;
    let both = |one, other| [(one, other), (other, one)];
    match kind {
        Kind::OneWay => vec![(one, other)],
        Kind::Isolate => (1..=count).filter(|it| *it != one).flat_map(|it| both(one, it)).collect(),
        Kind::Split => {
            let sides: Vec<_> = (0..=count).map(|_| rng.chance(500)).collect();
            let all = (1..=count).flat_map(|a| (1..=count).map(move |b| (a, b)));
            all.filter(|(a, b)| sides[*a] != sides[*b]).collect()
        }
        _ => both(one, other).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_cut_between_nodes_and_never_to_clients() {
        let mut rng = Rng::new(1);
        for kind in [Kind::Cut, Kind::OneWay, Kind::Isolate, Kind::Split] {
            for _ in 0..200 {
                for (from, to) in pairs(&mut rng, 3, kind) {
                    assert!(from != to && (1..=3).contains(&from) && (1..=3).contains(&to));
                }
            }
        }
    }

    #[test]
    fn each_kind_has_a_name_and_none_takes_data_beside_a_seize() {
        for round in 1..100 {
            let faults = Faults::new(Rng::new(round), round, &[]);
            assert!(faults.kinds.iter().all(|kind| !name(*kind).is_empty()));
            let has = |kind| faults.kinds.contains(&kind);
            assert!(!has(Kind::Seize) || !TAKING.into_iter().any(has));
        }
    }
}
