//! What clients asked and were told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use symbolon_core::{Decision, Denial, LineageId, RequestId};

use crate::net::HostId;
use crate::os;
use crate::time::Nanos;
use crate::trace::Trace;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Told(T),
    /// Refused to decide, and why. It may have been done nevertheless.
    Refused(String),
    /// The node died, or did not answer in time.
    Unknown,
}

impl<T> Outcome<T> {
    pub(crate) const fn told(&self) -> Option<&T> {
        match self {
            Self::Told(told) => Some(told),
            _ => None,
        }
    }
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) failures: u32,
    pub(crate) index: u64,
    pub(crate) island: bool,
    pub(crate) lineage: LineageId,
}

impl Decided {
    pub(crate) const fn is_allow(&self) -> bool {
        matches!(self.decision, Decision::Allow)
    }

    pub(crate) const fn denial(&self) -> Option<Denial> {
        match self.decision {
            Decision::Deny(denial) => Some(denial),
            _ => None,
        }
    }
}

/// A code that somebody showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shown {
    /// Number of the token, which is that of its user.
    pub(crate) token: usize,
    /// Its time step or count; `None`: a guess.
    pub(crate) step: Option<u64>,
}

/// One call to verify.
#[derive(Clone, Debug)]
pub(crate) struct Verify {
    pub(crate) request: RequestId,
    pub(crate) host: HostId,
    pub(crate) shown: Shown,
    pub(crate) began: Nanos,
    pub(crate) ended: Nanos,
    pub(crate) outcome: Outcome<Decided>,
}

/// What was done with a user's display name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Written; each text is written once.
    Write(String),
    /// Read, and what it was.
    Read(Option<String>),
}

/// One call about a user.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) user: usize,
    pub(crate) request: RequestId,
    pub(crate) deed: Deed,
    pub(crate) host: HostId,
    pub(crate) began: Nanos,
    pub(crate) ended: Nanos,
    /// Where in the log, and in which lineage.
    pub(crate) outcome: Outcome<(u64, LineageId)>,
}

/// All of it. Clones are the same.
#[derive(Clone)]
pub(crate) struct History {
    inner: Arc<Mutex<Told>>,
    trace: Trace,
}

/// See [`History`].
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) verified: Vec<Verify>,
    pub(crate) calls: Vec<Call>,
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

/// A request id as the timeline shows it.
pub(crate) fn short(request: RequestId) -> String {
    request.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
