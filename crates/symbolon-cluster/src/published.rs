//! What this node has applied, for everyone to look at without waiting.

use std::sync::Arc;

use arc_swap::ArcSwap;
use symbolon_core::{LogIndex, State};
use symbolon_service::View;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The latest view. Written by the state machine alone.
#[derive(Debug)]
pub(crate) struct Published {
    view: ArcSwap<View>,
    applied: watch::Sender<u64>,
}

impl Published {
    pub(crate) fn new(state: State, applied: LogIndex) -> Self {
        Self {
            view: ArcSwap::from_pointee(View { state: Arc::new(state), applied }),
            applied: watch::Sender::new(applied.0),
        }
    }

    pub(crate) fn publish(&self, state: State, applied: LogIndex) {
        self.view.store(Arc::new(View { state: Arc::new(state), applied }));
        self.applied.send_replace(applied.0);
    }

    pub(crate) fn view(&self) -> View {
        View::clone(&self.view.load())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Waits until `index` is applied; `false` when the deadline came first.
    pub(crate) async fn reached(&self, index: LogIndex, deadline: Instant) -> bool {
        let mut applied = self.subscribe();
        let wait = applied.wait_for(|applied| *applied >= index.0);
        matches!(timeout_at(deadline, wait).await, Ok(Ok(_)))
    }
}
