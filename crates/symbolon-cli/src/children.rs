//! Child processes that run this same program, and end with it.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};

/// Ends this process when its parent ends, however that happens. An error if it has ended already.
///
/// A child of `dev` asks for this with the hidden option `--end-with-parent`.
pub fn end_with_parent(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    match now.is_some_and(|pid| u32::try_from(pid) == Ok(parent)) {
        true => Ok(()),
        false => Err(io::Error::other("the parent process has ended")),
    }
}

/// Starts this program. What it prints is added to `log`.
pub(crate) fn start<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    log: File,
) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(OsString::from("--end-with-parent"))
        .arg(std::process::id().to_string())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C in the terminal is for this process alone, which then ends its children in order.
        .process_group(0)
        .kill_on_drop(true);
    command.spawn()
}

/// Runs this program to its end.
pub(crate) async fn run<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    log: File,
) -> io::Result<ExitStatus> {
    start(arguments, log)?.wait().await
}

/// Asks the child to end.
pub(crate) fn ask_to_end(child: &Child) -> io::Result<()> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    match pid {
        Some(pid) => Ok(kill_process(pid, Signal::TERM)?),
        None => Ok(()), // it has ended and was waited for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_that_is_asked_ends() {
        let mut child = Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
        ask_to_end(&child).unwrap();
        let status = child.wait().await.unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signal, Some(Signal::TERM.as_raw()));
        ask_to_end(&child).unwrap();
    }
}
