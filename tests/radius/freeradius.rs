//! A FreeRADIUS that judges passwords: Debian's, with settings of its own in a directory of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use symbolon_testkit::wait_until;
use tempfile::TempDir;

use crate::device_certificates::DeviceFiles;
use crate::machine::{Daemon, free_udp_port, read, write};
use crate::radclient::Device;

/// What it shares with the cluster.
pub(crate) const TARGET_SECRET: &str = "a-secret-between-servers";

/// See the module.
pub(crate) struct FreeRadius {
    daemon: Option<Daemon>,
    directory: TempDir,
    port: u16,
}

impl FreeRadius {
    /// Starts one that knows these people and their passwords, and waits until it answers.
    pub(crate) async fn start(people: &[(&str, &str)]) -> Self {
        let people =
            people.iter().map(|(name, password)| person(name, password)).collect::<String>();
        Self::start_with(&people, |path, port| settings(path, port, JUDGE, "")).await
    }

    /// Starts one that passes everything on to the first of these servers that answers.
    pub(crate) async fn start_proxy(servers: &[SocketAddr], secret: &str) -> Self {
        let pool: String = servers.iter().enumerate().map(|(n, at)| home(n, *at, secret)).collect();
        let members: String =
            (0..servers.len()).map(|n| format!("\thome_server = node{n}\n")).collect();
        let more = format!(
            "proxy server {{\n\tdefault_fallback = no\n}}\n{pool}\
             home_server_pool cluster {{\n\ttype = fail-over\n{members}}}\n\
             realm cluster {{\n\tauth_pool = cluster\n\tnostrip\n}}\n"
        );
        Self::start_with("", |path, port| settings(path, port, PASS_ON, &more)).await
    }

    /// Starts one that passes everything on to a server by TLS, with this certificate.
    pub(crate) async fn start_tls_proxy(
        server: SocketAddr,
        ca: &Path,
        files: &DeviceFiles,
    ) -> Self {
        let DeviceFiles { certificate, key } = files;
        let more = format!(
            "proxy server {{\n\tdefault_fallback = no\n}}\n\
             home_server node {{\n\ttype = auth\n\tipaddr = {}\n\tport = {}\n\tproto = tcp\n\
             \tsecret = radsec\n\tresponse_window = 20\n\tstatus_check = none\n\
             \ttls {{\n\t\tca_file = {}\n\t\tcertificate_file = {}\n\t\tprivate_key_file = {}\n\
             \t\ttls_min_version = \"1.2\"\n\t\ttls_max_version = \"1.3\"\n\t}}\n}}\n\
             home_server_pool cluster {{\n\ttype = fail-over\n\thome_server = node\n}}\n\
             realm cluster {{\n\tauth_pool = cluster\n\tnostrip\n}}\n",
            server.ip(),
            server.port(),
            ca.display(),
            certificate.display(),
            key.display(),
        );
        Self::start_with("", |path, port| settings(path, port, PASS_ON, &more)).await
    }

    /// A device that asks it.
    pub(crate) fn device(&self) -> Device {
        Device { tries: (5, 3), ..Device::new(self.address().parse().unwrap(), TARGET_SECRET) }
    }

    async fn start_with(people: &str, settings: impl Fn(&Path, u16) -> String) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let port = free_udp_port();
        let dictionary = "$INCLUDE /usr/share/freeradius/dictionary\n";
        let path = directory.path();
        write(&path.join("radiusd.conf"), &settings(path, port));
        write(&path.join("dictionary"), dictionary);
        write(&path.join("people"), people);
        let mut server = Self { daemon: None, directory, port };
        server.run().await;
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn log(&self) -> String {
        read(&self.directory.path().join("log"))
    }

    pub(crate) async fn run(&mut self) {
        let (path, log) = (self.directory.path(), self.directory.path().join("log"));
        let arguments = ["-f", "-l", "stdout", "-d", &path.to_string_lossy()].map(str::to_owned);
        let arguments = arguments.each_ref().map(String::as_str);
        self.daemon = Some(Daemon::start(Path::new("freeradius"), &arguments, &log));
        let device = Device::new(self.address().parse().unwrap(), TARGET_SECRET);
        // What comes before it listens gets no answer.
        let device = Device { tries: (1, 1), ..device };
        let answers = wait_until("FreeRADIUS answers", Duration::from_secs(60), async || {
            let is_running = self.daemon.as_mut().is_some_and(Daemon::is_running);
            assert!(is_running, "FreeRADIUS does not run: {}", read(&log));
            !device.ask("nobody", "nothing", &[]).await.nothing()
        });
        answers.await;
    }

    pub(crate) fn kill(&mut self) {
        self.daemon = None;
    }
}

/// PAP and MS-CHAP against a file of passwords.
const JUDGE: &str = "\tauthorize {\n\t\tmschap\n\t\tfiles\n\t\tpap\n\t}\n\
    \tauthenticate {\n\t\tAuth-Type PAP {\n\t\t\tpap\n\t\t}\n\
    \t\tAuth-Type MS-CHAP {\n\t\t\tmschap\n\t\t}\n\t}\n";
/// Everything to the pool, but for the question whether it is there.
const PASS_ON: &str = "\tauthorize {\n\t\tif (&User-Name == \"nobody\") {\n\t\t\treject\n\t\t}\n\
    \t\tupdate control {\n\t\t\t&Proxy-To-Realm := cluster\n\t\t}\n\t}\n\tauthenticate {\n\t}\n\
    \tpost-proxy {\n\t\tPost-Proxy-Type Fail-Authentication {\n\t\t\tupdate control {\n\
    \t\t\t\t&Response-Packet-Type := Do-Not-Respond\n\t\t\t}\n\t\t\thandled\n\t\t}\n\t}\n";

/// As little as it runs with.
fn settings(directory: &Path, port: u16, sections: &str, more: &str) -> String {
    let path = directory.display();
    format!(
        "prefix = /usr\nexec_prefix = /usr\nlibdir = /usr/lib/freeradius\nraddbdir = {path}\n\
         run_dir = {path}\npidfile = {path}/pid\nlogdir = {path}\nmax_requests = 1024\ncleanup_delay = 0\n\
         proxy_requests = yes\nlog {{\n\tdestination = stdout\n}}\n\
         security {{\n\treject_delay = 0\n\tstatus_server = yes\n}}\n\
         client cluster {{\n\tipaddr = 127.0.0.1\n\tsecret = {TARGET_SECRET}\n\
         \trequire_message_authenticator = no\n}}\n\
         modules {{\n\talways reject {{\n\t\trcode = reject\n\t}}\n\talways handled {{\n\t\trcode = handled\n\t}}\n\tpap {{\n\t}}\n\tmschap {{\n\t}}\n\
         \tfiles {{\n\t\tfilename = {path}/people\n\t}}\n}}\n{more}\
         server default {{\n\tlisten {{\n\t\ttype = auth\n\t\tipaddr = 127.0.0.1\n\
         \t\tport = {port}\n\t}}\n{sections}}}\n"
    )
}

/// A server of a pool. It is given up for a request after a second, and asked again soon.
fn home(number: usize, at: SocketAddr, secret: &str) -> String {
    format!(
        "home_server node{number} {{\n\ttype = auth\n\tipaddr = {}\n\tport = {}\n\tsecret = {secret}\n\
         \tresponse_window = 1\n\tzombie_period = 20\n\trevive_interval = 10\n\tstatus_check = none\n}}\n",
        at.ip(),
        at.port()
    )
}

fn person(name: &str, password: &str) -> String {
    format!(
        "{name}\tCleartext-Password := \"{password}\"\n\tClass := 0x76706e, Filter-Id := \"of-{name}\"\n\n"
    )
}
