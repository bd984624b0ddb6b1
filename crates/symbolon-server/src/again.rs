//! A process that starts again: the same program with the same arguments takes its place, under the same
//! process id, so that whoever watches it sees no end. Nothing is left of what it held: neither memory,
//! nor locks, nor sockets.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::failure::Failure;

/// The running program, even when its file was replaced or removed.
const ITSELF: &str = "/proc/self/exe";
/// Exit code of one that cannot: to be started again by whoever watches it.
const TRY_AGAIN: u8 = 75;

/// Starts again; returns only when that fails.
pub(crate) fn start_again() -> ExitCode {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_else(|| "symbolon".into());
    let program = env::current_exe().ok().filter(|path| path.exists());
    let mut command = Command::new(program.unwrap_or_else(|| ITSELF.into()));
    let error = command.arg0(name).args(arguments).exec();
    let failure = Failure::new(
        TRY_AGAIN,
        format!("the program cannot start again by itself: {error}"),
        "Start it again.",
    );
    failure.tell();
    ExitCode::from(TRY_AGAIN)
}
