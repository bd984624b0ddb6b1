//! Addresses as others are told them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use rustls_pki_types::ServerName;
use thiserror::Error;

const HTTPS_PORT: u16 = 443;

/// `HOST:PORT`, of a name or an address that can be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

/// `https://HOST:PORT`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiUrl(HostPort);

/// Why a text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No `:PORT` at the end.
    #[error("it has no port")]
    NoPort,
    /// Not 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// Neither a DNS name nor an IP address.
    #[error(
        "its host is neither a DNS name nor an IP address (an IPv6 address stands in brackets)"
    )]
    Host,
    /// `0.0.0.0` or `[::]`.
    #[error("nobody can connect to a wildcard address")]
    Wildcard,
    /// Another scheme or none.
    #[error("it does not start with https://")]
    Scheme,
    /// A path, a query, a user.
    #[error("it has more than a host and a port")]
    More,
}

impl HostPort {
    /// The name in lower case, or the address; IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn new(host: &str, port: u16) -> Result<Self, AddressError> {
        let bare = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .filter(|inner| inner.contains(':'))
                .ok_or(AddressError::Host)?,
            None if host.contains(':') => return Err(AddressError::Host),
            None => host,
        };
        match bare.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => return Err(AddressError::Wildcard),
            Ok(_) => {}
            Err(_) if looks_like_ipv4(bare) => return Err(AddressError::Host),
            Err(_) => {
                ServerName::try_from(bare).map_err(|_| AddressError::Host)?;
            }
        }
        let host = bare.to_ascii_lowercase();
        Ok(Self { host, port })
    }
}

/// Digits and dots alone are a mistyped address and not a name, whatever DNS allows.
fn looks_like_ipv4(host: &str) -> bool {
    host.chars().all(|c| c.is_ascii_digit() || c == '.')
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        if port.ends_with(']') {
            return Err(AddressError::NoPort);
        }
        Self::new(host, parse_port(port)?)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl ApiUrl {
    /// Host and port.
    #[must_use]
    pub const fn host_port(&self) -> &HostPort {
        &self.0
    }
}

impl FromStr for ApiUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix("https://").ok_or(AddressError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(AddressError::More);
        }
        let host_port = match authority.parse::<HostPort>() {
            Err(AddressError::NoPort) => HostPort::new(authority, HTTPS_PORT),
            other => other,
        };
        host_port.map(Self)
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.0)
    }
}

impl From<SocketAddr> for ApiUrl {
    fn from(address: SocketAddr) -> Self {
        Self(HostPort::from(address))
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // `parse` would take a sign.
    let digits = text.chars().all(|c| c.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(AddressError::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Result<String, AddressError> {
        text.parse::<HostPort>().map(|address| address.to_string())
    }

    fn api(text: &str) -> Result<String, AddressError> {
        text.parse::<ApiUrl>().map(|url| url.to_string())
    }

    #[test]
    fn a_peer_address_is_a_host_and_a_port() {
        assert_eq!(peer("MFA-1.example.com:8444").unwrap(), "mfa-1.example.com:8444");
        assert_eq!(peer("192.0.2.1:1").unwrap(), "192.0.2.1:1");
        assert_eq!(peer("[2001:db8::1]:8444").unwrap(), "[2001:db8::1]:8444");
        let v6: HostPort = "[2001:db8::1]:8444".parse().unwrap();
        assert_eq!((v6.host(), v6.port()), ("2001:db8::1", 8444));

        assert_eq!(peer("mfa-1"), Err(AddressError::NoPort));
        assert_eq!(peer("[::1]"), Err(AddressError::NoPort));
        assert_eq!(peer("mfa-1:0"), Err(AddressError::Port));
        assert_eq!(peer("mfa-1:+1"), Err(AddressError::Port));
        assert_eq!(peer("mfa-1:65536"), Err(AddressError::Port));
        assert_eq!(peer(":8444"), Err(AddressError::Host));
        assert_eq!(peer("2001:db8::1:8444"), Err(AddressError::Host));
        assert_eq!(peer("[mfa-1]:8444"), Err(AddressError::Host));
        assert_eq!(peer("192.0.2:8444"), Err(AddressError::Host));
        assert_eq!(peer("mfa 1:8444"), Err(AddressError::Host));
        assert_eq!(peer("https://mfa-1:8444"), Err(AddressError::Host));
        assert_eq!(peer("0.0.0.0:8444"), Err(AddressError::Wildcard));
        assert_eq!(peer("[::]:8444"), Err(AddressError::Wildcard));
    }

    #[test]
    fn an_api_url_is_https_with_a_host_and_perhaps_a_port() {
        assert_eq!(api("https://mfa-1:8443").unwrap(), "https://mfa-1:8443");
        assert_eq!(api("https://mfa-1/").unwrap(), "https://mfa-1:443");
        assert_eq!(api("https://[::1]").unwrap(), "https://[::1]:443");

        assert_eq!(api("http://mfa-1:8443"), Err(AddressError::Scheme));
        assert_eq!(api("mfa-1:8443"), Err(AddressError::Scheme));
        assert_eq!(api("https://mfa-1:8443/api"), Err(AddressError::More));
        assert_eq!(api("https://user@mfa-1"), Err(AddressError::More));
        assert_eq!(api("https://"), Err(AddressError::Host));
        assert_eq!(api("https://0.0.0.0:8443"), Err(AddressError::Wildcard));
    }

    #[test]
    fn a_bound_address_can_be_told() {
        let bound: SocketAddr = "[::1]:8443".parse().unwrap();
        assert_eq!(ApiUrl::from(bound).to_string(), "https://[::1]:8443");
    }
}
