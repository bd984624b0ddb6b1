//! Bytes that must not be seen.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::DataKeyId;

/// Key material in clear. Wiped when dropped, compared in constant time, and silent in `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for arithmetic only: never for a log, an error or a reply.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret under the cluster's data key, bound to its row and field. The core carries it and
/// cannot open it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sealed(Arc<[u8]>);

impl Sealed {
    /// Takes ciphertext over.
    #[must_use]
    pub fn new(ciphertext: Vec<u8>) -> Self {
        Self(ciphertext.into())
    }

    /// The data key that it says it is under: the first byte names the format, the next four the
    /// key. `None` for bytes that are not in that format.
    #[must_use]
    pub fn key(&self) -> Option<DataKeyId> {
        let (&1, rest) = self.0.split_first()? else {
            return None;
        };
        rest.first_chunk().map(|id| DataKeyId(u32::from_be_bytes(*id)))
    }

    /// The ciphertext.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use zeroize::ZeroizeOnDrop;

    use super::*;

    /// Compiles for what is wiped when it is dropped, and for nothing else.
    const fn wiped<T: ZeroizeOnDrop>(_: &T) {}
    const fn wiped_type<T: ZeroizeOnDrop>() {}

    #[test]
    fn a_secret_is_wiped_and_never_shown() {
        let secret = Secret::new(vec![0x51; 32]);
        let Secret(bytes) = &secret;
        wiped(bytes);
        assert_eq!(format!("{secret:?} {:?}", Some(secret.clone())), "Secret(..) Some(Secret(..))");
        assert_eq!(format!("{:?}", Sealed::new(vec![0x51; 32])), "Sealed(32 bytes)");
    }

    /// HMAC is made of them: they hold what follows from a seed.
    #[test]
    fn what_makes_codes_is_wiped() {
        wiped_type::<sha1::Sha1>();
        wiped_type::<sha2::Sha256>();
        wiped_type::<sha2::Sha512>();
    }
}
