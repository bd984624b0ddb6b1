//! All that was measured in one run. It is kept as JSON beside the page, so that a page can be written
//! anew without measuring.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::session::Told;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// The server that does nothing, before and after.
    pub(crate) floors: Vec<Vec<Line>>,
    pub(crate) clusters: Vec<OfCluster>,
    pub(crate) scale: Option<Scale>,
    pub(crate) busy: Option<Busy>,
    pub(crate) failover: Option<Failover>,
    #[serde(default)]
    pub(crate) islands: Option<Islands>,
    #[serde(default)]
    pub(crate) radius: Option<OfRadius>,
    /// etcd, three nodes.
    pub(crate) puts: Vec<Puts>,
    /// privacyIDEA.
    pub(crate) checks: Vec<Checks>,
}

/// Where and with what.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) model: String,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    pub(crate) versions: Vec<String>,
    pub(crate) date: String,
    pub(crate) users: u32,
    pub(crate) seconds: f64,
    /// Medians of appending a few hundred bytes to a file of its final size, and `fdatasync`: before and
    /// after.
    pub(crate) sync_ms: Vec<f64>,
    pub(crate) took_seconds: f64,
}

/// What was asked, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Codes that are right, as fast as answers come.
    Right,
    Wrong,
    /// So many hundredths of the most that was measured, each at its moment.
    Paced(u32),
}

/// One level: the best over numbers of connections.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) concurrency: u32,
    /// To each server, where it was best.
    pub(crate) connections: u32,
    pub(crate) per_second: f64,
    /// Where it was worst.
    pub(crate) worst_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) longest_ms: f64,
    /// Processor time of all servers for one answer, and of the client.
    pub(crate) server_us: f64,
    pub(crate) client_us: f64,
    /// Answers for one log entry, and log entries for one trip to the disk of a node. Nothing for the floor.
    pub(crate) per_entry: Option<f64>,
    pub(crate) per_sync: Option<f64>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct OfCluster {
    pub(crate) nodes: usize,
    pub(crate) lines: Vec<Line>,
    pub(crate) check: Check,
    /// Users with a token that were made in a second.
    pub(crate) made_per_second: f64,
}

/// That each code was there once, as `symbolon bench` tells it.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) replayed: u64,
    pub(crate) replays_allowed: u64,
    pub(crate) allowed: u64,
    pub(crate) unsure: u64,
    pub(crate) audited: u64,
    pub(crate) marks: u64,
    pub(crate) marks_wrong: u64,
}

/// One node, with more and more users.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scale {
    /// With nobody.
    pub(crate) empty: Size,
    pub(crate) sizes: Vec<Size>,
}

/// With so many users, each with a token.
#[derive(Default, Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) users: u32,
    pub(crate) made_per_second: f64,
    /// After they were made.
    pub(crate) resident_bytes: u64,
    /// The most since the node was started.
    pub(crate) peak_bytes: u64,
    pub(crate) disk_bytes: u64,
    /// From the start of the process to being ready.
    pub(crate) restart_seconds: f64,
    /// After that.
    pub(crate) restarted_bytes: u64,
    /// None: no snapshot was written from its beginning to its end.
    pub(crate) snapshot_seconds: Option<f64>,
    pub(crate) snapshot_bytes: u64,
    /// While snapshots were written: the longest time that applying an entry took, and what people waited.
    pub(crate) stall_ms: f64,
    pub(crate) longest_wait_ms: f64,
    pub(crate) p99_ms: f64,
    /// Until a new node has everything.
    pub(crate) join_seconds: f64,
}

/// What people wait while a cluster of three has other work.
#[derive(Serialize, Deserialize)]
pub(crate) struct Busy {
    pub(crate) users: u32,
    /// Verifications in a second.
    pub(crate) rate: u32,
    pub(crate) quiet: Meanwhile,
    pub(crate) imported: u32,
    pub(crate) import_seconds: f64,
    pub(crate) importing: Meanwhile,
    /// Until a new node was there.
    pub(crate) sent_seconds: f64,
    pub(crate) joining: Meanwhile,
}

/// The worst of some levels.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Meanwhile {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
}

impl Meanwhile {
    pub(crate) fn add(&mut self, told: &Told) {
        self.p50_ms = self.p50_ms.max(told.p50_ms);
        self.p99_ms = self.p99_ms.max(told.p99_ms);
        self.longest_ms = self.longest_ms.max(told.longest_ms);
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Failover {
    pub(crate) kills: usize,
    /// Verifications in a second.
    pub(crate) rate: u32,
    pub(crate) calls: usize,
    pub(crate) p50_ms: f64,
    pub(crate) longest_ms: f64,
}

/// What people wait with a quorum and without.
#[derive(Serialize, Deserialize)]
pub(crate) struct Islands {
    /// Verifications in a second.
    pub(crate) rate: u32,
    pub(crate) calls: usize,
    /// At three nodes.
    pub(crate) whole: Waits,
    /// At three nodes that do not hear each other.
    pub(crate) cut: Waits,
    /// At the last of three.
    pub(crate) killed: Waits,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Waits {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
}

/// Sign-ins over RADIUS.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct OfRadius {
    /// Of the three nodes, each with a token.
    pub(crate) users: usize,
    /// Of each level, each time.
    #[serde(default)]
    pub(crate) seconds: f64,
    /// By server; the best of each level.
    pub(crate) lines: Vec<RadiusLine>,
    /// FreeRADIUS, with its name.
    pub(crate) version: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum RadiusServer {
    /// Gives back what it gets.
    #[default]
    Echo,
    FreeRadius,
    /// Three nodes, in turn.
    Symbolon,
}

/// What is typed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// What is accepted, as fast as answers come.
    #[default]
    Right,
    Wrong,
    /// What is accepted, so many in a second, each at its moment.
    Paced(u32),
}

#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(crate) struct RadiusLine {
    pub(crate) server: RadiusServer,
    pub(crate) asked: Asked,
    pub(crate) at_once: u32,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Processor time of all servers for one answer. Nothing for the echo, which is in the client's process.
    pub(crate) server_us: f64,
    /// Packets that had to be sent again.
    pub(crate) again: usize,
}

impl RadiusLine {
    /// Whether it is better than another of the same level: at a pace by how long answers took.
    pub(crate) fn is_better(&self, than: Self) -> bool {
        match self.asked {
            Asked::Paced(_) => self.p99_ms < than.p99_ms,
            Asked::Right | Asked::Wrong => self.per_second > than.per_second,
        }
    }
}

impl OfRadius {
    /// Of that server, asked the same with as many at once.
    pub(crate) fn rate(&self, server: RadiusServer, asked: Asked, at_once: u32) -> Option<f64> {
        let mut lines = self.lines.iter();
        let is_it = |line: &&RadiusLine| {
            line.server == server && line.asked == asked && line.at_once == at_once
        };
        lines.find(is_it).map(|line| line.per_second)
    }

    /// The most that server answers in a second, however many ask at once.
    pub(crate) fn most(&self, server: RadiusServer, asked: Asked) -> Option<f64> {
        let lines = self.lines.iter().filter(|line| line.server == server && line.asked == asked);
        lines.map(|line| line.per_second).max_by(f64::total_cmp)
    }
}

/// Puts into etcd at the same concurrency.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Puts {
    pub(crate) concurrency: u32,
    pub(crate) connections: u32,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    /// Processor time of all three for one put.
    pub(crate) server_us: f64,
}

/// Verifications by privacyIDEA.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checks {
    pub(crate) with_pin: bool,
    pub(crate) concurrency: u32,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) server_us: f64,
}

impl Results {
    /// The better of the times that the floor was measured with so many at once.
    pub(crate) fn floor(&self, concurrency: u32) -> Option<f64> {
        let lines = self.floors.iter().flatten();
        let same = lines.filter(|line| line.concurrency == concurrency);
        same.map(|line| line.per_second).reduce(f64::max)
    }

    /// What was asked at once.
    pub(crate) fn concurrencies(&self) -> Vec<u32> {
        let lines = self.floors.iter().flatten();
        let lines = lines.chain(self.clusters.iter().flat_map(|cluster| &cluster.lines));
        let right = lines.filter(|line| line.kind == Kind::Right).map(|line| line.concurrency);
        let all: BTreeSet<_> = right.chain(self.puts.iter().map(|it| it.concurrency)).collect();
        all.into_iter().collect()
    }

    /// A trip to the disk, in milliseconds: the mean of before and after.
    pub(crate) fn sync_ms(&self) -> f64 {
        let all = &self.machine.sync_ms;
        all.iter().sum::<f64>() / all.len().max(1) as f64
    }

    pub(crate) fn size(&self, users: u32) -> Option<&Size> {
        self.scale.as_ref()?.sizes.iter().find(|size| size.users == users)
    }

    pub(crate) fn cluster(&self, nodes: usize) -> Option<&OfCluster> {
        self.clusters.iter().find(|of| of.nodes == nodes)
    }
}

impl OfCluster {
    pub(crate) fn right(&self, concurrency: u32) -> Option<&Line> {
        let mut lines = self.lines.iter();
        lines.find(|line| line.kind == Kind::Right && line.concurrency == concurrency)
    }
}
