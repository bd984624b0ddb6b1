//! The secret keys of a node: in memory, in its header, and under its KEK.
//!
//! The KEK is changed in four steps, each durable before the next. Whoever holds the store takes
//! them, and a crash after any of them is made good at the next start:
//!
//! ```text
//! 1  KEK.new    a new key, beside the old one     `symbolon rotate-kek`
//! 2  header     all keys under both KEKs          NodeKeys::rotate_kek
//! 3  KEK        is replaced by KEK.new            the same, or the command
//! 4  header     all keys under the new KEK alone  NodeKeys::rotate_kek
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use symbolon_core::Secret;
use thiserror::Error;

use crate::files;
use crate::{
    DataKey, Kek, KekError, Keyring, SealError, Store, StoreError, WrapPurpose, WrappedKeys,
};

/// Where a node's KEK is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KekPlace {
    /// A file that may be replaced.
    File(PathBuf),
    /// A file that only somebody else can replace, as a systemd credential is.
    Fixed(PathBuf),
}

/// The keys of a node, and the header that keeps them. There is one of it for a store, since it
/// writes the header.
pub struct NodeKeys {
    store: Store,
    place: KekPlace,
    kek: Kek,
    /// The keys in the header are under this one as well.
    successor: Option<Kek>,
    keyring: Arc<Keyring>,
    node_key: Secret,
}

/// Why the keys of a node cannot be read or written. Each message ends in what to do.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The KEK.
    #[error(transparent)]
    Kek(KekError),
    /// The header.
    #[error(transparent)]
    Store(StoreError),
    /// A key in the header does not open, or cannot be wrapped.
    #[error(
        "the {what} does not open under this node's KEK; give the KEK file that was there last, \
         not one from before a change"
    )]
    Unwrap {
        /// Which key.
        what: &'static str,
        /// Why.
        #[source]
        source: SealError,
    },
}

impl From<KekError> for KeysError {
    fn from(error: KekError) -> Self {
        Self::Kek(error)
    }
}

impl From<StoreError> for KeysError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The file of the KEK that is to take the place of the one at `path`.
#[must_use]
pub fn kek_successor(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

impl KekPlace {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Fixed(path) => path,
        }
    }
}

impl WrappedKeys {
    /// Puts keys under a KEK.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn wrap(kek: &Kek, keyring: &Keyring, node_key: &Secret) -> Result<Self, SealError> {
        let data_keys = keyring.data_keys().iter();
        let wrap = |key: &DataKey| kek.wrap(WrapPurpose::DataKey, &key.to_secret());
        Ok(Self {
            data_keys: data_keys.map(wrap).collect::<Result<_, _>>()?,
            node_key: kek.wrap(WrapPurpose::NodeKey, node_key)?,
            fingerprint_key: kek.wrap(WrapPurpose::FingerprintKey, &keyring.fingerprint_key())?,
        })
    }

    /// Takes the keys out again.
    ///
    /// # Errors
    ///
    /// [`KeysError::Unwrap`] when they are under another KEK.
    pub fn open(&self, kek: &Kek) -> Result<(Keyring, Secret), KeysError> {
        let failed = |what| move |source| KeysError::Unwrap { what, source };
        let data_keys = self.data_keys.iter().map(|wrapped| {
            kek.unwrap(WrapPurpose::DataKey, wrapped).and_then(|key| DataKey::from_secret(&key))
        });
        let data_keys = data_keys.collect::<Result<Vec<_>, _>>().map_err(failed("data key"))?;
        let fingerprint_key = match &self.fingerprint_key[..] {
            [] => None,
            wrapped => Some(
                kek.unwrap(WrapPurpose::FingerprintKey, wrapped)
                    .map_err(failed("fingerprint key"))?,
            ),
        };
        let keyring =
            Keyring::of(data_keys, fingerprint_key.as_ref()).map_err(failed("data key"))?;
        let node_key =
            kek.unwrap(WrapPurpose::NodeKey, &self.node_key).map_err(failed("node key"))?;
        Ok((keyring, node_key))
    }
}

impl NodeKeys {
    /// Takes the keys out of a store's header. A change of the KEK whose new key is in place is
    /// finished; one that has not come as far is taken up by [`rotate_kek`](Self::rotate_kek).
    ///
    /// # Errors
    ///
    /// [`KeysError`]: no KEK, or not this node's.
    pub fn open(store: Store, place: KekPlace) -> Result<Self, KeysError> {
        let kek = Kek::load(place.path())?;
        let next = store.header.next_keys.as_ref();
        let (keys, is_next) = match store.header.keys.open(&kek) {
            Ok(keys) => (keys, false),
            Err(error) => match next.map(|keys| keys.open(&kek)) {
                Some(Ok(keys)) => (keys, true),
                _ => return Err(error),
            },
        };
        let (keyring, node_key) = keys;
        let keyring = Arc::new(keyring);
        let mut keys = Self { store, place, kek, successor: None, keyring, node_key };
        if is_next {
            keys.sync_place()?;
            keys.write()?;
        } else {
            // Whoever sees that the header is ready for it may put it in place at any time.
            keys.successor = keys.prepared_successor();
        }
        Ok(keys)
    }

    /// The KEK beside this one that the header is ready for.
    fn prepared_successor(&self) -> Option<Kek> {
        let KekPlace::File(path) = &self.place else {
            return None;
        };
        let new = Kek::load(&kek_successor(path)).ok()?;
        let prepared = self.store.header.next_keys.as_ref()?.open(&new).is_ok();
        prepared.then_some(new)
    }

    /// The data keys and the key of fingerprints.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring)
    }

    /// The node's private key for the peer port, PKCS #8.
    #[must_use]
    pub const fn node_key(&self) -> &Secret {
        &self.node_key
    }

    /// Where the KEK is.
    #[must_use]
    pub const fn place(&self) -> &KekPlace {
        &self.place
    }

    /// Replaces the keyring. It is in the header when this returns.
    ///
    /// # Errors
    ///
    /// When the header cannot be written; the keyring is then the old one, the header either.
    pub fn set_keyring(&mut self, keyring: Keyring) -> Result<(), KeysError> {
        let old = std::mem::replace(&mut self.keyring, Arc::new(keyring));
        let written = self.write();
        if written.is_err() {
            self.keyring = old;
        }
        written
    }

    /// Whether somebody wants the KEK changed, or a change is not finished.
    #[must_use]
    pub fn wants_rotation(&self) -> bool {
        let KekPlace::File(path) = &self.place else {
            return false;
        };
        self.store.header.next_keys.is_some()
            || files::exists(&kek_successor(path)).unwrap_or(false)
    }

    /// Takes the steps of a change of the KEK that are left; see the module. `true` when the KEK is
    /// another one now. May be called again after an error.
    ///
    /// # Errors
    ///
    /// [`KeysError`]; the header then opens with whichever KEK is in place.
    pub fn rotate_kek(&mut self) -> Result<bool, KeysError> {
        let KekPlace::File(path) = self.place.clone() else {
            return Ok(false);
        };
        let new_path = kek_successor(&path);
        if files::exists(&new_path)? {
            let new = Kek::load(&new_path)?;
            let prepared = self.store.header.next_keys.as_ref();
            if prepared.is_none_or(|keys| keys.open(&new).is_err()) {
                self.successor = Some(new);
                self.write()?;
            }
            let renamed = files::rename(&new_path, &path);
            // Unless the command has been faster.
            if files::exists(&new_path)? {
                renamed?;
            }
        } else if self.store.header.next_keys.is_none() {
            return Ok(false);
        }
        // Put in place here or by somebody else; or the new file was taken away again.
        self.sync_place()?;
        let there = Kek::load(&path)?;
        let next = self.store.header.next_keys.as_ref();
        let changed = next.is_some_and(|keys| keys.open(&there).is_ok());
        if !changed {
            self.store.header.keys.open(&there)?;
        }
        self.kek = there;
        self.successor = None;
        self.write()?;
        Ok(changed)
    }

    /// Makes durable which KEK is in place, before a header counts on it.
    fn sync_place(&self) -> Result<(), KeysError> {
        Ok(files::sync_parent(self.place.path())?)
    }

    fn write(&mut self) -> Result<(), KeysError> {
        let wrap = |kek: &Kek| {
            WrappedKeys::wrap(kek, &self.keyring, &self.node_key)
                .map_err(|source| KeysError::Unwrap { what: "keyring", source })
        };
        let mut header = self.store.header.clone();
        header.keys = wrap(&self.kek)?;
        header.next_keys = self.successor.as_ref().map(wrap).transpose()?;
        Ok(self.store.replace_header(header)?)
    }
}

impl std::fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeKeys").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}
