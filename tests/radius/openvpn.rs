//! OpenVPN with its RADIUS plugin, which answers no challenges: the code stands behind the password.

use std::path::{Path, PathBuf};
use std::time::Duration;

use symbolon_proto::v1;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::everyone::{Everyone, NAMES, behind};
use crate::machine::{Daemon, free_udp_port, make_directory, read, write};
use crate::relay::Relay;
use crate::support::{SECRET, radius};
use crate::vpn_certificates;

struct Vpn {
    directory: TempDir,
    _server: Daemon,
    port: u16,
}

impl Vpn {
    /// A VPN server whose plugin asks there. The plugin takes ports of four digits.
    async fn start(radius_port: u16, accounting_port: u16) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        vpn_certificates::write_to(directory.path());
        make_directory(&path("ccd"));
        let port = free_udp_port();
        let here = directory.path().display();
        write(
            &path("server.conf"),
            &format!(
                "proto udp4\nlocal 127.0.0.1\nport {port}\ndev null\ndev-type tun\ntopology subnet\n\
                 server 198.18.78.0 255.255.255.0\nifconfig-noexec\nroute-noexec\ndh none\n\
                 ca {here}/ca.pem\ncert {here}/server.pem\nkey {here}/server.key\n\
                 verify-client-cert none\nusername-as-common-name\nclient-config-dir {here}/ccd\n\
                 status {here}/status 5\nstatus-version 1\n\
                 plugin /usr/lib/openvpn/radiusplugin.so {here}/plugin.conf\nverb 3\n"
            ),
        );
        write(
            &path("plugin.conf"),
            &format!(
                "NAS-Identifier=OpenVpn\nService-Type=5\nFramed-Protocol=1\nNAS-Port-Type=5\n\
                 NAS-IP-Address=127.0.0.1\nOpenVPNConfig={here}/server.conf\nsubnet=255.255.255.0\n\
                 overwriteccfiles=true\nnonfatalaccounting=true\nserver\n{{\n\tacctport={accounting_port}\n\
                 \tauthport={radius_port}\n\tname=127.0.0.1\n\tretry=1\n\twait=6\n\
                 \tsharedsecret={SECRET}\n}}\n"
            ),
        );
        let arguments = ["--config", &path("server.conf").to_string_lossy()].map(str::to_owned);
        let arguments = arguments.each_ref().map(String::as_str);
        let server = Daemon::start(Path::new("/usr/sbin/openvpn"), &arguments, &path("server.log"));
        let vpn = Self { _server: server, port, directory };
        vpn.said("server.log", &["Initialization Sequence Completed"]).await;
        vpn
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Waits until a log says one of these, and returns which.
    async fn said(&self, log: &str, words: &[&'static str]) -> &'static str {
        let told = timeout(Duration::from_secs(60), async {
            loop {
                let text = read(&self.path(log));
                if let Some(found) = words.iter().copied().find(|word| text.contains(word)) {
                    return found;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
        let told = told.await;
        let logs = || ["server.log", "client.log"].map(|log| read(&self.path(log))).join("\n---\n");
        told.unwrap_or_else(|_| panic!("{log} says none of {words:?}: {}", logs()))
    }

    /// Whether a client gets in.
    async fn dial(&self, user: &str, password: &str) -> bool {
        write(&self.path("login"), &format!("{user}\n{password}\n"));
        let here = self.directory.path().display();
        write(
            &self.path("client.conf"),
            &format!(
                "client\nproto udp4\nremote 127.0.0.1 {}\ndev null\nifconfig-noexec\nroute-noexec\nnobind\n\
                 ca {here}/ca.pem\nremote-cert-tls server\nauth-user-pass {here}/login\n\
                 connect-retry-max 1\nauth-retry none\nverb 3\n",
                self.port
            ),
        );
        let arguments =
            ["--config", &self.path("client.conf").to_string_lossy()].map(str::to_owned);
        let arguments = arguments.each_ref().map(String::as_str);
        let log = self.path("client.log");
        let _client = Daemon::start(Path::new("/usr/sbin/openvpn"), &arguments, &log);
        let ends = ["Initialization Sequence Completed", "AUTH_FAILED"];
        self.said("client.log", &ends).await == ends[0]
    }
}

#[tokio::test]
async fn openvpn_lets_in_with_the_code_behind_the_password() {
    let how = v1::RadiusPolicy { retry_identity: true, ..behind() };
    let everyone = Everyone::called(NAMES, how).await;
    let cluster = &everyone.cluster;
    let relay = Relay::to(radius(cluster, 1), 7_100..9_999).await;
    let accounting = cluster.node(1).addresses().radius_accounting[0];
    let accounting = Relay::to(accounting, 7_100..9_999).await;
    let vpn = Vpn::start(relay.address.port(), accounting.address.port()).await;
    let dial = async |user: &str, password: &str, code: &str| {
        vpn.dial(user, &format!("{password}{code}")).await
    };
    everyone.come(dial).await;
    assert!(cluster.node(1).log_text().contains("\"status\":\"start\""), "the session is told");
}
