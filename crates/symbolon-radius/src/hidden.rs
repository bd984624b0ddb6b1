//! Values that travel hidden: passwords (RFC 2865 section 5.2) and keys with a salt (RFC 2548
//! section 2.4.2, RFC 2868 section 3.5).

use symbolon_core::Secret;
use zeroize::Zeroizing;

use crate::digest::md5;
use crate::packet::Authenticator;

/// Bytes of the longest password (RFC 2865 section 5.2).
pub const PASSWORD_BYTES_MAX: usize = 128;
/// Bytes of the longest value with a salt: what still fits into an attribute of a vendor.
pub const SALTED_BYTES_MAX: usize = 239;
const BLOCK_BYTES: usize = 16;

/// Two bytes that make equal values look different. No two in one packet may be equal
/// (RFC 2548 section 2.4.2): the caller draws them.
pub type Salt = [u8; 2];

/// Why a value cannot be hidden or revealed. Holds nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum HiddenError {
    /// Not 16 to 128 bytes by sixteens, or no salt before them.
    #[error("a hidden value has a length that cannot be")]
    Length,
    /// Over [`PASSWORD_BYTES_MAX`] or [`SALTED_BYTES_MAX`].
    #[error("a value is too long to be hidden")]
    TooLong,
    /// What is revealed says that it is longer than it is: it was hidden under another secret.
    #[error("a hidden value makes no sense: do both sides have the same secret?")]
    Senseless,
}

/// What values in a packet are hidden under: the shared secret and the authenticator of the request,
/// also for those in a reply.
#[derive(Clone, Copy)]
pub struct Cover<'a> {
    secret: &'a Secret,
    authenticator: &'a Authenticator,
}

impl<'a> Cover<'a> {
    /// Under this secret and the authenticator of this request.
    #[must_use]
    pub const fn new(secret: &'a Secret, authenticator: &'a Authenticator) -> Self {
        Self { secret, authenticator }
    }

    /// Hides a password for User-Password. An empty one takes 16 bytes as well.
    ///
    /// # Errors
    /// [`HiddenError::TooLong`] over [`PASSWORD_BYTES_MAX`].
    pub fn hide_password(&self, password: &[u8]) -> Result<Vec<u8>, HiddenError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(HiddenError::TooLong);
        }
        let blocks = password.len().div_ceil(BLOCK_BYTES).max(1);
        let mut padded = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX));
        padded.extend(password);
        padded.resize(blocks * BLOCK_BYTES, 0);
        Ok(self.hide(&padded, &[]))
    }

    /// The password in a User-Password, without the zeros behind it. Under another secret it comes
    /// out as other bytes, which nothing here can tell.
    ///
    /// # Errors
    /// [`HiddenError::Length`] unless it has 16 to 128 bytes by sixteens.
    pub fn reveal_password(&self, hidden: &[u8]) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
        if hidden.is_empty() || hidden.len() > PASSWORD_BYTES_MAX {
            return Err(HiddenError::Length);
        }
        let mut password = self.reveal(hidden, &[])?;
        let length = password.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        password.truncate(length);
        Ok(password)
    }

    /// Hides a value with a salt, whose first bit becomes 1: the salt, then the value with its
    /// length, in blocks of 16 bytes.
    ///
    /// # Errors
    /// [`HiddenError::TooLong`] over [`SALTED_BYTES_MAX`].
    pub fn hide_salted(&self, value: &[u8], salt: Salt) -> Result<Vec<u8>, HiddenError> {
        let length = u8::try_from(value.len()).ok().filter(|_| value.len() <= SALTED_BYTES_MAX);
        let length = length.ok_or(HiddenError::TooLong)?;
        let blocks = (value.len() + 1).div_ceil(BLOCK_BYTES);
        let mut padded = Zeroizing::new(Vec::with_capacity(SALTED_BYTES_MAX + 1));
        padded.push(length);
        padded.extend(value);
        padded.resize(blocks * BLOCK_BYTES, 0);
        let salt = [salt[0] | 0x80, salt[1]];
        Ok([&salt[..], &self.hide(&padded, &salt)].concat())
    }

    /// The value that was hidden with a salt.
    ///
    /// # Errors
    /// [`HiddenError::Length`] for what has no salt or no whole blocks,
    /// [`HiddenError::Senseless`] when it says that it is longer than it is.
    pub fn reveal_salted(&self, hidden: &[u8]) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
        let (salt, hidden) = hidden.split_first_chunk::<2>().ok_or(HiddenError::Length)?;
        if hidden.is_empty() {
            return Err(HiddenError::Length);
        }
        let padded = self.reveal(hidden, salt)?;
        let (length, value) = padded.split_first().ok_or(HiddenError::Length)?;
        let value = value.get(..usize::from(*length)).ok_or(HiddenError::Senseless)?;
        Ok(Zeroizing::new(value.to_vec()))
    }

    /// Takes a value that is hidden with a salt under this cover and hides it under another: a key
    /// on its way through a proxy.
    ///
    /// # Errors
    /// Those of [`Self::reveal_salted`] and [`Self::hide_salted`].
    pub fn carry_over(
        &self,
        hidden: &[u8],
        to: &Cover<'_>,
        salt: Salt,
    ) -> Result<Vec<u8>, HiddenError> {
        to.hide_salted(&self.reveal_salted(hidden)?, salt)
    }

    /// Takes a value that is hidden as a password is, zeros and all, and hides it under another
    /// cover: MS-CHAP-MPPE-Keys (RFC 2548 section 2.4.1).
    ///
    /// # Errors
    /// [`HiddenError::Length`] unless it has blocks of 16 bytes.
    pub fn carry_over_password(
        &self,
        hidden: &[u8],
        to: &Cover<'_>,
    ) -> Result<Vec<u8>, HiddenError> {
        Ok(to.hide(&self.reveal(hidden, &[])?, &[]))
    }

    /// As [`Self::carry_over`], for the value of a Tunnel-Password: its tag stays before the salt.
    ///
    /// # Errors
    /// Those of [`Self::carry_over`].
    pub fn carry_over_tunnel_password(
        &self,
        value: &[u8],
        to: &Cover<'_>,
        salt: Salt,
    ) -> Result<Vec<u8>, HiddenError> {
        let (tag, hidden) = value.split_first().ok_or(HiddenError::Length)?;
        Ok([&[*tag][..], &self.carry_over(hidden, to, salt)?].concat())
    }

    fn hide(&self, padded: &[u8], salt: &[u8]) -> Vec<u8> {
        let mut hidden = Vec::with_capacity(padded.len());
        let mut before = *self.authenticator;
        let mut salt = salt;
        for block in padded.as_chunks::<BLOCK_BYTES>().0 {
            let pad = Zeroizing::new(md5(&[self.secret.expose(), &before, salt]));
            before = xor(block, &pad);
            hidden.extend(before);
            salt = &[];
        }
        hidden
    }

    fn reveal(&self, hidden: &[u8], salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
        let (blocks, []) = hidden.as_chunks::<BLOCK_BYTES>() else {
            return Err(HiddenError::Length);
        };
        // With its full size from the start: a buffer that grows leaves copies behind.
        let mut padded = Zeroizing::new(Vec::with_capacity(hidden.len()));
        let mut before = self.authenticator;
        let mut salt = salt;
        for block in blocks {
            let pad = Zeroizing::new(md5(&[self.secret.expose(), before, salt]));
            padded.extend(*Zeroizing::new(xor(block, &pad)));
            before = block;
            salt = &[];
        }
        Ok(padded)
    }
}

fn xor(one: &[u8; BLOCK_BYTES], other: &[u8; BLOCK_BYTES]) -> [u8; BLOCK_BYTES] {
    let mut both = *one;
    for (to, byte) in both.iter_mut().zip(other) {
        *to ^= byte;
    }
    both
}
