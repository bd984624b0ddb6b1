//! How a cluster is made.

use std::path::PathBuf;

use crate::Place;

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its size.
    pub nodes: usize,
    /// What the nodes log.
    pub log_filter: String,
    /// Lines of `[storage]` in the settings.
    pub storage: String,
    /// Whether the links between its nodes can be cut.
    pub with_links: bool,
    /// Whether the clocks of its nodes can be set.
    pub with_clocks: bool,
    /// Where its nodes run, the first one first; on the loopback, where nothing is said.
    pub places: Vec<Place>,
    /// Where its directory is made; where the system has those that are for a while, if nothing is said.
    pub directory: Option<PathBuf>,
    /// The CA of devices that come over TLS, as PEM; `None`: none come, and RADIUS over TLS is not spoken.
    pub radsec_clients_ca: Option<PathBuf>,
    /// A bug that each is started with: see the feature `planted`.
    pub plant: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        // Of 1 GiB for each node a machine would soon be full.
        let storage = "disk_reserve = \"16MiB\"".to_owned();
        let log_filter = "info".to_owned();
        let (with_links, with_clocks, places, directory, radsec_clients_ca, plant) =
            Default::default();
        Self {
            nodes: 3,
            log_filter,
            storage,
            with_links,
            with_clocks,
            places,
            directory,
            radsec_clients_ca,
            plant,
        }
    }
}
