//! EAP packets (RFC 3748 section 4), and how they travel in RADIUS (RFC 3579).

use std::borrow::Cow;

use crate::attribute::Kind;
use crate::packet::Packet;

/// Bytes of a header: code, identifier, length.
const EAP_HEADER_BYTES: usize = 4;

/// What an EAP packet is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EapCode {
    /// 1, from the server.
    Request,
    /// 2, from the client.
    Response,
    /// 3: let in.
    Success,
    /// 4: not let in.
    Failure,
}

impl EapCode {
    const fn number(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Response => 2,
            Self::Success => 3,
            Self::Failure => 4,
        }
    }
}

/// The type of a request or response: a method, or one of the first three.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EapType(pub u8);

impl EapType {
    /// Who are you?
    pub const IDENTITY: Self = Self(1);
    /// Something to show.
    pub const NOTIFICATION: Self = Self(2);
    /// Another method, please: only in responses.
    pub const NAK: Self = Self(3);
    /// EAP-MD5.
    pub const MD5: Self = Self(4);
    /// A one-time password.
    pub const OTP: Self = Self(5);
    /// Generic Token Card: a prompt and an answer in clear.
    pub const GTC: Self = Self(6);
    /// EAP-TLS (RFC 5216).
    pub const TLS: Self = Self(13);
    /// EAP-TTLS (RFC 5281).
    pub const TTLS: Self = Self(21);
    /// PEAP.
    pub const PEAP: Self = Self(25);
    /// EAP-MSCHAPv2.
    pub const MSCHAPV2: Self = Self(26);
    /// A type of a vendor (RFC 3748 section 5.7).
    pub const EXPANDED: Self = Self(254);
}

/// Why bytes are no EAP packet; they are discarded in silence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum EapMalformed {
    /// Fewer bytes than a header, or than the length says.
    #[error("the EAP packet is cut off")]
    Short,
    /// A code other than request, response, success and failure.
    #[error("the EAP packet has the unknown code {0}")]
    Code(u8),
    /// A request or response without a type, or a success or failure with something behind it.
    #[error("the EAP packet has a length that its code cannot have")]
    Length,
}

impl EapMalformed {
    /// A word for a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Short => "eap_short",
            Self::Code(_) => "eap_code",
            Self::Length => "eap_length",
        }
    }
}

/// An EAP packet. It has no `Debug`: it may hold a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EapPacket<'a> {
    /// What it is.
    pub code: EapCode,
    /// Ties a response to its request.
    pub identifier: u8,
    /// The type of a request or response.
    pub kind: Option<EapType>,
    /// What lies behind the type.
    pub data: &'a [u8],
}

impl<'a> EapPacket<'a> {
    /// Reads a packet. What lies behind the length that it states is padding.
    ///
    /// # Errors
    /// [`EapMalformed`] says what is wrong.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EapMalformed> {
        let [code, identifier, high, low, ..] = bytes else { return Err(EapMalformed::Short) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let body = bytes.get(EAP_HEADER_BYTES..length).ok_or(EapMalformed::Short)?;
        let code = match code {
            1 => EapCode::Request,
            2 => EapCode::Response,
            3 => EapCode::Success,
            4 => EapCode::Failure,
            other => return Err(EapMalformed::Code(*other)),
        };
        let (kind, data) = match (code, body) {
            (EapCode::Request | EapCode::Response, [kind, data @ ..]) => {
                (Some(EapType(*kind)), data)
            }
            (EapCode::Success | EapCode::Failure, []) => (None, body),
            _ => return Err(EapMalformed::Length),
        };
        Ok(Self { code, identifier: *identifier, kind, data })
    }

    /// The methods that a Nak asks for instead (RFC 3748 section 5.3.1), best first. Type 0 in it
    /// means none at all, and is left out; so is a Nak in the expanded form.
    pub fn wanted(&self) -> impl Iterator<Item = EapType> + use<'a> {
        let is_nak = self.code == EapCode::Response && self.kind == Some(EapType::NAK);
        let wanted = if is_nak { self.data } else { &[] };
        wanted.iter().filter(|kind| **kind != 0).map(|kind| EapType(*kind))
    }

    /// The packet as bytes. `None` when it would be longer than 65,535 bytes.
    #[must_use]
    pub fn write(&self) -> Option<Vec<u8>> {
        let kind = self.kind.as_ref().map(|kind| kind.0);
        let length = EAP_HEADER_BYTES + usize::from(kind.is_some()) + self.data.len();
        let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend([self.code.number(), self.identifier, high, low]);
        bytes.extend(kind);
        bytes.extend(self.data);
        Some(bytes)
    }
}

/// EAP-Success to the response with this identifier.
#[must_use]
pub const fn eap_success(identifier: u8) -> [u8; 4] {
    [3, identifier, 0, 4]
}

/// EAP-Failure to the response with this identifier.
#[must_use]
pub const fn eap_failure(identifier: u8) -> [u8; 4] {
    [4, identifier, 0, 4]
}

/// The EAP packet that a RADIUS packet carries in pieces (RFC 3579 section 3.1). `None` when it
/// carries none; an empty one is the client's wish to begin (RFC 3579 section 2.1).
#[must_use]
pub fn eap_message<'a>(packet: &Packet<'a>) -> Option<Cow<'a, [u8]>> {
    let mut pieces = packet.all(Kind::EAP_MESSAGE);
    let first = pieces.next()?;
    let mut whole = Cow::Borrowed(first);
    for piece in pieces {
        whole.to_mut().extend(piece);
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_responses_and_ends() {
        let bytes = [2, 7, 0, 8, 1, b'b', b'o', b'b', 0xff, 0xff];
        let packet = EapPacket::read(&bytes).ok().unwrap();
        assert_eq!((packet.code, packet.identifier), (EapCode::Response, 7));
        assert_eq!((packet.kind, packet.data), (Some(EapType::IDENTITY), &b"bob"[..]));
        assert_eq!(packet.write().unwrap(), bytes[..8], "without padding");
        assert!(EapPacket::read(&eap_success(9)).is_ok_and(|end| end.code == EapCode::Success));
        assert!(EapPacket::read(&eap_failure(9)).is_ok_and(|end| end.code == EapCode::Failure));
    }

    #[test]
    fn what_cannot_be() {
        let fault = |bytes: &[u8]| EapPacket::read(bytes).err();
        assert_eq!(fault(&[]), Some(EapMalformed::Short));
        assert_eq!(fault(&[1, 2, 0]), Some(EapMalformed::Short));
        assert_eq!(fault(&[1, 2, 0, 6, 1]), Some(EapMalformed::Short));
        assert_eq!(fault(&[1, 2, 0, 3, 1]), Some(EapMalformed::Short), "less than its header");
        assert_eq!(fault(&[1, 2, 0, 4]), Some(EapMalformed::Length), "no type");
        assert_eq!(fault(&[3, 2, 0, 5, 0]), Some(EapMalformed::Length));
        assert_eq!(fault(&[5, 2, 0, 5, 0]), Some(EapMalformed::Code(5)));
        let data = &[0; 65_531];
        let kind = Some(EapType::GTC);
        assert_eq!(EapPacket { code: EapCode::Request, identifier: 1, kind, data }.write(), None);
    }

    #[test]
    fn a_nak_names_what_is_wanted() {
        let wanted =
            |bytes: &[u8]| EapPacket::read(bytes).ok().unwrap().wanted().collect::<Vec<_>>();
        assert_eq!(wanted(&[2, 1, 0, 7, 3, 21, 25]), [EapType::TTLS, EapType::PEAP]);
        assert!(wanted(&[2, 1, 0, 6, 3, 0]).is_empty());
        assert!(wanted(&[2, 1, 0, 6, 1, 21]).is_empty(), "no Nak");
        assert!(wanted(&[1, 1, 0, 6, 3, 21]).is_empty(), "not from a client");
    }
}
