//! Files and programs of this machine that tests need.
#![expect(clippy::disallowed_methods, reason = "none of these files is the product's store")]

use std::net::UdpSocket;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::timeout;

/// For a program to end by itself, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

pub(crate) fn make_directory(path: &Path) {
    std::fs::create_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Runs a program to its end, and returns its exit code and what it said.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::new(program);
    let child = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, child).await;
    let output = output.unwrap_or_else(|_| panic!("{program} does not end"));
    let output = output.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// A port that was free a moment ago, for a program that cannot choose one itself and tell.
pub(crate) fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that runs until it is let go of.
pub(crate) struct Daemon(std::process::Child);

impl Daemon {
    pub(crate) fn start(program: &Path, arguments: &[&str], log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        let mut command = Command::new(program);
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // What it starts itself ends with it.
            .process_group(0)
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{} is needed: {error}", program.display())))
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|ended| ended.is_none())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            _ = kill_process_group(group, Signal::KILL);
        }
        _ = self.0.wait();
    }
}

/// A file that is gone when it is let go of: where only the machine's own directory will do.
pub(crate) struct Lent(PathBuf);

impl Lent {
    pub(crate) fn write(path: PathBuf, text: &str) -> Self {
        write(&path, text);
        Self(path)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}
