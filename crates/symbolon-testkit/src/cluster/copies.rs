//! Copies of nodes, elsewhere.

use crate::{Client, Cluster, Node, connect, files};

impl Cluster {
    /// A second node that is a copy of one that does not run, of its disk and its keys. It is no part of this
    /// cluster's nodes. `link`: its number among those whose links can be cut.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[must_use]
    pub fn copy_of(&self, number: usize, link: usize) -> Node {
        let (original, elsewhere) = (self.node(number), self.directory.path().join("elsewhere"));
        files::create_directory(&elsewhere);
        let called = (original.name(), link);
        let links = self.links.as_ref();
        let copy = Node::named(&self.binary, &elsewhere, called, &self.options, links);
        files::copy(&original.data_dir(), &copy.data_dir());
        files::copy(&original.file("kek"), &copy.file("kek"));
        // There it is not at the addresses of the other.
        files::remove(&copy.data_dir().join("run"));
        copy
    }

    /// Calls as the first administrator to a node that is not of this cluster's nodes.
    #[must_use]
    pub fn admin_of(&self, node: &Node) -> Client {
        let channel = connect::channel(self.tls.clone(), node.follow_api());
        Client::new(channel).with_bearer(&self.administrator)
    }
}
