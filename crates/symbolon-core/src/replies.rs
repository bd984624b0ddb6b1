//! Answers kept for retransmissions: the same caller, id and fingerprint within 30 s of state time.

use crate::limits::{REPLIES_MAX, RETRANSMISSION_MILLISECONDS};
use crate::map::Map;
use crate::{Answer, AuditEvent, Caller, Fingerprint, RequestId, Timestamp};

type Key = (Caller, RequestId);

/// An answer that was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// What had been asked.
    pub fingerprint: Fingerprint,
    /// State time of the answer.
    pub at: Timestamp,
    /// The answer.
    pub answer: Answer,
}

/// Bounded by time and by number. Its content follows from the audit events of the last 30 s, so it
/// is rebuilt from them at start and never stored.
#[derive(Clone, Default, Debug)]
pub(crate) struct Replies {
    by_key: Map<Key, Remembered>,
    /// By the order in which they were given.
    by_age: Map<u64, (Timestamp, Key)>,
    next: u64,
}

impl Replies {
    pub(crate) fn get(&self, caller: Caller, id: RequestId) -> Option<&Remembered> {
        self.by_key.get(&(caller, id))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.size()
    }

    pub(crate) fn remember(&mut self, event: &AuditEvent) {
        let Some(reply) = event.reply() else { return };
        let key = (event.caller, event.request_id);
        if self.by_key.contains_key(&key) {
            return;
        }
        if self.by_key.size() >= REPLIES_MAX {
            self.forget_oldest();
        }
        let answer = Answer { index: event.index, reply };
        self.by_key
            .insert_mut(key, Remembered { fingerprint: event.fingerprint, at: event.at, answer });
        self.by_age.insert_mut(self.next, (event.at, key));
        self.next += 1;
    }

    /// Forgets what is over 30 s old at state time `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while self
            .by_age
            .first()
            .is_some_and(|(_, (at, _))| at.plus(RETRANSMISSION_MILLISECONDS) < now)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((&number, &(_, key))) = self.by_age.first() {
            self.by_key.remove_mut(&key);
            self.by_age.remove_mut(&number);
        }
    }
}
