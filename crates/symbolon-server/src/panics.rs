//! What a panic does to the process.
//!
//! A panic is a bug, and its message may hold anything, so only its place is logged. One in a task
//! ends that task, and whoever waits for the task handles it. One in a thread of sled's leaves a
//! store that no longer syncs and does not say so: then the process ends, and systemd starts it
//! again. While a store is being opened, such a panic says that the store is damaged: then the process
//! ends as it does when a store is refused, and systemd lets it be.

use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{process, thread};

use crate::failure::Failure;

/// `EX_SOFTWARE` of sysexits.h.
const EXIT_CODE: u8 = 70;

/// How sled calls its threads.
const FATAL_THREADS: &str = "sled";

/// The data directory that is being opened.
static OPENING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Runs the opening of a data directory.
pub(crate) fn while_opening<T>(data_dir: &Path, open: impl FnOnce() -> T) -> T {
    let set = |value| *OPENING.lock().unwrap_or_else(PoisonError::into_inner) = value;
    set(Some(data_dir.to_owned()));
    let opened = open();
    set(None);
    opened
}

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
        exit(damage_met().map_or(EXIT_CODE, |failure| {
            failure.tell();
            failure.exit
        }));
    }
}

/// How the opening of a damaged store fails, if one is being opened.
fn damage_met() -> Option<Failure> {
    let data_dir = OPENING.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
    Some(Failure::new(
        Failure::CONFIG,
        format!(
            "the files in {} are damaged: opening them met what nobody has \
             written",
            data_dir.join("store").display()
        ),
        "Move the data directory away and join again under a new node name.",
    ))
}

fn is_fatal(thread_name: &str) -> bool {
    thread_name.starts_with(FATAL_THREADS)
}

#[expect(clippy::exit, reason = "nothing durable can be promised any more")]
fn exit(code: u8) -> ! {
    process::exit(code.into())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::config::{Log, LogFormat};
    use crate::logs;

    /// Names the thread that the child of the test below lets panic.
    const THREAD: &str = "SYMBOLON_TEST_PANICKING_THREAD";
    /// Names the directory that the child opens meanwhile.
    const DIRECTORY: &str = "SYMBOLON_TEST_OPENING";

    #[test]
    #[expect(clippy::disallowed_methods, reason = "how the child is told that it is one")]
    fn panicking_child() {
        let Ok(name) = std::env::var(THREAD) else {
            return;
        };
        let log = Log { format: LogFormat::Json, filter: "info".to_owned() };
        logs::init(&log).unwrap();
        install();
        let panic = || {
            let thread = thread::Builder::new().name(name);
            let panicked = thread.spawn(|| panic!("do not tell")).unwrap().join();
            assert!(panicked.is_err());
        };
        match std::env::var(DIRECTORY) {
            Ok(directory) => while_opening(Path::new(&directory), panic),
            Err(_) => panic(),
        }
    }

    fn child(thread: &str, directory: Option<&str>) -> (Option<i32>, String) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "panics::tests::panicking_child"])
            .env(THREAD, thread)
            .env("RUST_BACKTRACE", "full")
            .envs(directory.map(|directory| (DIRECTORY, directory)))
            .output()
            .unwrap();
        (child.status.code(), String::from_utf8(child.stderr).unwrap())
    }

    #[test]
    fn only_threads_of_sled_take_the_process_with_them_and_none_tells_why() {
        for (thread, directory, code) in [
            ("sled-io-1", None, EXIT_CODE),
            ("sled-io-1", Some("/data"), Failure::CONFIG),
            ("symbolon-flush", None, 0),
            ("symbolon-flush", Some("/data"), 0),
        ] {
            let (ended, told) = child(thread, directory);
            assert_eq!(ended, Some(code.into()), "{told}");
            assert!(told.contains("a thread has panicked"), "{told}");
            assert!(told.contains("src/panics.rs"), "{told}");
            assert!(!told.contains("do not tell"), "{told}");
            let refused = told.contains("the files in /data/store are damaged");
            assert_eq!(refused, code == Failure::CONFIG, "{told}");
        }
    }
}
