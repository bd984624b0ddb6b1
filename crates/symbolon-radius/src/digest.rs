//! MD5 and HMAC-MD5, the only hashes that RADIUS knows.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use symbolon_core::Secret;
use zeroize::Zeroizing;

/// The block of MD5 in bytes: keys of HMAC fill it (RFC 2104 section 2).
const BLOCK_BYTES: usize = 64;

/// MD5 over the parts, one after the other.
pub(crate) fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HMAC-MD5 over the parts, one after the other.
pub(crate) fn hmac_md5(secret: &Secret, parts: &[&[u8]]) -> [u8; 16] {
    let hashed;
    let secret = match secret.expose() {
        short if short.len() <= BLOCK_BYTES => short,
        long => {
            hashed = Zeroizing::new(md5(&[long]));
            hashed.as_slice()
        }
    };
    // Filling the block here leaves no length that could be refused.
    let mut key = Zeroizing::new([0; BLOCK_BYTES]);
    for (to, from) in key.iter_mut().zip(secret) {
        *to = *from;
    }
    let mut mac = Hmac::<Md5>::new((&*key).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two digests are equal, in a time that does not depend on where they differ.
pub(crate) fn equal(one: &[u8; 16], other: &[u8; 16]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    const fn wiped<T: ZeroizeOnDrop>() {}

    /// HMAC is made of them.
    #[test]
    fn states_are_wiped() {
        wiped::<Md5>();
    }

    /// RFC 2202 section 2, cases 1, 2 and 6: a short key, a shorter one, and one over a block.
    #[test]
    fn vectors_of_rfc_2202() {
        let of = |key: &[u8], data: &[u8]| hmac_md5(&Secret::new(key.to_vec()), &[data]);
        let hex = |digest: [u8; 16]| digest.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex(of(&[0x0b; 16], b"Hi There")), "9294727a3638bb1c13f48ef8158bfc9d");
        let data = b"what do ya want for nothing?";
        assert_eq!(hex(of(b"Jefe", data)), "750c783e6ab0b503eaa86e310a5db738");
        let data = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hex(of(&[0xaa; 80], data)), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
