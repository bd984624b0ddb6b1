//! One builder for every packet that is sent.

use symbolon_core::Secret;

use crate::attribute::Kind;
use crate::dictionary::{Key, Pair, VALUE_BYTES_MAX, VENDOR_VALUE_BYTES_MAX};
use crate::digest::{hmac_md5, md5};
use crate::hidden::{Cover, HiddenError, Salt};
use crate::packet::{ATTRIBUTES_MAX, Authenticator, Code, HEADER_BYTES, PACKET_BYTES_MAX, Packet};

/// A Message-Authenticator that is not computed yet (RFC 3579 section 3.2).
const ZEROS: Authenticator = [0; 16];
/// Where the value of a Message-Authenticator is that comes first.
const SIGNED_FROM: usize = HEADER_BYTES + 2;

/// Why a packet cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// It would be longer than [`PACKET_BYTES_MAX`], or have more than [`ATTRIBUTES_MAX`] attributes.
    #[error(
        "the packet would be longer than {PACKET_BYTES_MAX} bytes or {ATTRIBUTES_MAX} attributes"
    )]
    TooLong,
    /// A value that an attribute cannot hold.
    #[error("the value of an attribute of type {} is too long", .0.0)]
    Value(Kind),
    /// A secret value that cannot be hidden.
    #[error(transparent)]
    Hidden(#[from] HiddenError),
    /// A reply where a request was to be made, or the other way about.
    #[error("packets of this code are not made in this way")]
    Code,
}

/// How a packet is signed.
#[derive(Clone, Copy)]
enum Signing {
    /// Message-Authenticator over the packet with the authenticator of the request, which it keeps.
    Request,
    /// As [`Self::Request`], then the Response Authenticator.
    Reply { message_authenticator: bool },
    /// A hash over the packet with zeros for the authenticator (RFC 2866 section 3).
    Accounting,
}

/// Writes one packet. An error is kept, and told by [`Self::finish`].
///
/// The Message-Authenticator of a reply to an Access-Request is always there and always the first
/// attribute: whoever forges a reply by a collision of MD5 (CVE-2024-3596) needs bytes of his own
/// before anything that is signed.
pub struct Writer {
    bytes: Vec<u8>,
    attributes: usize,
    authenticator: Authenticator,
    signing: Signing,
    error: Option<WriteError>,
}

impl Writer {
    /// A reply: accept, reject, challenge, or Accounting-Response. It carries the Proxy-State of the
    /// request, unchanged and in order (RFC 2865 section 5.33).
    ///
    /// An Accounting-Response has a Message-Authenticator only when it answers a Status-Server
    /// (RFC 5997 section 4.2): RFC 2869 section 5.19 has none in accounting, and those who put one
    /// there do not agree over what it is computed.
    #[must_use]
    pub fn reply(code: Code, request: &Packet<'_>) -> Self {
        let asked = request.code();
        let fits = match code {
            Code::AccessAccept => matches!(asked, Code::AccessRequest | Code::StatusServer),
            Code::AccessReject | Code::AccessChallenge => asked == Code::AccessRequest,
            Code::AccountingResponse => {
                matches!(asked, Code::AccountingRequest | Code::StatusServer)
            }
            _ => false,
        };
        let message_authenticator = asked != Code::AccountingRequest;
        let signing = Signing::Reply { message_authenticator };
        let mut writer = Self::new(code, request.identifier(), *request.authenticator(), signing);
        if !fits {
            writer.fail(WriteError::Code);
        }
        if message_authenticator {
            writer.put(Kind::MESSAGE_AUTHENTICATOR, &ZEROS);
        }
        for state in request.all(Kind::PROXY_STATE) {
            writer.put(Kind::PROXY_STATE, state);
        }
        writer
    }

    /// An Access-Request or a Status-Server. `authenticator` has to be 16 fresh random bytes: the
    /// password is hidden under it, and it is all that ties the reply to the request.
    #[must_use]
    pub fn request(code: Code, identifier: u8, authenticator: Authenticator) -> Self {
        let mut writer = Self::new(code, identifier, authenticator, Signing::Request);
        if !matches!(code, Code::AccessRequest | Code::StatusServer) {
            writer.fail(WriteError::Code);
        }
        writer.put(Kind::MESSAGE_AUTHENTICATOR, &ZEROS);
        writer
    }

    /// An Accounting-Request.
    #[must_use]
    pub fn accounting_request(identifier: u8) -> Self {
        Self::new(Code::AccountingRequest, identifier, ZEROS, Signing::Accounting)
    }

    fn new(code: Code, identifier: u8, authenticator: Authenticator, signing: Signing) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend([code.number(), identifier, 0, 0]);
        bytes.extend(authenticator);
        Self { bytes, attributes: 0, authenticator, signing, error: None }
    }

    /// Adds an attribute. A Message-Authenticator is refused: it is there already, or must not be.
    pub fn attribute(&mut self, kind: Kind, value: &[u8]) -> &mut Self {
        if kind == Kind::MESSAGE_AUTHENTICATOR {
            return self.fail(WriteError::Value(kind));
        }
        self.put(kind, value)
    }

    /// Adds a number.
    pub fn integer(&mut self, kind: Kind, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Adds text, as several attributes when it needs more than one and between characters. The
    /// client shows them in order (RFC 2865 section 5.18). Nothing is added for no text.
    pub fn reply_message(&mut self, mut text: &str) -> &mut Self {
        while !text.is_empty() {
            let (piece, rest) = text.split_at(text.floor_char_boundary(VALUE_BYTES_MAX));
            self.put(Kind::REPLY_MESSAGE, piece.as_bytes());
            text = rest;
        }
        self
    }

    /// Adds an EAP packet in pieces of 253 bytes (RFC 3579 section 3.1).
    pub fn eap_message(&mut self, packet: &[u8]) -> &mut Self {
        for piece in packet.chunks(VALUE_BYTES_MAX) {
            self.put(Kind::EAP_MESSAGE, piece);
        }
        self
    }

    /// Adds an attribute of a vendor, in a Vendor-Specific attribute of its own.
    pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> &mut Self {
        let Some(length) =
            u8::try_from(value.len() + 2).ok().filter(|_| value.len() <= VENDOR_VALUE_BYTES_MAX)
        else {
            return self.fail(WriteError::Value(Kind::VENDOR_SPECIFIC));
        };
        let whole = [&vendor.to_be_bytes()[..], &[kind, length], value].concat();
        self.put(Kind::VENDOR_SPECIFIC, &whole)
    }

    /// Adds an attribute that was read from the settings.
    pub fn pair(&mut self, pair: &Pair) -> &mut Self {
        match pair.key() {
            Key::Standard(kind) => self.attribute(kind, pair.value()),
            Key::Vendor { vendor, kind } => self.vendor(vendor, kind, pair.value()),
        }
    }

    /// Adds a password of at most 128 bytes, hidden under the authenticator of this request.
    pub fn user_password(&mut self, password: &[u8], secret: &Secret) -> &mut Self {
        let authenticator = self.authenticator;
        match Cover::new(secret, &authenticator).hide_password(password) {
            Ok(hidden) => self.put(Kind::USER_PASSWORD, &hidden),
            Err(error) => self.fail(error.into()),
        }
    }

    /// Adds a key of a vendor, hidden with a salt (RFC 2548 section 2.4.2).
    pub fn vendor_key(
        &mut self,
        (vendor, kind): (u32, u8),
        key: &[u8],
        salt: Salt,
        secret: &Secret,
    ) -> &mut Self {
        let hidden = self.cover(secret).hide_salted(key, salt);
        match hidden {
            Ok(hidden) => self.vendor(vendor, kind, &hidden),
            Err(error) => self.fail(error.into()),
        }
    }

    /// What secrets in this packet are hidden under: for a reply, the authenticator of its request.
    #[must_use]
    pub fn cover<'a>(&'a self, secret: &'a Secret) -> Cover<'a> {
        Cover::new(secret, &self.authenticator)
    }

    /// The bytes that are left for attributes, with their headers.
    #[must_use]
    pub fn room(&self) -> usize {
        PACKET_BYTES_MAX.saturating_sub(self.bytes.len())
    }

    /// The packet, signed.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn finish(mut self, secret: &Secret) -> Result<Vec<u8>, WriteError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let length = u16::try_from(self.bytes.len()).map_err(|_| WriteError::TooLong)?;
        overwrite(&mut self.bytes, 2, &length.to_be_bytes());
        let response = match self.signing {
            Signing::Request => {
                self.sign(secret);
                return Ok(self.bytes);
            }
            Signing::Reply { message_authenticator: true } => {
                self.sign(secret);
                md5(&[&self.bytes, secret.expose()])
            }
            Signing::Reply { .. } | Signing::Accounting => md5(&[&self.bytes, secret.expose()]),
        };
        overwrite(&mut self.bytes, 4, &response);
        Ok(self.bytes)
    }

    fn sign(&mut self, secret: &Secret) {
        let mac = hmac_md5(secret, &[&self.bytes]);
        overwrite(&mut self.bytes, SIGNED_FROM, &mac);
    }

    fn put(&mut self, kind: Kind, value: &[u8]) -> &mut Self {
        let Some(length) = u8::try_from(value.len() + 2).ok() else {
            return self.fail(WriteError::Value(kind));
        };
        if usize::from(length) > self.room() || self.attributes == ATTRIBUTES_MAX {
            return self.fail(WriteError::TooLong);
        }
        self.bytes.extend([kind.0, length]);
        self.bytes.extend(value);
        self.attributes += 1;
        self
    }

    fn fail(&mut self, error: WriteError) -> &mut Self {
        self.error.get_or_insert(error);
        self
    }
}

fn overwrite(bytes: &mut [u8], from: usize, with: &[u8]) {
    for (to, byte) in bytes.iter_mut().skip(from).zip(with) {
        *to = *byte;
    }
}
