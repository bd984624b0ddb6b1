//! A node whose state is not the cluster's: it lives on so that somebody sees why, and serves nobody.

use std::sync::{Arc, OnceLock};

use symbolon_core::LogIndex;
use symbolon_store::Store;
use tokio::sync::Notify;

use crate::raft_types::Raft;

/// Whether and why the node serves nobody.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    at: OnceLock<LogIndex>,
    wanted: Notify,
}

impl Halt {
    /// After this entry most nodes had another state.
    pub(crate) fn halt(&self, at: LogIndex) {
        if self.at.set(at).is_ok() {
            self.wanted.notify_one();
        }
    }

    /// Where the states were found to differ; `None` for a node that may serve.
    pub(crate) fn halted_at(&self) -> Option<LogIndex> {
        self.at.get().copied()
    }

    /// Takes the node out of Raft when it must halt: it votes no more and leads no more.
    pub(crate) async fn watch(self: Arc<Self>, raft: Raft, store: Store) {
        self.wanted.notified().await;
        let index = self.halted_at().map_or(0, |at| at.0);
        tracing::error!(
            index,
            "this node's state is not that of the majority after this log entry: it serves nobody \
             from now on. Stop it, move its data directory away, and let it join again under a new \
             name"
        );
        if let Err(error) = store.mark_diverged(index) {
            tracing::error!(%error, "this cannot be kept for the next start");
        }
        if let Err(error) = raft.shutdown().await {
            tracing::error!(%error, "raft did not stop cleanly");
        }
        // Only the end of the process ends this task: that of a halted node is no failure.
        std::future::pending::<()>().await;
    }
}
