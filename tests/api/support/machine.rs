//! The few things of the machine that tests look at from outside: files and processes.
#![expect(clippy::disallowed_methods, reason = "none of these files is the product's store")]

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use symbolon_testkit::Node;

pub(crate) fn text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The interpreter that the gate has made for tests, with gRPC.
pub(crate) fn python() -> PathBuf {
    let told = std::env::var_os("SYMBOLON_TEST_PYTHON").map(PathBuf::from);
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
    let python = told.unwrap_or(made);
    assert!(
        python.exists(),
        "{} is not there: run `cargo xtask verify --only setup`",
        python.display()
    );
    python
}

/// Memory of a node that is in use, in bytes.
pub(crate) fn resident_bytes(node: &Node) -> u64 {
    let status = text(format!("/proc/{}/status", node.pid().unwrap()));
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap() * 1024
}

/// A node that is stopped keeps its connections and answers nothing.
pub(crate) fn stop(node: &Node) {
    signal(node, Signal::STOP);
}

pub(crate) fn go_on(node: &Node) {
    signal(node, Signal::CONT);
}

fn signal(node: &Node, signal: Signal) {
    let pid = node.pid().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    kill_process(pid.unwrap(), signal).unwrap();
}

/// Adds to a file, and makes it if it is not there.
pub(crate) fn append(path: &Path, text: &str) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
}
