//! Keeps the keys of this node: takes over a new KEK while the node runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use symbolon_store::{KeysError, NodeKeys};
use tokio::time::{MissedTickBehavior, interval};

/// How often this node looks whether a new KEK waits beside its KEK.
const INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct KeyKeeper {
    pub(crate) keys: Arc<Mutex<NodeKeys>>,
}

impl KeyKeeper {
    /// Looks after the keys for as long as the node runs.
    pub(crate) async fn run(self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.take_over_kek().await;
        }
    }

    async fn take_over_kek(&self) {
        let changed = self.with_keys(|keys| keys.wants_rotation() && rotate_kek(keys));
        if changed.await {
            tracing::info!("the KEK of this node is another one now");
        }
    }

    /// Works on the keys, and waits for the disk, where it holds up nobody.
    async fn with_keys<T: Send + Default + 'static>(
        &self,
        work: impl FnOnce(&mut NodeKeys) -> T + Send + 'static,
    ) -> T {
        let keys = Arc::clone(&self.keys);
        let worked = tokio::task::spawn_blocking(move || {
            work(&mut keys.lock().unwrap_or_else(PoisonError::into_inner))
        });
        worked.await.unwrap_or_default()
    }
}

/// `false` when it is not done: it is tried again.
fn rotate_kek(keys: &mut NodeKeys) -> bool {
    tracing::info!("a new KEK is taken over");
    keys.rotate_kek().unwrap_or_else(|error: KeysError| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "the new KEK is not taken over yet");
        false
    })
}
