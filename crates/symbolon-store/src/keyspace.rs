//! Who owns which keys. The first byte of a key names its space.
//!
//! A prefix is never given a second meaning, not even after its space is gone: an old data
//! directory may still hold keys under it. Free prefixes: 0x07 to 0xef, and 0xf1 to 0xff; 0x03 held the
//! rows of the image one by one, in no release.

use std::fmt;

/// Longest key, prefix included, in bytes. Long keys make sled's leaves large, and large leaves end
/// in files that sled never syncs.
pub const KEY_BYTES_MAX: usize = 512;

/// A key space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Single values: vote, committed, purged, revision, the image's version, round.
    Meta,
    /// Raft log: entries by index (u64, big-endian).
    Log,
    /// Rows of the image, many in one value: see [`Image`](crate::Image).
    Rows,
    /// Audit rows, by index of the log entry that made them (u64, big-endian).
    Audit,
    /// What a node decided without a quorum and the log does not know of yet, and what it agreed to.
    Journal,
    /// Parts of values that are too large for sled: by key, then part number (u32, big-endian).
    /// [`Framed`](crate::Framed) alone reads and writes them.
    Parts,
}

impl Space {
    /// All spaces, by prefix.
    pub const ALL: [Self; 6] =
        [Self::Meta, Self::Log, Self::Audit, Self::Journal, Self::Rows, Self::Parts];

    /// First byte of the space's keys.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        match self {
            Self::Meta => 0x01,
            Self::Log => 0x02,
            Self::Rows => 0x06,
            Self::Audit => 0x04,
            Self::Journal => 0x05,
            Self::Parts => 0xf0,
        }
    }

    /// Name as it stands in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Log => "log",
            Self::Rows => "rows",
            Self::Audit => "audit",
            Self::Journal => "journal",
            Self::Parts => "parts",
        }
    }

    /// The space that a key belongs to; `None` for an empty key or a free prefix.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        let prefix = key.first()?;
        Self::ALL.into_iter().find(|space| space.prefix() == *prefix)
    }

    /// A key of this space.
    #[must_use]
    pub fn key(self, rest: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(1 + rest.len());
        key.push(self.prefix());
        key.extend_from_slice(rest);
        key
    }

    /// First key of the space, and the first key after it.
    #[must_use]
    pub fn bounds(self) -> (Vec<u8>, Vec<u8>) {
        (vec![self.prefix()], vec![self.prefix() + 1])
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The keys `index..` of a space that is keyed by u64: first key, and first key after. `end` is
/// exclusive; `None` is the end of the space.
pub(crate) fn index_bounds(space: Space, start: u64, end: Option<u64>) -> (Vec<u8>, Vec<u8>) {
    let to = end.map_or_else(|| space.bounds().1, |end| space.key(&end.to_be_bytes()));
    (space.key(&start.to_be_bytes()), to)
}

/// The index in a key of a space that is keyed by u64.
pub(crate) fn index_of(key: &[u8]) -> Option<u64> {
    key.get(1..)?.try_into().ok().map(u64::from_be_bytes)
}

/// Where the store holds what. A batch changes what lies on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The Raft log, and what a node decides without it: in a journal.
    Log,
    /// Rows of the image: in a journal of their own.
    Rows,
    /// Everything else: in sled.
    Rest,
}

/// Key ranges that are not in sled, in order: from, and first key after.
const JOURNALED: [(Side, &[u8], &[u8]); 5] = [
    (Side::Log, b"\x01anchor/", b"\x01anchor0"),
    (Side::Log, b"\x01log/", b"\x01log0"),
    (Side::Log, b"\x02", b"\x03"),
    (Side::Log, b"\x05", b"\x06"),
    (Side::Rows, b"\x06", b"\x07"),
];

impl Side {
    /// The side of a key.
    pub(crate) fn of(key: &[u8]) -> Self {
        let found = JOURNALED.iter().find(|(_, from, to)| *from <= key && key < *to);
        found.map_or(Self::Rest, |(side, ..)| *side)
    }
}

/// The keys `from <= key < to` in order, in ranges of one side each.
pub(crate) fn pieces(from: &[u8], to: &[u8]) -> Vec<(Side, Vec<u8>, Vec<u8>)> {
    let (mut pieces, mut at) = (Vec::new(), from);
    let sides = JOURNALED.into_iter().flat_map(|(side, from, to)| [(Side::Rest, from), (side, to)]);
    for (side, end) in sides.chain([(Side::Rest, to)]) {
        let end = end.min(to);
        if at < end {
            pieces.push((side, at.to_vec(), end.to_vec()));
            at = end;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_frozen() {
        let prefixes: Vec<_> = Space::ALL.map(Space::prefix).into();
        assert_eq!(
            prefixes,
            [1, 2, 4, 5, 6, 0xf0],
            "data directories of earlier releases hold them"
        );
        for space in Space::ALL {
            assert_eq!(Space::of(&space.key(b"x")), Some(space));
        }
    }

    #[test]
    fn pieces_are_the_whole_and_each_is_of_one_side() {
        let all = pieces(&[], &[u8::MAX]);
        assert_eq!(all.first().unwrap().1, []);
        assert_eq!(all.last().unwrap().2, [u8::MAX]);
        for pair in all.windows(2) {
            assert_eq!(pair[0].2, pair[1].1);
            assert_ne!(pair[0].0, pair[1].0);
        }
        assert!(all.iter().all(|(side, from, _)| *side == Side::of(from)));
        let entries = Space::Log.bounds();
        assert_eq!(pieces(&entries.0, &entries.1), [(Side::Log, entries.0, entries.1)]);
        let rows = Space::Rows.bounds();
        assert_eq!(pieces(&rows.0, &rows.1), [(Side::Rows, rows.0, rows.1)]);
        assert_eq!(pieces(&[9], &[9]), []);
        assert_eq!(pieces(&[9], &[1]), []);
    }

    #[test]
    fn keys_sort_by_index() {
        let key = |index| Space::Log.key(&u64::to_be_bytes(index));
        assert!(key(255) < key(256));
        assert_eq!(index_of(&key(u64::MAX)), Some(u64::MAX));
        let (from, to) = index_bounds(Space::Log, 0, None);
        assert!(from <= key(0) && key(u64::MAX) < to);
    }
}
