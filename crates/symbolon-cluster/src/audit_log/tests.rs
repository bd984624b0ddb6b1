use std::path::Path;

use symbolon_core::{
    AuditRow, Caller, Fingerprint, JoinTokenId, NodeId, RequestId, Retention, Timestamp,
};
use symbolon_proto::audit_decode;
use symbolon_store::{DataDir, ImageBatch, SimDisk, Store};

use super::*;
use crate::damage::build::header;
use crate::{audit_aside, quarantine};

/// From one entry to the next, milliseconds of state time.
const STEP: u64 = 10_000;
/// Events of an entry.
const EVENTS: u64 = 2;
/// Keeps ten rows, and the last 100 s in any case.
const TEN: Retention =
    Retention { rows: 10, at_least_milliseconds: 100_000, at_most_milliseconds: 1_000_000_000 };

struct Node {
    disk: SimDisk,
    store: Store,
    image: Image,
    log: AuditLog,
    applied: u64,
    chain: Digest,
}

fn at(index: u64) -> Timestamp {
    Timestamp(index * STEP)
}

fn events_of(index: u64) -> Vec<AuditEvent> {
    let event = |ordinal| AuditEvent {
        index: LogIndex(index),
        ordinal,
        at: at(index),
        caller: Caller::Node(NodeId(1)),
        request_id: RequestId([7; 16]),
        fingerprint: Fingerprint::default(),
        node: NodeId(1),
        row: AuditRow::JoinTokenExpired { join_token: JoinTokenId(index) },
    };
    (0..EVENTS as u32).map(event).collect()
}

/// What every node writes for an entry.
fn rows_of(index: u64, chain: Digest) -> (Vec<u8>, Digest) {
    let events = events_of(index);
    let after = events.iter().fold(chain, |chain, event| event.link(chain));
    (audit_encode(Some(chain), at(index), &events), after)
}

impl Node {
    fn new() -> Self {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        let log = AuditLog::load(&store.image, 0, Digest::default()).unwrap();
        Self { disk, image: store.image.clone(), store, log, applied: 0, chain: Digest::default() }
    }

    /// Applies entries up to `last`.
    fn up_to(mut self, last: u64) -> Self {
        for index in self.applied + 1..=last {
            let (rows, chain) = rows_of(index, self.chain);
            let batch = ImageBatch { audit: vec![(index, rows)], ..ImageBatch::default() };
            self.image.write(batch).unwrap();
            self.image.write_out().unwrap();
            self.log.added(index, &events_of(index));
            (self.applied, self.chain) = (index, chain);
        }
        self
    }

    fn end(&self) -> Point {
        Point { index: self.applied + 1, before: self.chain }
    }

    /// Takes the state of another node, whose snapshot holds the audit of its last 65 s.
    fn with_snapshot_of(mut self, other: &Self) -> Self {
        let tail = other.log.tail(other.applied, at(other.applied), other.chain).unwrap();
        let rows: Vec<_> = other.log.rows(tail.index..=other.applied).map(Result::unwrap).collect();
        let events = rows.iter().filter(|(index, _)| *index > self.applied).count() as u64 * EVENTS;
        let mut install = self.image.begin_install().unwrap();
        for (index, rows) in rows {
            install.audit(index, rows).unwrap();
        }
        let commit = |extent: &[u8]| install.commit(b"", extent).map_err(io_error);
        self.log.install(self.end(), (tail, other.applied), events, commit).unwrap();
        (self.applied, self.chain) = (other.applied, other.chain);
        self
    }

    /// As after a start.
    fn again(&self) -> Result<AuditLog, String> {
        let loaded = AuditLog::load(&self.image, self.applied, self.chain);
        loaded.map_err(|error| error.to_string())
    }

    fn assert_sound(&self) {
        let again = self.again().unwrap();
        assert_eq!((again.extent(), again.events()), (self.log.extent(), self.log.events()));
    }

    fn indexes(&self) -> Vec<u64> {
        self.image.audit(..).map(|pair| pair.unwrap().0).collect()
    }

    /// How many events have gone.
    fn prune(&self) -> u64 {
        let before = self.log.events();
        self.log.prune(TEN, at(self.applied), self.applied, false).unwrap();
        before - self.log.events()
    }

    /// Asks another node for what is missing, once.
    fn ask(&self, other: &Self) -> Filled {
        let gap = self.log.extent().gap.unwrap();
        let part = other.log.part(gap.next.index, gap.to.index, other.applied).unwrap();
        assert_eq!(part.from.index, gap.next.index);
        self.log.fill(part.from.index, part.next, part.rows).unwrap()
    }
}

#[test]
fn the_oldest_rows_go_and_what_is_left_is_still_a_chain() {
    let node = Node::new().up_to(40);
    node.assert_sound();
    assert_eq!(node.log.events(), 80);
    // 100 s are ten entries of 10 s, and one entry is exactly that old.
    assert_eq!(node.prune(), 2 * 29);
    assert_eq!(node.prune(), 0);
    assert_eq!(node.indexes(), (30..=40).collect::<Vec<_>>());
    node.assert_sound();
    let node = node.up_to(41);
    assert_eq!(node.prune(), 2);
    node.assert_sound();

    // Rows that are gone without having been pruned are missed.
    node.image.remove_audit(31..32).unwrap();
    assert!(node.again().is_err());
}

#[test]
fn a_row_stays_however_old_it_is() {
    let node = Node::new().up_to(3);
    let late = Timestamp(u64::MAX / 2);
    assert!(node.log.prune(TEN, late, 3, true).unwrap());
    assert_eq!(node.indexes(), [3]);
    assert!(!node.log.prune(TEN, late, 3, true).unwrap());
    node.assert_sound();
}

#[test]
fn a_pruning_that_was_cut_off_is_finished_at_the_next_start() {
    let node = Node::new().up_to(40);
    let kept: Vec<_> = node.image.audit(..).map(Result::unwrap).collect();
    assert!(node.prune() > 0);
    // The floor was written, the rows are still there.
    let extent = node.image.audit_extent().unwrap().unwrap();
    node.image.write_audit(kept, &extent).unwrap();
    node.assert_sound();
    assert_eq!(node.indexes(), (30..=40).collect::<Vec<_>>());
}

#[test]
fn the_replies_of_the_last_65_seconds_are_in_the_tail() {
    let node = Node::new().up_to(40);
    let tail = node.log.tail(40, at(40), node.chain).unwrap();
    assert_eq!(tail.index, 34);
    let recent = node.log.recent(40, at(40), node.chain).unwrap();
    assert_eq!(recent.first().unwrap().index, LogIndex(34));
    assert_eq!(recent.len(), 14);
    // Long after: none is needed.
    let later = node.log.tail(40, at(100), node.chain).unwrap();
    assert_eq!(later, node.end());
    assert!(node.log.recent(40, at(100), node.chain).unwrap().is_empty());
    // At the beginning: all there is.
    let young = Node::new().up_to(3);
    assert_eq!(young.log.tail(3, at(3), young.chain).unwrap().index, 0);
    assert_eq!(Node::new().log.tail(0, at(0), Digest::default()).unwrap(), Point::default());
}

#[test]
fn what_a_snapshot_left_out_comes_from_a_peer() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer);
    let gap = node.log.extent().gap.unwrap();
    assert_eq!((gap.from.index, gap.to.index), (6, 34));
    node.assert_sound();
    // One part at a time, and a start in between.
    let part = peer.log.part(6, 20, 40).unwrap();
    assert_eq!(node.log.fill(6, part.next, part.rows).unwrap(), Filled::More);
    node.assert_sound();
    assert_eq!(node.log.extent().missing(), 14);
    assert_eq!(node.ask(&peer), Filled::Closed);
    assert_eq!(node.log.extent(), Extent::default());
    assert_eq!(node.log.events(), 80);
    node.assert_sound();
    let node = node.up_to(50);
    node.assert_sound();
}

/// A data directory in which a node lies in quarantine that had applied entries up to `last` when its
/// cluster went on without it after `fork`.
fn left_behind(place: &Path, last: u64, fork: u64) -> DataDir {
    let directory = DataDir::new(place);
    let store = directory.create(header()).unwrap();
    let mut chain = Digest::default();
    for index in 1..=last {
        let (rows, after) = rows_of(index, chain);
        let batch = ImageBatch { audit: vec![(index, rows)], ..ImageBatch::default() };
        store.image.write(batch).unwrap();
        chain = after;
    }
    store.image.write_out().unwrap();
    quarantine::write_fork(&store, fork);
    drop(store);
    directory.set_aside().unwrap();
    drop(directory.create(header()).unwrap());
    directory.came_back().unwrap();
    directory
}

#[test]
fn what_no_peer_has_comes_from_what_the_node_itself_has_set_aside() {
    let peer = Node::new().up_to(40);
    let node = Node::new().with_snapshot_of(&peer);
    assert_eq!(node.log.extent().gap.unwrap().to.index, 34);

    let place = tempfile::tempdir().unwrap();
    let forked_early = left_behind(place.path(), 30, 10);
    assert!(audit_aside::fill(&node.log, &forked_early).unwrap());
    let gap = node.log.extent().gap.unwrap();
    assert_eq!(gap.next.index, 11, "what both sides hold, and nothing after it");
    assert!(!audit_aside::fill(&node.log, &forked_early).unwrap(), "there is no more");
    node.assert_sound();

    let place = tempfile::tempdir().unwrap();
    let forked_late = left_behind(place.path(), 40, 40);
    assert!(audit_aside::fill(&node.log, &forked_late).unwrap());
    assert_eq!(node.log.extent(), Extent::default(), "the gap is closed");
    assert_eq!(node.indexes(), peer.indexes());
    node.assert_sound();
}

#[test]
fn a_node_gives_what_it_has() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer);
    let given = |from, to| {
        let part = node.log.part(from, to, node.applied).unwrap();
        (part.next, part.rows.len())
    };
    assert_eq!(given(0, 40), (6, 5), "up to its gap");
    assert_eq!(given(6, 40), (6, 0), "it lacks that");
    assert_eq!(given(20, 40), (20, 0), "and that");
    assert_eq!(given(34, 100), (41, 7), "up to what it has applied");
    assert_eq!(given(41, 100), (41, 0));
    assert_eq!(given(30, 20), (30, 0));
    peer.prune();
    let part = peer.log.part(1, 40, 40).unwrap();
    assert_eq!(part.from, peer.log.extent().floor);
    assert_eq!((part.from.index, part.next, part.rows.len()), (30, 30, 0));
    assert_eq!(peer.log.part(30, 40, 40).unwrap().rows.len(), 10);
}

#[test]
fn rows_that_do_not_fit_are_not_taken() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer);
    let rows = || peer.log.part(6, 20, 40).unwrap().rows;
    let fill = |from, next, rows| node.log.fill(from, next, rows).unwrap();
    assert_eq!(fill(7, 20, rows()), Filled::Unfit, "another place");
    assert_eq!(fill(6, 6, Vec::new()), Filled::Unfit, "nothing");
    assert_eq!(fill(6, 20, vec![(6, b"odd".to_vec())]), Filled::Unfit, "no rows");
    let mut twice = rows();
    twice.insert(1, twice[0].clone());
    assert_eq!(fill(6, 20, twice), Filled::Unfit, "twice");
    let mut less = rows();
    less.remove(3);
    assert_eq!(fill(6, 20, less), Filled::Unfit, "one is missing");
    let other = vec![(6, rows_of(6, Digest([1; 32])).0)];
    assert_eq!(fill(6, 20, other), Filled::Unfit, "of another chain");
    assert_eq!(node.indexes(), [1, 2, 3, 4, 5, 34, 35, 36, 37, 38, 39, 40]);

    // Padded with what nobody reads: it is written as this node would have.
    let padded = rows().into_iter().map(|(index, mut row)| {
        row.extend([0x7a, 3, 1, 2, 3]);
        (index, row)
    });
    assert_eq!(fill(6, 20, padded.collect()), Filled::More);
    let written: Vec<_> = node.image.audit(6..20).map(Result::unwrap).collect();
    assert_eq!(written, peer.log.part(6, 20, 40).unwrap().rows);

    // Whoever leaves out the end is found out at the end, and what others gave is still there.
    let missing = node.log.extent().missing();
    assert_eq!(fill(20, 34, Vec::new()), Filled::Unfit);
    assert_eq!(node.log.extent().missing(), missing);
    node.assert_sound();
    assert_eq!(node.ask(&peer), Filled::Closed);
    assert_eq!(node.log.events(), 80);
}

#[test]
fn rows_of_an_entry_that_left_none_are_not_taken() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer);
    let empty = audit_encode(Some(node.log.extent().gap.unwrap().next.before), at(6), &[]);
    assert_eq!(node.log.fill(6, 34, vec![(6, empty)]).unwrap(), Filled::Unfit);
}

#[test]
fn what_a_peer_made_up_is_thrown_away_with_the_rest() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer);
    // One row of another truth, with the right chain before it.
    let (rows, _) = rows_of(6, node.log.extent().gap.unwrap().next.before);
    let mut event = audit_decode(LogIndex(6), &rows).unwrap();
    event[0].node = NodeId(9);
    let before = audit_head(&rows).unwrap().before;
    let forged = audit_encode(before, at(6), &event);
    assert_eq!(node.log.fill(6, 7, vec![(6, forged)]).unwrap(), Filled::More);
    assert_eq!(node.ask(&peer), Filled::Unfit, "the right one does not fit any more");
    node.log.begin_again().unwrap();
    assert_eq!(node.ask(&peer), Filled::Closed);
    assert_eq!(node.log.events(), 80);
    node.assert_sound();
}

#[test]
fn a_second_snapshot_makes_the_gap_longer() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer).up_to(42);
    let peer = peer.up_to(80);
    let node = node.with_snapshot_of(&peer);
    let gap = node.log.extent().gap.unwrap();
    assert_eq!((gap.from.index, gap.to.index), (6, 74));
    node.assert_sound();
    assert_eq!(node.ask(&peer), Filled::Closed);
    assert_eq!(node.log.events(), 160);
    node.assert_sound();
}

#[test]
fn what_no_peer_has_any_more_is_given_up() {
    let peer = Node::new().up_to(60);
    let node = Node::new().with_snapshot_of(&peer);
    peer.prune();
    let part = peer.log.part(1, 54, 60).unwrap();
    assert_eq!(part.from.index, 50);
    assert!(node.log.give_up(part.from).unwrap());
    assert_eq!(node.log.extent().floor, part.from);
    node.assert_sound();
    assert_eq!(node.ask(&peer), Filled::Closed);
    assert_eq!(node.indexes(), (50..=60).collect::<Vec<_>>());
    node.assert_sound();

    // A peer that has less than the snapshot gave ends the gap.
    let node = Node::new().with_snapshot_of(&peer);
    assert!(node.log.give_up(Point { index: 58, before: Digest([9; 32]) }).unwrap());
    assert_eq!(node.log.extent().gap, None);
    assert_eq!(node.indexes(), (54..=60).collect::<Vec<_>>());
    node.assert_sound();
}

#[test]
fn what_a_node_has_itself_is_never_given_up() {
    let peer = Node::new().up_to(60);
    let node = Node::new().up_to(5).with_snapshot_of(&peer);
    for index in [20, 54, 60, u64::MAX] {
        assert!(!node.log.give_up(Point { index, before: Digest([9; 32]) }).unwrap());
    }
    assert_eq!(node.indexes()[..5], [1, 2, 3, 4, 5]);
    node.assert_sound();
}

#[test]
fn a_gap_that_is_older_than_what_is_kept_is_not_waited_for() {
    let peer = Node::new().up_to(40);
    let node = Node::new().up_to(5).with_snapshot_of(&peer).up_to(60);
    while node.log.prune(TEN, at(60), 60, false).unwrap() {}
    assert_eq!(node.log.extent().gap, None);
    assert_eq!(node.indexes(), (50..=60).collect::<Vec<_>>());
    node.assert_sound();
}

/// Does something to a node, whose power fails after each of the batches that it wrote.
fn with_power_loss(make: impl Fn() -> Node, act: impl Fn(&Node)) {
    let node = make();
    node.store.kv.sync_blocking().unwrap();
    act(&node);
    let batches = node.disk.unsynced();
    assert!(batches > 0);
    for kept in 0..=batches {
        let node = make();
        node.store.kv.sync_blocking().unwrap();
        act(&node);
        node.disk.crash_keeping(kept);
        let image = Store::simulated(&node.disk).unwrap().image;
        AuditLog::load(&image, node.applied, node.chain)
            .unwrap_or_else(|error| panic!("after {kept} of {batches} batches: {error}"));
    }
}

#[test]
fn a_power_loss_leaves_the_audit_whole() {
    let peer = Node::new().up_to(40);
    let with_gap = || Node::new().up_to(5).with_snapshot_of(&peer);
    with_power_loss(|| Node::new().up_to(40), |node| assert!(node.prune() > 0));
    with_power_loss(with_gap, |node| assert_eq!(node.ask(&peer), Filled::Closed));
    with_power_loss(with_gap, |node| {
        let rows = peer.log.part(6, 20, 40).unwrap().rows;
        assert_eq!(node.log.fill(6, 20, rows).unwrap(), Filled::More);
        node.log.begin_again().unwrap();
    });
    with_power_loss(
        || Node::new().with_snapshot_of(&peer),
        |node| {
            assert!(node.log.give_up(Point { index: 20, before: Digest([9; 32]) }).unwrap());
        },
    );
}
