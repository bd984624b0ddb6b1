//! Recovery codes: ten words of letters and digits for somebody whose token is lost.
//!
//! They are kept as PINs are, hashed in a sealed field. Which of them are used stands in clear beside
//! it, so that `apply` alone spends them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::Secret;
use crate::pin::{HASH_BYTES, SALT_BYTES, hash};

/// Codes of a set.
pub const RECOVERY_CODES: usize = 10;
/// Characters of a code, without what groups them.
const CODE_CHARS: usize = 12;
/// Characters that stand together.
const GROUP_CHARS: usize = 4;
/// No `0`, `1`, `I`, `L`, `O` and `U`, which are taken for others. Twelve of these 30 have 58 bits.
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
/// First byte of the field.
const VERSION: u8 = 1;
const SET_BYTES: usize = 1 + SALT_BYTES + RECOVERY_CODES * HASH_BYTES;

/// One code. Wiped when it is dropped, and silent in `Debug`.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

impl RecoveryCode {
    /// Reads what was typed, in whatever case; spaces and hyphens do not count. `None`: it has not the form
    /// of a recovery code.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        // In one piece: a string that grows leaves copies behind.
        let mut code = Zeroizing::new(String::with_capacity(CODE_CHARS));
        for c in typed.chars().filter(|c| !matches!(c, ' ' | '-')) {
            let c = c.to_ascii_uppercase();
            let known = u8::try_from(c).is_ok_and(|byte| ALPHABET.contains(&byte));
            if !known || code.len() == CODE_CHARS {
                return None;
            }
            code.push(c);
        }
        (code.len() == CODE_CHARS).then_some(Self(code))
    }

    /// Makes a code of random bytes, each of which picks a character; `None` when they are too few that
    /// pick fairly.
    #[must_use]
    pub fn from_random(bytes: &[u8]) -> Option<Self> {
        // Up to here each character has as many bytes as any other.
        let fair = u8::MAX - u8::MAX % 30;
        let fair = bytes.iter().filter(|byte| **byte < fair);
        let mut code = Zeroizing::new(String::with_capacity(CODE_CHARS));
        for byte in fair.take(CODE_CHARS) {
            code.extend(ALPHABET.get(usize::from(byte % 30)).copied().map(char::from));
        }
        (code.len() == CODE_CHARS).then_some(Self(code))
    }

    /// In groups, for people: never for a log or an error.
    #[must_use]
    pub fn shown(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CODE_CHARS + CODE_CHARS / GROUP_CHARS));
        for (place, c) in self.0.chars().enumerate() {
            if place > 0 && place.is_multiple_of(GROUP_CHARS) {
                text.push('-');
            }
            text.push(c);
        }
        text
    }
}

/// A set of ten, as the sealed field holds it: a salt and HMAC-SHA-256 of each code under it.
#[derive(Clone)]
pub struct RecoverySet(Secret);

impl fmt::Debug for RecoverySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySet(..)")
    }
}

/// A sealed field that opens and is no set of recovery codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the field of recovery codes is not in a format of this release")]
pub struct RecoverySetFault;

impl RecoverySet {
    /// The set of these codes.
    #[must_use]
    pub fn new(codes: &[RecoveryCode; RECOVERY_CODES], salt: [u8; SALT_BYTES]) -> Self {
        let mut bytes = Vec::with_capacity(SET_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&salt);
        codes.iter().for_each(|code| bytes.extend_from_slice(&hash(&salt, code.0.as_bytes())));
        Self(Secret::new(bytes))
    }

    /// A set that is nobody's: no code is in it, and that takes as long to find out.
    #[must_use]
    pub fn nobody() -> Self {
        let mut bytes = alloc::vec![0; SET_BYTES];
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        Self(Secret::new(bytes))
    }

    /// Reads what the sealed field holds.
    ///
    /// # Errors
    /// [`RecoverySetFault`] for another version or length.
    pub fn from_secret(secret: Secret) -> Result<Self, RecoverySetFault> {
        let bytes = secret.expose();
        let is_set = bytes.len() == SET_BYTES && bytes.first() == Some(&VERSION);
        if is_set { Ok(Self(secret)) } else { Err(RecoverySetFault) }
    }

    /// What the sealed field holds.
    #[must_use]
    pub const fn as_secret(&self) -> &Secret {
        &self.0
    }

    /// The number of a code in the set, 1 to 10, in constant time; `None`: it is not in it.
    #[must_use]
    pub fn number(&self, code: &RecoveryCode) -> Option<u8> {
        let kept = self.0.expose().get(1..).unwrap_or_default();
        let (salt, hashes) = kept.split_at_checked(SALT_BYTES).unwrap_or_default();
        let typed = hash(salt, code.0.as_bytes());
        let mut found = 0_u8;
        for (number, kept) in (1..).zip(hashes.chunks_exact(HASH_BYTES)) {
            let fits: Choice = typed.ct_eq(kept);
            found.conditional_assign(&number, fits);
        }
        (found != 0).then_some(found)
    }
}
