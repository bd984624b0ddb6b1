//! The digest of a state, kept incrementally.
//!
//! Each row is hashed in a canonical form that is this crate's own, and the hashes of all rows are
//! summed. A changed row costs two hashes, whatever the size of the state, and the order of rows
//! does not matter. The digest is there to find a node whose state differs from its peers' or from
//! its disk. It is no defence against someone who can choose rows to make sums collide.

use core::fmt;

use sha2::{Digest as _, Sha256};

/// SHA-256 sized summary. Equal states have equal digests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The value of exactly 32 bytes; `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Digest of a sequence of byte strings.
    #[must_use]
    pub(crate) fn of(tag: u8, fill: impl FnOnce(&mut CanonicalWriter)) -> Self {
        let mut writer = CanonicalWriter(Sha256::new());
        writer.0.update([tag]);
        fill(&mut writer);
        Self(writer.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Something with one canonical form.
pub trait Canonical {
    /// Writes every field, in order, each with a length where it varies.
    fn canonical(&self, w: &mut CanonicalWriter);
}

/// Takes a canonical form and hashes it as it comes.
#[expect(missing_debug_implementations, reason = "holds a running hash of rows")]
pub struct CanonicalWriter(Sha256);

impl CanonicalWriter {
    /// A number, 8 bytes.
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.0.update(value.to_be_bytes());
        self
    }

    /// Bytes, after their length.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.number(value.len() as u64);
        self.0.update(value);
        self
    }
}

/// Sum of hashes, lane by lane.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Sum([u64; 4]);

impl Sum {
    pub(crate) fn add(&mut self, digest: Digest) {
        self.combine(digest, u64::wrapping_add);
    }

    pub(crate) fn subtract(&mut self, digest: Digest) {
        self.combine(digest, u64::wrapping_sub);
    }

    pub(crate) const fn lanes(self) -> [u64; 4] {
        self.0
    }

    fn combine(&mut self, digest: Digest, with: impl Fn(u64, u64) -> u64) {
        for (lane, part) in self.0.iter_mut().zip(digest.0.chunks_exact(8)) {
            *lane = with(*lane, part.try_into().map_or(0, u64::from_be_bytes));
        }
    }
}
