//! Looks at the nodes while they work: counts, and what must never be seen.

use std::collections::BTreeMap;

use symbolon_check::{Alone, Problem};

use crate::net::HostId;
use crate::operator;
use crate::time::{MILLISECOND, Nanos, SECOND};
use crate::world::World;

/// From one look to the next.
const INTERVAL: Nanos = 100 * MILLISECOND;
/// A node that reaches a quorum for so long is no island: 5 s, an election, and the ways there.
const ISLAND_ENDS_WITHIN: Nanos = 15 * SECOND;

/// What was seen.
#[derive(Default)]
pub(crate) struct Watch {
    next: Nanos,
    /// Nodes that decide alone.
    alone: BTreeMap<HostId, bool>,
    /// Since when a node reaches a quorum and all is well with those.
    reaches: BTreeMap<HostId, Nanos>,
    leads: BTreeMap<HostId, bool>,
    pub(crate) islands: u64,
    pub(crate) masters: u64,
    pub(crate) problems: Vec<Problem>,
    /// Since when a node decides alone, and its disk is quick and its processor its own.
    alone_well: BTreeMap<HostId, Nanos>,
    /// Such times that are over.
    pub(crate) spans: Vec<Alone>,
}

impl Watch {
    pub(crate) fn step(&mut self, world: &mut World) {
        for id in 0..world.hosts.len() {
            self.keeps_its_vote(world, id);
        }
        if world.now < self.next {
            return;
        }
        self.next = world.now + INTERVAL;
        for id in 0..world.hosts.len() {
            let running = world.running(id);
            let alone = running.as_ref().is_some_and(|it| it.node.decides_alone());
            if self.alone.insert(id, alone) != Some(alone) && (alone || running.is_some()) {
                self.islands += u64::from(alone);
                let what = if alone { "decides alone" } else { "is with a quorum" };
                world.trace.say("watch", &format!("host-{id} {what}"));
            }
            let leads =
                running.is_some_and(|it| it.node.master().1 && it.node.has_quorum_contact());
            let led = self.leads.insert(id, leads).unwrap_or(false);
            if leads && !led {
                self.masters += 1;
                world.trace.say("watch", &format!("host-{id} is the master"));
            }
            self.note_alone(world, id, alone);
            self.no_island(world, id);
        }
    }

    /// P8: a vote that others may know of is on disk.
    fn keeps_its_vote(&mut self, world: &mut World, id: HostId) {
        let Some((lineage, before)) = world.hosts[id].voted else { return };
        let Some(running) = world.running(id) else { return };
        world.hosts[id].voted = None;
        let (status, term) = (running.service.ledger().status(), running.node.term());
        if status.lineage == lineage && term < before {
            let what = format!("host-{id} had voted in term {before}, and came back in {term}");
            self.problems.push(Problem::new("P8 durable", what));
        }
    }

    fn note_alone(&mut self, world: &World, id: HostId, alone: bool) {
        let host = &world.hosts[id];
        if alone && host.has_quick_disk() && host.paused_until <= world.now {
            self.alone_well.entry(id).or_insert(world.now);
        } else if let Some(from) = self.alone_well.remove(&id) {
            // It was still so at the last look.
            let to = world.now - INTERVAL;
            self.spans.push(Alone { host: id, from, to });
        }
    }

    /// Nobody is an island while a quorum is in reach: here, while all nodes run in one lineage and hear each
    /// other well.
    fn no_island(&mut self, world: &World, id: HostId) {
        let all = 0..world.hosts.len();
        let hears =
            |other| other == id || (world.net.is_well(id, other) && world.net.is_well(other, id));
        let well = all.clone().all(|other| {
            let host = &world.hosts[other];
            let is_well = host.machine.clock.off() == 0 && host.drift == 0 && host.has_quick_disk();
            is_well && all.clone().all(|third| third == other || world.net.is_well(other, third))
        });
        if !well || !operator::is_one(world) || !all.clone().all(hears) {
            self.reaches.remove(&id);
            return;
        }
        let since = *self.reaches.entry(id).or_insert(world.now);
        let alone = self.alone.get(&id).copied().unwrap_or(false);
        if alone && world.now - since > ISLAND_ENDS_WITHIN {
            let span = (world.now - since) / SECOND;
            let what = format!("host-{id} decides alone though it reached all others for {span} s");
            self.problems.push(Problem::new("no island", what));
            self.reaches.insert(id, world.now);
        }
    }
}
