//! The few things of the machine that tests look at: files, the clock, processes.
#![expect(
    clippy::disallowed_methods,
    reason = "what the product under test left behind is looked at from outside"
)]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

pub(crate) fn text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A process that is there. A zombie is one that has ended.
pub(crate) fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map_or("X", |(_, rest)| &rest[..1]);
    test_kill_process(process(pid)).is_ok() && !"XZ".contains(state)
}

/// Memory of a process that is in use, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = text(format!("/proc/{pid}/status"));
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap() * 1024
}

/// Sends a signal. That the process has ended meanwhile is no matter.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(process(pid), signal);
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}
