//! What an island forgets: what the log knows of by now.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use symbolon_core::{Hold, JournalId, NodeId, RecordId, State, Timestamp};
use symbolon_service::View;
use symbolon_store::Batch;
use tokio::time::{MissedTickBehavior, interval};

use super::{Island, shelf};
use crate::error::ClusterError;
use crate::off_thread::blocking;

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
            self.tell_waiting();
            if let Err(error) = self.forget().await {
                tracing::error!(%error, "what was merged cannot be removed");
            }
            tokio::select! {
                changed = applied.changed(), if !self.is_idle() => if changed.is_err() { return },
                _ = ticks.tick() => self.lock().apart.expire(self.clock.now()),
            }
        }
    }

    pub(super) fn tell_waiting(&self) {
        let waiting = u32::try_from(self.lock().waiting()).unwrap_or(u32::MAX);
        metrics::gauge!("symbolon_island_records").set(f64::from(waiting));
    }

    async fn forget(self: &Arc<Self>) -> io::Result<()> {
        let View { state, .. } = self.published.view();
        for (journal, records) in self.merged(&state) {
            let island = Arc::clone(self);
            let remove = move || island.remove(journal, records).map_err(io::Error::other);
            blocking(remove).await?;
        }
        self.forget_agreed(&state).map_err(io::Error::other)?;
        let inner = self.lock();
        self.is_idle.store(inner.apart.is_empty(), Ordering::Release);
        drop(inner);
        self.forgotten.notify_waiters();
        Ok(())
    }

    /// Records that are here and merged, first and last of each journal.
    fn merged(&self, state: &State) -> Vec<(JournalId, (u64, u64))> {
        let inner = self.lock();
        let merged = inner.journals.iter().map(|(id, extent)| {
            let merged = state.journal(*id).map_or(0, |row| row.merged);
            let last = merged.min(extent.last).min(extent.first + REMOVED_AT_ONCE - 1);
            (*id, (extent.first, last))
        });
        merged.filter(|(_, (first, last))| first <= last).collect()
    }

    /// Removes records. Not for async code.
    fn remove(&self, journal: JournalId, (first, last): (u64, u64)) -> Result<(), ClusterError> {
        let events = self.read(journal, (first, last))?;
        let mut batch = Batch::new();
        let mut inner = self.lock();
        for (number, event) in events {
            let record = RecordId { journal, number };
            inner.apart.merged(record, &event);
            shelf::remove_record(&mut batch, record);
        }
        let is_current = inner.current == Some(journal);
        if let Some(extent) = inner.journals.get_mut(&journal) {
            extent.first = last + 1;
            if extent.first > extent.last && !is_current {
                inner.journals.remove(&journal);
                shelf::remove_journal(&mut batch, journal);
            }
        }
        Ok(self.shelf.0.write(batch)?)
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
