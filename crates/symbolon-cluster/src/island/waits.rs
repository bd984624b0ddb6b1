//! Requests that go to the log while codes are held beside it: who waits for what.

use std::time::Duration;

use symbolon_core::{Command, Holder, Proposal, RecordId};
use tokio::time::Instant;

use super::{Inner, Island};

/// A master decides a request within that, or nobody waits for it any more.
const DECIDED_WITHIN: Duration = Duration::from_secs(11);

impl Inner {
    /// A master is to decide the request of a record.
    pub(super) fn hand(&mut self, holder: Holder, record: RecordId) {
        let (records, since) =
            self.handed.entry(holder).or_insert_with(|| (Vec::new(), Instant::now()));
        *since = Instant::now();
        // It may have been looked at several times before the log was in reach.
        records.push(record);
    }

    /// Requests of which nobody waits for an answer any more.
    pub(super) fn take_back(&mut self) {
        let Self { handed, unfinished, .. } = self;
        handed.retain(|_, (records, since)| {
            let waits = since.elapsed() < DECIDED_WITHIN;
            unfinished.retain(|record| waits || !records.contains(record));
            waits
        });
    }
}

impl Island {
    /// A request was decided; if a master was to do that, the record of it can be merged.
    pub(crate) fn answered(&self, holder: Holder) {
        if self.is_idle() {
            return;
        }
        let mut inner = self.lock();
        if let Some((records, _)) = inner.handed.remove(&holder) {
            inner.unfinished.retain(|record| !records.contains(record));
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// Whether a proposal for the log shows a code that counts as used here, and the log does not know yet.
    fn is_held(&self, proposal: &Proposal) -> bool {
        let Command::Verify(outcome) = &proposal.command else { return false };
        if self.is_idle() {
            return false;
        }
        let inner = self.lock();
        let holder = Holder { request_id: proposal.request_id, caller: proposal.caller };
        [&outcome.matches, &outcome.wrong_pin].iter().any(|it| inner.apart.is_held(it, holder))
    }

    /// Waits until the log knows of the codes of a proposal that count as used here, or the log is out of
    /// reach again.
    pub(crate) async fn let_go(&self, proposal: &Proposal) {
        if !self.is_held(proposal) {
            return;
        }
        let mut since = self.follow();
        loop {
            let forgotten = self.forgotten.notified();
            tokio::pin!(forgotten);
            // Before it is looked: what is forgotten in between is not missed.
            forgotten.as_mut().enable();
            if since.borrow_and_update().is_some() || !self.is_held(proposal) {
                return;
            }
            tokio::select! {
                () = forgotten => {}
                _ = since.changed() => {}
            }
        }
    }
}
