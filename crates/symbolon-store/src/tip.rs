//! The format of the file `tip`: two slots that are written in turn.
//!
//! ```text
//! at 0 and at 4096: "SYMB_TIP", length of the body (4), CRC-32 of the body (4), store.v1.Tip
//! ```
//!
//! with integers little-endian. The file has its full length from the day it is made, so that writing
//! a slot changes no metadata, and the slots lie in pages of their own, so that tearing one cannot
//! touch the other. What the numbers mean is told in `anchor.rs`.

use std::path::Path;

use prost::Message as _;
use symbolon_proto::store::v1 as proto;

use crate::{FileFinding, StoreError};

/// Version that this release writes and reads.
const VERSION: u32 = 1;
/// Oldest version whose readers can read what this release writes.
const MIN_COMPATIBLE: u32 = 1;

/// Bytes from one slot to the next.
pub(crate) const SLOT_BYTES: usize = 4096;
/// Slots, and so the length of the file in slots.
pub(crate) const SLOTS: usize = 2;

const MAGIC: &[u8; 8] = b"SYMB_TIP";
/// Magic, length and checksum.
const HEAD_BYTES: usize = 16;
const REMEDY: &str = "restore it together with the store, or move the data directory away and join again under a new node name";

/// What was durable at the end of one trip to the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tip {
    /// How often the store was opened to be written. Higher at each start, and synced before
    /// anything else is.
    pub incarnation: u64,
    /// Number of the trip.
    pub round: u64,
    /// What log and image held then.
    pub marks: Marks,
}

/// What log and image hold. `revision`, `purged`, `image` and `stored` only rise; the others are compared while
/// `revision` is the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Votes and truncations of the log so far.
    pub revision: u64,
    /// Last entry of the log, or last purged one when there is none.
    pub last: Option<u64>,
    /// The checksum that runs through the log, after its last entry; 0 when it is empty.
    pub chain: u32,
    /// Last purged entry.
    pub purged: Option<u64>,
    /// The vote, as it is stored.
    pub vote: Option<Vec<u8>>,
    /// Writes of the image so far.
    pub image: u64,
    /// Number of the last trip to the disk of what lies beside the log.
    pub stored: u64,
}

impl Tip {
    /// One slot.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let marks = self.marks.clone();
        let body = proto::Tip {
            version: VERSION,
            min_compatible: MIN_COMPATIBLE,
            incarnation: self.incarnation,
            round: self.round,
            revision: marks.revision,
            last_index: marks.last,
            last_chain: marks.chain,
            purged_index: marks.purged,
            vote: marks.vote,
            image: marks.image,
            stored: marks.stored,
        }
        .encode_to_vec();
        let length = u32::try_from(body.len())
            .ok()
            .filter(|_| HEAD_BYTES + body.len() <= SLOT_BYTES)
            .ok_or(StoreError::ValueTooLong { bytes: body.len() })?;
        let mut slot = MAGIC.to_vec();
        slot.extend_from_slice(&length.to_le_bytes());
        slot.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        slot.extend_from_slice(&body);
        Ok(slot)
    }

    /// A whole file whose slots both hold this.
    pub(crate) fn encode_file(&self) -> Result<Vec<u8>, StoreError> {
        let mut slot = self.encode()?;
        slot.resize(SLOT_BYTES, 0);
        Ok(slot.repeat(SLOTS))
    }

    /// The newer of a file's slots, and its place. A slot that was torn does not count: whoever waited
    /// for it was not told that it was there.
    pub(crate) fn decode_file(bytes: &[u8], path: &Path) -> Result<(Self, usize), StoreError> {
        let corrupt =
            |finding| StoreError::CorruptFile { path: path.to_owned(), finding, remedy: REMEDY };
        match bytes.len().cmp(&(SLOTS * SLOT_BYTES)) {
            std::cmp::Ordering::Less => return Err(corrupt(FileFinding::Torn)),
            std::cmp::Ordering::Greater => return Err(corrupt(FileFinding::Trailing)),
            std::cmp::Ordering::Equal => {}
        }
        let mut newest: Option<(Self, usize)> = None;
        let mut why = FileFinding::Magic;
        for (place, slot) in bytes.chunks(SLOT_BYTES).enumerate() {
            let body = match body(slot) {
                Ok(body) => body,
                Err(finding) => {
                    why = finding;
                    continue;
                }
            };
            if body.min_compatible > VERSION {
                return Err(StoreError::NewerVersion {
                    path: path.to_owned(),
                    found: body.min_compatible,
                    readable: VERSION,
                });
            }
            let tip = Self::from_proto(body).ok_or_else(|| corrupt(FileFinding::Content))?;
            let age = |tip: &Self| (tip.round, tip.incarnation);
            if newest.as_ref().is_none_or(|(newest, _)| age(newest) < age(&tip)) {
                newest = Some((tip, place));
            }
        }
        newest.ok_or_else(|| corrupt(why))
    }

    fn from_proto(body: proto::Tip) -> Option<Self> {
        if body.version == 0 || body.min_compatible == 0 {
            return None;
        }
        let marks = Marks {
            revision: body.revision,
            last: body.last_index,
            chain: body.last_chain,
            purged: body.purged_index,
            vote: body.vote,
            image: body.image,
            stored: body.stored,
        };
        Some(Self { incarnation: body.incarnation, round: body.round, marks })
    }
}

fn body(slot: &[u8]) -> Result<proto::Tip, FileFinding> {
    let rest = slot.strip_prefix(MAGIC).ok_or(FileFinding::Magic)?;
    let (length, rest) = rest.split_first_chunk().ok_or(FileFinding::Torn)?;
    let (crc, rest) = rest.split_first_chunk().ok_or(FileFinding::Torn)?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize).ok_or(FileFinding::Checksum)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(FileFinding::Checksum);
    }
    proto::Tip::decode(body).map_err(|_| FileFinding::Content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(round: u64) -> Tip {
        let marks = Marks {
            revision: 3,
            last: Some(9),
            chain: 7,
            purged: Some(4),
            vote: Some(b"vote".to_vec()),
            image: 8,
            stored: 5,
        };
        Tip { incarnation: 2, round, marks }
    }

    /// A file with these two slots.
    fn file(slots: [&Tip; 2]) -> Vec<u8> {
        let slots = slots.map(|tip| {
            let mut slot = tip.encode().unwrap();
            slot.resize(SLOT_BYTES, 0);
            slot
        });
        slots.concat()
    }

    fn decode(bytes: &[u8]) -> Result<(Tip, usize), StoreError> {
        Tip::decode_file(bytes, Path::new("/data/tip"))
    }

    #[test]
    fn the_newer_slot_counts_wherever_it_is() {
        assert_eq!(decode(&file([&tip(5), &tip(6)])).unwrap(), (tip(6), 1));
        assert_eq!(decode(&file([&tip(7), &tip(6)])).unwrap(), (tip(7), 0));
        assert_eq!(decode(&tip(1).encode_file().unwrap()).unwrap().0, tip(1));
        let started = Tip { incarnation: 3, ..tip(6) };
        assert_eq!(decode(&file([&tip(6), &started])).unwrap(), (started, 1));
    }

    #[test]
    fn a_slot_that_is_damaged_anywhere_leaves_the_other() {
        let bytes = file([&tip(5), &tip(6)]);
        let used = tip(6).encode().unwrap().len();
        for place in 0..used {
            let mut bytes = bytes.clone();
            bytes[SLOT_BYTES + place] ^= 0x20;
            assert_eq!(decode(&bytes).unwrap(), (tip(5), 0), "byte {place}");
        }
        for kept in 0..used {
            let mut bytes = bytes.clone();
            bytes[SLOT_BYTES + kept..].fill(0xee);
            assert_eq!(decode(&bytes).unwrap(), (tip(5), 0), "torn at {kept}");
        }
    }

    #[test]
    fn a_file_without_a_sound_slot_is_refused() {
        let bytes = file([&tip(5), &tip(6)]);
        let mut damaged = bytes.clone();
        damaged[20] ^= 1;
        damaged[SLOT_BYTES + 20] ^= 1;
        let longer = [&bytes[..], &[0]].concat();
        for (bytes, finding) in [
            (&damaged[..], FileFinding::Checksum),
            (&[0; SLOTS * SLOT_BYTES], FileFinding::Magic),
            (&bytes[..bytes.len() - 1], FileFinding::Torn),
            (&[], FileFinding::Torn),
            (&longer, FileFinding::Trailing),
        ] {
            let error = decode(bytes).unwrap_err();
            assert!(
                matches!(&error, StoreError::CorruptFile { finding: found, .. } if *found == finding),
                "{finding}: {error}"
            );
        }
    }

    #[test]
    fn a_newer_version_is_refused_even_in_the_older_slot() {
        let newer = |min_compatible| {
            let mut bytes = file([&tip(5), &tip(6)]);
            let body = proto::Tip { version: 9, min_compatible, ..Default::default() };
            let body = body.encode_to_vec();
            let mut slot = MAGIC.to_vec();
            slot.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
            slot.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
            slot.extend_from_slice(&body);
            bytes[..slot.len()].copy_from_slice(&slot);
            bytes
        };
        assert_eq!(decode(&newer(1)).unwrap(), (tip(6), 1));
        let error = decode(&newer(2)).unwrap_err();
        assert!(matches!(error, StoreError::NewerVersion { found: 2, readable: 1, .. }), "{error}");
    }

    #[test]
    fn what_does_not_fit_into_a_slot_is_not_written() {
        let mut long = tip(1);
        long.marks.vote = Some(vec![1; SLOT_BYTES]);
        assert!(matches!(long.encode(), Err(StoreError::ValueTooLong { .. })));
    }
}
