//! Names of certificates, by which devices are known that come over TLS, RFC 6614.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;

use crate::limits::RADIUS_CERTIFICATES_MAX;

/// Bytes of a name of DNS, and of a part of one.
const NAME_BYTES_MAX: usize = 253;
const PART_BYTES_MAX: usize = 63;

/// A name of the certificate that a device shows: an entry of its subjectAltName, RFC 5280 section 4.2.1.6.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CertificateName(Name);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Name {
    /// Small letters, without a dot at the end.
    Dns(String),
    /// IPv4 as IPv4, however it is dressed.
    Ip(IpAddr),
}

/// Why there are no such names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateNameError {
    /// Neither a name of DNS nor an address.
    #[error(
        "a name of a certificate is one of DNS or an address, vpn.example.org or 192.0.2.1 for example, as it \
         stands in the certificate's subjectAltName; nothing stands for other names in it"
    )]
    Name,
    /// More than [`RADIUS_CERTIFICATES_MAX`].
    #[error("it has more than {RADIUS_CERTIFICATES_MAX} names of certificates")]
    TooMany,
}

impl CertificateName {
    /// Reads a name as people write it.
    ///
    /// # Errors
    /// [`CertificateNameError::Name`]
    pub fn parse(text: &str) -> Result<Self, CertificateNameError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::of_address(address));
        }
        Self::of_dns(text).ok_or(CertificateNameError::Name)
    }

    /// A dNSName. `None` when it is none that a device can be known by: one with an asterisk, and one that looks
    /// like an address, which another kind of entry is for.
    #[must_use]
    pub fn of_dns(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_part =
            |part: &str| (1..=PART_BYTES_MAX).contains(&part.len()) && part.bytes().all(is_one);
        let is_name = name.len() <= NAME_BYTES_MAX && name.split('.').all(is_part);
        let is_address = name.parse::<IpAddr>().is_ok();
        (is_name && !is_address).then(|| Self(Name::Dns(name.to_ascii_lowercase())))
    }

    /// An iPAddress.
    #[must_use]
    pub const fn of_address(address: IpAddr) -> Self {
        Self(Name::Ip(address.to_canonical()))
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Dns(name) => f.write_str(name),
            Name::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// The names of the certificates of an application's devices.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct CertificateNames(BTreeSet<CertificateName>);

impl CertificateNames {
    /// Of these names.
    ///
    /// # Errors
    /// [`CertificateNameError::TooMany`] over [`RADIUS_CERTIFICATES_MAX`].
    pub fn new(
        names: impl IntoIterator<Item = CertificateName>,
    ) -> Result<Self, CertificateNameError> {
        let names: BTreeSet<_> = names.into_iter().collect();
        if names.len() > RADIUS_CERTIFICATES_MAX {
            return Err(CertificateNameError::TooMany);
        }
        Ok(Self(names))
    }

    /// Reads names as people write them.
    ///
    /// # Errors
    /// [`CertificateNameError`]
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CertificateNameError> {
        let names = texts.into_iter().map(CertificateName::parse);
        Self::new(names.collect::<Result<BTreeSet<_>, _>>()?)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of these is also one of those.
    #[must_use]
    pub fn shares(&self, others: &Self) -> bool {
        !self.0.is_disjoint(&others.0)
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &CertificateName> {
        self.0.iter()
    }

    /// As text, in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn text(name: &str) -> Option<String> {
        CertificateName::parse(name).ok().map(|name| name.to_string())
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        for (written, name) in [
            ("vpn.example.org", "vpn.example.org"),
            ("VPN.Example.ORG.", "vpn.example.org"),
            ("vpn_1", "vpn_1"),
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:DB8:0::1", "2001:db8::1"),
        ] {
            assert_eq!(text(written).as_deref(), Some(name), "{written}");
        }
        let part = "a".repeat(PART_BYTES_MAX);
        let longest = format!("{part}.{part}.{part}.{}", "a".repeat(61));
        assert_eq!(longest.len(), NAME_BYTES_MAX);
        assert_eq!(text(&longest).as_deref(), Some(&longest[..]));
        for bad in ["", ".", "a..b", ".a", "a b", "*.example.org", "é.example", "a.b..", "a:b"] {
            assert_eq!(text(bad), None, "{bad}");
        }
        assert_eq!(text(&format!("{longest}a")), None);
        assert_eq!(text(&format!("{part}a.example")), None);
    }

    #[test]
    fn a_name_of_dns_is_never_an_address() {
        assert_eq!(CertificateName::of_dns("192.0.2.1"), None);
        assert_eq!(CertificateName::of_dns("192.0.2.1."), None);
        let names = ["192.0.2.one", "192.0.2"].map(CertificateName::of_dns);
        assert!(names.iter().all(Option::is_some));
    }

    #[test]
    fn there_are_no_more_names_than_may_be() {
        let name = |number| CertificateName::parse(&format!("vpn-{number}.example")).unwrap();
        let names = CertificateNames::new((0..RADIUS_CERTIFICATES_MAX).map(name)).unwrap();
        assert!(names.shares(&CertificateNames::new([name(7)]).unwrap()));
        assert!(!names.shares(&CertificateNames::new([name(99)]).unwrap()));
        let many = CertificateNames::new((0..=RADIUS_CERTIFICATES_MAX).map(name));
        assert_eq!(many, Err(CertificateNameError::TooMany));
        let twice = CertificateNames::parse(["a.example", "A.example."]).unwrap();
        assert_eq!(twice.texts().collect::<String>(), "a.example");
    }
}
