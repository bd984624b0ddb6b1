//! Whether a packet comes from who knows the secret.

use symbolon_core::Secret;

use crate::attribute::Kind;
use crate::digest::{equal, hmac_md5, md5};
use crate::packet::{Authenticator, Code, Malformed, Packet};

/// What a request proves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signed {
    /// That its sender knows the secret.
    Yes,
    /// Nothing: an Access-Request without Message-Authenticator. Whether such ones are taken is for
    /// the settings of the client.
    No,
}

/// Why a request is to be discarded in silence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum BadRequest {
    /// The code of a reply.
    #[error("the packet is a reply, not a request")]
    NotARequest,
    /// Wrong, of another length than 16 bytes, or there more than once (RFC 3579 section 3.2).
    #[error("the Message-Authenticator is wrong: do both sides have the same secret?")]
    MessageAuthenticator,
    /// Not there, where the packet must have one: with EAP-Message (RFC 3579 section 3.2), and in
    /// Status-Server (RFC 5997 section 3).
    #[error("the packet has no Message-Authenticator and needs one")]
    Unsigned,
    /// The hash of an Accounting-Request (RFC 2866 section 3) is wrong.
    #[error(
        "the authenticator of the accounting request is wrong: do both sides have the same secret?"
    )]
    Authenticator,
}

impl BadRequest {
    /// A word for a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotARequest => "not_a_request",
            Self::MessageAuthenticator => "message_authenticator",
            Self::Unsigned => "unsigned",
            Self::Authenticator => "authenticator",
        }
    }
}

/// Why a reply is to be discarded in silence: the right one may still come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum BadReply {
    /// No packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// To another request, or of a code that does not answer it.
    #[error("the reply belongs to no request that waits")]
    Stray,
    /// The Response Authenticator (RFC 2865 section 3) is wrong.
    #[error("the authenticator of the reply is wrong: do both sides have the same secret?")]
    Authenticator,
    /// Wrong, of another length than 16 bytes, or there more than once.
    #[error("the Message-Authenticator of the reply is wrong")]
    MessageAuthenticator,
    /// EAP-Message without Message-Authenticator (RFC 3579 section 3.2).
    #[error("the reply has EAP-Message and no Message-Authenticator")]
    Unsigned,
}

impl BadReply {
    /// A word for a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.label(),
            Self::Stray => "stray",
            Self::Authenticator => "authenticator",
            Self::MessageAuthenticator => "message_authenticator",
            Self::Unsigned => "unsigned",
        }
    }
}

/// Checks what proves that a request comes from a client with this secret.
///
/// # Errors
/// [`BadRequest`] when the request is to be discarded.
pub fn check_request(request: &Packet<'_>, secret: &Secret) -> Result<Signed, BadRequest> {
    let wrong = BadRequest::MessageAuthenticator;
    match request.code() {
        Code::AccessRequest | Code::StatusServer => {
            match message_authenticator(request, request.authenticator(), secret) {
                Some(true) => Ok(Signed::Yes),
                Some(false) => Err(wrong),
                None if needs_signature(request) => Err(BadRequest::Unsigned),
                None => Ok(Signed::No),
            }
        }
        Code::AccountingRequest => {
            let expected = over(request, &[0; 16], secret);
            if !equal(&expected, request.authenticator()) {
                return Err(BadRequest::Authenticator);
            }
            // Not foreseen, but sent: computed before the authenticator was.
            match message_authenticator(request, &[0; 16], secret) {
                Some(false) => Err(wrong),
                Some(true) | None => Ok(Signed::Yes),
            }
        }
        _ => Err(BadRequest::NotARequest),
    }
}

/// What was sent to a server, and has no reply yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Its code.
    pub code: Code,
    /// Its identifier.
    pub identifier: u8,
    /// Its authenticator.
    pub authenticator: Authenticator,
}

impl From<&Packet<'_>> for Sent {
    fn from(request: &Packet<'_>) -> Self {
        let authenticator = *request.authenticator();
        Self { code: request.code(), identifier: request.identifier(), authenticator }
    }
}

impl Sent {
    const fn is_answered_by(&self, code: Code) -> bool {
        match self.code {
            Code::AccessRequest => code.answers_access(),
            Code::AccountingRequest => matches!(code, Code::AccountingResponse),
            Code::StatusServer => matches!(code, Code::AccessAccept | Code::AccountingResponse),
            _ => false,
        }
    }
}

/// Reads a reply and checks that it comes from the server that was asked: its identifier, its
/// Response Authenticator, and its Message-Authenticator if it has one. Whether it has to have one
/// is for the settings of the server: see [`Packet::first`].
///
/// # Errors
/// [`BadReply`] when the reply is to be discarded.
pub fn check_reply<'a>(
    reply: &'a [u8],
    sent: &Sent,
    secret: &Secret,
) -> Result<Packet<'a>, BadReply> {
    let reply = Packet::read(reply)?;
    if reply.identifier() != sent.identifier || !sent.is_answered_by(reply.code()) {
        return Err(BadReply::Stray);
    }
    if !equal(&over(&reply, &sent.authenticator, secret), reply.authenticator()) {
        return Err(BadReply::Authenticator);
    }
    // Those who sign an Accounting-Response do it with zeros in the header.
    let zeros = [0; 16];
    let header = if sent.code == Code::AccountingRequest { &zeros } else { &sent.authenticator };
    match message_authenticator(&reply, header, secret) {
        Some(true) => Ok(reply),
        Some(false) => Err(BadReply::MessageAuthenticator),
        None if reply.first(Kind::EAP_MESSAGE).is_some() => Err(BadReply::Unsigned),
        None => Ok(reply),
    }
}

fn needs_signature(request: &Packet<'_>) -> bool {
    request.code() == Code::StatusServer || request.first(Kind::EAP_MESSAGE).is_some()
}

/// MD5 over the packet with another authenticator, and the secret.
fn over(packet: &Packet<'_>, authenticator: &Authenticator, secret: &Secret) -> Authenticator {
    let start = start(packet);
    md5(&[&start, authenticator, packet.attribute_bytes(), secret.expose()])
}

/// Code, identifier, length.
fn start(packet: &Packet<'_>) -> [u8; 4] {
    packet.bytes().first_chunk().copied().unwrap_or_default()
}

/// Whether the Message-Authenticator is right, if there is one.
fn message_authenticator(
    packet: &Packet<'_>,
    authenticator: &Authenticator,
    secret: &Secret,
) -> Option<bool> {
    match packet.all(Kind::MESSAGE_AUTHENTICATOR).count() {
        0 => return None,
        1 => (),
        _ => return Some(false),
    }
    let Some((before, value, behind)) = packet.around_message_authenticator() else {
        return Some(false);
    };
    let parts: &[&[u8]] = &[&start(packet), authenticator, before, &[0; 16], behind];
    Some(equal(&hmac_md5(secret, parts), value))
}
