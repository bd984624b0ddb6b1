//! The key of a container, and opening values with it (RFC 6030 section 6).

use roxmltree::Node;
use zeroize::Zeroizing;

use super::cipher::{Cipher, HmacHash, Mode};
use super::xml::{Lines, attribute, is_named};
use super::{FileKey, PskcError};
use crate::shown::shown;

/// Iterations of PBKDF2 that are tried: up to four seconds of a processor. Real files have a thousand
/// to a million.
const ITERATIONS_MAX: u32 = 2_000_000;

/// Opens encrypted values. Nothing is decrypted before its MAC is found right.
pub(super) struct Opener<'l> {
    lines: &'l Lines,
    key: Zeroizing<Vec<u8>>,
    mac: Option<MacMethod>,
}

struct MacMethod {
    hash: HmacHash,
    key: Zeroizing<Vec<u8>>,
}

impl<'l> Opener<'l> {
    /// For the values of `container`; nothing if none is encrypted.
    ///
    /// # Errors
    /// [`PskcError`] when the key is missing, of another kind or length, or does not open the MAC's
    /// key, and for methods that are not supported.
    pub(super) fn of(
        container: Node<'_, '_>,
        file_key: &FileKey,
        lines: &'l Lines,
    ) -> Result<Option<Self>, PskcError> {
        refuse_draft(container, lines)?;
        let encrypted = |node: Node<'_, '_>| is_named(node, &["EncryptedValue"]);
        if !container.descendants().any(encrypted) {
            return Ok(None);
        }
        let key = encryption_key(container, file_key, lines)?;
        let mut opener = Self { lines, key, mac: None };
        opener.mac = opener.mac_method(container)?;
        Ok(Some(opener))
    }

    /// RFC 6030 section 6.1.1. Without a MAC key of its own the encryption key is used, as the
    /// drafts had it.
    fn mac_method(&self, container: Node<'_, '_>) -> Result<Option<MacMethod>, PskcError> {
        let Some(method) = self.lines.child(container, &["MACMethod"])? else {
            return Ok(None);
        };
        // Beside key wrap some programs write an element that says nothing.
        let Some(uri) = attribute(method, &["Algorithm"]) else {
            return Ok(None);
        };
        let hash = HmacHash::of(uri).ok_or_else(|| PskcError::Mac {
            line: self.lines.of_node(method),
            found: shown(uri),
        })?;
        let key = match self.lines.child(method, &["MACKey"])? {
            Some(mac_key) => {
                let (cipher, data) = self.encrypted(mac_key)?;
                self.decrypt(mac_key, cipher, &data)?
            }
            None => self.key.clone(),
        };
        Ok(Some(MacMethod { hash, key }))
    }

    /// Opens an `EncryptedValue` whose `ValueMAC` stands beside it.
    ///
    /// # Errors
    /// [`PskcError::WrongKeyOrChanged`] when MAC, padding or wrapping are not right;
    /// [`PskcError::NoMac`] when nothing would tell.
    pub(super) fn open(
        &self,
        value: Node<'_, '_>,
        value_mac: Option<Node<'_, '_>>,
    ) -> Result<Zeroizing<Vec<u8>>, PskcError> {
        let line = self.lines.of_node(value);
        let (cipher, data) = self.encrypted(value)?;
        match (&self.mac, value_mac) {
            (Some(method), Some(node)) => {
                let mac = self.lines.base64(node)?;
                if !method.hash.verify(&method.key, &data, &mac) {
                    return Err(PskcError::WrongKeyOrChanged { line });
                }
            }
            // Key wrap tells by itself.
            (_, None) if cipher.mode != Mode::Cbc => {}
            _ => return Err(PskcError::NoMac { line }),
        }
        self.decrypt(value, cipher, &data)
    }

    /// Method and ciphertext of an element of XML Encryption.
    fn encrypted(&self, node: Node<'_, '_>) -> Result<(Cipher, Zeroizing<Vec<u8>>), PskcError> {
        let line = self.lines.of_node(node);
        let method = self.lines.child(node, &["EncryptionMethod"])?;
        // Drafts name PBES2 as the method and put the cipher inside.
        let scheme = match method {
            Some(method) => self.lines.child(method, &["EncryptionScheme"])?.or(Some(method)),
            None => None,
        };
        let uri = scheme.and_then(|node| attribute(node, &["Algorithm"])).unwrap_or_default();
        let cipher =
            Cipher::of(uri).ok_or_else(|| PskcError::Encryption { line, found: shown(uri) })?;
        let value = self.lines.descend(node, &["CipherData", "CipherValue"])?;
        let value = value.ok_or_else(|| self.lines.problem(node, "it has no CipherValue"))?;
        Ok((cipher, self.lines.base64(value)?))
    }

    fn decrypt(
        &self,
        node: Node<'_, '_>,
        cipher: Cipher,
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, PskcError> {
        let line = self.lines.of_node(node);
        if self.key.len() != cipher.key_bytes {
            return Err(PskcError::KeyLength {
                line,
                needed_bytes: cipher.key_bytes,
                given_bytes: self.key.len(),
            });
        }
        cipher.decrypt(&self.key, data).ok_or(PskcError::WrongKeyOrChanged { line })
    }
}

/// Refuses the encryption of early drafts, which is said once for the whole container: its values
/// look like values in clear.
fn refuse_draft(container: Node<'_, '_>, lines: &Lines) -> Result<(), PskcError> {
    let Some(method) = lines.child(container, &["EncryptionMethod"])? else {
        return Ok(());
    };
    match attribute(method, &["Algorithm", "algorithm"]) {
        None => Ok(()),
        Some(uri) if uri.eq_ignore_ascii_case("NONE") => Ok(()),
        Some(uri) => Err(PskcError::Encryption { line: lines.of_node(method), found: shown(uri) }),
    }
}

/// The encryption key that the file asks for, made from what was given.
fn encryption_key(
    container: Node<'_, '_>,
    file_key: &FileKey,
    lines: &Lines,
) -> Result<Zeroizing<Vec<u8>>, PskcError> {
    let element = lines.child(container, &["EncryptionKey"])?;
    if element.is_some_and(|node| node.descendants().any(|n| is_named(n, &["X509Data"]))) {
        return Err(PskcError::Certificate);
    }
    let derived = match element {
        Some(element) => lines.child(element, &["DerivedKey"])?,
        None => None,
    };
    let name = match derived.or(element) {
        Some(node) => node
            .children()
            .find(|child| is_named(*child, &["KeyName", "MasterKeyName", "CarriedKeyName"]))
            .map(|child| shown(super::xml::text(child).trim())),
        None => None,
    };
    let name = name.unwrap_or_default();
    match (derived, file_key) {
        (None, FileKey::PreShared(key)) => Ok(Zeroizing::new(key.expose().to_vec())),
        (None, _) => Err(PskcError::NeedsPreSharedKey { name }),
        (Some(derived), FileKey::Passphrase(passphrase)) => {
            derive(derived, passphrase.expose(), lines)
        }
        (Some(_), _) => Err(PskcError::NeedsPassphrase { name }),
    }
}

/// RFC 6030 section 6.2.
fn derive(
    derived: Node<'_, '_>,
    passphrase: &[u8],
    lines: &Lines,
) -> Result<Zeroizing<Vec<u8>>, PskcError> {
    let method = lines.child(derived, &["KeyDerivationMethod"])?;
    let method = method.ok_or_else(|| lines.problem(derived, "it has no KeyDerivationMethod"))?;
    let uri = attribute(method, &["Algorithm"]).unwrap_or_default();
    let unsupported =
        |node, found| PskcError::Derivation { line: lines.of_node(node), found: shown(found) };
    if uri.rsplit_once('#').is_none_or(|(_, name)| !name.eq_ignore_ascii_case("pbkdf2")) {
        return Err(unsupported(method, uri));
    }
    let parameters = lines.child(method, &["PBKDF2-params"])?;
    let parameters = parameters.ok_or_else(|| lines.problem(method, "it has no PBKDF2-params"))?;
    let salt = lines.descend(parameters, &["Salt", "Specified"])?;
    let salt = salt.ok_or_else(|| lines.problem(parameters, "PBKDF2 has no salt"))?;
    let salt = lines.base64(salt)?;
    let iterations = lines.child_text(parameters, "IterationCount")?.parse().unwrap_or(0);
    if !(1..=ITERATIONS_MAX).contains(&iterations) {
        let line = lines.of_node(parameters);
        return Err(PskcError::Iterations { line, iterations_max: ITERATIONS_MAX });
    }
    let key_bytes = match lines.child_text(parameters, "KeyLength")?.as_str() {
        "16" => 16,
        "24" => 24,
        "32" => 32,
        _ => return Err(lines.problem(parameters, "PBKDF2 has no KeyLength of 16, 24 or 32")),
    };
    // Some programs write the function as text, others as an attribute. RFC 8018 appendix A.2:
    // HMAC-SHA-1 unless something is said.
    let function = lines.child(parameters, &["PRF"])?;
    let named = function.and_then(|node| attribute(node, &["Algorithm"]));
    let function = match named {
        Some(uri) => uri.to_owned(),
        None => lines.child_text(parameters, "PRF")?,
    };
    let hash = match function.as_str() {
        "" => HmacHash::Sha1,
        uri => HmacHash::of(uri).ok_or_else(|| unsupported(parameters, uri))?,
    };
    Ok(hash.derive(passphrase, &salt, iterations, key_bytes))
}
