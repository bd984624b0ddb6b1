//! strongSwan: a client of IKEv2 that shows its credentials in EAP-TTLS, and a server that asks by
//! `eap-radius`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use symbolon_testkit::{Cluster, wait_until};
use tempfile::TempDir;

use crate::everyone::{Everyone, NAMES, behind};
use crate::machine::{Daemon, copy, free_udp_port, make_directory, run, write};
use crate::support::{SECRET, radius};
use crate::vpn_certificates::{self, SERVER_NAME};

const SOON: Duration = Duration::from_secs(30);
/// Of both sides. Neither makes a tunnel: the kernel need not know of IPsec.
const PLUGINS: &str = "random nonce openssl kdf pem pkcs1 x509 constraints pubkey pkcs8 \
                       socket-default kernel-netlink vici eap-identity eap-gtc eap-ttls";

/// One `charon`, in a directory of its own.
struct Charon {
    directory: PathBuf,
    _process: Daemon,
}

impl Charon {
    /// One that listens there; 0: on any port.
    async fn start(directory: PathBuf, port: u16, more_plugins: &str, settings: &str) -> Self {
        for part in ["x509", "x509ca", "private"] {
            make_directory(&directory.join("swanctl").join(part));
        }
        let here = directory.display();
        write(
            &directory.join("strongswan.conf"),
            &format!(
                "charon-systemd {{\n load = {PLUGINS} {more_plugins}\n port = 0\n port_nat_t = {port}\n \
                 install_routes = no\n routing_table = 0\n journal {{\n  default = -1\n }}\n \
                 filelog {{\n  f {{\n   path = {here}/log\n   default = 1\n   flush_line = yes\n  }}\n }}\n \
                 plugins {{\n  vici {{\n   socket = unix://{here}/vici\n  }}\n{settings} }}\n}}\n"
            ),
        );
        let settings = format!("STRONGSWAN_CONF={here}/strongswan.conf");
        let arguments = [&*settings, "/usr/sbin/charon-systemd"];
        let process =
            Daemon::start(Path::new("/usr/bin/env"), &arguments, &directory.join("output"));
        let charon = Self { directory, _process: process };
        let hears = async || charon.control(&["--stats"]).await.0;
        wait_until("charon hears", SOON, hears).await;
        charon
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Whether it does this, and what it says.
    async fn control(&self, arguments: &[&str]) -> (bool, String) {
        let directory = format!("SWANCTL_DIR={}", self.path("swanctl").display());
        let socket = format!("unix://{}", self.path("vici").display());
        let all = [&[&*directory, "swanctl"], arguments, &["--uri", &socket]].concat();
        let (exit, said) = run("/usr/bin/env", &all).await;
        (exit == Some(0), said)
    }

    async fn load(&self, connections: &str) {
        write(&self.path("swanctl/swanctl.conf"), connections);
        let (is_done, said) = self.control(&["--load-all", "--clear"]).await;
        assert!(is_done, "{said}");
    }
}

struct Vpn {
    _server: Charon,
    client: Charon,
    port: u16,
    _directory: TempDir,
}

impl Vpn {
    /// A server that asks the first node, and a client that trusts both of them.
    async fn start(cluster: &Cluster) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        vpn_certificates::write_to(directory.path());
        let port = free_udp_port();
        let sign_ins = radius(cluster, 1).port();
        let accounting = cluster.node(1).addresses().radius_accounting[0].port();
        let asks = format!(
            "  eap-radius {{\n   accounting = yes\n   servers {{\n    one {{\n     address = 127.0.0.1\n     \
             auth_port = {sign_ins}\n     acct_port = {accounting}\n     secret = {SECRET}\n    }}\n   }}\n  }}\n"
        );
        let server = Charon::start(path("server"), port, "eap-radius", &asks).await;
        let inner = "  eap-ttls {\n   phase2_method = gtc\n  }\n";
        let client = Charon::start(path("client"), 0, "", inner).await;
        copy(&path("server.pem"), &server.path("swanctl/x509/server.pem"));
        copy(&path("server.key"), &server.path("swanctl/private/server.key"));
        copy(&path("ca.pem"), &client.path("swanctl/x509ca/vpn.pem"));
        copy(&cluster.ca_file(), &client.path("swanctl/x509ca/nodes.pem"));
        let connection = format!(
            "connections {{\n v {{\n  version = 2\n  childless = force\n  mobike = no\n  \
             local_addrs = 127.0.0.1\n  local {{\n   auth = pubkey\n   certs = server.pem\n   \
             id = {SERVER_NAME}\n  }}\n  remote {{\n   auth = eap-radius\n   eap_id = %any\n  }}\n  \
             send_certreq = no\n }}\n}}\n"
        );
        server.load(&connection).await;
        Self { _server: server, client, port, _directory: directory }
    }

    /// Whether a client gets in.
    async fn dial(&self, user: &str, password: &str) -> bool {
        let port = self.port;
        let connection = format!(
            "connections {{\n v {{\n  version = 2\n  childless = force\n  mobike = no\n  \
             local_addrs = 127.0.0.1\n  remote_addrs = 127.0.0.1\n  remote_port = {port}\n  \
             local {{\n   auth = eap\n   id = {user}\n   eap_id = {user}\n   aaa_id = localhost\n  }}\n  \
             remote {{\n   auth = pubkey\n   id = {SERVER_NAME}\n  }}\n }}\n}}\n\
             secrets {{\n eap-user {{\n  id = {user}\n  secret = \"{password}\"\n }}\n}}\n"
        );
        self.client.load(&connection).await;
        let (is_in, said) =
            self.client.control(&["--initiate", "--ike", "v", "--timeout", "40"]).await;
        if is_in {
            assert!(said.contains("EAP method EAP_TTLS succeeded, MSK established"), "{said}");
            let (is_out, said) = self.client.control(&["--terminate", "--ike", "v"]).await;
            assert!(is_out, "{said}");
        } else {
            assert!(said.contains("received EAP_FAILURE"), "it is told: {said}");
        }
        is_in
    }
}

#[tokio::test]
async fn strongswan_lets_in_with_the_code_behind_the_password() {
    let everyone = Everyone::called(NAMES, behind()).await;
    let vpn = Vpn::start(&everyone.cluster).await;
    let dial = async |user: &str, password: &str, code: &str| {
        vpn.dial(user, &format!("{password}{code}")).await
    };
    everyone.come(dial).await;
    let log = everyone.cluster.node(1).log_text();
    assert!(log.contains("\"status\":\"start\""), "the session is told");
}
