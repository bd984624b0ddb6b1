//! Encryption, MACs and key derivation of XML Encryption and XML Signature, on bytes.

use aes::{Aes128, Aes192, Aes256};
use aes_kw::{AesKw, AesKwp};
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{KeyInit as _, KeyIvInit as _};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

const BLOCK_BYTES: usize = 16;

/// How values are encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// AES-CBC with the initialisation vector in front. It does not notice changes.
    Cbc,
    /// AES key wrap (RFC 3394), which does.
    Wrap,
    /// AES key wrap with padding (RFC 5649), which does.
    WrapPadded,
}

/// An encryption with the size of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cipher {
    pub(super) mode: Mode,
    pub(super) key_bytes: usize,
}

/// A hash function under HMAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HmacHash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Cipher {
    /// By the URI of XML Encryption. What stands before the `#` differs between editions.
    pub(super) fn of(uri: &str) -> Option<Self> {
        let (mode, key_bytes) = match uri.rsplit_once('#')?.1.to_ascii_lowercase().as_str() {
            "aes128-cbc" => (Mode::Cbc, 16),
            "aes192-cbc" => (Mode::Cbc, 24),
            "aes256-cbc" => (Mode::Cbc, 32),
            "kw-aes128" => (Mode::Wrap, 16),
            "kw-aes192" => (Mode::Wrap, 24),
            "kw-aes256" => (Mode::Wrap, 32),
            "kw-aes-128-pad" => (Mode::WrapPadded, 16),
            "kw-aes-192-pad" => (Mode::WrapPadded, 24),
            "kw-aes-256-pad" => (Mode::WrapPadded, 32),
            _ => return None,
        };
        Some(Self { mode, key_bytes })
    }

    /// The plaintext; nothing if key and ciphertext do not fit. `key` has the right length.
    pub(super) fn decrypt(self, key: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match (self.mode, self.key_bytes) {
            (Mode::Cbc, 16) => cbc(|iv| Decryptor::<Aes128>::new_from_slices(key, iv).ok(), data),
            (Mode::Cbc, 24) => cbc(|iv| Decryptor::<Aes192>::new_from_slices(key, iv).ok(), data),
            (Mode::Cbc, _) => cbc(|iv| Decryptor::<Aes256>::new_from_slices(key, iv).ok(), data),
            (Mode::Wrap, 16) => {
                let kw = AesKw::<Aes128>::new_from_slice(key).ok()?;
                unwrapped(data, |out| kw.unwrap_key(data, out).ok().map(<[u8]>::len))
            }
            (Mode::Wrap, 24) => {
                let kw = AesKw::<Aes192>::new_from_slice(key).ok()?;
                unwrapped(data, |out| kw.unwrap_key(data, out).ok().map(<[u8]>::len))
            }
            (Mode::Wrap, _) => {
                let kw = AesKw::<Aes256>::new_from_slice(key).ok()?;
                unwrapped(data, |out| kw.unwrap_key(data, out).ok().map(<[u8]>::len))
            }
            (Mode::WrapPadded, 16) => {
                let kw = AesKwp::<Aes128>::new_from_slice(key).ok()?;
                unwrapped(data, |out| kw.unwrap_key(data, out).ok().map(<[u8]>::len))
            }
            (Mode::WrapPadded, 24) => {
                let kw = AesKwp::<Aes192>::new_from_slice(key).ok()?;
                unwrapped(data, |out| kw.unwrap_key(data, out).ok().map(<[u8]>::len))
            }
            (Mode::WrapPadded, _) => {
                let kw = AesKwp::<Aes256>::new_from_slice(key).ok()?;
                unwrapped(data, |out| kw.unwrap_key(data, out).ok().map(<[u8]>::len))
            }
        }
    }
}

fn cbc<D: cbc::cipher::BlockModeDecrypt>(
    decryptor: impl Fn(&[u8]) -> Option<D>,
    data: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (iv, ciphertext) = data.split_at_checked(BLOCK_BYTES)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    decryptor(iv)?.decrypt_padded::<NoPadding>(&mut plain).ok()?;
    // XML Encryption section 5.2: the last byte counts the padding, the other padding bytes are
    // arbitrary. PKCS #7 is one way to write that.
    let padding = usize::from(*plain.last()?);
    if !(1..=BLOCK_BYTES).contains(&padding) {
        return None;
    }
    let bytes = plain.len().checked_sub(padding)?;
    plain.truncate(bytes);
    Some(plain)
}

fn unwrapped(
    data: &[u8],
    unwrap: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Option<Zeroizing<Vec<u8>>> {
    // Two semiblocks is what the shortest wrapped key has; the code below takes less for granted.
    if data.len() < BLOCK_BYTES || !data.len().is_multiple_of(BLOCK_BYTES / 2) {
        return None;
    }
    let mut plain = Zeroizing::new(vec![0; data.len()]);
    let bytes = unwrap(&mut plain)?;
    plain.truncate(bytes);
    Some(plain)
}

impl HmacHash {
    /// By the URI of XML Signature. What stands before the `#` differs between editions.
    pub(super) fn of(uri: &str) -> Option<Self> {
        match uri.rsplit_once('#')?.1.to_ascii_lowercase().as_str() {
            "hmac-sha1" => Some(Self::Sha1),
            "hmac-sha256" => Some(Self::Sha256),
            "hmac-sha384" => Some(Self::Sha384),
            "hmac-sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Whether `mac` is that of `data`, whole and in constant time.
    pub(super) fn verify(self, key: &[u8], data: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::Sha1 => Hmac::<Sha1>::new_from_slice(key)
                .is_ok_and(|hmac| hmac.chain_update(data).verify_slice(mac).is_ok()),
            Self::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                .is_ok_and(|hmac| hmac.chain_update(data).verify_slice(mac).is_ok()),
            Self::Sha384 => Hmac::<Sha384>::new_from_slice(key)
                .is_ok_and(|hmac| hmac.chain_update(data).verify_slice(mac).is_ok()),
            Self::Sha512 => Hmac::<Sha512>::new_from_slice(key)
                .is_ok_and(|hmac| hmac.chain_update(data).verify_slice(mac).is_ok()),
        }
    }

    /// PBKDF2 (RFC 8018 section 5.2).
    pub(super) fn derive(
        self,
        passphrase: &[u8],
        salt: &[u8],
        iterations: u32,
        key_bytes: usize,
    ) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; key_bytes]);
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(passphrase, salt, iterations, &mut key),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, salt, iterations, &mut key),
            Self::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(passphrase, salt, iterations, &mut key),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(passphrase, salt, iterations, &mut key),
        }
        key
    }
}
