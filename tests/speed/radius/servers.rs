//! Who is asked: an echo in this process, FreeRADIUS as Debian installs it, three nodes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use symbolon_core::Secret;
use symbolon_proto::v1;
use symbolon_proto::v1::application_service_client::ApplicationServiceClient;
use symbolon_testkit::{Cluster, Person, wait_until};
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::SECRET;
use super::codes::{Codes, PASSWORD, People, user};
use super::load::{self, Load};
use crate::{peers, runs};

const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// For one look whether a server answers.
const LOOK: Duration = Duration::from_millis(500);
const PASSWORDS: usize = 1_000;
const APPLICATION: &str = "vpn";

/// Whether a server answers anything at all to somebody whom it does not know.
async fn answers(server: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    let request = load::request(0, "nobody", "nothing", &secret);
    _ = socket.send_to(&request, server).await;
    let received = timeout(LOOK, socket.recv_from(&mut [0; 4096])).await;
    received.is_ok_and(|received| received.is_ok())
}

pub(super) struct Echo {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Echo {
    pub(super) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                socket.send_to(&buffer[..length], from).await.unwrap();
            }
        });
        Self { address, task }
    }

    pub(super) fn load(&self) -> Load {
        let people = People::Passwords(PASSWORDS);
        Load { servers: vec![self.address], pids: Vec::new(), people, is_echo: true }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) struct FreeRadius {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl FreeRadius {
    pub(super) async fn start() -> Self {
        let directory = TempDir::with_prefix("symbolon-speed-").unwrap();
        let path = directory.path();
        let address = peers::free_udp_address();
        let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
        write("radiusd.conf", &settings(path, address));
        write("dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n");
        let mut people = String::new();
        for number in 0..PASSWORDS {
            writeln!(people, "{}\tCleartext-Password := \"{PASSWORD}\"\n", user(number)).unwrap();
        }
        write("people", &people);
        let mut command = Command::new("freeradius");
        command.args(["-f", "-l", "stdout", "-d"]).arg(path);
        let child = peers::start(&mut command, &path.join("log"));
        wait_until("FreeRADIUS answers", READY_TIME_MAX, async || answers(address).await).await;
        Self { child, address, _directory: directory }
    }

    pub(super) fn load(&self) -> Load {
        let pids = self.child.id().into_iter().collect();
        let people = People::Passwords(PASSWORDS);
        Load { servers: vec![self.address], pids, people, is_echo: false }
    }
}

/// As little as it runs with: PAP against a file, and no delay for those it rejects.
fn settings(directory: &Path, address: SocketAddr) -> String {
    let (path, port) = (directory.display(), address.port());
    format!(
        "prefix = /usr\nexec_prefix = /usr\nlibdir = /usr/lib/freeradius\nraddbdir = {path}\n\
         run_dir = {path}\npidfile = {path}/pid\nlogdir = {path}\nmax_requests = 16384\ncleanup_delay = 0\n\
         proxy_requests = no\nlog {{\n\tdestination = stdout\n}}\n\
         security {{\n\treject_delay = 0\n}}\n\
         client all {{\n\tipaddr = 127.0.0.1\n\tsecret = {SECRET}\n\
         \trequire_message_authenticator = yes\n}}\n\
         modules {{\n\tpap {{\n\t}}\n\tfiles {{\n\t\tfilename = {path}/people\n\t}}\n}}\n\
         server default {{\n\tlisten {{\n\t\ttype = auth\n\t\tipaddr = 127.0.0.1\n\t\tport = {port}\n\t}}\n\
         \tauthorize {{\n\t\tfiles\n\t\tpap\n\t}}\n\
         \tauthenticate {{\n\t\tAuth-Type PAP {{\n\t\t\tpap\n\t\t}}\n\t}}\n}}\n"
    )
}

pub(super) async fn version() -> String {
    let said = peers::said(Command::new("freeradius").arg("-v")).await;
    let version = said.lines().next().and_then(|line| line.split("Version ").nth(1));
    format!("FreeRADIUS {}", version.and_then(|it| it.split([',', ' ']).next()).unwrap_or("?"))
}

/// Three nodes, which are asked in turn.
pub(super) struct Nodes {
    cluster: Cluster,
    people: Vec<Person>,
}

impl Nodes {
    pub(super) async fn start(users: usize) -> Self {
        let cluster = runs::start(3, "").await;
        cluster.application(APPLICATION).await;
        let admin = cluster.admin(1);
        let policy = v1::RadiusPolicy {
            ranges: vec!["127.0.0.1".to_owned()],
            signed: "yes".to_owned(),
            ..Default::default()
        };
        let request = v1::SetRadiusClientRequest {
            application: APPLICATION.to_owned(),
            policy: Some(policy),
            secret: SECRET.to_owned(),
            ..Default::default()
        };
        let mut service = ApplicationServiceClient::new(admin.channel());
        service.set_radius_client(admin.request(request)).await.unwrap();
        let people = cluster.people("user", users).await;
        for server in addresses(&cluster) {
            wait_until("a node answers", READY_TIME_MAX, async || answers(server).await).await;
        }
        Self { cluster, people }
    }

    pub(super) fn load(&self) -> Load {
        let pids = self.cluster.nodes().iter().filter_map(|node| node.pid()).collect();
        let people = People::Codes(Codes::new(self.people.clone()));
        Load { servers: addresses(&self.cluster), pids, people, is_echo: false }
    }

    pub(super) async fn end(self) {
        self.cluster.assert_same_state().await;
    }
}

fn addresses(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.nodes().iter().map(|node| node.addresses().radius[0]).collect()
}
