//! `radclient` of FreeRADIUS.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a device was told; `None`: nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    /// `Access-Accept`, for example.
    pub(crate) code: Option<String>,
    /// As radclient prints them, in order.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Told {
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    pub(crate) fn accepted(&self) -> bool {
        self.is("Access-Accept")
    }

    pub(crate) fn rejected(&self) -> bool {
        self.is("Access-Reject")
    }

    pub(crate) fn nothing(&self) -> bool {
        self.code.is_none()
    }

    /// The first attribute of that name, without its quotes.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.trim_matches('"'))
    }
}

/// A device: where it asks, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) server: SocketAddr,
    pub(crate) secret: String,
    /// Whether it signs its requests.
    pub(crate) signs: bool,
    /// The address that it sends from.
    pub(crate) source: Option<&'static str>,
    /// How often it sends a request, and how many seconds it waits each time. A debug build on a busy machine
    /// takes its time; who gets nothing has waited for all of it.
    pub(crate) tries: (u32, u32),
}

impl Device {
    pub(crate) fn new(server: SocketAddr, secret: &str) -> Self {
        Self { server, secret: secret.to_owned(), signs: true, source: None, tries: (1, 6) }
    }

    pub(crate) fn unsigned(self) -> Self {
        Self { signs: false, ..self }
    }

    pub(crate) fn from(self, source: &'static str) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Asks once with a name, a password, and whatever else.
    pub(crate) async fn ask(&self, name: &str, password: &str, more: &[(&str, &str)]) -> Told {
        let mut attributes = format!("User-Name = {name:?}\nUser-Password = {password:?}\n");
        for (key, value) in more {
            writeln!(attributes, "{key} = {value}").unwrap();
        }
        self.send("auth", attributes).await
    }

    /// Sends a request of a kind as radclient calls it.
    pub(crate) async fn send(&self, kind: &str, mut attributes: String) -> Told {
        if self.signs {
            attributes.push_str("Message-Authenticator = 0x00\n");
        }
        if let Some(source) = self.source {
            writeln!(attributes, "Packet-Src-IP-Address = {source}").unwrap();
        }
        let (tries, seconds) = self.tries;
        let mut radclient = Command::new("radclient")
            .args(["-x", "-r", &tries.to_string(), "-t", &seconds.to_string()])
            .arg(self.server.to_string())
            .arg(kind)
            .arg(&self.secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("radclient of freeradius-utils is needed: {error}"));
        let mut stdin = radclient.stdin.take().unwrap();
        stdin.write_all(attributes.as_bytes()).await.unwrap();
        drop(stdin);
        let output = radclient.wait_with_output().await.unwrap();
        told(&String::from_utf8_lossy(&output.stdout))
    }
}

/// Reads what radclient prints: a line `Received CODE Id ...`, and one for each attribute.
fn told(text: &str) -> Told {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Received "));
    let code = lines.next().and_then(|line| line.split_whitespace().nth(1)).map(str::to_owned);
    let attributes = lines.map_while(|line| line.strip_prefix('\t'));
    let attributes = attributes.filter_map(|line| line.split_once(" = "));
    // It is another for each reply, whatever that says.
    let attributes = attributes.filter(|(name, _)| *name != "Message-Authenticator");
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Told { code, attributes: attributes.collect() }
}
