//! The service's vault on the store's keyring.

use std::sync::Arc;

use arc_swap::ArcSwap;
use symbolon_core::{DataKeyId, Fingerprint, Sealed, Secret};
use symbolon_service::{FieldRef, Vault, VaultError};
use symbolon_store::Keyring;

/// Seals and opens under the cluster's data keys that this node holds.
#[derive(Debug)]
pub struct KeyringVault(ArcSwap<Keyring>);

impl KeyringVault {
    /// A vault of one keyring.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self(ArcSwap::new(keyring))
    }

    /// The keyring.
    #[must_use]
    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.0.load_full()
    }
}

fn stored(field: FieldRef) -> symbolon_store::FieldRef {
    symbolon_store::FieldRef::new(field.row, field.id, field.field)
}

impl Vault for KeyringVault {
    fn seal(&self, field: FieldRef, secret: &Secret) -> Result<Sealed, VaultError> {
        self.0.load().seal(DataKeyId::FIRST, &stored(field), secret).map_err(|_| VaultError)
    }

    fn open(&self, field: FieldRef, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.0.load().open(&stored(field), sealed).map_err(|_| VaultError)
    }

    fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        Fingerprint(self.0.load().fingerprint(bytes))
    }
}
