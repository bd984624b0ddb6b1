//! What a panic does to the process.
//!
//! A panic is a bug, and its message may hold anything, so only its place is logged. One in a task
//! ends that task, and whoever waits for the task handles it. One in a thread of sled's leaves a
//! store that no longer syncs and does not say so: then the process ends, and systemd starts it
//! again.

use std::panic::{self, PanicHookInfo};
use std::{process, thread};

/// `EX_SOFTWARE` of sysexits.h.
const EXIT_CODE: i32 = 70;

/// How sled calls its threads.
const FATAL_THREADS: &str = "sled";

/// From now on panics are logged without their message, and those of sled's threads end the process.
pub(crate) fn install() {
    panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let (file, line) = panic
        .location()
        .map_or(("unknown", 0), |place| (place.file(), place.line()));
    let fatal = is_fatal(name);
    tracing::error!(thread = name, file, line, fatal, "a thread has panicked");
    if fatal {
        exit();
    }
}

fn is_fatal(thread_name: &str) -> bool {
    thread_name.starts_with(FATAL_THREADS)
}

#[expect(clippy::exit, reason = "nothing durable can be promised any more")]
fn exit() -> ! {
    process::exit(EXIT_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_threads_of_sled_take_the_process_with_them() {
        assert!(is_fatal("sled-io-3"));
        assert!(!is_fatal("symbolon-flush"));
        assert!(!is_fatal("unnamed"));
    }
}
