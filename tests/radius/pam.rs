//! Linux logins: pam_radius, by pamtester and through a real sshd.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use symbolon_testkit::wait_until;
use tempfile::TempDir;

use crate::everyone::{Everyone, NAMES, PASSWORD};
use crate::freeradius::FreeRadius;
use crate::machine::{Daemon, Lent, copy, make_directory, read, run, write};
use crate::support::{SECRET, cluster_of, radius};
use crate::targets::policy;

/// A PAM service that asks RADIUS servers, in their order.
struct Service {
    name: String,
    directory: TempDir,
    _service: Lent,
}

impl Service {
    fn new(servers: &[SocketAddr]) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let name = directory.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let conf = directory.path().join("servers");
        let lines: String = servers.iter().map(|server| format!("{server} {SECRET} 6\n")).collect();
        write(&conf, &lines);
        let service = format!(
            "auth required pam_radius_auth.so conf={} prompt=Password\n\
             account required pam_permit.so\nsession required pam_permit.so\n",
            conf.display()
        );
        let service = Lent::write(Path::new("/etc/pam.d").join(&name), &service);
        Self { name, directory, _service: service }
    }

    /// Types a password and then a code, if it is asked for. Whether that was right.
    async fn sign_in(&self, user: &str, password: &str, code: &str) -> bool {
        let script = self.directory.path().join("pamtester.exp");
        write(
            &script,
            "set timeout 40\nlassign $argv service user password code\n\
             spawn pamtester $service $user authenticate\n\
             expect \"Password\" { send -- \"$password\\r\" }\n\
             expect {\n\t\"code of your token\" { send -- \"$code\\r\"; exp_continue }\n\
             \t\"successfully authenticated\" { exit 0 }\n\teof { exit 1 }\n\ttimeout { exit 2 }\n}\n",
        );
        let arguments = [&script.to_string_lossy(), &*self.name, user, password, code];
        let (exit, said) = run("expect", &arguments).await;
        assert!(matches!(exit, Some(0 | 1)), "{said}");
        exit == Some(0)
    }
}

fn path(directory: &TempDir, name: &str) -> PathBuf {
    directory.path().join(name)
}

#[tokio::test]
async fn pam_radius_asks_for_the_code_after_the_password() {
    let everyone = Everyone::called(NAMES, Default::default()).await;
    let service = Service::new(&[radius(&everyone.cluster, 1)]);
    let client =
        async |user: &str, password: &str, code: &str| service.sign_in(user, password, code).await;
    everyone.come(client).await;
}

#[tokio::test]
async fn pam_radius_goes_on_at_its_second_server_when_the_first_one_died_after_it_asked() {
    let server = FreeRadius::start(&[("alice", PASSWORD)]).await;
    let cluster = cluster_of(3, policy(&[&server])).await;
    let alice = cluster.person("alice").await;
    let service = Service::new(&[radius(&cluster, 1), radius(&cluster, 2)]);
    cluster.node(1).freeze();
    assert!(service.sign_in("alice", PASSWORD, &alice.otp.code()).await);
    cluster.node(1).thaw();
}

/// A server of its own on a port of its own, whose logins are that PAM service.
async fn sshd(service: &Service) -> (Daemon, u16) {
    let directory = &service.directory;
    make_directory(Path::new("/run/sshd"));
    // It asks PAM for the service that it is called like.
    let program = path(directory, &service.name);
    copy(Path::new("/usr/sbin/sshd"), &program);
    let key = path(directory, "key");
    let (exit, said) =
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key.to_string_lossy()]).await;
    assert_eq!(exit, Some(0), "{said}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM yes\n\
         KbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
         AuthenticationMethods keyboard-interactive\nPermitRootLogin yes\nPrintMotd no\n",
        key.display()
    );
    let (file, log) = (path(directory, "sshd_config"), path(directory, "sshd.log"));
    write(&file, &settings);
    let daemon = Daemon::start(&program, &["-D", "-e", "-f", &file.to_string_lossy()], &log);
    wait_until("sshd listens", Duration::from_secs(30), async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
    (daemon, port)
}

/// Whether somebody gets a shell.
async fn log_in(
    directory: &TempDir,
    port: u16,
    user: &str,
    (password, code): (&str, &str),
) -> bool {
    let script = path(directory, "ssh.exp");
    write(
        &script,
        "set timeout 40\nlassign $argv port user password code\n\
         spawn ssh -p $port -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
         -o PreferredAuthentications=keyboard-interactive -o NumberOfPasswordPrompts=1 \
         $user@127.0.0.1 \"echo the-shell-is-mine\"\n\
         expect \"Password\" { send -- \"$password\\r\" }\n\
         expect {\n\t\"code of your token\" { send -- \"$code\\r\"; exp_continue }\n\
         \t\"the-shell-is-mine\" { exit 0 }\n\teof { exit 1 }\n\ttimeout { exit 2 }\n}\n",
    );
    let arguments = [&*script.to_string_lossy(), &port.to_string(), user, password, code];
    let (exit, said) = run("expect", &arguments).await;
    assert!(matches!(exit, Some(0 | 1)), "{said}\n{}", read(&path(directory, "sshd.log")));
    exit == Some(0)
}

#[tokio::test]
async fn sshd_lets_in_with_password_and_code() {
    // Whom this machine knows: of others it asks nobody.
    let everyone = Everyone::called(["root", "mail", "news", "games"], Default::default()).await;
    let service = Service::new(&[radius(&everyone.cluster, 1)]);
    let (_daemon, port) = sshd(&service).await;
    let client = async |user: &str, password: &str, code: &str| {
        log_in(&service.directory, port, user, (password, code)).await
    };
    everyone.come(client).await;
}
