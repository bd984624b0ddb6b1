//! Packets as they came from the network (RFC 2865 section 3).

use crate::attribute::Kind;

/// Bytes of a packet without attributes: code, identifier, length, authenticator.
pub const HEADER_BYTES: usize = 20;
/// Bytes of the longest packet (RFC 2865 section 3).
pub const PACKET_BYTES_MAX: usize = 4096;
/// Attributes that are read of one packet: far more than any client sends, and few enough that
/// looking through them again and again costs nothing.
pub const ATTRIBUTES_MAX: usize = 256;

/// Random bytes of a request, or what proves that a reply belongs to it.
pub type Authenticator = [u8; 16];

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// 1: somebody wants to be let in.
    AccessRequest,
    /// 2: let in.
    AccessAccept,
    /// 3: not let in.
    AccessReject,
    /// 4: a session has begun, goes on or has ended (RFC 2866).
    AccountingRequest,
    /// 5: that was taken down (RFC 2866).
    AccountingResponse,
    /// 11: a further answer is wanted.
    AccessChallenge,
    /// 12: is anybody there (RFC 5997)?
    StatusServer,
}

impl Code {
    /// Every code that is known.
    pub const ALL: [Self; 7] = [
        Self::AccessRequest,
        Self::AccessAccept,
        Self::AccessReject,
        Self::AccountingRequest,
        Self::AccountingResponse,
        Self::AccessChallenge,
        Self::StatusServer,
    ];

    /// Its number in the first byte.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::AccessRequest => 1,
            Self::AccessAccept => 2,
            Self::AccessReject => 3,
            Self::AccountingRequest => 4,
            Self::AccountingResponse => 5,
            Self::AccessChallenge => 11,
            Self::StatusServer => 12,
        }
    }

    /// The code of a number.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// Accept, reject or challenge: the answers to an Access-Request.
    #[must_use]
    pub const fn answers_access(self) -> bool {
        matches!(self, Self::AccessAccept | Self::AccessReject | Self::AccessChallenge)
    }
}

/// Why bytes are no packet. Whoever gets them discards them in silence (RFC 2865 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than a header, or a length that says so.
    #[error("the packet is shorter than {HEADER_BYTES} bytes")]
    Short,
    /// Fewer bytes than the length says.
    #[error("the packet is cut off: it has fewer bytes than its length says")]
    CutOff,
    /// A length over [`PACKET_BYTES_MAX`].
    #[error("the packet is longer than {PACKET_BYTES_MAX} bytes")]
    Long,
    /// A code that this server has no use for.
    #[error("packets with code {0} are not understood")]
    UnknownCode(u8),
    /// An attribute whose length does not cover its own header, or that runs over the end.
    #[error("an attribute of type {0} has a length that cannot be")]
    AttributeLength(u8),
    /// Over [`ATTRIBUTES_MAX`].
    #[error("the packet has more than {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
}

impl Malformed {
    /// A word for a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::CutOff => "cut_off",
            Self::Long => "long",
            Self::UnknownCode(_) => "unknown_code",
            Self::AttributeLength(_) => "attribute_length",
            Self::TooManyAttributes => "too_many_attributes",
        }
    }
}

/// One attribute: its type and the bytes of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Type.
    pub kind: Kind,
    /// Value, 0 to 253 bytes.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// What a Vendor-Specific attribute of this vendor holds; the types are the vendor's.
    #[must_use]
    pub fn of_vendor(&self, vendor: u32) -> Option<Attributes<'a>> {
        let (id, rest) = self.value.split_first_chunk()?;
        let found = self.kind == Kind::VENDOR_SPECIFIC && u32::from_be_bytes(*id) == vendor;
        found.then_some(Attributes { rest })
    }

    /// Adds it to others. A value of a packet is never too long for its length.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.kind.0);
        bytes.push(u8::try_from(self.value.len() + 2).unwrap_or(u8::MAX));
        bytes.extend(self.value);
    }
}

/// A packet that is well formed. It borrows from the bytes that were received, and has no `Debug`:
/// it holds passwords.
///
/// Well formed is not yet trusted: see [`crate::check_request`] and [`crate::check_reply`].
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    code: Code,
    identifier: u8,
    bytes: &'a [u8],
    authenticator: &'a Authenticator,
    attributes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram. What lies behind the length that the packet states is padding
    /// (RFC 2865 section 3).
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong; the datagram is then to be discarded.
    pub fn read(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let header = datagram.first_chunk::<HEADER_BYTES>().ok_or(Malformed::Short)?;
        let [code, identifier, high, low, authenticator @ ..] = header;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > PACKET_BYTES_MAX {
            return Err(Malformed::Long);
        }
        let bytes = datagram.get(..length).ok_or(Malformed::CutOff)?;
        let attributes = bytes.get(HEADER_BYTES..).ok_or(Malformed::Short)?;
        let code = Code::of(*code).ok_or(Malformed::UnknownCode(*code))?;
        check_attributes(attributes)?;
        Ok(Self { code, identifier: *identifier, bytes, authenticator, attributes })
    }

    /// What it is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What tells requests of one client apart.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The 16 bytes of the header. In a request they are part of how passwords are hidden.
    #[must_use]
    pub const fn authenticator(&self) -> &'a Authenticator {
        self.authenticator
    }

    /// The packet, 20 to [`PACKET_BYTES_MAX`] bytes, without padding behind it.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All attributes in order.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }

    /// The values of all attributes of a type, in order.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let same = self.attributes().filter(move |attribute| attribute.kind == kind);
        same.map(|attribute| attribute.value)
    }

    /// The value of the first attribute of a type.
    #[must_use]
    pub fn first(&self, kind: Kind) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// The first attribute of a type as text. `None` when it is absent, empty, or no UTF-8.
    #[must_use]
    pub fn text(&self, kind: Kind) -> Option<&'a str> {
        let text = str::from_utf8(self.first(kind)?).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// The first attribute of a type as a number. `None` when it is absent or has not four bytes.
    #[must_use]
    pub fn integer(&self, kind: Kind) -> Option<u32> {
        Some(u32::from_be_bytes(self.first(kind)?.try_into().ok()?))
    }

    /// The values of all attributes of a vendor that have a type (RFC 2865 section 5.26), in order.
    /// A Vendor-Specific attribute may hold several. What a vendor writes in another form than type,
    /// length and value ends the search in that attribute, and is no error.
    pub fn vendor(&self, vendor: u32, kind: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let parts = self.attributes().filter_map(move |attribute| attribute.of_vendor(vendor));
        let same = parts.flatten().filter(move |attribute| attribute.kind == Kind(kind));
        same.map(|attribute| attribute.value)
    }

    /// What lies before and behind the value of the first Message-Authenticator, when it has its
    /// 16 bytes; the header is not part of it.
    pub(crate) fn around_message_authenticator(
        &self,
    ) -> Option<(&'a [u8], &'a Authenticator, &'a [u8])> {
        let mut attributes = self.attributes();
        let found = attributes.find(|attribute| attribute.kind == Kind::MESSAGE_AUTHENTICATOR)?;
        let value = found.value.first_chunk().filter(|_| found.value.len() == 16)?;
        let behind = attributes.rest;
        let before = self.attributes.len().checked_sub(behind.len() + value.len())?;
        Some((self.attributes.get(..before)?, value, behind))
    }

    /// Everything behind the header.
    pub(crate) const fn attribute_bytes(&self) -> &'a [u8] {
        self.attributes
    }
}

/// Attributes of a packet, in order.
#[derive(Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Attributes as they stand in a packet. They end before the first that is not whole.
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn split(rest: &'a [u8]) -> Option<(Attribute<'a>, &'a [u8])> {
        let [kind, length, ..] = rest else { return None };
        let (attribute, rest) = rest.split_at_checked(usize::from(*length))?;
        let value = attribute.get(2..)?;
        Some((Attribute { kind: Kind(*kind), value }, rest))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (attribute, rest) = Self::split(self.rest)?;
        self.rest = rest;
        Some(attribute)
    }
}

fn check_attributes(bytes: &[u8]) -> Result<(), Malformed> {
    let mut attributes = Attributes { rest: bytes };
    if attributes.by_ref().take(ATTRIBUTES_MAX + 1).count() > ATTRIBUTES_MAX {
        return Err(Malformed::TooManyAttributes);
    }
    match attributes.rest {
        [] => Ok(()),
        [kind, ..] => Err(Malformed::AttributeLength(*kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with these attributes and a length that fits.
    fn packet(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER_BYTES + attributes.len()).unwrap();
        [&[1, 7][..], &length.to_be_bytes(), &[9; 16], attributes].concat()
    }

    fn fault(bytes: &[u8]) -> Malformed {
        Packet::read(bytes).err().unwrap()
    }

    #[test]
    fn headers_that_cannot_be() {
        assert_eq!(fault(&[]), Malformed::Short);
        assert_eq!(fault(&packet(&[])[..19]), Malformed::Short);
        let mut bytes = packet(&[]);
        bytes[3] = 19;
        assert_eq!(fault(&bytes), Malformed::Short);
        bytes[3] = 21;
        assert_eq!(fault(&bytes), Malformed::CutOff);
        bytes[2] = 0x10;
        bytes[3] = 1;
        assert_eq!(fault(&bytes), Malformed::Long);
        let mut bytes = packet(&[]);
        bytes[0] = 43;
        assert_eq!(fault(&bytes), Malformed::UnknownCode(43));
    }

    #[test]
    fn attributes_that_cannot_be() {
        for attributes in [&[1][..], &[1, 0], &[1, 1], &[1, 3], &[1, 2, 1, 5, 0]] {
            assert_eq!(fault(&packet(attributes)), Malformed::AttributeLength(1), "{attributes:?}");
        }
        assert!(Packet::read(&packet(&[1, 2].repeat(ATTRIBUTES_MAX))).is_ok());
        let many = packet(&[1, 2].repeat(ATTRIBUTES_MAX + 1));
        assert_eq!(fault(&many), Malformed::TooManyAttributes);
    }

    #[test]
    fn the_longest_packet_and_padding() {
        let mut bytes = packet(&[1, 253].iter().copied().chain([0; 251]).collect::<Vec<_>>());
        bytes.extend([0xff; 100]);
        assert_eq!(Packet::read(&bytes).ok().unwrap().bytes().len(), 20 + 253);
        let longest = packet(&[&[1, 254][..], &[0; 252]].concat().repeat(16)[..4064]);
        let longest = [longest, vec![1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        let length = u16::try_from(longest.len()).unwrap().to_be_bytes();
        let longest = [&longest[..2], &length, &longest[4..]].concat();
        assert_eq!(longest.len(), PACKET_BYTES_MAX);
        assert_eq!(Packet::read(&longest).ok().unwrap().attributes().count(), 17);
    }

    #[test]
    fn values_by_type() {
        let bytes = packet(&[1, 5, b'b', b'o', b'b', 1, 2, 5, 6, 0, 0, 1, 2, 2, 3, 0xff]);
        let packet = Packet::read(&bytes).ok().unwrap();
        assert_eq!(packet.identifier(), 7);
        assert_eq!(packet.authenticator(), &[9; 16]);
        assert_eq!(packet.all(Kind::USER_NAME).collect::<Vec<_>>(), [&b"bob"[..], b""]);
        assert_eq!(packet.text(Kind::USER_NAME), Some("bob"));
        assert_eq!(packet.text(Kind::USER_PASSWORD), None, "no UTF-8");
        assert_eq!(packet.integer(Kind::NAS_PORT), Some(0x102));
        assert_eq!(packet.integer(Kind::USER_NAME), None);
        assert_eq!(packet.first(Kind::STATE), None);
    }

    #[test]
    fn values_of_a_vendor() {
        let bytes = packet(&[
            26, 15, 0, 0, 1, 55, 11, 4, 1, 2, 25, 5, 3, 4, 5, // two of Microsoft in one
            26, 9, 0, 0, 0, 9, 11, 3, 8, // another vendor
            26, 9, 0, 0, 1, 55, 11, 3, 6, // once more
            26, 8, 0, 0, 1, 55, 11, 9, // cut off
            26, 4, 0, 0, // no vendor at all
        ]);
        let packet = Packet::read(&bytes).ok().unwrap();
        assert_eq!(packet.vendor(311, 11).collect::<Vec<_>>(), [&[1, 2][..], &[6]]);
        assert_eq!(packet.vendor(311, 25).next(), Some(&[3, 4, 5][..]));
        assert_eq!(packet.vendor(9, 25).next(), None);
    }
}
