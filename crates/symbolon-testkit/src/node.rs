//! One node: its directory, its process, its ports.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

mod local;
mod settings;

use crate::clock::Clock;
use crate::links::Links;
use crate::{Life, Metrics, Options, Place, Pulse, files, http, wait_for};

/// From the start of the process to being ready.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// From SIGTERM to the end: longer than the program's own limits together.
const STOP_TIME_MAX: Duration = Duration::from_secs(40);
/// A command that runs to its end.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(60);
/// Lines of the log that are shown when something went wrong.
const LOG_LINES_SHOWN: usize = 15;

/// Where a node listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Addresses {
    /// gRPC, with TLS.
    pub api: SocketAddr,
    /// The other nodes.
    pub peer: SocketAddr,
    /// `/livez`, `/readyz`, `/metrics`.
    pub metrics: SocketAddr,
    /// RADIUS authentication.
    pub radius: [SocketAddr; 1],
    /// RADIUS accounting.
    pub radius_accounting: [SocketAddr; 1],
    /// RADIUS over TLS, where it is spoken.
    #[serde(default)]
    pub radsec: Option<[SocketAddr; 1]>,
}

/// One node of a cluster, running or not.
pub struct Node {
    name: String,
    binary: PathBuf,
    directory: PathBuf,
    pulse: Pulse,
    addresses: Arc<Mutex<Option<Addresses>>>,
    child: Mutex<Option<Child>>,
    environment: Mutex<Vec<(String, String)>>,
    /// Its number among those whose links can be cut.
    links: Option<(usize, Arc<Links>)>,
    clock: Option<Clock>,
    place: Option<Place>,
    plant: Option<String>,
}

impl Node {
    /// Writes the settings of a node that does not exist yet.
    pub(crate) fn new(
        binary: &Path,
        parent: &Path,
        number: usize,
        options: &Options,
        links: Option<&Arc<Links>>,
    ) -> Self {
        Self::named(binary, parent, (&format!("node-{number}"), number), options, links)
    }

    /// The same, of a name that is not made from its number among those whose links can be cut.
    pub(crate) fn named(
        binary: &Path,
        parent: &Path,
        (name, number): (&str, usize),
        options: &Options,
        links: Option<&Arc<Links>>,
    ) -> Self {
        let directory = parent.join(name);
        files::create_directory(&directory);
        let clock = options.with_clocks.then(|| Clock::new(directory.join("clock")));
        let environment = clock.as_ref().map(Clock::environment).unwrap_or_default();
        let node = Self {
            binary: binary.to_owned(),
            directory,
            name: name.to_owned(),
            pulse: Pulse::default(),
            addresses: Arc::default(),
            child: Mutex::default(),
            environment: Mutex::new(environment),
            links: links.map(|links| (number, Arc::clone(links))),
            clock,
            place: number.checked_sub(1).and_then(|place| options.places.get(place)).cloned(),
            plant: options.plant.clone(),
        };
        let relay = links.map(|links| {
            let file = node.addresses_file();
            links.relay(number, move || told_in(&file).map(|addresses| addresses.peer))
        });
        files::write(&node.config_file(), &node.settings(options, relay));
        node
    }

    /// Its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where clients reach it.
    ///
    /// # Panics
    ///
    /// When it has never been ready, as the other addresses do.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.addresses().api
    }

    /// Where the other nodes reach it.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.addresses().peer
    }

    /// Where it is watched.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.addresses().metrics
    }

    /// All three.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        known(&self.addresses)
    }

    /// The address of the API as it will be when somebody wants to know.
    pub(crate) fn follow_api(&self) -> impl Fn() -> SocketAddr + Clone + Send + Sync + 'static {
        let addresses = Arc::clone(&self.addresses);
        move || known(&addresses).api
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        let disk = self.place.as_ref().map(|place| &place.disk);
        disk.unwrap_or(&self.directory).join("data")
    }

    /// Copies its data directory to a place where nothing is. To be done while it does not run.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn copy_data(&self, to: &Path) {
        files::copy(&self.data_dir(), to);
    }

    /// Puts such a copy in place of its data directory.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn put_data_back(&self, from: &Path) {
        files::remove(&self.data_dir());
        files::copy(from, &self.data_dir());
    }

    /// Its settings.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.directory.join("node.toml")
    }

    /// Sets its clock so far ahead of the machine's, or behind, whether it runs or not.
    ///
    /// # Panics
    ///
    /// In a cluster that was not made [with clocks](Options::with_clocks).
    pub fn set_clock(&self, off: Duration, ahead: bool) {
        let clock = self.clock.as_ref();
        clock.unwrap_or_else(|| panic!("the clock of {} cannot be set", self.name)).set(off, ahead);
    }

    /// What it and its commands printed, over all its lives.
    #[must_use]
    pub fn log_text(&self) -> String {
        files::read_if_there(&self.log_file()).unwrap_or_default()
    }

    /// The end of that.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = self.log_text();
        let lines: Vec<_> = text.lines().collect();
        let skipped = lines.len().saturating_sub(LOG_LINES_SHOWN);
        lines.get(skipped..).unwrap_or_default().join("\n")
    }

    /// The process, while it runs or nobody has seen its end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Whether the process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none() && self.pid().is_some()
    }

    /// The life it is in; `None` until it is ready, and from the moment on at which a test begins to
    /// end it.
    #[must_use]
    pub fn life(&self) -> Option<Life> {
        self.pulse.life()
    }

    /// Tells that life to whoever cannot hold on to the node.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Starts the process, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it runs already, ends, or is not ready in time.
    pub async fn start(&self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts the process without waiting: for nodes that become ready only together.
    ///
    /// # Panics
    ///
    /// When it runs already or cannot be started.
    pub fn spawn(&self) {
        self.spawn_as(&["server"]);
    }

    fn spawn_as(&self, arguments: &[&str]) {
        let mut child = self.child();
        assert!(child.is_none(), "{} runs already", self.name);
        let running = self.run(arguments);
        if let Some((number, links)) = &self.links {
            links.runs(*number, running.id());
        }
        *child = Some(running);
    }

    /// Waits until `/readyz` says that it is ready, and takes note of its addresses.
    ///
    /// # Panics
    ///
    /// When it ends, or is not ready in time.
    pub async fn ready(&self) {
        self.answers("/readyz").await;
    }

    /// Waits until `/livez` says that it lives, and takes note of its addresses: for nodes that are
    /// not to become ready.
    ///
    /// # Panics
    ///
    /// When it ends, or does not answer in time.
    pub async fn alive(&self) {
        self.answers("/livez").await;
    }

    async fn answers(&self, path: &str) {
        let what = format!("{} answers {path}", self.name);
        let addresses = wait_for(&what, READY_TIME_MAX, async || {
            if let Some(status) = self.exit_status() {
                panic!("{} ended while it started ({status}):\n{}", self.name, self.log_end());
            }
            // The file of its last life may be there still, or be half a file.
            let addresses = self.told_addresses()?;
            let ready = http::get(addresses.metrics, path).await;
            matches!(ready, Some((200, _))).then_some(addresses)
        });
        let addresses = addresses.await;
        *lock(&self.addresses) = Some(addresses);
        self.pulse.begin();
    }

    /// `kill -9`, and waits for its end. Nothing happens to a node that does not run.
    pub fn kill9(&self) {
        self.signal_kill();
        if let Some(mut child) = self.child().take() {
            // Fails only for a process that was waited for.
            let _ = child.wait();
        }
    }

    /// `kill -9`, without waiting.
    pub(crate) fn signal_kill(&self) {
        self.pulse.end();
        if let Some(child) = &mut *self.child() {
            // Fails only for a process that has ended and was waited for.
            let _ = child.kill();
        }
    }

    /// SIGSTOP: it does nothing any more, and its connections stay.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn freeze(&self) {
        self.pulse.end();
        self.signal(Signal::STOP);
    }

    /// SIGCONT: it goes on, and knows nothing of the time between.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not run or does not end in time.
    pub async fn terminate(&self) -> ExitStatus {
        self.signal_term();
        self.ended().await
    }

    /// SIGTERM, without waiting.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn signal_term(&self) {
        self.pulse.end();
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let sent = pid.map(|pid| kill_process(pid, signal));
        assert_eq!(sent, Some(Ok(())), "{} cannot be sent {signal:?}", self.name);
    }

    /// Waits for the end of the process, whoever asked for it.
    ///
    /// # Panics
    ///
    /// When it does not run or does not end in time.
    pub async fn ended(&self) -> ExitStatus {
        assert!(self.pid().is_some(), "{} does not run", self.name);
        let what = format!("{} has ended", self.name);
        let status = wait_for(&what, STOP_TIME_MAX, async || self.exit_status()).await;
        self.pulse.end();
        self.child().take();
        status
    }

    /// Starts it again after its end: `kill -9` first if it runs.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn restart(&self) {
        self.kill9();
        self.start().await;
    }

    /// Status and body of a path on the port where it is watched; `None` when nobody answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        http::get(self.metrics_address(), path).await
    }

    /// What it counts.
    ///
    /// # Panics
    ///
    /// When it does not tell.
    pub async fn metrics(&self) -> Metrics {
        match self.get("/metrics").await {
            Some((200, text)) => Metrics::new(text),
            other => panic!("{} tells no metrics: {other:?}", self.name),
        }
    }

    /// Runs the program with this node's settings to its end. What it prints goes to the node's log.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub async fn command(&self, arguments: &[&str]) -> ExitStatus {
        let mut child = self.run(arguments);
        let what = format!("the end of {arguments:?}");
        let status = wait_for(&what, COMMAND_TIME_MAX, async || child.try_wait().ok()?);
        status.await
    }

    /// As [`command`](Self::command), and it must be done well.
    pub(crate) async fn must(&self, arguments: &[&str]) {
        let status = self.command(arguments).await;
        let name = &self.name;
        assert!(status.success(), "{name}, {arguments:?}: {status}\n{}", self.log_end());
    }

    /// A file of this node, by name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts the program with this node's settings. It ends with the thread that starts it, should this
    /// process be killed.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Child {
        let log = files::append(&self.log_file());
        let errors = log.try_clone();
        let errors = errors.unwrap_or_else(|error| panic!("no second handle of a log: {error}"));
        let (command, more) = arguments.split_first().map_or(("", arguments), |(c, m)| (*c, m));
        let enter = self.place.as_ref().map_or(&[][..], |place| &place.enter);
        let all = enter.iter().map(OsStr::new).chain([self.binary.as_os_str()]);
        let mut all = all.map(OsStr::to_owned);
        Command::new(all.next().unwrap_or_default())
            .args(all)
            .arg("--end-with-parent")
            .arg(std::process::id().to_string())
            .args(self.plant.iter().flat_map(|name| ["--plant", name]))
            .args([command, "--config"].map(OsStr::new))
            .arg(self.config_file())
            .args(more)
            .envs(lock(&self.environment).iter().cloned())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{} is not started: {error}", self.binary.display()))
    }

    /// How its process has ended; `None` while it runs, and once that was taken note of.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.child().as_mut()?.try_wait().ok()?
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        lock(&self.child)
    }

    fn told_addresses(&self) -> Option<Addresses> {
        told_in(&self.addresses_file())
    }

    fn addresses_file(&self) -> PathBuf {
        self.data_dir().join("run/addresses.json")
    }

    fn log_file(&self) -> PathBuf {
        self.file("log")
    }
}

/// No process outlives its test.
impl Drop for Node {
    fn drop(&mut self) {
        self.kill9();
    }
}

fn told_in(file: &Path) -> Option<Addresses> {
    serde_json::from_str(&files::read_if_there(file)?).ok()
}

fn known(addresses: &Mutex<Option<Addresses>>) -> Addresses {
    lock(addresses).unwrap_or_else(|| panic!("a node has no address before it was ready once"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
