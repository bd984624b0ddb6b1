//! What a request asks for, as a keyed hash: the second half of "the same request again".

use symbolon_core::Fingerprint;

use crate::ports::Vault;

/// Fingerprint of a request: its kind and its fields, each with its length, so that no two
/// different requests have one text.
pub(crate) fn fingerprint(vault: &dyn Vault, kind: &str, fields: &[&[u8]]) -> Fingerprint {
    let size = fields.iter().map(|field| field.len() + 8).sum::<usize>() + kind.len() + 8;
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(size));
    for field in [kind.as_bytes()].iter().chain(fields) {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    vault.fingerprint(&bytes)
}
