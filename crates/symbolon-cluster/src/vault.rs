//! The service's vault on the store's keyring.

use std::sync::Arc;

use arc_swap::ArcSwap;
use symbolon_core::{DataKeyId, Fingerprint, Sealed, Secret};
use symbolon_service::{FieldRef, Vault, VaultError};
use symbolon_store::{DataKey, Keyring, SealError};

/// Seals and opens under the cluster's data keys that this node holds.
#[derive(Debug)]
pub struct KeyringVault(ArcSwap<Keyring>);

impl KeyringVault {
    /// A vault of one keyring.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self(ArcSwap::new(keyring))
    }

    /// Takes another keyring.
    pub(crate) fn set_keyring(&self, keyring: Arc<Keyring>) {
        self.0.store(keyring);
    }

    /// Takes the next data key out of the state.
    pub(crate) fn open_data_key(
        &self,
        id: DataKeyId,
        sealed: &Sealed,
    ) -> Result<DataKey, SealError> {
        let secret = self.0.load().open(&stored(data_key_field(id)), sealed)?;
        DataKey::from_secret(&secret)
            .and_then(|key| if key.id() == id { Ok(key) } else { Err(SealError::NotAKey) })
    }

    /// The keyring.
    #[must_use]
    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.0.load_full()
    }
}

/// The field in which the next data key is sealed under the one before it.
fn data_key_field(id: DataKeyId) -> FieldRef {
    FieldRef { row: "data_key", id: id.0.into(), field: "key" }
}

fn stored(field: FieldRef) -> symbolon_store::FieldRef {
    symbolon_store::FieldRef::new(field.row, field.id, field.field)
}

impl Vault for KeyringVault {
    fn seal(&self, key: DataKeyId, field: FieldRef, secret: &Secret) -> Result<Sealed, VaultError> {
        self.0.load().seal(key, &stored(field), secret).map_err(|_| VaultError)
    }

    fn draw_data_key(&self, next: DataKeyId, active: DataKeyId) -> Result<Sealed, VaultError> {
        let key = DataKey::generate_as(next).map_err(|_| VaultError)?;
        self.seal(active, data_key_field(next), &key.to_secret())
    }

    fn data_keys(&self) -> Vec<DataKeyId> {
        self.0.load().data_keys().iter().map(DataKey::id).collect()
    }

    fn open(&self, field: FieldRef, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.0.load().open(&stored(field), sealed).map_err(|_| VaultError)
    }

    fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        Fingerprint(self.0.load().fingerprint(bytes))
    }
}
