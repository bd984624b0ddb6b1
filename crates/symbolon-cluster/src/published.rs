//! What this node has applied, for everyone to look at without waiting.

use std::sync::Arc;

use arc_swap::ArcSwap;
use symbolon_core::{LogIndex, State};
use symbolon_service::View;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::digests::{self, Checkpoint, Digests};

/// The latest view. Written by the state machine alone.
#[derive(Debug)]
pub(crate) struct Published {
    view: ArcSwap<View>,
    applied: watch::Sender<u64>,
    /// Digests of this node's states and of the others'.
    pub(crate) digests: Digests,
}

impl Published {
    pub(crate) fn new(state: State, applied: LogIndex) -> Self {
        Self {
            view: ArcSwap::from_pointee(View { state: Arc::new(state), applied }),
            applied: watch::Sender::new(applied.0),
            digests: Digests::default(),
        }
    }

    pub(crate) fn publish(&self, state: State, applied: LogIndex) {
        if applied.0.is_multiple_of(digests::EVERY) {
            self.digests.keep(Checkpoint { index: applied, digest: state.digest() });
        }
        self.view.store(Arc::new(View { state: Arc::new(state), applied }));
        self.applied.send_replace(applied.0);
    }

    /// The digest of the latest view.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let view = self.view();
        Checkpoint { index: view.applied, digest: view.state.digest() }
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
