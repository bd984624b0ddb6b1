//! Where a node's API is.

use std::{fmt, path::PathBuf, str::FromStr};

use tonic::transport::Uri;

/// The API port of a node unless it is set otherwise.
const API_PORT: u16 = 8443;
/// The port of a URL that names none.
const HTTPS_PORT: u16 = 443;

/// How the local socket of a node is written, before its path.
const LOCAL: &str = "unix:";

/// Which server is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ServerAddress {
    /// Host and port, written as `https://HOST[:PORT]` or `HOST[:PORT]`.
    Network {
        /// A name, or an address without brackets.
        host: String,
        port: u16,
    },
    /// The local socket of a node on this machine, written as `unix:PATH` or `unix://PATH`.
    Local(PathBuf),
}

impl ServerAddress {
    /// The URL that names exactly this.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Network { .. } => format!("https://{self}"),
            Self::Local(_) => self.to_string(),
        }
    }

    pub(crate) const fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Network { host, port } => write!(f, "{host}:{port}"),
            Self::Local(path) => write!(f, "{LOCAL}{}", path.display()),
        }
    }
}

impl FromStr for ServerAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix(LOCAL) {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err("it names no socket"),
                path => Ok(Self::Local(path.into())),
            };
        }
        let (url, port_default) = match text.contains("://") {
            true => (text.to_owned(), HTTPS_PORT),
            false => (format!("https://{text}"), API_PORT),
        };
        let uri: Uri = url.parse().map_err(|_| "it is no URL")?;
        if uri.scheme_str() != Some("https") {
            return Err("the API is reached by https alone");
        }
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("a URL with a user name has no meaning here");
        }
        if uri.path().len() > 1 || uri.query().is_some() {
            return Err("nothing may follow the port");
        }
        let host = authority.host().trim_matches(['[', ']']);
        // A port that is out of range is seen as none.
        let port_given = !authority.as_str().ends_with(authority.host());
        match (port_given, authority.port_u16()) {
            _ if host.is_empty() => Err("it names no host"),
            (false, _) => Ok((host, port_default)),
            (true, Some(port)) if port != 0 => Ok((host, port)),
            (true, _) => Err("the port is no number from 1 to 65535"),
        }
        .map(|(host, port)| Self::Network { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_a_server() {
        for (text, address) in [
            ("https://mfa-1.example.com:8443", "mfa-1.example.com:8443"),
            ("https://mfa.example.com/", "mfa.example.com:443"),
            ("mfa-1", "mfa-1:8443"),
            ("127.0.0.1:34567", "127.0.0.1:34567"),
            ("https://[::1]:8443", "[::1]:8443"),
            ("[::1]", "[::1]:8443"),
            ("unix:///var/lib/symbolon/run/admin.sock", "unix:/var/lib/symbolon/run/admin.sock"),
            ("unix:/run/admin.sock", "unix:/run/admin.sock"),
            ("unix:run/admin.sock", "unix:run/admin.sock"),
        ] {
            let parsed: ServerAddress = text.parse().unwrap();
            assert_eq!(parsed.to_string(), address, "{text}");
            assert_eq!(parsed.url().parse(), Ok(parsed), "{text}");
        }
    }

    #[test]
    fn what_does_not() {
        for text in [
            "",
            "https://",
            "http://mfa-1:8443",
            "https://user@mfa-1",
            "https://mfa-1:8443/api",
            "https://mfa-1:0",
            "https://mfa-1:99999",
            "mfa 1",
            "unix:",
            "unix://",
        ] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }
}
