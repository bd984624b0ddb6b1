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
    let (file, line) =
        panic.location().map_or(("unknown", 0), |place| (place.file(), place.line()));
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
    use std::process::Command;

    use super::*;
    use crate::config::{Log, LogFormat};
    use crate::logs;

    /// Names the thread that the child of the test below lets panic.
    const THREAD: &str = "SYMBOLON_TEST_PANICKING_THREAD";

    #[test]
    #[expect(clippy::disallowed_methods, reason = "how the child is told that it is one")]
    fn panicking_child() {
        let Ok(name) = std::env::var(THREAD) else {
            return;
        };
        let log = Log { format: LogFormat::Json, filter: "info".to_owned() };
        logs::init(&log).unwrap();
        install();
        let thread = thread::Builder::new().name(name);
        let panicked = thread.spawn(|| panic!("do not tell")).unwrap().join();
        assert!(panicked.is_err());
    }

    #[test]
    fn only_threads_of_sled_take_the_process_with_them_and_none_tells_why() {
        for (thread, code) in [("sled-io-1", EXIT_CODE), ("symbolon-flush", 0)] {
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "panics::tests::panicking_child"])
                .env(THREAD, thread)
                .output()
                .unwrap();
            let told = String::from_utf8(child.stderr).unwrap();
            assert_eq!(child.status.code(), Some(code), "{told}");
            assert!(told.contains("a thread has panicked"), "{told}");
            assert!(told.contains("src/panics.rs"), "{told}");
            assert!(!told.contains("do not tell"), "{told}");
        }
    }
}
