//! One read barrier for all who need one.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::ServiceError;
use crate::ports::{Ledger, ProposeError};

/// Whoever arrives waits for a barrier that began after it arrived, and those who wait share it: a
/// crowd of strangers costs the master one question at a time.
#[derive(Debug, Default)]
pub(crate) struct SharedBarrier {
    /// Barriers begun so far. Raised only by the holder of `last`.
    begun: AtomicU64,
    /// How the last one ended. Held while one is under way.
    last: Mutex<Option<ProposeError>>,
}

impl SharedBarrier {
    /// Returns once this node has applied all that was committed when the call began.
    pub(crate) async fn pass(
        &self,
        ledger: &dyn Ledger,
        deadline: Instant,
    ) -> Result<(), ServiceError> {
        let arrived = self.begun.load(Ordering::Acquire);
        let Ok(mut last) = timeout_at(deadline, self.last.lock()).await else {
            return Err(ServiceError::NoMaster);
        };
        if self.begun.load(Ordering::Acquire) == arrived {
            self.begun.fetch_add(1, Ordering::AcqRel);
            // In case whoever runs it goes away: the others must not take the one before for it.
            *last = Some(ProposeError::NoMaster);
            *last = ledger.read_barrier(deadline).await.err();
        }
        last.map_or(Ok(()), |error| Err(error.into()))
    }
}
