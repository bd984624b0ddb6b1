//! Where a node runs.

use std::net::IpAddr;
use std::path::PathBuf;

/// Where a node runs, if it is not beside its test on the loopback, with ports that the system chooses.
#[derive(Clone, Debug)]
pub struct Place {
    /// The program that its own is started by, and what comes before that: `nsenter` with a namespace.
    pub enter: Vec<String>,
    /// The address that it listens at: the API at 8443, the others at 8444, 9464 and 1812.
    pub address: IpAddr,
    /// The disk that its data directory is on.
    pub disk: PathBuf,
}

impl Place {
    /// The lines `[listen]` of its settings.
    pub(crate) fn listen(&self) -> String {
        let ip = self.address;
        format!(
            "api = \"{ip}:8443\"\npeer = \"{ip}:8444\"\nmetrics = \"{ip}:9464\"\n\
             radius = \"{ip}:1812\"\nradius_accounting = \"{ip}:1813\"\n"
        )
    }
}
