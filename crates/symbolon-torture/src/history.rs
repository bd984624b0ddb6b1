//! What clients asked and were told, and what else has happened, written down as it happens: in memory for
//! the checkers, in a file for people.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use symbolon_check::{Call, Nanos, Outcome, SECOND, Told, Verify, short};
use tokio::time::Instant;

/// All of it. Clones are the same.
#[derive(Clone)]
pub(crate) struct History {
    inner: Arc<Mutex<Inner>>,
    began: Instant,
}

struct Inner {
    told: Told,
    file: BufWriter<File>,
}

impl History {
    pub(crate) fn new(file: &Path) -> Self {
        let file = File::create(file).unwrap_or_else(|error| panic!("no history: {error}"));
        let inner = Inner { told: Told::default(), file: BufWriter::new(file) };
        Self { inner: Arc::new(Mutex::new(inner)), began: Instant::now() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the start.
    pub(crate) fn now(&self) -> Nanos {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// Says what has happened.
    pub(crate) fn say(&self, who: &str, what: &str) {
        let now = self.now();
        let line = format!("{:4}.{:03} {who:8} {what}", now / SECOND, now % SECOND / 1_000_000);
        let mut inner = self.lock();
        // It is for people, and the disk may be full.
        let _ = writeln!(inner.file, "{line}").and_then(|()| inner.file.flush());
    }

    /// The same, and prints it.
    pub(crate) fn tell(&self, who: &str, what: &str) {
        let seconds = self.now() / SECOND;
        println!("{seconds:5} s  {who}: {what}");
        self.say(who, what);
    }

    pub(crate) fn verified(&self, verify: Verify) {
        let Verify { request, host, shown, began, ended, outcome } = &verify;
        let step = shown.step.map_or_else(|| "guess".to_owned(), |step| step.to_string());
        let told = match outcome {
            Outcome::Told(told) => format!(
                "{}{} at {} in {}",
                told.decision.name(),
                if told.island { " (island)" } else { "" },
                told.index,
                told.lineage
            ),
            other => format!("{other:?}"),
        };
        let took = ended.saturating_sub(*began) / 1_000_000;
        let what = format!(
            "verify user-{} step {step} at node-{} as {}: {told} ({took} ms)",
            shown.token,
            host + 1,
            short(*request)
        );
        self.say("client", &what);
        self.lock().told.verified.push(verify);
    }

    pub(crate) fn called(&self, call: Call) {
        let Call { user, request, deed, host, outcome, .. } = &call;
        let what = format!(
            "{deed:?} user-{user} at node-{} as {}: {outcome:?}",
            host + 1,
            short(*request)
        );
        self.say("client", &what);
        self.lock().told.calls.push(call);
    }

    pub(crate) fn all(&self) -> Told {
        self.lock().told.clone()
    }
}
