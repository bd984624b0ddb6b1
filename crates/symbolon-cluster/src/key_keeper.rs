//! Keeps the keys of this node: takes the next data key into its header, lets go of an old one, and
//! takes over a new KEK, all while the node runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use symbolon_core::{Command, ConfirmDataKey, DataKeyId, DataKeys, LogIndex, Rotation};
use symbolon_store::{DataKey, Keyring, KeysError, Log, NodeKeys};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::off_thread::off_thread;
use crate::own_proposals::OwnProposals;
use crate::published::Published;
use crate::raft_types::Raft;
use crate::vault::KeyringVault;

/// How often this node looks what there is to do for its keys.
const INTERVAL: Duration = Duration::from_millis(250);
/// A snapshot or a purge that was asked for is not asked for again before this.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct KeyKeeper {
    keys: Arc<Mutex<NodeKeys>>,
    pub(crate) vault: Arc<KeyringVault>,
    pub(crate) published: Arc<Published>,
    pub(crate) proposals: OwnProposals,
    pub(crate) raft: Raft,
    log: Log,
}

impl KeyKeeper {
    pub(crate) fn new(
        keys: NodeKeys,
        vault: &Arc<KeyringVault>,
        published: &Arc<Published>,
        proposals: OwnProposals,
        raft: &Raft,
        log: &Log,
    ) -> Self {
        Self {
            keys: Arc::new(Mutex::new(keys)),
            vault: Arc::clone(vault),
            published: Arc::clone(published),
            proposals,
            raft: raft.clone(),
            log: log.clone(),
        }
    }

    /// Looks after the keys for as long as the node runs.
    pub(crate) async fn run(self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = None;
        loop {
            ticks.tick().await;
            self.take_over_kek().await;
            let data_keys = self.published.view().state.data_keys();
            if let Some(next) = &data_keys.rotation {
                self.take_next(next).await;
            }
            self.let_go(&data_keys, &mut asked).await;
        }
    }

    async fn take_over_kek(&self) {
        let changed = self.with_keys(|keys| keys.wants_rotation() && rotate_kek(keys));
        if changed.await {
            tracing::info!("the KEK of this node is another one now");
        }
    }

    /// Takes the next data key out of the state into the header, and tells the cluster.
    async fn take_next(&self, next: &Rotation) {
        let keyring = self.vault.keyring();
        if !keyring.holds(next.id) {
            let key = match self.vault.open_data_key(next.id, &next.key) {
                Ok(key) => key,
                Err(error) => {
                    tracing::error!(%error, key = next.id.0, "the next data key does not open");
                    return;
                }
            };
            if !self.set_keyring(Keyring::clone(&keyring).with(key)).await {
                return;
            }
            tracing::info!(key = next.id.0, "this node holds the next data key");
        }
        if !next.holders.contains(&self.proposals.own) {
            let confirm = ConfirmDataKey { node: self.proposals.own, id: next.id };
            self.proposals.propose(Command::ConfirmDataKey(confirm)).await;
        }
    }

    /// Lets go of retired data keys once no log entry and no snapshot here is from their time. For
    /// that it takes a snapshot and purges the log, however few entries there are.
    async fn let_go(&self, data_keys: &DataKeys, asked: &mut Option<Instant>) {
        let keyring = self.vault.keyring();
        let oldest = oldest_in_use(data_keys);
        if keyring.data_keys().first().is_none_or(|key| key.id() >= oldest) {
            return;
        }
        let retired_at = data_keys.retired_at;
        // Purged means: a snapshot from after that is there, and the image was synced.
        let purged = self.log.purged().ok().flatten().map_or(0, |(index, _)| index);
        if purged < retired_at.0 {
            if asked.is_none_or(|at| at.elapsed() > ASK_AGAIN) {
                *asked = Some(Instant::now());
            } else if !self.has_snapshot(retired_at) {
                return;
            }
            self.press(retired_at).await;
            return;
        }
        *asked = None;
        let kept = Keyring::clone(&keyring).without_older_than(oldest);
        let ids: Vec<_> = kept.data_keys().iter().map(DataKey::id).collect();
        if self.set_keyring(kept).await {
            tracing::info!(?ids, "this node has let go of retired data keys; these are left");
        }
    }

    fn has_snapshot(&self, since: LogIndex) -> bool {
        let metrics = self.raft.metrics();
        let snapshot = metrics.borrow_watched().snapshot;
        snapshot.is_some_and(|log_id| log_id.index >= since.0)
    }

    /// Asks for a snapshot from `since` or later, or for the purge that it allows.
    async fn press(&self, since: LogIndex) {
        let asked = if self.has_snapshot(since) {
            self.raft.trigger().purge_log(since.0).await
        } else {
            self.raft.trigger().snapshot().await
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "no snapshot or purge now; asked for again");
        }
    }

    /// Puts a keyring into the header, and then to use.
    async fn set_keyring(&self, keyring: Keyring) -> bool {
        let vault = Arc::clone(&self.vault);
        let set = move |keys: &mut NodeKeys| match keys.set_keyring(keyring) {
            Ok(()) => {
                vault.set_keyring(keys.keyring());
                true
            }
            Err(error) => {
                tell(&error, "the header is not written; tried again");
                false
            }
        };
        self.with_keys(set).await
    }

    /// Works on the keys, and waits for the disk, where it holds up nobody.
    async fn with_keys<T: Send + Default + 'static>(
        &self,
        work: impl FnOnce(&mut NodeKeys) -> T + Send + 'static,
    ) -> T {
        let keys = Arc::clone(&self.keys);
        let worked =
            off_thread(move || work(&mut keys.lock().unwrap_or_else(PoisonError::into_inner)));
        worked.await.unwrap_or_default()
    }
}

/// The oldest data key that a field of the state may be under.
fn oldest_in_use(data_keys: &DataKeys) -> DataKeyId {
    let before = u32::from(data_keys.is_resealing());
    DataKeyId(data_keys.active.0.saturating_sub(before))
}

/// `false` when it is not done: it is tried again.
fn rotate_kek(keys: &mut NodeKeys) -> bool {
    tracing::info!("a new KEK is taken over");
    keys.rotate_kek().unwrap_or_else(|error| {
        tell(&error, "the new KEK is not taken over yet");
        false
    })
}

fn tell(error: &KeysError, what: &str) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, cause, "{what}");
}

#[cfg(test)]
mod tests;
