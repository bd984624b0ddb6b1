//! One read barrier for all who need one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::ServiceError;
use crate::ports::{Ledger, ProposeError};

/// Longest barrier. It is nobody's in particular, so nobody's deadline bounds it.
const LIMIT: Duration = Duration::from_secs(1);

/// Whoever arrives waits for a barrier that began after it arrived, and those who wait share it: a
/// crowd of strangers costs the master one question at a time. It runs in a task of its own: who is
/// in a hurry, or goes away, spoils it for no other.
#[derive(Debug, Default)]
pub(crate) struct SharedBarrier {
    /// Barriers begun so far. Raised only by the holder of `last`.
    begun: AtomicU64,
    /// How the last one ended. Held while one is under way.
    last: Arc<Mutex<Option<ProposeError>>>,
}

impl SharedBarrier {
    /// Returns once this node has applied all that was committed when the call began.
    pub(crate) async fn pass(
        &self,
        ledger: &Arc<dyn Ledger>,
        deadline: Instant,
    ) -> Result<(), ServiceError> {
        let arrived = self.begun.load(Ordering::Acquire);
        let lock = Arc::clone(&self.last).lock_owned();
        let mut last = timeout_at(deadline, lock).await.map_err(|_| ServiceError::NoMaster)?;
        if self.begun.load(Ordering::Acquire) != arrived {
            return last.clone().map_or(Ok(()), |error| Err(error.into()));
        }
        self.begun.fetch_add(1, Ordering::AcqRel);
        // In case the task ends early: the others must not take the barrier before for this one.
        *last = Some(ProposeError::NoMaster);
        let ledger = Arc::clone(ledger);
        let barrier = tokio::spawn(async move {
            *last = ledger.read_barrier(Instant::now() + LIMIT).await.err();
            last.clone()
        });
        match timeout_at(deadline, barrier).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(error))) => Err(error.into()),
            Ok(Err(_)) | Err(_) => Err(ServiceError::NoMaster),
        }
    }
}
