//! How rows lie in the store: many in one value, a *frame*.
//!
//! ```text
//! keys     0, generation (4), number of the frame (4)     rows of a base
//!          1, version (8), number of the frame (4)        what a write changed
//!          2, version (8)                                 head of a write
//! frame    rows: length of the key (2), length of the value (4), key, value
//!                length of the key (2), 2^32 - 1, key     a row that is gone
//! head     generation of the base (4), version from which on changes count (8), bytes of the base (8),
//!          bytes of the changes since (8), scalars
//! ```
//!
//! with integers big-endian.

use crate::journal::take;
use crate::kv::Pair;
use crate::{Batch, Finding, Space, StoreError};

/// A frame ends with the row that makes it so long.
const FRAME_BYTES: usize = 1 << 20;
/// Stands for the length of the value of a row that is gone.
const GONE: u32 = u32::MAX;

const BASE: u8 = 0;
const CHANGES: u8 = 1;
const HEADS: u8 = 2;

/// Key and value of a row; no value if it is gone.
pub(super) type RowChange = (Vec<u8>, Option<Vec<u8>>);

/// Keys, from and first after.
pub(super) type Bounds = (Vec<u8>, Vec<u8>);

/// Frames of the generations `from..to` of a base; `None` is the end.
pub(super) fn base_bounds(from: u32, to: Option<u32>) -> Bounds {
    let end = to.map_or_else(|| key(CHANGES, &[]), |to| key(BASE, &to.to_be_bytes()));
    (key(BASE, &from.to_be_bytes()), end)
}

/// Frames of the writes `from..to`; `None` is the end.
pub(super) fn change_bounds(from: u64, to: Option<u64>) -> Bounds {
    let end = to.map_or_else(|| key(HEADS, &[]), |to| key(CHANGES, &to.to_be_bytes()));
    (key(CHANGES, &from.to_be_bytes()), end)
}

/// Heads of the writes `from..to`; `None` is the end.
pub(super) fn head_bounds(from: u64, to: Option<u64>) -> Bounds {
    let end = to.map_or_else(|| Space::Rows.bounds().1, |to| key(HEADS, &to.to_be_bytes()));
    (key(HEADS, &from.to_be_bytes()), end)
}

pub(super) fn head_key(version: u64) -> Vec<u8> {
    key(HEADS, &version.to_be_bytes())
}

/// The write that a key of a head is of.
pub(super) fn version_of(head_key: &[u8]) -> Result<u64, StoreError> {
    let rest = head_key.get(2..).and_then(|rest| rest.try_into().ok());
    rest.map(u64::from_be_bytes).ok_or_else(|| StoreError::corrupt(head_key, Finding::KeyLength))
}

fn key(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = Space::Rows.key(&[kind]);
    key.extend_from_slice(rest);
    key
}

/// What a write of the image left.
#[derive(Clone, Default)]
pub(super) struct Head {
    /// Of the base.
    pub(super) generation: u32,
    /// Changes of later writes count over the base.
    pub(super) from: u64,
    /// Length of the base, in bytes.
    pub(super) base_bytes: u64,
    /// Length of the changes that count, in bytes.
    pub(super) change_bytes: u64,
}

impl Head {
    pub(super) fn encode(&self, scalars: &[u8]) -> Vec<u8> {
        let mut bytes = self.generation.to_be_bytes().to_vec();
        for number in [self.from, self.base_bytes, self.change_bytes] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(scalars);
        bytes
    }

    /// Head and scalars of what stands under `key`.
    pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<(Self, Vec<u8>), StoreError> {
        let mut rest = bytes;
        let mut parse = || {
            let generation = u32::from_be_bytes(*take(&mut rest)?);
            let mut number = || take(&mut rest).map(|bytes| u64::from_be_bytes(*bytes));
            let (from, base_bytes, change_bytes) = (number()?, number()?, number()?);
            Some(Self { generation, from, base_bytes, change_bytes })
        };
        let head = parse().ok_or_else(|| StoreError::corrupt(key, Finding::ValueLength))?;
        Ok((head, rest.to_vec()))
    }
}

/// Which frames are filled.
#[derive(Clone, Copy)]
pub(super) enum Frames {
    /// Of the base of a generation.
    Base(u32),
    /// Of a write.
    Changes(u64),
}

/// Fills frames with rows.
pub(super) struct Framing {
    of: Frames,
    number: u32,
    frame: Vec<u8>,
    /// Of all frames so far.
    pub(super) bytes: u64,
}

impl Framing {
    pub(super) const fn new(of: Frames) -> Self {
        Self { of, number: 0, frame: Vec::new(), bytes: 0 }
    }

    /// Adds a row, and a frame that is full to `batch`. Keys that are too long are refused, and nothing
    /// is changed.
    pub(super) fn row(
        &mut self,
        batch: &mut Batch,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let too_long = |_| StoreError::Key { bytes: key.len() };
        let key_length = u16::try_from(key.len()).map_err(too_long)?;
        let length = match value {
            None => GONE,
            Some(value) => u32::try_from(value.len())
                .ok()
                .filter(|length| *length < GONE)
                .ok_or(StoreError::ValueTooLong { bytes: value.len() })?,
        };
        self.frame.extend_from_slice(&key_length.to_be_bytes());
        self.frame.extend_from_slice(&length.to_be_bytes());
        self.frame.extend_from_slice(key);
        self.frame.extend_from_slice(value.unwrap_or_default());
        if self.frame.len() >= FRAME_BYTES {
            self.end_frame(batch);
        }
        Ok(())
    }

    /// Adds what is left to `batch`. Returns the length of all frames, in bytes.
    pub(super) fn finish(&mut self, batch: &mut Batch) -> u64 {
        self.end_frame(batch);
        self.bytes
    }

    fn end_frame(&mut self, batch: &mut Batch) {
        if self.frame.is_empty() {
            return;
        }
        let frame = std::mem::take(&mut self.frame);
        let mut key = match self.of {
            Frames::Base(generation) => key(BASE, &generation.to_be_bytes()),
            Frames::Changes(version) => key(CHANGES, &version.to_be_bytes()),
        };
        key.extend_from_slice(&self.number.to_be_bytes());
        self.bytes += frame.len() as u64;
        self.number += 1;
        batch.insert(key, frame);
    }
}

/// The rows of a frame.
pub(super) fn rows((key, frame): &Pair) -> Result<Vec<RowChange>, StoreError> {
    let (mut rows, mut rest) = (Vec::new(), &**frame);
    while !rest.is_empty() {
        let row = take_row(&mut rest);
        rows.push(row.ok_or_else(|| StoreError::corrupt(key, Finding::ValueLength))?);
    }
    Ok(rows)
}

fn take_row(rest: &mut &[u8]) -> Option<RowChange> {
    let key_length = u16::from_be_bytes(*take(rest)?);
    let length = u32::from_be_bytes(*take(rest)?);
    let key = take_slice(rest, key_length.into())?.to_vec();
    if length == GONE {
        return Some((key, None));
    }
    Some((key, Some(take_slice(rest, usize::try_from(length).ok()?)?.to_vec())))
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Op;

    #[test]
    fn rows_come_out_as_they_went_in() {
        let mut batch = Batch::new();
        let mut framing = Framing::new(Frames::Changes(7));
        let big = vec![3; FRAME_BYTES];
        framing.row(&mut batch, b"", Some(b"of an empty key")).unwrap();
        framing.row(&mut batch, b"gone", None).unwrap();
        framing.row(&mut batch, b"big", Some(&big)).unwrap();
        framing.row(&mut batch, b"empty", Some(b"")).unwrap();
        assert!(framing.row(&mut batch, &vec![1; 70_000], None).is_err());
        let bytes = framing.finish(&mut batch);

        let frames = batch.into_ops().into_iter().map(|op| match op {
            Op::Insert(key, value) => (key, value),
            Op::Remove(_) => panic!("nothing is removed"),
        });
        let frames: Vec<_> = frames.collect();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames.iter().map(|(_, frame)| frame.len() as u64).sum::<u64>(), bytes);
        let (from, to) = change_bounds(7, Some(8));
        assert!(frames.iter().all(|(key, _)| from <= *key && *key < to));
        let all: Vec<_> = frames.iter().flat_map(|frame| rows(frame).unwrap()).collect();
        let expected = [
            (vec![], Some(b"of an empty key".to_vec())),
            (b"gone".to_vec(), None),
            (b"big".to_vec(), Some(big)),
            (b"empty".to_vec(), Some(Vec::new())),
        ];
        assert!(all == expected);
    }

    #[test]
    fn half_a_frame_is_no_frame() {
        let mut batch = Batch::new();
        let mut framing = Framing::new(Frames::Base(1));
        framing.row(&mut batch, b"key", Some(b"value")).unwrap();
        framing.finish(&mut batch);
        let Some(Op::Insert(key, frame)) = batch.into_ops().pop() else { panic!("no frame") };
        for length in 1..frame.len() {
            assert!(rows(&(key.clone(), frame[..length].to_vec())).is_err(), "{length}");
        }
    }

    #[test]
    fn a_head_comes_out_as_it_went_in() {
        let head = Head { generation: 1, from: 2, base_bytes: 3, change_bytes: 4 };
        let (read, scalars) = Head::decode(&head_key(9), &head.encode(b"scalars")).unwrap();
        assert_eq!(read.encode(&scalars), head.encode(b"scalars"));
        assert_eq!(version_of(&head_key(9)).unwrap(), 9);
        assert!(Head::decode(&head_key(9), &head.encode(b"")[1..]).is_err());
    }
}
