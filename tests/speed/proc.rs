//! What processes have taken of the machine.

use std::fs;

/// In which Linux tells of processor time, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of processor time that these processes have taken so far, and children of theirs that ended.
pub(crate) fn processor_seconds(pids: &[u32]) -> f64 {
    let ticks: u64 = pids.iter().filter_map(|pid| ticks(*pid)).sum();
    ticks as f64 / TICKS_PER_SECOND
}

fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything; state is the first field behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let number = |place: usize| fields.split(' ').nth(place)?.parse::<u64>().ok();
    // utime, stime, cutime, cstime: fields 14 to 17.
    Some(number(11)? + number(12)? + number(13)? + number(14)?)
}

/// The most bytes of a process that were in memory.
pub(crate) fn peak_bytes(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// A process and all that it has started.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        let children = format!("/proc/{parent}/task/{parent}/children");
        let children = fs::read_to_string(children).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    all
}
