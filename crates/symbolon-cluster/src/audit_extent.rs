//! Which part of the audit a node has.
//!
//! ```text
//! 0 ... floor | here | gap: peers give it | here | applied
//! ```

use std::io;

use prost::Message as _;
use symbolon_core::Digest;
use symbolon_proto::store::v1 as store;

use crate::convert::damaged;

/// A place in the audit: a log entry, and the hash chain over the rows of all entries before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Point {
    pub(crate) index: u64,
    pub(crate) before: Digest,
}

/// What a node lacks: from the last entry it had itself to the first that a snapshot gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gap {
    pub(crate) from: Point,
    /// How far peers have given it. Theirs counts once the chain at `to` is met.
    pub(crate) next: Point,
    pub(crate) to: Point,
}

/// See the module. The default is a node that has all of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Extent {
    /// What came before is pruned.
    pub(crate) floor: Point,
    pub(crate) gap: Option<Gap>,
}

impl Point {
    pub(crate) fn to_proto(self) -> store::AuditPoint {
        store::AuditPoint { log_index: self.index, chain_before: self.before.0.to_vec() }
    }

    pub(crate) fn from_proto(message: Option<&store::AuditPoint>) -> io::Result<Self> {
        let point = message.and_then(|point| {
            let before = Digest::from_slice(&point.chain_before)?;
            Some(Self { index: point.log_index, before })
        });
        point.ok_or_else(|| damaged("place in the audit"))
    }
}

impl Extent {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let gap = self.gap.map(|gap| store::AuditGap {
            from: Some(gap.from.to_proto()),
            next: Some(gap.next.to_proto()),
            to: Some(gap.to.to_proto()),
        });
        store::AuditExtent { floor: Some(self.floor.to_proto()), gap }.encode_to_vec()
    }

    pub(crate) fn decode(bytes: &[u8]) -> io::Result<Self> {
        let message =
            store::AuditExtent::decode(bytes).map_err(|_| damaged("extent of the audit"))?;
        let gap = match &message.gap {
            None => None,
            Some(gap) => Some(Gap {
                from: Point::from_proto(gap.from.as_ref())?,
                next: Point::from_proto(gap.next.as_ref())?,
                to: Point::from_proto(gap.to.as_ref())?,
            }),
        };
        let floor = Point::from_proto(message.floor.as_ref())?;
        let in_order = |gap: Gap| {
            floor.index <= gap.from.index
                && gap.from.index <= gap.next.index
                && gap.next.index < gap.to.index
        };
        if gap.is_some_and(|gap| !in_order(gap)) {
            return Err(damaged("extent of the audit"));
        }
        Ok(Self { floor, gap })
    }

    /// After a snapshot whose audit begins at `tail`. Until then the node had all up to `end`, the gap
    /// aside.
    pub(crate) fn with_snapshot(self, end: Point, tail: Point) -> Self {
        // Equal chains: no entry in between left a row.
        if tail.index <= end.index || tail.before == end.before {
            return self;
        }
        let gap = self.gap.unwrap_or(Gap { from: end, next: end, to: tail });
        Self { gap: Some(Gap { to: tail, ..gap }), ..self }
    }

    /// From where on nothing is missing.
    pub(crate) fn whole_from(&self) -> Point {
        self.gap.map_or(self.floor, |gap| gap.to)
    }

    /// Whether the rows of a log entry are here, if there are any.
    pub(crate) fn has(&self, index: u64) -> bool {
        let missing = |gap: Gap| (gap.from.index..gap.to.index).contains(&index);
        index >= self.floor.index && !self.gap.is_some_and(missing)
    }

    /// How many log entries' rows are missing, at most.
    pub(crate) fn missing(&self) -> u64 {
        self.gap.map_or(0, |gap| gap.to.index - gap.next.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(index: u64) -> Point {
        Point { index, before: Digest([index as u8; 32]) }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let whole = Extent { floor: point(3), gap: None };
        let gap = Gap { from: point(5), next: point(7), to: point(9) };
        for extent in [Extent::default(), whole, Extent { gap: Some(gap), ..whole }] {
            assert_eq!(Extent::decode(&extent.encode()).unwrap(), extent);
        }
        for (from, next, to) in [(2, 7, 9), (6, 5, 9), (5, 9, 9), (5, 10, 9)] {
            let gap = Gap { from: point(from), next: point(next), to: point(to) };
            let odd = Extent { gap: Some(gap), ..whole };
            assert!(Extent::decode(&odd.encode()).is_err(), "{odd:?}");
        }
        assert!(Extent::decode(b"no extent").is_err());
        assert!(Extent::decode(b"").is_err());
    }

    #[test]
    fn a_snapshot_leaves_a_gap_before_it_or_makes_an_old_one_longer() {
        let had = Extent { floor: point(3), gap: None };
        assert_eq!(had.with_snapshot(point(20), point(15)), had, "it overlaps");
        assert_eq!(had.with_snapshot(point(20), point(20)), had, "it goes on");
        let quiet = Point { before: point(20).before, ..point(30) };
        assert_eq!(had.with_snapshot(point(20), quiet), had, "nothing happened in between");

        let lacks = had.with_snapshot(point(20), point(30));
        let gap = Gap { from: point(20), next: point(20), to: point(30) };
        assert_eq!(lacks, Extent { gap: Some(gap), ..had });
        assert_eq!((lacks.missing(), lacks.whole_from()), (10, point(30)));
        let more = lacks.with_snapshot(point(40), point(50));
        assert_eq!(more.gap, Some(Gap { to: point(50), ..gap }));
    }
}
