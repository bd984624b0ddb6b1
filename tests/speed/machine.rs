//! Where it was measured, and with what.

use std::fs;

use crate::plan::Plan;
use crate::results::Machine;

pub(crate) fn look(plan: &Plan) -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|model| model.split_once(": ")).map_or("?", |(_, model)| model);
    let memory = read("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let memory = memory.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Machine {
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        model: model.to_owned(),
        memory_bytes: memory.unwrap_or(0) << 10,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        versions: vec![format!("Symbolon {}", env!("CARGO_PKG_VERSION"))],
        users: plan.users,
        seconds: plan.seconds,
        ..Machine::default()
    }
}
