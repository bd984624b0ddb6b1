//! The node's ports: bound all or none, kept over a restart, and told in a file.
//!
//! Port 0 means any free port. A node that bound one writes its addresses to
//! `<data_dir>/run/addresses.json`, and takes the same ports again when it next starts, so that
//! others still find it. A port that somebody else has taken since is given up for a fresh one.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};

use crate::config::Config;
use crate::disk;
use crate::failure::{Failure, chain};

/// Connections that the system keeps ready until they are accepted. What is over comes a second late or
/// not at all; the usual 128 are soon full when all clients come back at once.
const BACKLOG: u32 = 4_096;
const FILE: &str = "run/addresses.json";
const FILE_BYTES_MAX: u64 = 4096;

/// What a node listens on: addresses with their real ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// gRPC and HTTP for clients, with TLS.
    pub api: SocketAddr,
    /// The other nodes, with mutual TLS.
    pub peer: SocketAddr,
    /// Liveness, readiness, metrics: plain HTTP.
    pub metrics: SocketAddr,
    /// RADIUS authentication, UDP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub radius: Vec<SocketAddr>,
    /// RADIUS accounting, UDP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub radius_accounting: Vec<SocketAddr>,
    /// RADIUS over TLS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub radsec: Vec<SocketAddr>,
}

/// The node's sockets.
#[derive(Debug)]
pub struct Listeners {
    /// gRPC and HTTP for clients, with TLS.
    pub api: TcpListener,
    /// The other nodes, with mutual TLS.
    pub peer: TcpListener,
    /// Liveness, readiness, metrics: plain HTTP.
    pub metrics: TcpListener,
    /// RADIUS authentication.
    pub radius: Vec<UdpSocket>,
    /// RADIUS accounting.
    pub radius_accounting: Vec<UdpSocket>,
    /// RADIUS over TLS.
    pub radsec: Vec<TcpListener>,
    /// Where they listen.
    pub addresses: Addresses,
}

/// Why an address could not be bound.
#[derive(Debug, Error)]
#[error("cannot listen on {address} ({key})")]
pub struct BindError {
    /// The key of the settings.
    pub key: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

/// Binds all ports of a node, within a runtime.
///
/// # Errors
///
/// [`BindError`] of the first that fails; the others are free again.
pub fn bind(config: &Config, previous: Option<&Addresses>) -> Result<Listeners, BindError> {
    let listen = &config.listen;
    let (api, api_address) = bind_one("listen.api", listen.api, previous.map(|before| before.api))?;
    let (peer, peer_address) =
        bind_one("listen.peer", listen.peer, previous.map(|before| before.peer))?;
    let (metrics, metrics_address) =
        bind_one("listen.metrics", listen.metrics, previous.map(|before| before.metrics))?;
    let before = previous.map_or(&[][..], |before| &before.radius);
    let (radius, radius_addresses) = bind_all("listen.radius", &listen.radius, before)?;
    let before = previous.map_or(&[][..], |before| &before.radius_accounting);
    let (radius_accounting, accounting_addresses) =
        bind_all("listen.radius_accounting", &listen.radius_accounting, before)?;
    let before = previous.map_or(&[][..], |before| &before.radsec);
    let (radsec, radsec_addresses) = bind_all("listen.radsec", &listen.radsec, before)?;
    let addresses = Addresses {
        api: api_address,
        peer: peer_address,
        metrics: metrics_address,
        radius: radius_addresses,
        radius_accounting: accounting_addresses,
        radsec: radsec_addresses,
    };
    Ok(Listeners { api, peer, metrics, radius, radius_accounting, radsec, addresses })
}

/// What can be bound to an address.
trait Socket: Sized {
    fn open(address: SocketAddr) -> io::Result<Self>;
    fn address(&self) -> io::Result<SocketAddr>;
}

impl Socket for TcpListener {
    /// Takes a port at once, also one of the last run.
    fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Socket for UdpSocket {
    fn open(address: SocketAddr) -> io::Result<Self> {
        Self::bind(address)
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

fn bind_all<S: Socket>(
    key: &'static str,
    wanted: &[SocketAddr],
    previous: &[SocketAddr],
) -> Result<(Vec<S>, Vec<SocketAddr>), BindError> {
    let each = wanted.iter().copied().enumerate();
    each.map(|(place, address)| bind_one(key, address, previous.get(place).copied())).collect()
}

fn bind_one<S: Socket>(
    key: &'static str,
    address: SocketAddr,
    previous: Option<SocketAddr>,
) -> Result<(S, SocketAddr), BindError> {
    let again = previous.filter(|before| address.port() == 0 && before.ip() == address.ip());
    if let Some(before) = again {
        match S::open(before) {
            Ok(socket) => return Ok((socket, before)),
            Err(error) => tracing::warn!(
                key,
                port = before.port(),
                error = &error as &dyn std::error::Error,
                "the port of the last run cannot be taken again; taking another one"
            ),
        }
    }
    let fail = |source| BindError { key, address, source };
    let socket = S::open(address).map_err(fail)?;
    let bound = socket.address().map_err(fail)?;
    Ok((socket, bound))
}

impl Addresses {
    /// The file of a data directory.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// What the node last bound. A file that cannot be read is as good as none: it only keeps ports.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        let path = Self::path(data_dir);
        let text = match disk::read_text(&path, FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "the addresses of the last run cannot be read");
                return None;
            }
        };
        match serde_json::from_str(&text) {
            Ok(addresses) => Some(addresses),
            Err(error) => {
                tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "the addresses of the last run make no sense");
                None
            }
        }
    }

    /// Tells others on the machine what was bound. A reader sees the old file or the new one.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        disk::replace(&Self::path(data_dir), text.as_bytes())
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let BindError { key, address, .. } = &error;
        let remedy = match error.source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "Another process listens there: find it with `ss -ltnp`, stop it, or write another port in {key}."
            ),
            io::ErrorKind::AddrNotAvailable => format!(
                "No interface of this machine has the address {}: write one that it has in {key}, or 0.0.0.0 for all.",
                address.ip()
            ),
            io::ErrorKind::PermissionDenied if address.port() < 1024 => format!(
                "Ports below 1024 are privileged: write AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, or a higher port in {key}."
            ),
            io::ErrorKind::PermissionDenied => {
                format!(
                    "The system does not permit it: look for SELinux or AppArmor denials of the address in {key}."
                )
            }
            _ => format!("Check the address in {key}."),
        };
        Self::new(Self::GENERAL, chain(&error), remedy)
    }
}

#[cfg(test)]
mod tests;
