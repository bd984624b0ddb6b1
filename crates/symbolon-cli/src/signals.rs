//! When somebody wants the program to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{error::Failure, exit::Exit};

/// Ctrl-C, SIGTERM, and the terminal going away.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on these signals no longer end the process by themselves.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let watch = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(
                    Exit::Software,
                    format!("Signals cannot be watched: {error}."),
                    "Try again; report it when it happens again.",
                )
            })
        };
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: watch(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
