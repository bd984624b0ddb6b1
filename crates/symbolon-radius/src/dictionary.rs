//! Attributes by name, for those that an administrator has a reply carry.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::attribute::Kind;

mod table;

/// Bytes of the longest value of a standard attribute.
pub const VALUE_BYTES_MAX: usize = 253;
/// Bytes of the longest value of a vendor's attribute.
pub const VENDOR_VALUE_BYTES_MAX: usize = 247;
/// The highest tag (RFC 2868 section 3.1); 0 is none.
const TAG_MAX: u8 = 0x1f;

/// Which attribute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// A standard one.
    Standard(Kind),
    /// One of a vendor.
    Vendor {
        /// Private enterprise number.
        vendor: u32,
        /// The vendor's type.
        kind: u8,
    },
}

/// How a value is written in a packet, and in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueType {
    /// UTF-8.
    Text,
    /// Bytes: hexadecimal behind `0x`, otherwise the text itself.
    Bytes,
    /// 32 bits: decimal, or one of the names that the attribute has.
    Integer,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv6 prefix, `2001:db8::/32` (RFC 3162 section 2.3).
    Ipv6Prefix,
    /// A tag and 24 bits (RFC 2868 section 3.1).
    TaggedInteger,
    /// Text that a tag may stand before (RFC 2868 section 3.3).
    TaggedText,
}

impl ValueType {
    const fn wanted(self) -> &'static str {
        match self {
            Self::Text | Self::TaggedText => "text",
            Self::Bytes => "text, or hexadecimal digits behind 0x",
            Self::Integer => "a number up to 4294967295",
            Self::TaggedInteger => "a number up to 16777215",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Ipv6Prefix => "an IPv6 prefix as 2001:db8::/32",
        }
    }
}

/// An attribute that has a name.
#[derive(Debug)]
pub struct Definition {
    /// The name as the RFC or the vendor's dictionary writes it.
    pub name: &'static str,
    /// Its type.
    pub key: Key,
    /// How its value is written.
    pub value: ValueType,
    /// Names of numbers.
    names: &'static [(&'static str, u32)],
    /// Whether an administrator may have replies carry it: others are the protocol's own.
    settable: bool,
}

/// Why an attribute for replies cannot be had. Names and values are those of the settings.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DictionaryError {
    /// No such name.
    #[error("there is no attribute {name:?}{}", similar(.near))]
    Unknown {
        /// What was asked for.
        name: String,
        /// One that it resembles.
        near: Option<&'static str>,
    },
    /// The server writes it itself, or a client does.
    #[error("{name} cannot be set: it is a part of the protocol")]
    NotSettable {
        /// The attribute.
        name: &'static str,
    },
    /// A tag on what has none, or one over 31.
    #[error("{name} has {what}")]
    Tag {
        /// The attribute.
        name: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The value is not of its type.
    #[error("the value of {name} has to be {wanted}")]
    Value {
        /// The attribute.
        name: &'static str,
        /// What would be right.
        wanted: String,
    },
    /// The value is empty, or too long.
    #[error("the value of {name} has to have 1 to {bytes_max} bytes")]
    Length {
        /// The attribute.
        name: &'static str,
        /// The limit.
        bytes_max: usize,
    },
}

fn similar(near: &Option<&'static str>) -> String {
    near.map(|name| format!(": did you mean {name}?")).unwrap_or_default()
}

/// An attribute with its value, ready for a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    key: Key,
    value: Box<[u8]>,
}

impl Pair {
    /// Reads what the settings say: a name, with a tag behind a colon where the attribute can have
    /// one (`Tunnel-Type:1`), and a value.
    ///
    /// # Errors
    /// [`DictionaryError`] says what would be right.
    pub fn from_text(name: &str, value: &str) -> Result<Self, DictionaryError> {
        let (name, tag) = match name.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (name, None),
        };
        let definition = Definition::by_name(name.trim()).ok_or_else(|| {
            DictionaryError::Unknown { name: name.to_owned(), near: nearest(name) }
        })?;
        definition.encode(tag.map(str::trim), value)
    }

    /// Which attribute it is.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The bytes of its value.
    #[must_use]
    pub const fn value(&self) -> &[u8] {
        &self.value
    }
}

impl Definition {
    /// The attribute of a name, in any case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::all().find(|definition| definition.name.eq_ignore_ascii_case(name))
    }

    /// The name of an attribute.
    #[must_use]
    pub fn by_key(key: Key) -> Option<&'static Self> {
        Self::all().find(|definition| definition.key == key)
    }

    /// All that have names.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::TABLE.iter()
    }

    /// Whether an administrator may have replies carry it.
    #[must_use]
    pub const fn settable(&self) -> bool {
        self.settable
    }

    /// A value from text, with a tag, 0 to 31, where the attribute has one.
    ///
    /// # Errors
    /// [`DictionaryError`] says what would be right.
    pub fn encode(&self, tag: Option<&str>, text: &str) -> Result<Pair, DictionaryError> {
        if !self.settable {
            return Err(DictionaryError::NotSettable { name: self.name });
        }
        let tag = tag.map(|tag| self.tag(tag)).transpose()?;
        let wrong = || DictionaryError::Value { name: self.name, wanted: self.wanted() };
        let value = match self.value {
            ValueType::Text => text.as_bytes().to_vec(),
            ValueType::Bytes => bytes(text).ok_or_else(wrong)?,
            ValueType::Integer => self.number(text).ok_or_else(wrong)?.to_be_bytes().to_vec(),
            ValueType::Ipv4 => text.parse::<Ipv4Addr>().map_err(|_| wrong())?.octets().to_vec(),
            ValueType::Ipv6 => text.parse::<Ipv6Addr>().map_err(|_| wrong())?.octets().to_vec(),
            ValueType::Ipv6Prefix => prefix(text).ok_or_else(wrong)?,
            ValueType::TaggedInteger => {
                let [0, rest @ ..] = self.number(text).ok_or_else(wrong)?.to_be_bytes() else {
                    return Err(wrong());
                };
                [&[tag.unwrap_or(0)][..], &rest].concat()
            }
            // Without a tag no byte stands for it: text never begins with one so small.
            ValueType::TaggedText => match tag {
                Some(tag) => [&[tag][..], text.as_bytes()].concat(),
                None => text.as_bytes().to_vec(),
            },
        };
        self.pair(value, text)
    }

    fn pair(&self, value: Vec<u8>, text: &str) -> Result<Pair, DictionaryError> {
        let bytes_max = match self.key {
            Key::Standard(_) => VALUE_BYTES_MAX,
            Key::Vendor { .. } => VENDOR_VALUE_BYTES_MAX,
        };
        if text.is_empty() || value.is_empty() || value.len() > bytes_max {
            return Err(DictionaryError::Length { name: self.name, bytes_max });
        }
        Ok(Pair { key: self.key, value: value.into() })
    }

    fn tag(&self, text: &str) -> Result<u8, DictionaryError> {
        let error = |what| DictionaryError::Tag { name: self.name, what };
        if !matches!(self.value, ValueType::TaggedInteger | ValueType::TaggedText) {
            return Err(error("no tag: leave the colon out"));
        }
        let tag = text.parse().ok().filter(|tag| *tag <= TAG_MAX);
        tag.ok_or_else(|| error("a tag from 0 to 31"))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
        named.map(|(_, number)| *number).or_else(|| text.trim().parse().ok())
    }

    fn wanted(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|(name, _)| *name).collect();
        match names.as_slice() {
            [] => self.value.wanted().to_owned(),
            names => format!("{} or one of {}", self.value.wanted(), names.join(", ")),
        }
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        return Some(text.as_bytes().to_vec());
    };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// A zero byte, the length in bits, and as many bytes as the bits need.
fn prefix(text: &str) -> Option<Vec<u8>> {
    let (address, bits) = text.split_once('/')?;
    let address = address.trim().parse::<Ipv6Addr>().ok()?;
    let bits = bits.trim().parse::<u8>().ok().filter(|bits| *bits <= 128)?;
    let host = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    if address.to_bits() & host != 0 {
        return None;
    }
    let octets = address.octets();
    Some([&[0, bits][..], octets.get(..usize::from(bits.div_ceil(8)))?].concat())
}

/// A name that begins alike: what is usually wrong is the end, or the vendor's own spelling.
fn nearest(name: &str) -> Option<&'static str> {
    let common = |other: &str| {
        let pairs = name.bytes().zip(other.bytes());
        pairs.take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
    };
    let settable = Definition::all().filter(|definition| definition.settable);
    let best = settable.max_by_key(|definition| common(definition.name))?;
    (common(best.name) >= 5).then_some(best.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::vendor;

    fn value(name: &str, text: &str) -> Vec<u8> {
        Pair::from_text(name, text).unwrap().value().to_vec()
    }

    fn error(name: &str, text: &str) -> String {
        Pair::from_text(name, text).unwrap_err().to_string()
    }

    #[test]
    fn names_and_types_occur_once() {
        let all: Vec<_> = Definition::all().collect();
        for (index, one) in all.iter().enumerate() {
            for other in &all[..index] {
                assert!(!one.name.eq_ignore_ascii_case(other.name), "{}", one.name);
                assert_ne!(one.key, other.key, "{}", one.name);
            }
        }
    }

    #[test]
    fn a_vlan_as_every_switch_wants_it() {
        assert_eq!(value("Tunnel-Type", "VLAN"), [0, 0, 0, 13]);
        assert_eq!(value("Tunnel-Medium-Type:1", "IEEE-802"), [1, 0, 0, 6]);
        assert_eq!(value("tunnel-private-group-id", "42"), b"42");
        assert_eq!(value("Tunnel-Private-Group-Id:1", "42"), b"\x0142");
    }

    #[test]
    fn values_of_each_type() {
        assert_eq!(value("Filter-Id", "staff"), b"staff");
        assert_eq!(value("Class", "0x00fF"), [0, 255]);
        assert_eq!(value("Class", "ou=vpn"), b"ou=vpn");
        assert_eq!(value("Session-Timeout", "28800"), [0, 0, 0x70, 0x80]);
        assert_eq!(value("Service-Type", "administrative-user"), [0, 0, 0, 6]);
        assert_eq!(value("Framed-IP-Address", "192.0.2.7"), [192, 0, 2, 7]);
        assert_eq!(value("Framed-IPv6-Address", "2001:db8::1")[..4], [0x20, 1, 0x0d, 0xb8]);
        assert_eq!(value("Framed-IPv6-Prefix", "2001:db8::/32"), [0, 32, 0x20, 1, 0x0d, 0xb8]);
        assert_eq!(value("Framed-IPv6-Prefix", "::/0"), [0, 0]);
        let pair = Pair::from_text("Cisco-AVPair", "shell:priv-lvl=15").unwrap();
        assert_eq!(pair.key(), Key::Vendor { vendor: vendor::CISCO, kind: 1 });
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        assert_eq!(error("Sesion-Timeout", "1"), "there is no attribute \"Sesion-Timeout\"");
        let near = "there is no attribute \"Cisco-AV-Pair\": did you mean Cisco-AVPair?";
        assert_eq!(error("Cisco-AV-Pair", "1"), near);
        let timeout = "the value of Session-Timeout has to be a number up to 4294967295";
        assert_eq!(error("Session-Timeout", "8h"), timeout);
        assert!(error("Service-Type", "Root").contains("Administrative-User"));
        assert_eq!(error("Filter-Id:1", "x"), "Filter-Id has no tag: leave the colon out");
        assert_eq!(error("Tunnel-Type:32", "VLAN"), "Tunnel-Type has a tag from 0 to 31");
        assert!(error("Tunnel-Type", "16777216").contains("up to 16777215"));
        for text in ["", "0x"] {
            assert_eq!(error("Class", text), "the value of Class has to have 1 to 253 bytes");
        }
        for text in ["0x1", "0xg0", "0x+1"] {
            assert!(error("Class", text).contains("hexadecimal"), "{text}");
        }
        assert!(error("Framed-IPv6-Prefix", "2001:db8::1/32").contains("prefix"));
        assert!(error("Cisco-AVPair", &"x".repeat(248)).contains("1 to 247 bytes"));
        assert!(error("Tunnel-Private-Group-Id:1", "").contains("1 to 253 bytes"));
    }

    #[test]
    fn what_belongs_to_the_protocol_cannot_be_set() {
        for name in ["User-Password", "State", "Proxy-State", "EAP-Message", "MS-MPPE-Send-Key"] {
            assert!(error(name, "x").ends_with("it is a part of the protocol"), "{name}");
        }
        assert!(Definition::by_name("Message-Authenticator").is_some_and(|it| !it.settable()));
    }
}
