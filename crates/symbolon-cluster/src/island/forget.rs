//! What an island forgets: what the log knows of by now.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{Hold, NodeId, RecordId, State, Timestamp};
use symbolon_service::View;
use symbolon_store::Batch;
use tokio::time::{MissedTickBehavior, interval};

use super::{Island, shelf};
use crate::error::ClusterError;
use crate::snapshot::blocking;

/// How often it is looked at whether something was merged.
const INTERVAL: Duration = Duration::from_secs(1);
/// Records whose removal is written at once.
const REMOVED_AT_ONCE: u64 = 1_000;
/// A code of a time is shown no longer by then.
const AGREED_MILLISECONDS: u64 = 3_600_000;

impl Island {
    /// Forgets what the log knows of, for as long as the node runs.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut applied = self.published.subscribe();
        metrics::gauge!("symbolon_island").set(0.0);
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            metrics::gauge!("symbolon_island_records").set(self.waiting());
            let has_some = {
                let inner = self.lock();
                !inner.journals.is_empty() || !inner.agreed.is_empty()
            };
            if has_some {
                let island = Arc::clone(&self);
                let forget = move || island.forget_merged().map_err(io::Error::other);
                if let Err(error) = blocking(forget).await {
                    tracing::error!(%error, "what was merged cannot be removed");
                }
                tokio::select! {
                    changed = applied.changed() => if changed.is_err() { return },
                    _ = ticks.tick() => {}
                }
            } else {
                ticks.tick().await;
            }
        }
    }

    /// Records that wait to be merged.
    pub(super) fn waiting(&self) -> f64 {
        let waiting: u64 = self.lock().journals.values().map(|it| it.last + 1 - it.first).sum();
        f64::from(u32::try_from(waiting).unwrap_or(u32::MAX))
    }

    fn forget_merged(&self) -> Result<(), ClusterError> {
        let View { state, .. } = self.published.view();
        let merged = |id| state.journal(id).map_or(0, |row| row.merged);
        let journals: Vec<_> = self.lock().journals.iter().map(|(id, it)| (*id, *it)).collect();
        for (journal, extent) in journals {
            let last = merged(journal).min(extent.last).min(extent.first + REMOVED_AT_ONCE - 1);
            if last < extent.first {
                continue;
            }
            let events = self.read(journal, (extent.first, last))?;
            let mut batch = Batch::new();
            let mut inner = self.lock();
            for (number, event) in (extent.first..=last).zip(&events) {
                let record = RecordId { journal, number };
                inner.apart.merged(record, event);
                shelf::remove_record(&mut batch, record);
            }
            let is_over = last == extent.last && inner.current != Some(journal);
            if is_over {
                inner.journals.remove(&journal);
                shelf::remove_journal(&mut batch, journal);
            } else if let Some(extent) = inner.journals.get_mut(&journal) {
                extent.first = last + 1;
            }
            self.shelf.0.write(batch)?;
        }
        self.forget_agreed(&state)
    }

    fn forget_agreed(&self, state: &State) -> Result<(), ClusterError> {
        let old = Timestamp(self.clock.now().0.saturating_sub(AGREED_MILLISECONDS));
        let mut inner = self.lock();
        let is_known = |hold: &Hold, node: NodeId| {
            let token = state.token(hold.shown.token);
            let merged = state.journal(hold.record.journal).map_or(0, |row| row.merged);
            token.is_none_or(|row| row.mark >= hold.shown.step || row.is_past(hold.shown.step, old))
                || merged >= hold.record.number
                || !state.is_member(node)
        };
        let known = inner.agreed.iter().filter(|(_, (hold, node))| is_known(hold, *node));
        let known: Vec<_> = known.map(|(token, (hold, _))| (*token, *hold)).collect();
        if known.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for (token, hold) in known {
            inner.agreed.remove(&token);
            inner.apart.release(token, hold.record);
            shelf::remove_agreed(&mut batch, token);
        }
        Ok(self.shelf.0.write(batch)?)
    }
}
