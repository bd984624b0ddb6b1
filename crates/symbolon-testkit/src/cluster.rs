//! A whole cluster.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use symbolon_proto::v1::{GetStatusResponse, Pairing, Role};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use crate::links::Links;
use crate::{Client, Node, Options, Person, connect, files, wait_for};

/// For all nodes to hear from each other and have their roles.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(60);
/// For a master to be there again.
const MASTER_TIME_MAX: Duration = Duration::from_secs(30);
/// People who are enrolled at once, at most.
const ENROLLED_AT_ONCE: usize = 64;

mod copies;
mod islands;

/// A cluster of real processes in a directory of its own. All of it is gone when this is dropped;
/// after a panic the directory stays, and the ends of the logs are printed.
pub struct Cluster {
    binary: PathBuf,
    options: Options,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    administrator: String,
    tls: TlsConnector,
    links: Option<Arc<Links>>,
    // Last: the processes have ended when it is removed.
    directory: TempDir,
}

impl Cluster {
    /// Makes a cluster of so many nodes with that program, and waits until it has settled.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn start(binary: &Path, nodes: usize) -> Self {
        let options = Options { nodes, ..Options::default() };
        Self::start_with(binary, options).await
    }

    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn start_with(binary: &Path, options: Options) -> Self {
        let place = options.directory.clone().unwrap_or_else(std::env::temp_dir);
        let directory = TempDir::with_prefix_in("symbolon-test-", place)
            .unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let links = options.with_links.then(Arc::<Links>::default);
        let first = Node::new(binary, directory.path(), 1, &options, links.as_ref());
        first.must(&["init", "--cluster", "test"]).await;
        first.start().await;
        let mut cluster = Self::of_one(binary, options, directory, (first, links));
        while cluster.nodes.len() < cluster.options.nodes {
            cluster.add_node().await;
        }
        cluster.settled().await;
        cluster
    }

    /// A copy of a cluster of one node that does not run, with other settings: of its disk, started.
    /// Its clients know nothing of it.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn copy(&self, options: Options) -> Self {
        assert!(self.nodes.len() == 1 && self.running().next().is_none(), "one node that is off");
        let directory = TempDir::with_prefix("symbolon-test-")
            .unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let first = Node::new(&self.binary, directory.path(), 1, &options, None);
        let folder = self.node(1).data_dir();
        files::copy(&folder, &first.data_dir());
        for name in ["kek", "admin.token"] {
            files::copy(&folder.with_file_name(name), &first.file(name));
        }
        first.start().await;
        Self::of_one(&self.binary, Options { nodes: 1, ..options }, directory, (first, None))
    }

    fn of_one(
        binary: &Path,
        options: Options,
        directory: TempDir,
        (first, links): (Node, Option<Arc<Links>>),
    ) -> Self {
        let data = first.data_dir();
        let mut cluster = Self {
            binary: binary.to_owned(),
            nodes: Vec::new(),
            clients: Vec::new(),
            administrator: files::read(&first.file("admin.token")).trim().to_owned(),
            tls: connect::trust(&files::read(&data.join("ca.pem"))),
            directory,
            options,
            links,
        };
        cluster.admit(first);
        cluster
    }

    /// Lets one more node join by the first, and waits until it is ready. Roles may settle later.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn add_node(&mut self) -> &Node {
        let node = self.prepare_node();
        let token = self.admin(1).create_join_token(0).await;
        let token = token.unwrap_or_else(|status| panic!("no join token: {status}"));
        let file = node.file("join.token");
        files::write(&file, &token.join_token);
        let (file, peer) = (file.to_string_lossy().into_owned(), self.node(1).peer().to_string());
        node.must(&["join", "--token-file", &file, "--peer", &peer]).await;
        node.start().await;
        self.admit(node)
    }

    /// The next node, with its settings and nothing else: for tests that join it themselves. It is
    /// no part of this cluster's nodes, and ends when it is dropped.
    ///
    /// # Panics
    ///
    /// When its settings cannot be written.
    #[must_use]
    pub fn prepare_node(&self) -> Node {
        let number = self.nodes.len() + 1;
        let links = self.links.as_ref();
        Node::new(&self.binary, self.directory.path(), number, &self.options, links)
    }

    /// Cuts the link between two nodes: nothing passes any more, either way.
    ///
    /// # Panics
    ///
    /// In a cluster that was not made [with links](Options::with_links).
    pub fn cut(&self, one: usize, other: usize) {
        self.links().cut(one, other);
        self.links().cut(other, one);
    }

    /// Cuts what a node sends on connections of its own to another: of the log above all. What the other
    /// asks of it still passes.
    ///
    /// # Panics
    ///
    /// As [`cut`](Self::cut).
    pub fn cut_from(&self, node: usize, other: usize) {
        self.links().cut(node, other);
    }

    /// Makes all links whole again.
    ///
    /// # Panics
    ///
    /// As [`cut`](Self::cut).
    pub fn heal(&self) {
        self.links().heal();
    }

    fn links(&self) -> &Links {
        self.links.as_deref().unwrap_or_else(|| panic!("this cluster has no links to cut"))
    }

    fn admit(&mut self, node: Node) -> &Node {
        let channel = connect::channel(self.tls.clone(), node.follow_api());
        self.clients.push(Client::new(channel));
        self.nodes.push(node);
        self.node(self.nodes.len())
    }

    /// A node, counted from 1.
    ///
    /// # Panics
    ///
    /// When there is none of that number.
    #[must_use]
    pub fn node(&self, number: usize) -> &Node {
        let node = number.checked_sub(1).and_then(|index| self.nodes.get(index));
        node.unwrap_or_else(|| panic!("there is no node {number}"))
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The numbers of all nodes.
    pub fn numbers(&self) -> impl Iterator<Item = usize> + use<> {
        1..=self.nodes.len()
    }

    /// Where nodes and logs are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The program.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The certificate of the cluster's CA.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.node(1).data_dir().join("ca.pem")
    }

    /// The file of the first administrator's bearer token.
    #[must_use]
    pub fn admin_token_file(&self) -> PathBuf {
        self.node(1).file("admin.token")
    }

    /// The first administrator's bearer token.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.administrator
    }

    /// Calls to a node without a token, over the one connection that all calls to it share.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    #[must_use]
    pub fn anonymous(&self, number: usize) -> Client {
        let client = number.checked_sub(1).and_then(|index| self.clients.get(index));
        let client = client.unwrap_or_else(|| panic!("there is no node {number}"));
        client.clone()
    }

    /// Calls to a node without a token, over a connection of their own.
    #[must_use]
    pub fn connect(&self, number: usize) -> Client {
        Client::new(connect::channel(self.tls.clone(), self.node(number).follow_api()))
    }

    /// Calls to a node as the first administrator.
    #[must_use]
    pub fn admin(&self, number: usize) -> Client {
        self.anonymous(number).with_bearer(&self.administrator)
    }

    /// Calls to each node with that bearer token, in the order of the nodes.
    #[must_use]
    pub fn clients(&self, bearer: &str) -> Vec<Client> {
        let clients = self.clients.iter();
        clients.map(|client| client.with_bearer(bearer)).collect()
    }

    /// Adds an application at a node that runs, and returns its API key.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn application(&self, name: &str) -> String {
        let number = self.any_running();
        let application = self.admin(number).create_application(name).await;
        let application = application.unwrap_or_else(|status| panic!("no application: {status}"));
        application.api_key
    }

    /// Adds users with a token each, named `prefix-1` and so on, over all nodes that run.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn people(&self, prefix: &str, count: usize) -> Vec<Person> {
        let running: Vec<_> = self.running().map(|number| self.admin(number)).collect();
        let clients = running.iter().cycle();
        let people = stream::iter((1..=count).zip(clients)).map(|(number, client)| async move {
            let name = format!("{prefix}-{number}");
            let person = client.create_person(&name).await;
            person.unwrap_or_else(|status| panic!("{name} is not enrolled: {status}"))
        });
        people.buffered(ENROLLED_AT_ONCE).collect().await
    }

    /// One user with a token.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn person(&self, name: &str) -> Person {
        let person = self.admin(self.any_running()).create_person(name).await;
        person.unwrap_or_else(|status| panic!("{name} is not enrolled: {status}"))
    }

    /// `kill -9` of all nodes at once.
    pub fn kill9_all(&self) {
        for node in &self.nodes {
            node.signal_kill();
        }
        for node in &self.nodes {
            node.kill9();
        }
    }

    /// Starts all nodes that do not run, and waits until all are ready.
    ///
    /// # Panics
    ///
    /// When one ends, or is not ready in time.
    pub async fn start_all(&self) {
        let down: Vec<_> = self.nodes.iter().filter(|node| !node.is_running()).collect();
        for node in &down {
            node.spawn();
        }
        for node in &down {
            node.ready().await;
        }
    }

    /// SIGTERM to all nodes that run, and waits for their ends.
    ///
    /// # Panics
    ///
    /// When one does not end in time, or not well.
    pub async fn terminate_all(&self) {
        let running: Vec<_> = self.nodes.iter().filter(|node| node.is_running()).collect();
        for node in &running {
            node.signal_term();
        }
        for node in &running {
            let status = node.ended().await;
            assert!(status.success(), "{} ended badly: {status}", node.name());
        }
    }

    /// The number of the master, if one runs that knows itself to be it.
    pub async fn master(&self) -> Option<usize> {
        for number in self.running() {
            let admin = self.admin(number).with_timeout(Duration::from_secs(2));
            if let Ok(status) = admin.status().await
                && status.master == status.node
            {
                return Some(number);
            }
        }
        None
    }

    /// Waits for a master that all nodes that run agree upon.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub async fn wait_for_master(&self) -> usize {
        wait_for("a master that all agree upon", MASTER_TIME_MAX, async || {
            let mut master = None;
            for number in self.running() {
                let admin = self.admin(number).with_timeout(Duration::from_secs(2));
                let named = admin.status().await.ok()?.master;
                let named = self.numbers().find(|other| self.node(*other).name() == named)?;
                if !self.node(named).is_running() || master.is_some_and(|other| other != named) {
                    return None;
                }
                master = Some(named);
            }
            master
        })
        .await
    }

    /// A node other than `number` that runs.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn other_than(&self, number: usize) -> usize {
        let other = self.running().find(|other| *other != number);
        other.unwrap_or_else(|| panic!("no node but {number} runs"))
    }

    /// Waits until all nodes say that all nodes are there and have the roles they are meant to have.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub async fn settled(&self) {
        wait_for("the cluster has settled", SETTLE_TIME_MAX, async || {
            for number in self.numbers() {
                let status = self.admin(number).status().await.ok()?;
                is_settled(&status, self.nodes.len()).then_some(())?;
            }
            Some(())
        })
        .await;
    }

    /// Waits until all nodes have applied the same entries, and compares the states that these gave.
    ///
    /// # Panics
    ///
    /// When equal logs gave different states, or that takes too long.
    pub async fn assert_same_state(&self) {
        wait_for("all nodes have applied the same entries", SETTLE_TIME_MAX, async || {
            let mut told = BTreeSet::new();
            for number in self.numbers() {
                let status = self.admin(number).status().await.ok()?;
                told.insert((status.applied_index, status.digest));
            }
            let indexes: BTreeSet<_> = told.iter().map(|(index, _)| index).collect();
            assert_eq!(indexes.len(), told.len(), "equal logs gave different states: {told:?}");
            (told.len() == 1).then_some(())
        })
        .await;
    }

    fn running(&self) -> impl Iterator<Item = usize> {
        self.numbers().filter(|number| self.node(*number).is_running())
    }

    /// A node that runs.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn any_running(&self) -> usize {
        let any = self.running().next();
        any.unwrap_or_else(|| panic!("no node runs"))
    }
}

impl Drop for Cluster {
    #[expect(
        clippy::print_stderr,
        reason = "whoever reads why a test failed needs the ends of the logs"
    )]
    fn drop(&mut self) {
        self.kill9_all();
        if !std::thread::panicking() {
            return;
        }
        for node in &self.nodes {
            eprintln!("--- the end of the log of {}\n{}", node.name(), node.log_end());
        }
        self.directory.disable_cleanup(true);
        eprintln!("--- all of it stays in {}", self.directory.path().display());
    }
}

/// With 1 or 2 nodes there is one voter, with 3 or 4 there are three, with more there are five. Two are
/// paired.
fn is_settled(status: &GetStatusResponse, nodes: usize) -> bool {
    let count = |role: Role| status.nodes.iter().filter(|node| node.role() == role).count();
    let voters = match nodes {
        0..=2 => 1,
        3 | 4 => 3,
        _ => 5,
    };
    status.nodes.len() == nodes
        && count(Role::Master) == 1
        && count(Role::Subordinate) == voters - 1
        && count(Role::Learner) == nodes - voters
        && status.nodes.iter().all(|node| node.reachable)
        && (nodes != 2 || status.pairing() == Pairing::Paired)
}
