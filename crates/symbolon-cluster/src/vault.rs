//! The service's vault on the store's keyring.

use symbolon_core::{Fingerprint, Sealed, Secret};
use symbolon_service::{FieldRef, Vault, VaultError};
use symbolon_store::Keyring;

/// Seals and opens under the cluster's data key.
#[derive(Debug)]
pub struct KeyringVault(Keyring);

impl KeyringVault {
    /// A vault of one keyring.
    #[must_use]
    pub const fn new(keyring: Keyring) -> Self {
        Self(keyring)
    }
}

fn stored(field: FieldRef) -> symbolon_store::FieldRef {
    symbolon_store::FieldRef::new(field.row, field.id, field.field)
}

impl Vault for KeyringVault {
    fn seal(&self, field: FieldRef, secret: &Secret) -> Result<Sealed, VaultError> {
        self.0.seal(&stored(field), secret).map_err(|_| VaultError)
    }

    fn open(&self, field: FieldRef, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.0.open(&stored(field), sealed).map_err(|_| VaultError)
    }

    fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        Fingerprint(self.0.fingerprint(bytes))
    }
}
