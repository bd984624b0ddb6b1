//! The PINs that a user has and had, as the sealed field holds them.

use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use super::Pin;
use crate::Secret;
use crate::limits::PIN_HISTORY_MAX;

/// Bytes of the salt of a PIN.
pub const SALT_BYTES: usize = 16;
pub(crate) const HASH_BYTES: usize = 32;
const KEPT_BYTES: usize = SALT_BYTES + HASH_BYTES;
/// First byte of the field.
const VERSION: u8 = 1;

/// The PIN of a user, and those before it, newest first: a salt and HMAC-SHA-256(salt, PIN) of each.
#[derive(Clone)]
pub struct PinRecord(Secret);

impl fmt::Debug for PinRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinRecord(..)")
    }
}

/// A sealed field that opens and is no record of PINs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the field of a PIN is not in a format of this release")]
pub struct PinRecordFault;

impl PinRecord {
    /// Reads what the sealed field holds.
    ///
    /// # Errors
    /// [`PinRecordFault`] for another version or length.
    pub fn from_secret(secret: Secret) -> Result<Self, PinRecordFault> {
        let kept = secret.expose().split_first().filter(|(version, _)| **version == VERSION);
        let kept = kept.map_or(0, |(_, kept)| kept.len());
        let is_whole = kept.is_multiple_of(KEPT_BYTES);
        if is_whole && (1..=PIN_HISTORY_MAX + 1).contains(&(kept / KEPT_BYTES)) {
            Ok(Self(secret))
        } else {
            Err(PinRecordFault)
        }
    }

    /// What the sealed field holds.
    #[must_use]
    pub const fn as_secret(&self) -> &Secret {
        &self.0
    }

    /// The record of someone with this PIN who had those of `before`. So many of them are kept.
    #[must_use]
    pub fn new(pin: &Pin, salt: [u8; SALT_BYTES], before: Option<&Self>, history: usize) -> Self {
        let old = before.map_or(&[][..], Self::kept);
        let history = history.min(PIN_HISTORY_MAX);
        // In one piece: a vector that grows leaves copies behind.
        let mut bytes = Vec::with_capacity(1 + KEPT_BYTES + old.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&hash(&salt, pin.expose().as_bytes()));
        old.chunks_exact(KEPT_BYTES).take(history).for_each(|kept| bytes.extend_from_slice(kept));
        Self(Secret::new(bytes))
    }

    /// A record that is nobody's, for those who have none: no PIN fits it, and that takes as long to find
    /// out.
    #[must_use]
    pub fn nobody() -> Self {
        let mut bytes = alloc::vec![0; 1 + KEPT_BYTES];
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        Self(Secret::new(bytes))
    }

    /// Whether what was typed is the PIN, in constant time.
    #[must_use]
    pub fn fits(&self, typed: &[u8]) -> bool {
        self.kept().chunks_exact(KEPT_BYTES).next().is_some_and(|kept| is(kept, typed).into())
    }

    /// Whether the PIN is the present one, or among so many before it.
    #[must_use]
    pub fn knows(&self, pin: &Pin, history: usize) -> bool {
        let kept = self.kept().chunks_exact(KEPT_BYTES).take(history.saturating_add(1));
        let known = kept.map(|kept| is(kept, pin.expose().as_bytes()));
        known.fold(Choice::from(0), |any, this| any | this).into()
    }

    fn kept(&self) -> &[u8] {
        self.0.expose().get(1..).unwrap_or_default()
    }
}

fn is(kept: &[u8], typed: &[u8]) -> Choice {
    let (salt, expected) = kept.split_at_checked(SALT_BYTES).unwrap_or_default();
    hash(salt, typed).ct_eq(expected)
}

/// HMAC-SHA-256 of what people type, under a salt.
pub(crate) fn hash(salt: &[u8], pin: &[u8]) -> [u8; HASH_BYTES] {
    match Hmac::<Sha256>::new_from_slice(salt) {
        Ok(mut mac) => {
            mac.update(pin);
            mac.finalize().into_bytes().into()
        }
        // HMAC takes keys of every length (RFC 2104 section 2), so there is no other arm to reach.
        Err(_) => [0; HASH_BYTES],
    }
}
