//! A FreeRADIUS that judges passwords: Debian's, with settings of its own in a directory of its own.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use symbolon_testkit::wait_until;
use tempfile::TempDir;

use crate::radclient::Device;

/// What it shares with the cluster.
pub(crate) const TARGET_SECRET: &str = "a-secret-between-servers";

/// See the module.
pub(crate) struct FreeRadius {
    child: Option<Child>,
    directory: TempDir,
    port: u16,
}

impl FreeRadius {
    /// Starts one that knows these people and their passwords, and waits until it answers.
    pub(crate) async fn start(people: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        // The port is free a moment before: it cannot choose one itself and tell.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        write_settings(directory.path(), port, people);
        let mut server = Self { child: None, directory, port };
        server.run().await;
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn run(&mut self) {
        let child = Command::new("freeradius")
            .args(["-f", "-l", "stdout", "-d"])
            .arg(self.directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("freeradius of Debian is needed: {error}"));
        self.child = Some(child);
        let device = Device::new(self.address().parse().unwrap(), TARGET_SECRET);
        wait_until("FreeRADIUS answers", Duration::from_secs(60), async || {
            !device.ask("nobody", "nothing", &[]).await.nothing()
        })
        .await;
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        self.kill();
    }
}

/// As little as it runs with: PAP and MS-CHAP against a file of passwords.
fn write_settings(directory: &Path, port: u16, people: &[(&str, &str)]) {
    let path = directory.display();
    let settings = format!(
        "prefix = /usr\nexec_prefix = /usr\nlibdir = /usr/lib/freeradius\nraddbdir = {path}\n\
         run_dir = {path}\npidfile = {path}/pid\nlogdir = {path}\nmax_requests = 1024\n\
         log {{\n\tdestination = stdout\n}}\n\
         security {{\n\treject_delay = 0\n\tstatus_server = yes\n}}\n\
         client cluster {{\n\tipaddr = 127.0.0.1\n\tsecret = {TARGET_SECRET}\n\
         \trequire_message_authenticator = no\n}}\n\
         modules {{\n\tpap {{\n\t}}\n\tmschap {{\n\t}}\n\
         \tfiles {{\n\t\tfilename = {path}/people\n\t}}\n}}\n\
         server default {{\n\tlisten {{\n\t\ttype = auth\n\t\tipaddr = 127.0.0.1\n\t\tport = {port}\n\t}}\n\
         \tauthorize {{\n\t\tmschap\n\t\tfiles\n\t\tpap\n\t}}\n\
         \tauthenticate {{\n\t\tAuth-Type PAP {{\n\t\t\tpap\n\t\t}}\n\
         \t\tAuth-Type MS-CHAP {{\n\t\t\tmschap\n\t\t}}\n\t}}\n}}\n\
         $INCLUDE {path}/dictionary.none\n"
    );
    let people: String = people
        .iter()
        .map(|(name, password)| {
            format!(
                "{name}\tCleartext-Password := \"{password}\"\n\tClass := 0x76706e, Filter-Id := \"of-{name}\"\n\n"
            )
        })
        .collect();
    std::fs::write(directory.join("radiusd.conf"), settings).unwrap();
    std::fs::write(directory.join("dictionary.none"), "").unwrap();
    std::fs::write(directory.join("dictionary"), "$INCLUDE /usr/share/freeradius/dictionary\n").unwrap();
    std::fs::write(directory.join("people"), people).unwrap();
}
