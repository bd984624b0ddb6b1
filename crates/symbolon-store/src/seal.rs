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
use symbolon_core::{DataKeyId, Sealed, Secret};
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
    id: DataKeyId,
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

/// Seals and opens secret fields. More than one key is on it while the data key is changed.
#[derive(Clone)]
pub struct Keyring {
    /// In the order of their ids; never empty.
    data_keys: Vec<DataKey>,
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
    /// Sealed, or to be sealed, under a data key that is not on the keyring.
    #[error("a sealed value is under data key {id}, which this node does not hold")]
    KeyId {
        /// Number of the key.
        id: DataKeyId,
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
        Self::generate_as(DataKeyId::FIRST)
    }

    /// Draws a data key of this number.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn generate_as(id: DataKeyId) -> Result<Self, SealError> {
        Ok(Self { id, key: random_key().map_err(SealError::Random)? })
    }

    /// The number that sealed fields know it by.
    #[must_use]
    pub const fn id(&self) -> DataKeyId {
        self.id
    }

    /// The key as bytes, for wrapping under a [`Kek`](crate::Kek) and for handing to a node that
    /// joins.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new([&self.id.0.to_be_bytes(), self.key.as_slice()].concat())
    }

    /// The key from what [`to_secret`](Self::to_secret) gave.
    ///
    /// # Errors
    ///
    /// [`SealError::NotAKey`] for any other bytes.
    pub fn from_secret(secret: &Secret) -> Result<Self, SealError> {
        let (id, key) = secret.expose().split_first_chunk().ok_or(SealError::NotAKey)?;
        let id = DataKeyId(u32::from_be_bytes(*id));
        Ok(Self { id, key: raw_key(key)? })
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
    /// The keyring of a cluster that has one data key. Its fingerprint key follows from that key,
    /// and stays when data keys are changed.
    #[must_use]
    pub fn new(data_key: DataKey) -> Self {
        let fingerprint_key = hmac(&data_key.key, FINGERPRINT_LABEL);
        Self { data_keys: vec![data_key], fingerprint_key }
    }

    /// The keyring of these data keys, with the fingerprint key that
    /// [`fingerprint_key`](Self::fingerprint_key) gave; `None`: the one of the oldest data key.
    ///
    /// # Errors
    ///
    /// [`SealError::NotAKey`] without a data key, and for anything else than a fingerprint key.
    pub fn of(
        data_keys: Vec<DataKey>,
        fingerprint_key: Option<&Secret>,
    ) -> Result<Self, SealError> {
        let mut data_keys = data_keys.into_iter();
        let mut keyring = Self::new(data_keys.next().ok_or(SealError::NotAKey)?);
        if let Some(key) = fingerprint_key {
            keyring.fingerprint_key = raw_key(key.expose())?;
        }
        Ok(data_keys.fold(keyring, |keyring, key| keyring.with(key)))
    }

    /// This keyring with one more key.
    #[must_use]
    pub fn with(mut self, key: DataKey) -> Self {
        self.data_keys.retain(|held| held.id != key.id);
        self.data_keys.push(key);
        self.data_keys.sort_by_key(DataKey::id);
        self
    }

    /// This keyring without the keys older than `id`, if it holds that one.
    #[must_use]
    pub fn without_older_than(mut self, id: DataKeyId) -> Self {
        if self.holds(id) {
            self.data_keys.retain(|held| held.id >= id);
        }
        self
    }

    /// Whether the key is on it.
    #[must_use]
    pub fn holds(&self, id: DataKeyId) -> bool {
        self.key(id).is_ok()
    }

    /// The data keys, oldest first.
    #[must_use]
    pub fn data_keys(&self) -> &[DataKey] {
        &self.data_keys
    }

    /// The key of fingerprints as bytes, for wrapping and for handing to a node that joins.
    #[must_use]
    pub fn fingerprint_key(&self) -> Secret {
        Secret::new(self.fingerprint_key.to_vec())
    }

    fn key(&self, id: DataKeyId) -> Result<&DataKey, SealError> {
        self.data_keys.iter().find(|key| key.id == id).ok_or(SealError::KeyId { id })
    }

    /// Seals a field's value under a key that it holds. Twice the same value seals differently.
    ///
    /// # Errors
    ///
    /// [`SealError::KeyId`]; when the system gives no random bytes.
    pub fn seal(
        &self,
        id: DataKeyId,
        field: &FieldRef,
        value: &Secret,
    ) -> Result<Sealed, SealError> {
        let mut head = vec![VERSION];
        head.extend_from_slice(&id.0.to_be_bytes());
        encrypt(&self.key(id)?.key, head, &field.canonical(), value).map(Sealed::new)
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
        let key = self.key(DataKeyId(u32::from_be_bytes(*id)))?;
        decrypt(&key.key, head, rest, &field.canonical())
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
        f.debug_tuple("Keyring").field(&self.data_keys).finish()
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

fn raw_key(bytes: &[u8]) -> Result<RawKey, SealError> {
    let key = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| SealError::NotAKey)?;
    Ok(Zeroizing::new(key))
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

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    /// Compiles for what is wiped when it is dropped, and for nothing else.
    const fn wiped<T: ZeroizeOnDrop>(_: &T) {}
    const fn wiped_type<T: ZeroizeOnDrop>() {}

    #[test]
    fn keys_are_wiped_and_never_shown() {
        let keyring = Keyring::new(DataKey::generate().unwrap());
        let Keyring { data_keys, fingerprint_key } = &keyring;
        let DataKey { id: _, key } = &data_keys[0];
        wiped(key);
        wiped(fingerprint_key);
        wiped_type::<RawKey>();
        wiped_type::<XChaCha20Poly1305>();
        wiped_type::<Sha256>();
        assert_eq!(format!("{keyring:?}"), "Keyring([DataKey(1, ..)])");
    }
}
