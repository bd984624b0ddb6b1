//! Whom to ask, as whom, and for how long.

use std::{ffi::OsString, path::Path, time::Duration};

use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};

use crate::{args::Options, connect, error::Failure, files, output, server_address::ServerAddress};

/// All that a question to the cluster needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) servers: Vec<ServerAddress>,
    /// None: only local sockets are asked.
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) token: Option<BearerToken>,
    pub(crate) timeout: Duration,
}

impl Context {
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let servers = options
            .server
            .iter()
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse().map_err(|error| {
                    Failure::usage(
                        format!("{text:?} is no server: {error}."),
                        "Write https://HOST:PORT.",
                    )
                })
            })
            .collect::<Result<Vec<ServerAddress>, _>>()?;
        let timeout = Duration::from_secs(options.timeout);
        if !servers.is_empty() && servers.iter().all(ServerAddress::is_local) {
            return Ok(Self { servers, tls: None, token: None, timeout });
        }
        let ca = path(options.ca.as_ref()).ok_or_else(connect::no_ca)?;
        let token = path(options.token_file.as_ref()).map(BearerToken::read).transpose()?;
        Ok(Self { servers, tls: Some(connect::tls(ca)?), token, timeout })
    }

    /// Whether local sockets are asked and nothing else.
    pub(crate) const fn is_local(&self) -> bool {
        self.tls.is_none()
    }

    /// The same, asking only this server.
    pub(crate) fn at(&self, server: &ServerAddress) -> Self {
        Self { servers: vec![server.clone()], ..self.clone() }
    }
}

/// An empty value, as of an environment variable, names nothing.
fn path(value: Option<&OsString>) -> Option<&Path> {
    value.filter(|value| !value.is_empty()).map(Path::new)
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct BearerToken(MetadataValue<Ascii>);

impl BearerToken {
    pub(crate) fn new(token: &str) -> Option<Self> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut value = MetadataValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// Reads it from a file, with a warning when others can read that too.
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let shown = file.display();
        let remedy = "Name the file with --token-file or SYMBOLON_TOKEN_FILE.";
        let text = files::read_text(file).map_err(|error| {
            Failure::configuration(
                format!("The token file {shown} cannot be read: {error}."),
                remedy,
            )
        })?;
        if files::others_can_read(file).unwrap_or(false) {
            output::note(&format!(
                "Warning: others can read the token file {shown}. Run `chmod 600 {shown}`."
            ));
        }
        Self::new(&text).ok_or_else(|| {
            let what = format!("The token file {shown} holds something else than one token.");
            Failure::configuration(what, remedy)
        })
    }

    pub(crate) fn metadata(&self) -> MetadataValue<Ascii> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_token_file_with_something_else_does_not_show_it() {
        let home = files::temporary_directory("symbolon-context-").unwrap();
        let path = home.path().join("token");
        for text in ["", "two words-s3cret", "s3cret\u{7}", "s3cret\u{e9}"] {
            files::write(&path, text).unwrap();
            let failure = BearerToken::read(&path).err().unwrap();
            assert_eq!(failure.exit, Exit::Configuration);
            assert!(!format!("{failure:?}").contains("s3cret"), "{failure}");
        }
    }

    #[test]
    fn a_token_is_sent_as_bearer_and_never_shown() {
        let token = BearerToken::new("abc.DEF-123\n").unwrap();
        assert_eq!(token.metadata().to_str().unwrap(), "Bearer abc.DEF-123");
        assert_eq!(format!("{:?}", token.metadata()), "Sensitive");
    }
}
