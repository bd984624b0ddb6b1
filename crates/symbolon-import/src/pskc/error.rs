//! Why a whole key container is refused.

use super::{PSKC_BYTES_MAX, PSKC_KEYS_MAX};

/// Why nothing of a key container is imported. Holds no seed, key or passphrase. `line` counts from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PskcError {
    /// Over [`PSKC_BYTES_MAX`].
    #[error("the file is larger than {PSKC_BYTES_MAX} bytes: ask for it in parts")]
    TooLarge,
    /// Over [`PSKC_KEYS_MAX`].
    #[error("the file has more than {PSKC_KEYS_MAX} keys: ask for it in parts")]
    TooManyKeys,
    /// Not UTF-8.
    #[error("the file is not UTF-8: a key container has to be")]
    NotUtf8,
    /// Not XML, or cut off.
    #[error(
        "the file is no well-formed XML at line {line}: it is damaged or cut off; get it again"
    )]
    Xml {
        /// Where reading ended.
        line: u64,
    },
    /// It has a document type declaration, by which entities could be defined.
    #[error(
        "the file has a DOCTYPE: a key container has none, and it could make the reader work without end"
    )]
    Doctype,
    /// It has more elements, attributes or namespaces than any real one.
    #[error("the file has more {what} than a key container can have")]
    Overgrown {
        /// Of what there are too many.
        what: &'static str,
    },
    /// The root is something else.
    #[error("the file is no key container of RFC 6030: its outermost element is {found:?}")]
    NotPskc {
        /// Name of the root, safe to print.
        found: String,
    },
    /// Not version 1.0.
    #[error("the key container has version {found:?}: only 1.0 is known")]
    Version {
        /// What it says, safe to print.
        found: String,
    },
    /// An element is missing, doubled or malformed where nothing can be guessed.
    #[error("line {line}: {problem}")]
    Structure {
        /// Where.
        line: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// Encrypted with a pre-shared key that was not given (RFC 6030 section 6.1).
    #[error("the file is encrypted with the pre-shared key {name:?}: give that key")]
    NeedsPreSharedKey {
        /// How the file calls the key, safe to print; may be empty.
        name: String,
    },
    /// Encrypted with a passphrase that was not given (RFC 6030 section 6.2).
    #[error("the file is encrypted with the passphrase {name:?}: give that passphrase")]
    NeedsPassphrase {
        /// How the file calls the passphrase, safe to print; may be empty.
        name: String,
    },
    /// Encrypted to a certificate (RFC 6030 section 6.3).
    #[error(
        "the file is encrypted to a certificate, which is not supported: ask for a pre-shared key \
         or a passphrase"
    )]
    Certificate,
    /// An encryption that is not known.
    #[error(
        "line {line}: the encryption {found:?} is not supported: ask for AES-CBC or AES key wrap"
    )]
    Encryption {
        /// Where.
        line: u64,
        /// What the file says, safe to print.
        found: String,
    },
    /// A MAC that is not known.
    #[error("line {line}: the MAC {found:?} is not supported: ask for HMAC-SHA1 or HMAC-SHA256")]
    Mac {
        /// Where.
        line: u64,
        /// What the file says, safe to print.
        found: String,
    },
    /// A derivation that is not known.
    #[error(
        "line {line}: the key derivation {found:?} is not supported: ask for PBKDF2 with HMAC-SHA1 or HMAC-SHA256"
    )]
    Derivation {
        /// Where.
        line: u64,
        /// What the file says, safe to print.
        found: String,
    },
    /// PBKDF2 would take too long, or nothing at all.
    #[error("line {line}: the iteration count of PBKDF2 is not from 1 to {iterations_max}")]
    Iterations {
        /// Where.
        line: u64,
        /// The limit.
        iterations_max: u32,
    },
    /// The key has another length than the encryption.
    #[error(
        "line {line}: the encryption takes a key of {needed_bytes} bytes and the key has {given_bytes}: it is another key"
    )]
    KeyLength {
        /// Where.
        line: u64,
        /// Bytes of a key of this encryption.
        needed_bytes: usize,
        /// Bytes of the key that was given or derived.
        given_bytes: usize,
    },
    /// RFC 6030 section 6.1.1: encryption without integrity needs a MAC.
    #[error(
        "line {line}: an encrypted value has no MAC, so nobody can tell whether it was changed \
         (RFC 6030 section 6.1.1 demands ValueMAC): ask for a file with MACs"
    )]
    NoMac {
        /// Where.
        line: u64,
    },
    /// A MAC or a padding is not right.
    #[error(
        "the key or passphrase is wrong, or the file was changed: the value at line {line} does \
         not fit; nothing was imported"
    )]
    WrongKeyOrChanged {
        /// Where.
        line: u64,
    },
}
