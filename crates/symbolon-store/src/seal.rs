//! Secret fields under the cluster's data key: XChaCha20-Poly1305, bound to row and field.
//!
//! ```text
//! 1, key id (4, big-endian), nonce (24), ciphertext and tag
//! ```
//!
//! The associated data is everything before the nonce and the [`FieldRef`], so that a sealed value
//! that is moved to another row or field does not open there.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use symbolon_core::{Sealed, Secret};
use thiserror::Error;
use zeroize::Zeroizing;

pub(crate) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_ID_BYTES: usize = 4;
const FINGERPRINT_BYTES: usize = 16;

/// Format of sealed fields.
const VERSION: u8 = 1;
const FIELD_LABEL: &[u8] = b"symbolon field v1";
const FINGERPRINT_LABEL: &[u8] = b"symbolon fingerprint v1";

/// Key bytes, wiped when dropped.
pub(crate) type RawKey = Zeroizing<[u8; KEY_BYTES]>;

/// The key that seals a cluster's secret fields, with the number that sealed fields know it by.
#[derive(Clone)]
pub struct DataKey {
    id: u32,
    key: RawKey,
}

/// Where a sealed field stands. Two fields that differ in anything here do not open each other's
/// values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRef {
    kind: &'static str,
    id: Vec<u8>,
    field: &'static str,
}

/// Seals and opens secret fields.
pub struct Keyring {
    data_key: DataKey,
    fingerprint_key: RawKey,
}

/// Why something sealed did not open, or something could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// Too short to be sealed.
    #[error("a sealed value is too short; restore it from a backup")]
    Short,
    /// Sealed in a format of another release.
    #[error("a sealed value has format {version}; run the release that wrote it, or a newer one")]
    Version {
        /// Number of the format.
        version: u8,
    },
    /// Sealed under another data key.
    #[error("a sealed value is under data key {found}, and this node holds key {held}")]
    KeyId {
        /// Number of the key that sealed it.
        found: u32,
        /// Number of the key that is here.
        held: u32,
    },
    /// Damaged, moved from elsewhere, or under another key.
    #[error(
        "a sealed value does not open: it is damaged, or was sealed elsewhere or under another key"
    )]
    Refused,
    /// Opened, and not a data key.
    #[error("what was wrapped is not a data key")]
    NotAKey,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
}

impl DataKey {
    /// Draws a cluster's first data key.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self { id: 1, key: random_key().map_err(SealError::Random)? })
    }

    /// The key as bytes, for wrapping under a [`Kek`](crate::Kek) and for handing to a node that
    /// joins.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new([&self.id.to_be_bytes(), self.key.as_slice()].concat())
    }

    /// The key from what [`to_secret`](Self::to_secret) gave.
    ///
    /// # Errors
    ///
    /// [`SealError::NotAKey`] for any other bytes.
    pub fn from_secret(secret: &Secret) -> Result<Self, SealError> {
        let (id, key) = secret.expose().split_first_chunk().ok_or(SealError::NotAKey)?;
        let key = <[u8; KEY_BYTES]>::try_from(key).map_err(|_| SealError::NotAKey)?;
        Ok(Self { id: u32::from_be_bytes(*id), key: Zeroizing::new(key) })
    }
}

impl FieldRef {
    /// A field of the row of this kind and number.
    #[must_use]
    pub fn new(kind: &'static str, id: u64, field: &'static str) -> Self {
        Self::of_bytes(kind, &id.to_be_bytes(), field)
    }

    /// A field of the row of this kind and id.
    #[must_use]
    pub fn of_bytes(kind: &'static str, id: &[u8], field: &'static str) -> Self {
        Self { kind, id: id.to_vec(), field }
    }

    /// The associated data: each part after its length, so that no two fields have the same.
    fn canonical(&self) -> Vec<u8> {
        let mut out = FIELD_LABEL.to_vec();
        for part in [self.kind.as_bytes(), &self.id, self.field.as_bytes()] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    }
}

impl Keyring {
    /// A keyring of one data key.
    #[must_use]
    pub fn new(data_key: DataKey) -> Self {
        let fingerprint_key = hmac(&data_key.key, FINGERPRINT_LABEL);
        Self { data_key, fingerprint_key }
    }

    /// Seals a field's value. Twice the same value seals differently.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn seal(&self, field: &FieldRef, value: &Secret) -> Result<Sealed, SealError> {
        let mut head = vec![VERSION];
        head.extend_from_slice(&self.data_key.id.to_be_bytes());
        encrypt(&self.data_key.key, head, &field.canonical(), value).map(Sealed::new)
    }

    /// Opens a field's value.
    ///
    /// # Errors
    ///
    /// [`SealError`] unless it is what [`seal`](Self::seal) made for this very field.
    pub fn open(&self, field: &FieldRef, sealed: &Sealed) -> Result<Secret, SealError> {
        let bytes = sealed.as_bytes();
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) => return Err(SealError::Version { version }),
            None => return Err(SealError::Short),
        }
        let (head, rest) = bytes.split_at_checked(1 + KEY_ID_BYTES).ok_or(SealError::Short)?;
        let id = head.last_chunk::<KEY_ID_BYTES>().ok_or(SealError::Short)?;
        let found = u32::from_be_bytes(*id);
        if found != self.data_key.id {
            return Err(SealError::KeyId { found, held: self.data_key.id });
        }
        decrypt(&self.data_key.key, head, rest, &field.canonical())
    }

    /// A keyed hash of `content`: equal for equal content, and says nothing about it to whoever lacks
    /// the data key.
    #[must_use]
    pub fn fingerprint(&self, content: &[u8]) -> [u8; FINGERPRINT_BYTES] {
        let mut fingerprint = [0; FINGERPRINT_BYTES];
        let hash = hmac(&self.fingerprint_key, content);
        fingerprint.iter_mut().zip(&*hash).for_each(|(out, byte)| *out = *byte);
        fingerprint
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, ..)", self.id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({:?})", self.data_key)
    }
}

/// `head`, a random nonce, and `value` encrypted; bound to `head` and `context`.
pub(crate) fn encrypt(
    key: &RawKey,
    head: Vec<u8>,
    context: &[u8],
    value: &Secret,
) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(SealError::Random)?;
    let aad = [&*head, context].concat();
    let payload = Payload { msg: value.expose(), aad: &aad };
    let ciphertext = XChaCha20Poly1305::new((&**key).into())
        .encrypt(&XNonce::from(nonce), payload)
        // Only for values of more than 256 GiB.
        .map_err(|_| SealError::Refused)?;
    let mut out = head;
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&ciphertext);
    Ok(out)
}

/// The value in `rest`, which is what [`encrypt`] put after `head`.
pub(crate) fn decrypt(
    key: &RawKey,
    head: &[u8],
    rest: &[u8],
    context: &[u8],
) -> Result<Secret, SealError> {
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Short)?;
    if ciphertext.len() < TAG_BYTES {
        return Err(SealError::Short);
    }
    let aad = [head, context].concat();
    XChaCha20Poly1305::new((&**key).into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
        .map(Secret::new)
        .map_err(|_| SealError::Refused)
}

/// A fresh key.
pub(crate) fn random_key() -> Result<RawKey, getrandom::Error> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key)?;
    Ok(key)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &RawKey, content: &[u8]) -> RawKey {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&**key).expect("any length");
    mac.update(content);
    Zeroizing::new(mac.finalize().into_bytes().into())
}
