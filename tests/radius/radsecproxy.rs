//! Debian's `radsecproxy`, which passes on by TLS what devices ask by UDP.

use std::path::Path;
use std::time::Duration;

use symbolon_testkit::{Cluster, wait_until};
use tempfile::TempDir;

use crate::device_certificates::DeviceFiles;
use crate::machine::{Daemon, free_udp_port, read, write};
use crate::radclient::Device;
use crate::support::SECRET;
use crate::tls::radsec;

const SOON: Duration = Duration::from_secs(30);

/// See the module.
pub(crate) struct RadsecProxy {
    directory: TempDir,
    port: u16,
    process: Daemon,
}

impl RadsecProxy {
    /// Starts one with this certificate, and waits until it has connected to the first node.
    pub(crate) async fn start(cluster: &Cluster, files: &DeviceFiles) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let (port, server) = (free_udp_port(), radsec(cluster));
        let settings = format!(
            "ListenUDP 127.0.0.1:{port}\nLogLevel 2\n\
             tls cluster {{\n\tCACertificateFile {}\n\tCertificateFile {}\n\tCertificateKeyFile {}\n}}\n\
             client 127.0.0.1 {{\n\ttype udp\n\tsecret {SECRET}\n}}\n\
             server {} {{\n\ttype tls\n\tport {}\n\ttls cluster\n\tstatusServer on\n}}\n\
             realm * {{\n\tserver {}\n\taccountingServer {}\n}}\n",
            cluster.ca_file().display(),
            files.certificate.display(),
            files.key.display(),
            server.ip(),
            server.port(),
            server.ip(),
            server.ip(),
        );
        let path = |name: &str| directory.path().join(name);
        write(&path("conf"), &settings);
        let (conf, log) = (path("conf"), path("log"));
        let arguments = ["-f", "-c", &conf.to_string_lossy()];
        let process = Daemon::start(Path::new("radsecproxy"), &arguments, &log);
        let mut proxy = Self { directory, port, process };
        wait_until("radsecproxy has connected", SOON, async || {
            assert!(proxy.process.is_running(), "it does not run: {}", proxy.log());
            cluster.node(1).metrics().await.sum("symbolon_connections", &[("port", "radsec")]) > 0.5
        })
        .await;
        proxy
    }

    /// A device that asks it by UDP.
    pub(crate) fn device(&self) -> Device {
        // What comes before its connection is ready is lost.
        Device { tries: (5, 3), ..Device::new(([127, 0, 0, 1], self.port).into(), SECRET) }
    }

    pub(crate) fn log(&self) -> String {
        read(&self.directory.path().join("log"))
    }
}
