//! The key-encryption key of a node: a file beside the data, never in it.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use symbolon_core::Secret;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::files::{self, Access};
use crate::seal::{KEY_BYTES, RawKey, SealError, decrypt, encrypt, random_key};

/// Format of wrapped keys: this byte, nonce (24), ciphertext and tag.
const VERSION: u8 = 1;

/// The key that wraps a node's other keys: 32 random bytes in a file that nobody else can read.
pub struct Kek(RawKey);

/// What is wrapped. A wrapped key opens only as what it was wrapped as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapPurpose {
    /// The cluster's data key.
    DataKey,
    /// The node's private key for the peer port.
    NodeKey,
    /// The cluster's key of fingerprints.
    FingerprintKey,
}

/// Why there is no KEK.
#[derive(Debug, Error)]
pub enum KekError {
    /// The file is there already: a new key would make everything under the old one unreadable.
    #[error("{} exists; a new key would make the data under the old one unreadable", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be created.
    #[error("cannot create the key file")]
    Create {
        /// What went wrong.
        #[source]
        source: StoreError,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random {
        /// The system's error.
        #[source]
        source: getrandom::Error,
    },
    /// The file could not be read.
    #[error("cannot read {}; check that it exists and its owner", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Others than the owner can read the file.
    #[error("{} can be read by others (mode {mode:04o}); run: chmod 0600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to another user, who could read and replace it.
    #[error("{} belongs to user {uid}, not to {own}; run: chown {own} {}", path.display(), path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Who it belongs to.
        uid: u32,
        /// Who this process runs as.
        own: u32,
    },
    /// The file has the wrong length.
    #[error("{} does not hold a key: it must have exactly {KEY_BYTES} bytes", path.display())]
    Length {
        /// The file.
        path: PathBuf,
    },
}

impl Kek {
    /// Draws a key and writes it to a new file of mode 0600. Durable on return.
    ///
    /// # Errors
    ///
    /// [`KekError::Exists`] if the file is there, [`KekError::Create`] and [`KekError::Random`].
    pub fn create(path: &Path) -> Result<Self, KekError> {
        let key = random_key().map_err(|source| KekError::Random { source })?;
        let mut file = match files::create_new(path) {
            Err(StoreError::File { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                return Err(KekError::Exists { path: path.to_owned() });
            }
            other => other.map_err(|source| KekError::Create { source })?,
        };
        file.write_all(&*key)
            .map_err(|source| StoreError::file("write", path, source))
            .and_then(|()| files::sync_file(&file, path))
            .and_then(|()| files::sync_parent(path))
            .map_err(|source| KekError::Create { source })?;
        Ok(Self(key))
    }

    /// Draws a key and writes it to a new file of mode 0600, which is there with all of its bytes or
    /// not at all: others wait for it. Durable on return.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_whole(path: &Path) -> Result<Self, KekError> {
        let create = |source| KekError::Create { source };
        if files::exists(path).map_err(create)? {
            return Err(KekError::Exists { path: path.to_owned() });
        }
        let part = path.with_added_extension("tmp");
        // What a crash has left: nobody has used it.
        files::remove_if_there(&part).map_err(create)?;
        let kek = Self::create(&part)?;
        files::rename(&part, path).map_err(create)?;
        Ok(kek)
    }

    /// Reads the key from its file, which must belong to this user or to root and be readable by
    /// nobody else.
    ///
    /// # Errors
    ///
    /// [`KekError`], with what to do about it.
    pub fn load(path: &Path) -> Result<Self, KekError> {
        let own = rustix::process::geteuid().as_raw();
        let mut refusal = None;
        // With its final capacity, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
        let check = |access| {
            refusal = refuse(access, own, path);
            refusal.is_none()
        };
        // One byte more than a key, so that a longer file is noticed.
        files::read_guarded(path, KEY_BYTES as u64 + 1, check, &mut bytes)
            .map_err(|source| KekError::Read { path: path.to_owned(), source })?;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice())
            .map_err(|_| KekError::Length { path: path.to_owned() })?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Puts a key under this one.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn wrap(&self, purpose: WrapPurpose, key: &Secret) -> Result<Vec<u8>, SealError> {
        encrypt(&self.0, vec![VERSION], purpose.label(), key)
    }

    /// Takes a key out again.
    ///
    /// # Errors
    ///
    /// [`SealError`] when it was wrapped under another KEK or for another purpose, or is damaged.
    pub fn unwrap(&self, purpose: WrapPurpose, wrapped: &[u8]) -> Result<Secret, SealError> {
        match wrapped.split_first() {
            Some((&VERSION, rest)) => decrypt(&self.0, &[VERSION], rest, purpose.label()),
            Some((&version, _)) => Err(SealError::Version { version }),
            None => Err(SealError::Short),
        }
    }
}

impl WrapPurpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::DataKey => b"symbolon kek v1: data key",
            Self::NodeKey => b"symbolon kek v1: node key",
            Self::FingerprintKey => b"symbolon kek v1: fingerprint key",
        }
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kek(..)")
    }
}

/// Why a key file of such access must not be used by user `own`.
fn refuse(access: Access, own: u32, path: &Path) -> Option<KekError> {
    let Access { mode, uid, gid } = access;
    if uid != own && uid != 0 {
        return Some(KekError::Owner { path: path.to_owned(), uid, own });
    }
    // systemd lets a service read a credential of root's by an access list, whose mask stands where
    // the group's bits are. Group root itself is not on the list.
    let is_credential = own != 0 && uid == 0 && gid == 0 && mode == 0o440;
    if mode & 0o077 != 0 && !is_credential {
        return Some(KekError::Exposed { path: path.to_owned(), mode });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kek_is_wiped_and_never_shown() {
        const fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let kek = Kek(Zeroizing::new([0x51; KEY_BYTES]));
        let Kek(key) = &kek;
        wiped(key);
        assert_eq!(format!("{kek:?}"), "Kek(..)");
    }

    #[test]
    fn takes_key_files_that_only_the_service_can_read() {
        let refused = |mode, uid, gid| {
            let error = refuse(Access { mode, uid, gid }, 990, Path::new("/etc/symbolon/kek"));
            error.map(|error| error.to_string())
        };
        assert_eq!(refused(0o600, 990, 990), None);
        assert_eq!(refused(0o400, 990, 990), None);
        assert_eq!(refused(0o400, 0, 0), None, "its owner is root");
        assert_eq!(refused(0o440, 0, 0), None, "a systemd credential");
        assert_eq!(
            refused(0o640, 990, 990).unwrap(),
            "/etc/symbolon/kek can be read by others (mode 0640); run: chmod 0600 /etc/symbolon/kek"
        );
        assert!(refused(0o604, 990, 990).is_some());
        assert!(refused(0o660, 0, 0).is_some());
        assert!(refused(0o440, 0, 990).is_some(), "a group that has members");
        assert_eq!(
            refused(0o600, 1000, 1000).unwrap(),
            "/etc/symbolon/kek belongs to user 1000, not to 990; run: chown 990 /etc/symbolon/kek"
        );
    }
}
