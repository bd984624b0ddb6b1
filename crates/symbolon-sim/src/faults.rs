//! What goes wrong in a run, and when: all of it from the seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use symbolon_check::{PutBack, Rng};
use symbolon_service::Role;
use symbolon_store::SimDisk;

use crate::net::{HostId, Link};
use crate::operator::{self, Operator};
use crate::replace::Replacing;
use crate::time::{MILLISECOND, Nanos, SECOND};
use crate::world::World;

/// What may go wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Cut,
    OneWay,
    Isolate,
    Split,
    Bridge,
    Flap,
    Slow,
    Lossy,
    Kill,
    PowerOff,
    PowerOffAll,
    Pause,
    Clock,
    Drift,
    SlowDisk,
    FailDisk,
    Promote,
    Seize,
    RollBack,
    Replace,
}

const ALL: [Kind; 20] = [
    Kind::Cut,
    Kind::OneWay,
    Kind::Isolate,
    Kind::Split,
    Kind::Bridge,
    Kind::Flap,
    Kind::Slow,
    Kind::Lossy,
    Kind::Kill,
    Kind::PowerOff,
    Kind::PowerOffAll,
    Kind::Pause,
    Kind::Clock,
    Kind::Drift,
    Kind::SlowDisk,
    Kind::FailDisk,
    Kind::Promote,
    Kind::Seize,
    Kind::RollBack,
    Kind::Replace,
];

/// How a fault ends.
enum Undo {
    Mend(Vec<(HostId, HostId)>),
    Links,
    PowerOn(HostId),
    Clock(HostId),
    Drift(HostId),
    Disk(HostId),
    /// The link is cut, or mended, so many times more.
    Flap(Vec<(HostId, HostId)>, u64),
}

/// The faults of a run.
pub(crate) struct Faults {
    rng: Rng,
    /// Those that this run has: few make deep runs, many make wide ones.
    kinds: Vec<Kind>,
    /// The term that each host was seen in last, where power may fail in the moment in which one votes.
    terms: Option<Vec<u64>>,
    next: Nanos,
    /// Mean time from one to the next.
    pace: Nanos,
    undo: Vec<(Nanos, Undo)>,
    pub(crate) counts: BTreeMap<Kind, u64>,
    pub(crate) operator: Operator,
    saved: Option<Saved>,
    pub(crate) put_back: Vec<PutBack>,
    pub(crate) replacing: Replacing,
}

/// A machine as it was.
struct Saved {
    host: HostId,
    disk: SimDisk,
    copy: PathBuf,
    at: Nanos,
}

type Pairs = Vec<(HostId, HostId)>;

fn both(one: HostId, other: HostId) -> [(HostId, HostId); 2] {
    [(one, other), (other, one)]
}

impl Faults {
    pub(crate) fn new(mut rng: Rng, operator: Operator, now: Nanos) -> Self {
        let share = rng.range(150, 900);
        let mut kinds: Vec<_> = ALL.into_iter().filter(|_| rng.chance(share)).collect();
        if kinds.is_empty() {
            kinds.push(*rng.pick(&ALL));
        }
        // Whoever seizes with a registry from before somebody was replaced knows nothing of the new node's key:
        // then there are two clusters, which is what people are told to prevent.
        let has = |kinds: &[Kind], kind| kinds.contains(&kind);
        if has(&kinds, Kind::Seize) && has(&kinds, Kind::Replace) {
            let dropped = if rng.chance(500) { Kind::Seize } else { Kind::Replace };
            kinds.retain(|kind| *kind != dropped);
        }
        let pace = rng.range(2, 20) * SECOND;
        let (undo, counts) = Default::default();
        let next = now + SECOND;
        let (saved, put_back, replacing) = Default::default();
        Self {
            rng,
            kinds,
            terms: None,
            next,
            pace,
            undo,
            counts,
            operator,
            saved,
            put_back,
            replacing,
        }
    }

    /// Faults of a run with attackers: no node is replaced by another, and power may fail in the moment in
    /// which a node votes.
    pub(crate) fn attacked(&mut self, hosts: usize) {
        self.terms = Some(vec![0; hosts]);
        // A disk that goes back may end in a replacement too.
        self.kinds.retain(|kind| !matches!(kind, Kind::Replace | Kind::RollBack));
        // Many islands that are started again, for whoever counts guesses in memory alone.
        self.kinds.extend([Kind::Isolate, Kind::Kill, Kind::Kill]);
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// What is due now.
    pub(crate) fn step(&mut self, world: &mut World) {
        while let Some(place) = self.undo.iter().position(|(due, _)| *due <= world.now) {
            let (_, undo) = self.undo.remove(place);
            self.end(world, undo);
        }
        self.replacing.step(world, &self.operator);
        self.fail_voters(world);
        if world.now >= self.next {
            self.next = world.now + self.rng.range(self.pace / 10, self.pace * 2);
            let kind = *self.rng.pick(&self.kinds);
            if let Some(what) = self.begin(world, kind) {
                *self.counts.entry(kind).or_default() += 1;
                world.trace.say("fault", &format!("{kind:?} {what}"));
            }
        }
    }

    /// All faults end.
    pub(crate) fn end_all(&mut self, world: &mut World) {
        world.trace.say("fault", "all faults end");
        self.undo.clear();
        world.net.mend_all();
        for id in 0..world.hosts.len() {
            self.end(world, Undo::Clock(id));
            self.end(world, Undo::Drift(id));
            self.end(world, Undo::Disk(id));
            let now = world.now;
            let host = &mut world.hosts[id];
            host.paused_until = host.paused_until.min(now + 1);
            let is_waited_for = self.replacing.is_under_way(id);
            if !world.is_on(id) && world.hosts[id].starts_at.is_none() && !is_waited_for {
                self.end(world, Undo::PowerOn(id));
            }
        }
    }

    fn later(&mut self, world: &World, least: u64, most: u64, undo: Undo) {
        let due = world.now + self.rng.range(least, most) * SECOND;
        self.undo.push((due, undo));
    }

    /// A time that is short more often than not, in seconds: short, middle or long.
    fn span(&mut self) -> (u64, u64) {
        *self.rng.pick(&[(1, 4), (1, 8), (5, 12), (8, 40)])
    }

    fn end(&mut self, world: &mut World, undo: Undo) {
        match undo {
            Undo::Mend(pairs) => {
                for (from, to) in &pairs {
                    world.net.change(*from, *to, |link| link.cuts = link.cuts.saturating_sub(1));
                }
                world.trace.say("fault", &format!("mended {pairs:?}"));
            }
            Undo::Links => self.links(world, |link| {
                let Link { latency, loss_per_mille, .. } = Link::default();
                (link.latency, link.loss_per_mille) = (latency, loss_per_mille);
            }),
            Undo::PowerOn(id) => {
                world.trace.say("fault", &format!("host-{id} is switched on"));
                world.power_on(id);
            }
            Undo::Clock(id) => world.hosts[id].machine.clock.set_off(0),
            Undo::Drift(id) => world.set_drift(id, 0),
            Undo::Disk(id) => world.hosts[id].sync_time = (200_000, 2 * MILLISECOND),
            Undo::Flap(pairs, left) => {
                let is_mended = left % 2 == 0;
                let change = |link: &mut Link| {
                    link.cuts = if is_mended { link.cuts.saturating_sub(1) } else { link.cuts + 1 };
                };
                pairs.iter().for_each(|(from, to)| world.net.change(*from, *to, change));
                if left > 0 {
                    let due = world.now + self.rng.range(200, 9_000) * MILLISECOND;
                    self.undo.push((due, Undo::Flap(pairs, left - 1)));
                }
            }
        }
    }

    fn links(&self, world: &World, change: impl Fn(&mut Link)) {
        for from in 0..world.hosts.len() {
            (0..world.hosts.len()).for_each(|to| world.net.change(from, to, &change));
        }
    }

    fn cut(&mut self, world: &World, pairs: Pairs) -> Option<String> {
        if pairs.is_empty() {
            return None;
        }
        for (from, to) in &pairs {
            world.net.change(*from, *to, |link| link.cuts += 1);
        }
        let (least, most) = self.span();
        let what = format!("{pairs:?}");
        self.later(world, least, most, Undo::Mend(pairs));
        Some(what)
    }

    fn begin(&mut self, world: &mut World, kind: Kind) -> Option<String> {
        let count = world.hosts.len();
        let id = self.rng.index(count);
        match kind {
            Kind::Cut | Kind::OneWay | Kind::Isolate | Kind::Split | Kind::Bridge => {
                let pairs = self.pairs(count, kind);
                self.cut(world, pairs)
            }
            Kind::Flap => {
                let pairs = self.pairs(count, Kind::Cut);
                let times = self.rng.range(2, 9) * 2 - 1;
                (!pairs.is_empty()).then(|| {
                    let what = format!("{pairs:?} {times}");
                    self.end(world, Undo::Flap(pairs, times));
                    what
                })
            }
            Kind::Slow => {
                let most = self.rng.range(20, 400) * MILLISECOND;
                self.links(world, |link| link.latency.1 = most);
                self.later(world, 2, 20, Undo::Links);
                Some(format!("up to {} ms", most / MILLISECOND))
            }
            Kind::Lossy => {
                let loss = self.rng.range(5, 200);
                self.links(world, |link| link.loss_per_mille = loss);
                self.later(world, 2, 20, Undo::Links);
                Some(format!("{loss} of 1000"))
            }
            Kind::PowerOffAll => {
                for id in 0..count {
                    self.power_off(world, id);
                }
                Some(String::new())
            }
            Kind::Promote | Kind::Seize => self.operator.act(world, kind, id),
            Kind::RollBack => self.roll_back(world),
            Kind::Replace => {
                // Of two, the one would be alone meanwhile.
                if count < 3 || !world.is_on(id) {
                    return None;
                }
                let asked = self.replacing.begin(world, &self.operator, id)?;
                Some(format!("host-{id} by host-{asked}"))
            }
            _ => self.begin_at(world, kind, id),
        }
    }

    /// Of one host.
    fn begin_at(&mut self, world: &mut World, kind: Kind, id: HostId) -> Option<String> {
        if !world.is_on(id) || self.replacing.is_under_way(id) {
            return None;
        }
        let what = match kind {
            Kind::Kill => {
                world.kill(id);
                world.hosts[id].starts_at =
                    Some(world.now + self.rng.range(10, 5_000) * MILLISECOND);
                String::new()
            }
            Kind::PowerOff => {
                self.power_off(world, id);
                String::new()
            }
            Kind::Pause => {
                let time = self.rng.range(100, 15_000) * MILLISECOND;
                world.hosts[id].paused_until = world.now + time;
                format!("for {} ms", time / MILLISECOND)
            }
            Kind::Clock => {
                let far = *self.rng.pick(&[2_000, 6_000, 40_000, 4_000_000]);
                let off = self.rng.range(far / 2, far).cast_signed();
                let off = if self.rng.chance(500) { off } else { -off };
                world.hosts[id].machine.clock.set_off(off);
                self.later(world, 2, 30, Undo::Clock(id));
                format!("is off by {off} ms")
            }
            Kind::Drift => {
                let drift = self.rng.range(0, 4_000).cast_signed() - 2_000;
                world.set_drift(id, drift);
                self.later(world, 10, 60, Undo::Drift(id));
                format!("by {drift} millionths")
            }
            Kind::SlowDisk => {
                let most = self.rng.range(20, 1_500) * MILLISECOND;
                world.hosts[id].sync_time = (MILLISECOND, most);
                self.later(world, 1, 15, Undo::Disk(id));
                format!("up to {} ms", most / MILLISECOND)
            }
            Kind::FailDisk => {
                world.disk(id).fail_next_sync();
                String::new()
            }
            _ => return None,
        };
        Some(format!("host-{id} {what}"))
    }

    fn fail_voters(&mut self, world: &mut World) {
        let Some(mut terms) = self.terms.take() else { return };
        for (id, last) in terms.iter_mut().enumerate() {
            let Some(term) = world.running(id).map(|it| it.node.term()) else { continue };
            if *last != term && *last != 0 && self.rng.chance(100) {
                world.trace.say("fault", &format!("PowerOff host-{id} in term {term}"));
                *self.counts.entry(Kind::PowerOff).or_default() += 1;
                self.power_off(world, id);
            }
            *last = term;
        }
        self.terms = Some(terms);
    }

    fn power_off(&mut self, world: &mut World, id: HostId) {
        if world.is_on(id) && !self.replacing.is_under_way(id) {
            world.power_off(id);
            let (least, most) = self.span();
            self.later(world, least, most, Undo::PowerOn(id));
        }
    }

    fn pairs(&mut self, count: usize, kind: Kind) -> Pairs {
        if count < 2 {
            return Pairs::new();
        }
        let one = self.rng.index(count);
        let other = (one + 1 + self.rng.index(count - 1)) % count;
        let others = (0..count).filter(|id| *id != one);
        match kind {
            Kind::OneWay => vec![(one, other)],
            Kind::Isolate => others.flat_map(|id| both(one, id)).collect(),
            Kind::Split | Kind::Bridge => {
                // Each is on one side; a bridge is on both.
                let sides: Vec<_> = (0..count).map(|_| self.rng.chance(500)).collect();
                let is_bridge = |id| kind == Kind::Bridge && id == one;
                let pairs = (0..count).flat_map(|a| (0..count).map(move |b| (a, b)));
                let apart = |(a, b): &(HostId, HostId)| {
                    sides[*a] != sides[*b] && !is_bridge(*a) && !is_bridge(*b)
                };
                pairs.filter(apart).collect()
            }
            _ => both(one, other).into(),
        }
    }

    /// Saves a machine as it is, or puts back what was saved: as is done with virtual machines. Only while all
    /// others are well: whoever loses what a majority has acknowledged has lost it.
    fn roll_back(&mut self, world: &mut World) -> Option<String> {
        let Some(saved) = self.saved.take() else {
            let host = self.rng.index(world.hosts.len());
            let directory = world.hosts[host].machine.directory.clone();
            let copy = directory.with_extension("saved");
            world.hosts.get(2).filter(|_| world.is_on(host))?;
            copy_tree(&directory, &copy);
            let disk = world.disk(host).saved();
            self.saved = Some(Saved { host, disk, copy, at: world.now });
            return Some(format!("host-{host} is saved"));
        };
        let id = saved.host;
        let is_well = |other: HostId| {
            other == id || world.running(other).is_some_and(|it| it.node.has_quorum_contact())
        };
        if self.replacing.emptied.iter().any(|it| it.at > saved.at) {
            // That node is no more, or was the only voter in between.
            return None;
        }
        // As all others see it: one that came back a moment ago has seen nothing yet.
        let all_vote = (0..world.hosts.len()).filter(|other| *other != id).all(|other| {
            let Some(running) = world.running(other) else { return false };
            let nodes = running.service.ledger().status().nodes;
            let votes =
                nodes.iter().filter(|it| matches!(it.role, Role::Master | Role::Subordinate));
            votes.count() == world.hosts.len()
        });
        let is_well = all_vote && self.replacing.is_idle() && (0..world.hosts.len()).all(is_well);
        if !is_well || !operator::is_one(world) {
            self.saved = Some(saved);
            return None;
        }
        if world.is_on(id) {
            world.power_off(id);
        }
        let directory = world.hosts[id].machine.directory.clone();
        remove_tree(&directory);
        copy_tree(&saved.copy, &directory);
        remove_tree(&saved.copy);
        world.disk(id).restore(&saved.disk);
        world.hosts[id].voted = None;
        self.put_back.push(PutBack { host: id, span: (saved.at, world.now) });
        world.power_on(id);
        Some(format!("host-{id} is as it was"))
    }
}

#[expect(clippy::disallowed_methods, reason = "the machines' files, from outside")]
fn copy_tree(from: &Path, to: &Path) {
    remove_tree(to);
    let copied = std::fs::create_dir_all(to).and_then(|()| {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                copy_tree(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target)?;
            }
        }
        Ok(())
    });
    copied.unwrap_or_else(|error| panic!("{} is not copied: {error}", from.display()));
}

#[expect(clippy::disallowed_methods, reason = "the machines' files, from outside")]
pub(crate) fn remove_tree(place: &Path) {
    // It may not be there.
    let _ = std::fs::remove_dir_all(place);
}
