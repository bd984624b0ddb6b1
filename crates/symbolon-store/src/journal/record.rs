//! What stands in a segment of the journal.
//!
//! ```text
//! head    "SYMB_LOG", version (4), oldest version whose readers can read it (4), number of the
//!         segment (8), checksum after the last record of the segment before it (4), CRC-32 of these (4)
//! record  length of the body (4), CRC-32 over the checksum before it, the length and the body (4), body
//! body    changes: 1, length of the key (2), length of the value (4), key, value
//!                  2, length of the key (2), key
//! ```
//!
//! with integers little-endian. A length of 0 is the end: what follows is zeros, written ahead. The
//! checksum runs through all records of all segments, so that none can be put back or left out.

use std::ops::Range;

use crate::kv::Op;

/// Version that this release writes and reads.
pub(super) const VERSION: u32 = 1;
/// Oldest version whose readers can read what this release writes.
const MIN_COMPATIBLE: u32 = 1;
const MAGIC: &[u8; 8] = b"SYMB_LOG";
pub(super) const HEAD_BYTES: usize = 32;
/// Length and checksum.
pub(super) const RECORD_HEAD_BYTES: usize = 8;

const PUT: u8 = 1;
const REMOVE: u8 = 2;

/// Head of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) min_compatible: u32,
    pub(super) number: u64,
    pub(super) chain: u32,
}

impl Head {
    pub(super) const fn new(number: u64, chain: u32) -> Self {
        Self { min_compatible: MIN_COMPATIBLE, number, chain }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&self.min_compatible.to_le_bytes());
        head.extend_from_slice(&self.number.to_le_bytes());
        head.extend_from_slice(&self.chain.to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        head
    }

    /// `None` when it is not what was written.
    pub(super) fn decode(segment: &[u8]) -> Option<Self> {
        let (head, _) = segment.split_first_chunk::<HEAD_BYTES>()?;
        let (body, checksum) = head.split_last_chunk()?;
        let mut rest = body.strip_prefix(MAGIC)?;
        let is_sound = u32::from_le_bytes(*checksum) == crc32fast::hash(body);
        take_u32(&mut rest)?;
        let min_compatible = take_u32(&mut rest)?;
        let number = u64::from_le_bytes(*take(&mut rest)?);
        let chain = take_u32(&mut rest)?;
        is_sound.then_some(Self { min_compatible, number, chain })
    }
}

/// A record of changes.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// Its checksum.
    pub(super) chain: u32,
    /// Where the value of each change lies in it; `None` for a key that is removed.
    pub(super) values: Vec<Option<Range<usize>>>,
}

/// Length of the record of these changes.
pub(super) fn encoded_bytes(ops: &[Op]) -> u64 {
    let of = |op: &Op| match op {
        Op::Insert(key, value) => 7 + key.len() + value.len(),
        Op::Remove(key) => 3 + key.len(),
    };
    RECORD_HEAD_BYTES as u64 + ops.iter().map(|op| of(op) as u64).sum::<u64>()
}

/// After a record with the checksum `before`. A key or a value whose length no field can hold was
/// refused before it came here.
pub(super) fn encode(before: u32, ops: &[Op]) -> Encoded {
    let mut bytes = Vec::with_capacity(usize::try_from(encoded_bytes(ops)).unwrap_or(0));
    bytes.resize(RECORD_HEAD_BYTES, 0);
    let mut values = Vec::with_capacity(ops.len());
    for op in ops {
        match op {
            Op::Insert(key, value) => {
                bytes.push(PUT);
                bytes
                    .extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
                bytes.extend_from_slice(
                    &u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes(),
                );
                bytes.extend_from_slice(key);
                values.push(Some(bytes.len()..bytes.len() + value.len()));
                bytes.extend_from_slice(value);
            }
            Op::Remove(key) => {
                bytes.push(REMOVE);
                bytes
                    .extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
                bytes.extend_from_slice(key);
                values.push(None);
            }
        }
    }
    let chain = fill_head(before, &mut bytes);
    Encoded { bytes, chain, values }
}

/// Puts length and checksum before the body. Returns the checksum.
fn fill_head(before: u32, bytes: &mut [u8]) -> u32 {
    let body = bytes.get(RECORD_HEAD_BYTES..).unwrap_or_default();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let chain = link(before, length, body);
    if let Some((to_length, rest)) = bytes.split_first_chunk_mut::<4>() {
        *to_length = length.to_le_bytes();
        if let Some((to_chain, _)) = rest.split_first_chunk_mut::<4>() {
            *to_chain = chain.to_le_bytes();
        }
    }
    chain
}

/// The record with this body, whatever it is.
#[cfg(feature = "fuzzing")]
pub(super) fn seal(before: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; RECORD_HEAD_BYTES];
    bytes.extend_from_slice(body);
    fill_head(before, &mut bytes);
    bytes
}

/// One change of a record that was read.
pub(super) struct Change<'a> {
    pub(super) key: &'a [u8],
    /// Place in the segment; `None` for a key that is removed.
    pub(super) value: Option<Range<usize>>,
}

/// Reads the record at `at`: its changes, its checksum, and where the next one begins. `None` where the
/// records end, whether they end well or not.
pub(super) fn read(
    segment: &[u8],
    at: usize,
    before: u32,
) -> Option<(Vec<Change<'_>>, u32, usize)> {
    let mut rest = segment.get(at..)?;
    let length = take_u32(&mut rest)?;
    let chain = take_u32(&mut rest)?;
    let body = rest.get(..usize::try_from(length).ok()?).filter(|body| !body.is_empty())?;
    if chain != link(before, length, body) {
        return None;
    }
    let begin = at + RECORD_HEAD_BYTES;
    let (mut rest, mut changes) = (body, Vec::new());
    while !rest.is_empty() {
        let [kind] = *take::<1>(&mut rest)?;
        let key_length = u16::from_le_bytes(*take(&mut rest)?).into();
        let value_length = match kind {
            PUT => Some(usize::try_from(take_u32(&mut rest)?).ok()?),
            REMOVE => None,
            _ => return None,
        };
        let (key, after) = rest.split_at_checked(key_length)?;
        let (_, after_value) = after.split_at_checked(value_length.unwrap_or(0))?;
        let value_at = begin + (body.len() - after.len());
        changes.push(Change { key, value: value_length.map(|length| value_at..value_at + length) });
        rest = after_value;
    }
    Some((changes, chain, begin + body.len()))
}

fn link(before: u32, length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&before.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// The first bytes, which are taken away.
pub(crate) fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(|taken| u32::from_le_bytes(*taken))
}
