//! Bearer tokens and join tokens as text.
//!
//! `symbolon_admin_ID_SECRET`, `symbolon_app_ID_SECRET`, `symbolon_join_ID_SECRET_PIN`: the prefix
//! lets a scanner find one that has leaked; the id finds the row; the secret is 256 random bits in
//! base64url, of which the row keeps only a SHA-256.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use symbolon_core::{JoinTokenId, KeyHash, KeyPin, Secret};
use zeroize::Zeroizing;

/// Bytes of the secret part.
pub(crate) const SECRET_BYTES: usize = 32;

/// Whose bearer token it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CredentialKind {
    /// An administrator's.
    Administrator,
    /// An application's API key.
    Application,
}

impl CredentialKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Administrator => "symbolon_admin_",
            Self::Application => "symbolon_app_",
        }
    }
}

/// A bearer token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Whose.
    pub kind: CredentialKind,
    /// Id of their row.
    pub id: u64,
    /// What proves it.
    pub secret: Secret,
}

impl Credential {
    /// Reads a bearer token; `None` when it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let kinds = [CredentialKind::Administrator, CredentialKind::Application];
        let (kind, rest) = kinds
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind.prefix()).map(|rest| (kind, rest)))?;
        let (id, secret) = rest.split_once('_')?;
        Some(Self { kind, id: parse_id(id)?, secret: parse_secret(secret)? })
    }

    /// The text that the bearer keeps.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        format_token(self.kind.prefix(), self.id, &self.secret)
    }
}

/// A join token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinCredential {
    /// Id of its row.
    pub id: JoinTokenId,
    /// What proves it.
    pub secret: Secret,
    /// SHA-256 of the cluster CA's SubjectPublicKeyInfo: how the joiner knows the cluster.
    pub ca_pin: KeyPin,
}

impl JoinCredential {
    const PREFIX: &'static str = "symbolon_join_";

    /// Reads a join token; `None` when it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, rest) = text.trim().strip_prefix(Self::PREFIX)?.split_once('_')?;
        // Base64url has `_` among its characters, so the parts are cut by length.
        let secret = rest.get(..43)?;
        let pin = rest.get(43..)?.strip_prefix('_')?;
        Some(Self {
            id: JoinTokenId(parse_id(id)?),
            secret: parse_secret(secret)?,
            ca_pin: KeyPin::from_slice(&BASE64URL_NOPAD.decode(pin.as_bytes()).ok()?)?,
        })
    }

    /// The text that the joiner is given.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = format_token(Self::PREFIX, self.id.0, &self.secret);
        text.push('_');
        text.push_str(&BASE64URL_NOPAD.encode(&self.ca_pin.0));
        text
    }
}

/// What a row keeps of a secret.
#[must_use]
pub fn hash_secret(secret: &Secret) -> KeyHash {
    KeyHash(Sha256::digest(secret.expose()).into())
}

fn format_token(prefix: &str, id: u64, secret: &Secret) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(160));
    // Writing to a String cannot fail.
    let _ = write!(text, "{prefix}{id:016x}_");
    BASE64URL_NOPAD.encode_append(secret.expose(), &mut text);
    text
}

fn parse_id(text: &str) -> Option<u64> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

fn parse_secret(text: &str) -> Option<Secret> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (bytes.len() == SECRET_BYTES).then(|| Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_written_and_nothing_else_does() {
        // 0xff… is all `_` in base64url.
        let secret = Secret::new(vec![0xff; SECRET_BYTES]);
        for kind in [CredentialKind::Administrator, CredentialKind::Application] {
            let credential = Credential { kind, id: 7, secret: secret.clone() };
            let text = credential.to_text();
            assert_eq!(Credential::parse(&text), Some(credential));
            assert_eq!(Credential::parse(&text[..text.len() - 1]), None);
        }
        let join = JoinCredential { id: JoinTokenId(9), secret, ca_pin: KeyPin([0xff; 32]) };
        let text = join.to_text();
        assert_eq!(JoinCredential::parse(&text), Some(join));
        assert_eq!(Credential::parse(&text), None);
        assert_eq!(JoinCredential::parse(&text[..text.len() - 2]), None);
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let secret = Secret::new(vec![b'Q'; SECRET_BYTES]);
        let credential =
            Credential { kind: CredentialKind::Application, id: 1, secret: secret.clone() };
        let shown = format!("{credential:?} {secret:?}");
        assert!(!shown.contains("81") && !shown.contains("QQ"), "{shown}");
    }
}
