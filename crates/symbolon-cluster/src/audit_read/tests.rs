//! What the index leads to is what a reading of every row finds.
#![expect(
    clippy::disallowed_methods,
    reason = "SYMBOLON_AUDIT_EVENTS sets the size of a measurement"
)]

use std::time::Instant;

use symbolon_core::{
    ApplicationId, AuditRow, Caller, ChallengeId, Decision, Denial, Digest, Fingerprint,
    JoinTokenId, Method, NodeId, Prompt, RequestId, Retention, Timestamp, TokenId, UserName,
    Verdict, Verified,
};
use symbolon_proto::audit_encode;
use symbolon_service::audit::{AuditFilter, AuditKinds, Decided, kind};
use symbolon_store::{DataDir, Image, ImageBatch, SimDisk, Store};

use super::*;
use crate::audit_extent::Point;
use crate::audit_index::Limits;
use crate::audit_log::Filled;
use crate::damage::build::header;
use crate::log_store::io_error;

/// Small, so that the edges of blocks are everywhere.
const LIMITS: Limits = Limits { block_events: 7, marks: 150 };
const EFFORT: Effort = Effort { entries: 9, blocks: 3 };

/// Numbers that look random and are the same each time (SplitMix64).
struct Draw(u64);

impl Draw {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    fn maybe<T>(&mut self, what: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| what(self))
    }
}

fn name(number: u64) -> UserName {
    UserName::new(format!("user-{number}")).unwrap()
}

/// Neighbours have the same time now and then.
fn at(index: u64) -> Timestamp {
    Timestamp(index / 3 * 30_000)
}

/// Two users have had each name; their ids end alike.
fn user(draw: &mut Draw, people: u64) -> (UserId, UserName) {
    let number = draw.below(people);
    (UserId(number + (draw.below(2) << 40)), name(number % (people / 2).max(1)))
}

fn row(draw: &mut Draw, people: u64) -> AuditRow {
    let (user, name) = user(draw, people);
    match draw.below(10) {
        0 => AuditRow::UserCreated { user, name },
        1 => AuditRow::UserDeleted { user, name, tokens: 1 },
        2 => AuditRow::TokenEnrolled { user, token: TokenId(1) },
        3 => AuditRow::JoinTokenExpired { join_token: JoinTokenId(9) },
        other => {
            let decision = match other {
                0..=5 => Decision::Deny(Denial::CodeMismatch),
                6 => Decision::Challenge { id: ChallengeId([1; 16]), prompt: Prompt::NewPin },
                _ => Decision::Allow,
            };
            AuditRow::Verified(Verified {
                user_name: name,
                user: (other != 4).then_some(user),
                application: ApplicationId(draw.below(3) + 1),
                client_ip: String::new(),
                method: Method::Otp,
                verdict: Verdict { decision, failures: 0 },
                spent: Vec::new(),
                proof: Default::default(),
            })
        }
    }
}

/// What a log entry leaves on every node; nothing, often.
fn events_of(index: u64, people: u64, events: u64) -> Vec<AuditEvent> {
    let mut draw = Draw(index);
    let count = draw.below(events + 1) as u32;
    let event = |ordinal| AuditEvent {
        index: LogIndex(index),
        ordinal,
        at: at(index),
        caller: Caller::Node(NodeId(1)),
        request_id: RequestId([7; 16]),
        fingerprint: Fingerprint::default(),
        node: NodeId(draw.below(3) + 1),
        row: row(&mut draw, people),
    };
    (0..count).map(event).collect()
}

struct Node {
    _store: Store,
    image: Image,
    log: AuditLog,
    applied: u64,
    chain: Digest,
}

impl Node {
    fn new() -> Self {
        let store = Store::create_simulated(&SimDisk::new(), header()).unwrap();
        let log = AuditLog::load_within(&store.image, 0, Digest::default(), LIMITS).unwrap();
        let image = store.image.clone();
        Self { _store: store, image, log, applied: 0, chain: Digest::default() }
    }

    fn up_to(mut self, last: u64) -> Self {
        for index in self.applied + 1..=last {
            let events = events_of(index, 12, 4);
            if !events.is_empty() {
                let rows = audit_encode(Some(self.chain), at(index), &events);
                let batch = ImageBatch { audit: vec![(index, rows)], ..ImageBatch::default() };
                self.image.write(batch).unwrap();
            }
            self.log.added(index, &events);
            self.chain = events.iter().fold(self.chain, |chain, event| event.link(chain));
            self.applied = index;
        }
        self
    }

    fn with_snapshot_of(mut self, other: &Self) -> Self {
        let tail = other.log.tail(other.applied, at(other.applied), other.chain).unwrap();
        let mut install = self.image.begin_install().unwrap();
        for row in other.log.rows(tail.index..=other.applied) {
            let (index, rows) = row.unwrap();
            install.audit(index, rows).unwrap();
        }
        let end = Point { index: self.applied + 1, before: self.chain };
        let commit = |extent: &[u8]| install.commit(b"", extent).map_err(io_error);
        self.log.install(end, (tail, other.applied), 0, commit).unwrap();
        (self.applied, self.chain) = (other.applied, other.chain);
        self
    }

    fn prune(&self, rows: u64) {
        let kept =
            Retention { rows, at_least_milliseconds: 0, at_most_milliseconds: 1_000_000_000_000 };
        while self.log.prune(kept, at(self.applied), self.applied, false).unwrap() {}
    }

    /// As after a start.
    fn again(mut self) -> Self {
        self.log = AuditLog::load_within(&self.image, self.applied, self.chain, LIMITS).unwrap();
        self
    }

    /// Every row that is here, read.
    fn all(&self) -> Vec<AuditEvent> {
        let extent = self.log.extent();
        let rows = self.image.audit(..=self.applied).map(Result::unwrap);
        let here = rows.filter(|(index, _)| extent.has(*index));
        here.flat_map(|(index, bytes)| audit_read(LogIndex(index), &bytes).unwrap().1).collect()
    }

    /// All parts of an answer, each of so many events.
    fn answer(&self, question: &AuditQuestion, draw: &mut Draw) -> Vec<AuditEvent> {
        let mut question = question.clone();
        let mut found = Vec::new();
        loop {
            question.events_max = draw.below(5) as usize + 1;
            let read = self.log.read_counted(&question, &State::default(), EFFORT).unwrap();
            let AuditPart { events, reached, .. } = read.0;
            assert!(events.len() <= question.events_max);
            found.extend(events);
            if reached.is_none() {
                return found;
            }
            assert_ne!(reached, question.after, "it does not go on");
            question.after = reached;
        }
    }

    /// Users who had the name that is asked for and are gone: all of whom a row tells, and perhaps some
    /// of whom a row told that is in a gap by now.
    fn gone(&self, all: &[AuditEvent], filter: &AuditFilter) -> BTreeSet<UserId> {
        let known = self.log.index().gone();
        for event in all {
            if let AuditRow::UserDeleted { user, name, .. } = &event.row {
                assert_eq!(known.get(user).map(|(_, name)| name), Some(name));
            }
        }
        let named = known.iter().filter(|(_, (_, name))| Some(name) == filter.username.as_ref());
        named.map(|(user, _)| *user).collect()
    }

    /// Asks all kinds of questions.
    fn assert_answers(&self, draw: &mut Draw) {
        let all = self.all();
        for _ in 0..60 {
            let question = question(draw, self.applied);
            let named = self.gone(&all, &question.filter);
            let mut expected: Vec<_> = all
                .iter()
                .filter(|event| question.filter.takes(event, &named))
                .filter(|event| event.index <= question.last)
                .cloned()
                .collect();
            if question.newest_first {
                expected.reverse();
            }
            if let Some(after) = question.after {
                let newest_first = question.newest_first;
                expected.retain(|event| match newest_first {
                    true => AuditPlace::of(event) < after,
                    false => AuditPlace::of(event) > after,
                });
            }
            assert_eq!(self.answer(&question, draw), expected, "{question:?}");
        }
    }
}

fn question(draw: &mut Draw, applied: u64) -> AuditQuestion {
    let from = draw.maybe(|draw| at(draw.below(applied)));
    let to = draw.maybe(|draw| at(draw.below(applied)));
    let kinds = draw.maybe(|draw| {
        let one = kind(&row(draw, 12));
        AuditKinds::default().with(one.into()).unwrap().with(1).unwrap()
    });
    let filter = AuditFilter {
        from: from.unwrap_or(Timestamp(0)),
        to: to.unwrap_or(Timestamp(u64::MAX)),
        username: draw.maybe(|draw| name(draw.below(7))),
        application: (draw.below(4) == 0).then(|| ApplicationId(draw.below(4) + 1)),
        decided: [Some(Decided::Allow), Some(Decided::Deny), Some(Decided::Challenge)]
            .get(draw.below(12) as usize)
            .copied()
            .flatten(),
        kinds: kinds.filter(|_| draw.below(2) == 0),
        node: (draw.below(4) == 0).then(|| NodeId(draw.below(4) + 1)),
    };
    AuditQuestion {
        filter,
        newest_first: draw.below(2) == 0,
        after: draw.maybe(|draw| AuditPlace {
            index: draw.below(applied + 2),
            ordinal: draw.below(3) as u32,
        }),
        last: LogIndex(applied - draw.below(3)),
        events_max: 1,
    }
}

#[test]
fn what_is_found_is_what_a_reading_of_every_row_finds() {
    let mut draw = Draw(1);
    let node = Node::new().up_to(400);
    node.assert_answers(&mut draw);
    let node = node.again();
    node.assert_answers(&mut draw);
    node.prune(300);
    assert!(node.log.extent().floor.index > 100);
    node.assert_answers(&mut draw);
    let node = node.up_to(450).again();
    node.assert_answers(&mut draw);
}

#[test]
fn a_gap_is_left_out_until_it_is_closed() {
    let mut draw = Draw(2);
    let peer = Node::new().up_to(300);
    let node = Node::new().up_to(50).with_snapshot_of(&peer);
    let told = node.log.shown_extent(LogIndex(300));
    let gap = node.log.extent().gap.unwrap();
    let missing = Some((LogIndex(gap.from.index), LogIndex(gap.to.index)));
    assert_eq!((told.from, told.missing), (LogIndex(0), missing));
    node.assert_answers(&mut draw);
    // A second snapshot swallows what came after the first.
    let peer = peer.up_to(500);
    let node = node.up_to(320).with_snapshot_of(&peer);
    node.assert_answers(&mut draw);
    let half = peer.log.part(gap.next.index, 200, 500).unwrap();
    assert_eq!(node.log.fill(half.from.index, half.next, half.rows).unwrap(), Filled::More);
    let node = node.again();
    node.assert_answers(&mut draw);
    let gap = node.log.extent().gap.unwrap();
    let rest = peer.log.part(gap.next.index, gap.to.index, 500).unwrap();
    assert_eq!(node.log.fill(rest.from.index, rest.next, rest.rows).unwrap(), Filled::Closed);
    assert_eq!(node.all(), peer.all());
    node.assert_answers(&mut draw);
    let node = node.up_to(530);
    node.assert_answers(&mut draw);
    node.prune(100);
    node.assert_answers(&mut draw);
    // What no peer has any more.
    let node = Node::new().with_snapshot_of(&peer);
    assert!(node.log.give_up(Point { index: 200, before: Digest([9; 32]) }).unwrap());
    node.assert_answers(&mut draw);
}

/// Asks for all of it, and tells how long that took. Returns how many log entries were read.
fn measured(log: &AuditLog, last: u64, what: &str, filter: AuditFilter) -> usize {
    let mut question = AuditQuestion {
        filter,
        newest_first: true,
        after: None,
        last: LogIndex(last),
        events_max: usize::MAX,
    };
    let (mut found, mut read, start) = (0, 0, Instant::now());
    loop {
        let asked = log.read_counted(&question, &State::default(), Effort::default());
        let (part, entries) = asked.unwrap();
        found += part.events.len();
        read += entries;
        question.after = part.reached;
        if part.reached.is_none() {
            break;
        }
    }
    println!("{what}: {found} events, {read} entries read, {:?}", start.elapsed());
    read
}

/// Sizes and times, for `docs/adr/0021`: with a million events,
/// `SYMBOLON_AUDIT_EVENTS=1000000 cargo nextest run --release -p symbolon-cluster spares --no-capture`.
#[test]
fn an_index_spares_the_reading_of_what_cannot_be_the_answer() {
    let size = std::env::var("SYMBOLON_AUDIT_EVENTS").map_or(20_000, |n| n.parse().unwrap());
    let (people, each) = (size / 20, 8);
    let place = tempfile::tempdir().unwrap();
    let store = DataDir::new(place.path()).create(header()).unwrap();
    let mut chain = Digest::default();
    let (mut count, mut index) = (0, 0);
    let mut adding = std::time::Duration::ZERO;
    let log = AuditLog::load(&store.image, 0, chain).unwrap();
    while count < size {
        let mut batch = ImageBatch::default();
        for _ in 0..100 {
            index += 1;
            let events = events_of(index, people, each);
            if !events.is_empty() {
                batch.audit.push((index, audit_encode(Some(chain), at(index), &events)));
            }
            let start = Instant::now();
            log.added(index, &events);
            adding += start.elapsed();
            chain = events.iter().fold(chain, |chain, event| event.link(chain));
            count += events.len() as u64;
        }
        store.image.write(batch).unwrap();
    }
    println!(
        "{count} events of {index} entries; {:?} each to add to the index",
        adding / count as u32
    );
    let start = Instant::now();
    let log = AuditLog::load(&store.image, index, chain).unwrap();
    println!("read at start with the index: {:?}", start.elapsed());
    let ask = |what: &str, filter: AuditFilter| measured(&log, index, what, filter);
    let everything = AuditFilter::default();
    let whole = ask("everything", everything.clone());
    let user = ask("one user", AuditFilter { username: Some(name(3)), ..everything.clone() });
    let kinds = AuditKinds::default().with(3);
    ask("one kind", AuditFilter { kinds, ..everything.clone() });
    ask(
        "one application, denied",
        AuditFilter {
            application: Some(ApplicationId(2)),
            decided: Some(Decided::Deny),
            ..everything.clone()
        },
    );
    let (from, to) = (at(index / 2), at(index / 2 + 300));
    let time = ask("three hundred entries by time", AuditFilter { from, to, ..everything });
    assert!(user * 20 < whole, "{user} of {whole}");
    assert!(time < 4096, "{time} of {whole}");
}
