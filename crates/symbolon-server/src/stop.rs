//! The end of the process, asked for once and heard everywhere.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a node that was not given the time to stop well.
const CUT_SHORT: i32 = 1;

/// Says when to stop. Clones say and hear the same.
///
/// Who hears it stops taking new work, finishes what has begun within a limit of its own, and
/// returns. Nobody takes it back.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// One that nobody has asked for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that hears what this one is asked, and is asked without this one hearing it.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Asks everything to stop. Asking again changes nothing.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether it has been asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is asked for. May be dropped and called again.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// As [`requested`](Self::requested), of a future that borrows nothing.
    pub async fn into_requested(self) {
        self.0.cancelled_owned().await;
    }

    /// From now on SIGTERM and SIGINT ask for it. A second signal does not wait for the drain: the
    /// process exits at once with code 1. That loses no acknowledged write, as a crash would not;
    /// requests in flight lose their answers.
    ///
    /// # Errors
    ///
    /// When the system does not let the signals be caught.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn on_signals(&self) -> io::Result<()> {
        let signals = Signals::catch()?;
        tokio::spawn(watch(signals, self.clone(), exit));
        Ok(())
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn watch(mut signals: Signals, stop: Stop, give_up: impl FnOnce()) {
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping; a second signal exits at once");
    stop.request();
    let name = signals.next().await;
    tracing::warn!(signal = name, "exiting before everything has stopped");
    give_up();
}

#[expect(clippy::exit, reason = "the second signal asks for exactly that")]
fn exit() {
    process::exit(CUT_SHORT);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};
    use tokio::sync::oneshot;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_first_signal_asks_to_stop_and_the_second_gives_up() {
        let stop = Stop::new();
        let (gave_up, mut given_up) = oneshot::channel();
        let signals = Signals::catch().unwrap();
        let watching = tokio::spawn(watch(signals, stop.clone(), || {
            gave_up.send(()).unwrap();
        }));

        kill_process(getpid(), Signal::TERM).unwrap();
        tokio::time::timeout(SOON, stop.requested()).await.unwrap();
        assert!(stop.is_requested());
        assert!(given_up.try_recv().is_err());

        kill_process(getpid(), Signal::INT).unwrap();
        tokio::time::timeout(SOON, watching).await.unwrap().unwrap();
        given_up.try_recv().unwrap();
    }

    #[tokio::test]
    async fn all_clones_hear_it() {
        let stop = Stop::new();
        let heard = tokio::spawn(stop.clone().into_requested());
        assert!(!stop.is_requested());
        stop.request();
        stop.request();
        heard.await.unwrap();
    }
}
