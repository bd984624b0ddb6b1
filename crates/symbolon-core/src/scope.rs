//! Whom a help desk may help, and from where an application may ask.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use crate::limits::{LABEL_BYTES_MAX, SCOPE_PARTS_MAX, SOURCES_MAX};
use crate::profile::is_label;
use crate::{NameError, User, UserName};

/// Why a text is no scope or no range of addresses. Says what to change; never repeats the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScopeError {
    /// Neither `group:NAME`, `tag:NAME` nor `domain:NAME`.
    #[error("it is neither group:NAME, tag:NAME nor domain:NAME")]
    Kind,
    /// No name of a group or a tag.
    #[error(
        "what stands after the colon is no name of a group or a tag: 1 to {LABEL_BYTES_MAX} bytes without control characters, `;` and `|`"
    )]
    Label,
    /// What stands after the colon.
    #[error("the name after the colon: {0}")]
    Name(NameError),
    /// No address, or no length of a prefix after `/`.
    #[error(
        "it is neither an address nor ADDRESS/BITS, with up to 32 bits for IPv4 and 128 for IPv6"
    )]
    Range,
    /// 192.0.2.1/24 for example.
    #[error("the address has bits set beyond the prefix; write the first address of the range")]
    BitsBeyond,
    /// More than the limit.
    #[error("there are over {0}")]
    TooMany(usize),
}

/// Some of the users.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ScopePart {
    /// Those of a group.
    Group(String),
    /// Those with a tag.
    Tag(String),
    /// Those whose names end in `@` and this, as it stands in normal form.
    Domain(UserName),
}

impl ScopePart {
    /// Reads `group:NAME`, `tag:NAME` or `domain:NAME`.
    ///
    /// # Errors
    /// [`ScopeError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        match text.split_once(':') {
            Some(("group", name)) => label(name).map(Self::Group),
            Some(("tag", name)) => label(name).map(Self::Tag),
            Some(("domain", name)) => {
                UserName::new(name).map(Self::Domain).map_err(ScopeError::Name)
            }
            _ => Err(ScopeError::Kind),
        }
    }

    fn covers(&self, user: &User) -> bool {
        match self {
            Self::Group(group) => user.profile().groups().contains(group),
            Self::Tag(tag) => user.profile().tags().contains(tag),
            Self::Domain(domain) => {
                let own = user.name.as_str().rsplit_once('@').map(|(_, own)| own);
                own == Some(domain.as_str())
            }
        }
    }
}

fn label(text: &str) -> Result<String, ScopeError> {
    if is_label(text) { Ok(text.to_owned()) } else { Err(ScopeError::Label) }
}

impl fmt::Display for ScopePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Tag(name) => write!(f, "tag:{name}"),
            Self::Domain(name) => write!(f, "domain:{name}"),
        }
    }
}

/// The users that an administrator may deal with: those of any part, or all when there is none.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Scope(BTreeSet<ScopePart>);

impl Scope {
    /// Of these parts; none: everybody.
    ///
    /// # Errors
    /// [`ScopeError::TooMany`] over [`SCOPE_PARTS_MAX`].
    pub fn new(parts: impl IntoIterator<Item = ScopePart>) -> Result<Self, ScopeError> {
        let parts: BTreeSet<_> = parts.into_iter().collect();
        if parts.len() > SCOPE_PARTS_MAX {
            return Err(ScopeError::TooMany(SCOPE_PARTS_MAX));
        }
        Ok(Self(parts))
    }

    /// Whether it is everybody.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a user is within it.
    #[must_use]
    pub fn covers(&self, user: &User) -> bool {
        self.is_all() || self.0.iter().any(|part| part.covers(user))
    }

    /// The parts, in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &ScopePart> {
        self.0.iter()
    }
}

/// A range of addresses: IPv4 as IPv4, however it is dressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceRange {
    first: IpAddr,
    bits: u8,
}

impl SourceRange {
    /// Reads an address, or one with the length of a prefix: `192.0.2.0/24`, `2001:db8::/32`. A range
    /// of IPv4 in IPv6 (`::ffff:192.0.2.0/120`) is the range of IPv4.
    ///
    /// # Errors
    /// [`ScopeError`] for anything else, and for an address with bits beyond the prefix.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ScopeError::Range)?;
        let width = width(address);
        let digits =
            |bits: &str| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u8 = match bits {
            None => width,
            Some(bits) if digits(bits) => bits.parse().map_err(|_| ScopeError::Range)?,
            Some(_) => return Err(ScopeError::Range),
        };
        if bits > width {
            return Err(ScopeError::Range);
        }
        let canonical = address.to_canonical();
        let range = match (address, canonical) {
            // 96 bits say that it is IPv4; a shorter prefix is about more than that.
            (IpAddr::V6(_), IpAddr::V4(_)) if bits >= 96 => {
                Self { first: canonical, bits: bits - 96 }
            }
            _ => Self { first: address, bits },
        };
        if masked(range.first, range.bits) == number(range.first) {
            Ok(range)
        } else {
            Err(ScopeError::BitsBeyond)
        }
    }

    /// The range of that length of a prefix that an address is in; `None` for a longer prefix than it has bits.
    #[must_use]
    pub(crate) fn around(address: IpAddr, bits: u8) -> Option<Self> {
        let address = address.to_canonical();
        let number = masked(address, bits);
        let first = match address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(number).ok()?.into()),
            IpAddr::V6(_) => IpAddr::V6(number.into()),
        };
        (bits <= width(address)).then_some(Self { first, bits })
    }

    /// Bits of its prefix.
    pub(crate) const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is within it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == number(self.first)
    }
}

impl fmt::Display for SourceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// The addresses from which an application may ask: those of any range, or all when there is none.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Sources(BTreeSet<SourceRange>);

impl Sources {
    /// Of these ranges; none: from everywhere.
    ///
    /// # Errors
    /// [`ScopeError::TooMany`] over [`SOURCES_MAX`].
    pub fn new(ranges: impl IntoIterator<Item = SourceRange>) -> Result<Self, ScopeError> {
        let ranges: BTreeSet<_> = ranges.into_iter().collect();
        if ranges.len() > SOURCES_MAX {
            return Err(ScopeError::TooMany(SOURCES_MAX));
        }
        Ok(Self(ranges))
    }

    /// Whether it is everywhere.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a caller may come from this address; `None`: nobody knows from where.
    #[must_use]
    pub fn allow(&self, address: Option<IpAddr>) -> bool {
        let within = |address| self.0.iter().any(|range| range.contains(address));
        self.is_all() || address.is_some_and(within)
    }

    /// The ranges, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &SourceRange> {
        self.0.iter()
    }

    /// Whether one of these ranges is also one of those.
    #[must_use]
    pub fn shares(&self, others: &Self) -> bool {
        !self.0.is_disjoint(&others.0)
    }

    /// As text, in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => Ipv6Addr::into(address),
    }
}

/// The address without the bits beyond the prefix.
fn masked(address: IpAddr, bits: u8) -> u128 {
    let beyond = u32::from(width(address).saturating_sub(bits));
    let kept = number(address).checked_shr(beyond).unwrap_or(0);
    kept.checked_shl(beyond).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        SourceRange::parse(range).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_its_addresses_however_ipv4_is_dressed() {
        for (range, within, beyond) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "::192.0.2.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("::/0", "ffff::", "10.0.0.1"),
        ] {
            assert!(contains(range, within), "{within} is in {range}");
            assert!(!contains(range, beyond), "{beyond} is not in {range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "::/129", "::/+1", "a.example/8"] {
            assert_eq!(SourceRange::parse(bad), Err(ScopeError::Range), "{bad}");
        }
        for bad in ["192.0.2.1/24", "2001:db8::1/64", "::ffff:192.0.2.1/120"] {
            assert_eq!(SourceRange::parse(bad), Err(ScopeError::BitsBeyond), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for text in ["group:sales", "group:IT staff", "tag:vip", "domain:example.com"] {
            assert_eq!(ScopePart::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "sales", "group:", "group:a|b", "group: a", "tag:", "domain:", "user:a"] {
            assert!(ScopePart::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_that_is_not_known_is_in_no_range() {
        let range = SourceRange::parse("127.0.0.1").unwrap();
        assert!(Sources::default().allow(None));
        assert!(!Sources::new([range]).unwrap().allow(None));
    }
}
