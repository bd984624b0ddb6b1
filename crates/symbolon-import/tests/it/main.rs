//! Files that people have, and files that an enemy would make.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod others;
#[cfg(test)]
mod rfc6030;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod token_csv;
#[cfg(test)]
mod user_csv;

#[cfg(test)]
use keys::{passphrase, pre_shared};

#[cfg(test)]
mod keys {
    use symbolon_core::Secret;
    use symbolon_import::FileKey;

    pub(crate) fn pre_shared(hex: &str) -> FileKey {
        FileKey::PreShared(Secret::new(data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()))
    }

    pub(crate) fn passphrase(text: &str) -> FileKey {
        FileKey::Passphrase(Secret::new(text.as_bytes().to_vec()))
    }
}
