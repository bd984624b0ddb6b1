//! What root on a node's machine can do without the cluster.

use std::path::PathBuf;

use super::Node;
use crate::{Client, connect, files};

impl Node {
    /// Its local socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.data_dir().join("run/admin.sock")
    }

    /// Calls over its local socket, without a token.
    #[must_use]
    pub fn local(&self) -> Client {
        Client::new(connect::local_channel(self.socket()))
    }

    /// Starts the process with `--recover`, without waiting.
    ///
    /// # Panics
    ///
    /// When it runs already or cannot be started.
    pub fn spawn_recovering(&self) {
        self.spawn_as(&["server", "--recover"]);
    }

    /// Replaces a part of its settings, which must be there, for its next start.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn change_settings(&self, from: &str, to: &str) {
        let settings = files::read(&self.config_file());
        assert!(settings.contains(from), "{} has no {from} in its settings", self.name());
        files::replace(&self.config_file(), &settings.replace(from, to));
    }
}
