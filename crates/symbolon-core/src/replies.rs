//! Answers kept for retransmissions: the same caller, id and fingerprint within 30 s of state time.

use crate::limits::{REPLIES_MAX, RETRANSMISSION_MILLISECONDS};
use crate::map::Map;
use crate::{Answer, AuditEvent, Caller, Fingerprint, RequestId, Timestamp};

/// The id of a request, as a number, and whose it is.
type Key = (u128, Caller);

const fn key(caller: Caller, id: RequestId) -> Key {
    (u128::from_be_bytes(id.0), caller)
}

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

/// Bounded by time and by number. Its content follows from the audit events of the last
/// [`RETRANSMISSION_MILLISECONDS`], so it is rebuilt from them at start and never stored.
///
/// Answers are not removed one by one, which would cost as much as remembering them: what is too old is
/// not found any more, and goes with all others of its generation once the last of them is too old.
#[derive(Clone, Default, Debug)]
pub(crate) struct Replies {
    /// All of these are remembered.
    young: Generation,
    old: Generation,
    /// All that are old were given before, or then.
    since: Timestamp,
    /// How many were ever given.
    given: u64,
}

/// Each with how many were given before it.
type Generation = Map<Key, (u64, Remembered)>;

impl Replies {
    /// The answer that is remembered at state time `now`.
    pub(crate) fn get(&self, caller: Caller, id: RequestId, now: Timestamp) -> Option<&Remembered> {
        let key = key(caller, id);
        let found = self.young.get(&key).or_else(|| self.old.get(&key))?;
        self.is_remembered(found, now).then_some(&found.1)
    }

    fn is_remembered(&self, (before, first): &(u64, Remembered), now: Timestamp) -> bool {
        let later = self.given - before;
        later <= REPLIES_MAX as u64 && first.at.plus(RETRANSMISSION_MILLISECONDS) >= now
    }

    /// How many are remembered at state time `now`. Looks at all of them.
    pub(crate) fn count(&self, now: Timestamp) -> usize {
        let all = self.young.values().chain(self.old.values());
        all.filter(|found| self.is_remembered(found, now)).count()
    }

    /// How many are in memory.
    pub(crate) fn held(&self) -> usize {
        self.young.size() + self.old.size()
    }

    /// Remembers the answer that an event tells of, for a request whose answer was not remembered when it
    /// came. The first of several events counts.
    pub(crate) fn remember(&mut self, event: &AuditEvent) {
        let Some(reply) = event.reply() else { return };
        let key = key(event.caller, event.request_id);
        if self.young.contains_key(&key) {
            return;
        }
        if self.young.size() >= REPLIES_MAX {
            self.grow_old(event.at);
        }
        let answer = Answer { index: event.index, reply };
        let first = Remembered { fingerprint: event.fingerprint, at: event.at, answer };
        self.young.insert_mut(key, (self.given, first));
        self.given += 1;
    }

    /// Lets go of what is too old at state time `now`, once all of its generation is.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.since.plus(RETRANSMISSION_MILLISECONDS) < now {
            self.grow_old(now);
        }
    }

    /// Those that were old are too old by time or by number.
    fn grow_old(&mut self, now: Timestamp) {
        self.old = core::mem::take(&mut self.young);
        self.since = now;
    }
}
