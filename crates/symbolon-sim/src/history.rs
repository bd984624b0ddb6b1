//! What clients asked and were told, written down as it happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use symbolon_check::{Call, Outcome, Told, Verify, short};

use crate::os;
use crate::trace::Trace;

/// All of it. Clones are the same.
#[derive(Clone)]
pub(crate) struct History {
    inner: Arc<Mutex<Told>>,
    trace: Trace,
}

impl History {
    pub(crate) fn new(trace: Trace) -> Self {
        Self { inner: Arc::default(), trace }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn verified(&self, verify: Verify) {
        let Verify { request, host, shown, began, outcome, .. } = &verify;
        let step = shown.step.map_or_else(|| "guess".to_owned(), |step| step.to_string());
        let told = match outcome {
            Outcome::Told(told) => format!(
                "{}{} at {} failures {}",
                told.decision.name(),
                if told.island { " (island)" } else { "" },
                told.index,
                told.failures
            ),
            other => format!("{other:?}"),
        };
        let took = (os::now() - began) / crate::time::MILLISECOND;
        let what = format!(
            "verify user-{} step {step} at host-{host} as {}: {told} ({took} ms)",
            shown.token,
            short(*request)
        );
        self.trace.say("client", &what);
        self.lock().verified.push(verify);
    }

    pub(crate) fn called(&self, call: Call) {
        let Call { user, request, deed, host, outcome, .. } = &call;
        let what =
            format!("{deed:?} user-{user} at host-{host} as {}: {outcome:?}", short(*request));
        self.trace.say("client", &what);
        self.lock().calls.push(call);
    }

    pub(crate) fn all(&self) -> Told {
        self.lock().clone()
    }
}
