//! A token as a file describes it, checked.

use symbolon_core::limits::{SEED_BYTES_MAX, SEED_BYTES_MIN};
use symbolon_core::otp::{Algorithm, Parameters};
use symbolon_core::{Secret, Timestamp};

use crate::RowError;
use crate::text::folded;

/// Bytes of any other text of a token in UTF-8.
pub(crate) const TEXT_BYTES_MAX: usize = 256;

/// What moves the codes of a token, with what a file says about its present value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// Time (RFC 6238).
    Totp {
        /// Seconds of a time step, 30 or 60.
        period_seconds: u32,
        /// Time steps by which the token's clock was found to be ahead (positive) or behind
        /// (negative); 0 if nothing is known (RFC 6030 section 4.2, `TimeDrift`).
        drift_steps: i32,
    },
    /// A counter (RFC 4226).
    Hotp {
        /// The next counter value.
        counter: u64,
    },
}

/// A token from a file. Its parameters are in the ranges of `symbolon_core::limits`; its texts are
/// trimmed and without control characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportedToken {
    /// Line of the file on which it starts, from 1.
    pub line: u64,
    /// Serial number, 1 to [`SERIAL_BYTES_MAX`](symbolon_core::limits::SERIAL_BYTES_MAX) bytes. The key's id where the file has no other.
    pub serial: String,
    /// Id of the key within its container (RFC 6030 section 4.2).
    pub key_id: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What it is.
    pub model: Option<String>,
    /// Who handed it out.
    pub issuer: Option<String>,
    /// Whose it is, as the file says: a user name, or in PSKC a distinguished name.
    pub user: Option<String>,
    /// Time or counter.
    pub kind: TokenKind,
    /// Hash function.
    pub hash: Algorithm,
    /// Digits of a code, 6 to 8.
    pub digits: u8,
    /// The seed, 16 to 64 bytes.
    pub seed: Secret,
    /// It may not be used before.
    pub not_before: Option<Timestamp>,
    /// It may not be used from then on.
    pub expires: Option<Timestamp>,
}

impl ImportedToken {
    /// The user name that the file has for it. Of a distinguished name (RFC 6030 section 5) it is the
    /// `UID`, or else the `CN`.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        let text = self.user.as_deref()?;
        let part = |wanted: &str| {
            text.split(',').filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
                name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim())
            })
        };
        Some(part("uid").or_else(|| part("cn")).unwrap_or(text))
    }

    /// How it makes its codes; `None` is never met, since rows out of range are refused.
    #[must_use]
    pub fn parameters(&self) -> Option<Parameters> {
        let parameters = match self.kind {
            TokenKind::Totp { period_seconds, .. } => {
                Parameters::totp(self.hash, self.digits, period_seconds)
            }
            TokenKind::Hotp { .. } => Parameters::hotp(self.hash, self.digits),
        };
        parameters.ok()
    }
}

/// Time or counter, before the rest is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moving {
    Time,
    Counter,
}

/// Seconds of a time step where a file leaves it open (RFC 6238 section 5.2).
pub(crate) const PERIOD_SECONDS_DEFAULT: u32 = 30;
/// Digits of a code where a file leaves it open (RFC 4226 section 5.3).
pub(crate) const DIGITS_DEFAULT: u8 = 6;

/// Refuses digits and a period that are out of range. The period of an HOTP token is nothing, and
/// any good value will do.
pub(crate) fn check_parameters(
    hash: Algorithm,
    digits: u8,
    period_seconds: u32,
) -> Result<(), RowError> {
    Parameters::totp(hash, digits, period_seconds).map(drop).map_err(RowError::Parameters)
}

/// Refuses a seed of a length that is weak or of no token.
pub(crate) fn check_seed(bytes: usize) -> Result<(), RowError> {
    if bytes < SEED_BYTES_MIN {
        Err(RowError::SeedTooShort { bytes })
    } else if bytes > SEED_BYTES_MAX {
        Err(RowError::SeedTooLong { bytes })
    } else {
        Ok(())
    }
}

/// The hash function that a text like `SHA256`, `HMAC-SHA-256` or `TOTP-SHA256` names.
pub(crate) fn hash(text: &str) -> Option<Algorithm> {
    let folded = folded(text);
    let name = ["totp", "hotp"].iter().find_map(|kind| folded.strip_prefix(kind));
    let name = name.unwrap_or(&folded);
    match name.strip_prefix("hmac").unwrap_or(name) {
        "sha1" | "sha" => Some(Algorithm::Sha1),
        "sha256" | "sha2256" => Some(Algorithm::Sha256),
        "sha512" | "sha2512" => Some(Algorithm::Sha512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_by_their_many_names() {
        for name in ["SHA1", "sha-1", "HmacSHA1", "HMAC-SHA1", "TOTP-HMAC-SHA-1"] {
            assert_eq!(hash(name), Some(Algorithm::Sha1), "{name}");
        }
        assert_eq!(hash("HMAC-SHA256"), Some(Algorithm::Sha256));
        assert_eq!(hash("HOTP-SHA512"), Some(Algorithm::Sha512));
        for name in ["", "MD5", "SHA224", "SHA384", "OCRA-1:HOTP-SHA1-6:C-QN08", "SHA1024"] {
            assert_eq!(hash(name), None, "{name}");
        }
    }

    #[test]
    fn a_distinguished_name_names_a_user() {
        let text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (name, user) in [
            ("alice", "alice"),
            ("UID=alice,DC=example", "alice"),
            ("cn=Bob, ou=People", "Bob"),
            ("DC=example", "DC=example"),
        ] {
            let file = format!("serial,seed,username\n1,{text},\"{name}\"\n");
            let imported = crate::read_token_csv(file.as_bytes(), crate::SeedFormat::Base32);
            assert_eq!(imported.unwrap().rows[0].username(), Some(user), "{name}");
        }
    }

    #[test]
    fn seeds_below_128_bits_are_refused_with_the_reason() {
        assert_eq!(check_seed(16), Ok(()));
        assert_eq!(check_seed(64), Ok(()));
        assert_eq!(check_seed(65), Err(RowError::SeedTooLong { bytes: 65 }));
        let text = check_seed(10).unwrap_err().to_string();
        assert!(text.contains("RFC 4226 section 4 R6") && text.contains("128 bits"), "{text}");
    }
}
