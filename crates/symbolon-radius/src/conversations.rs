//! Conversations that wait for their next packet, by what names them.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

/// A bounded table of what waits for a packet that may never come. The time is the caller's, and never
/// goes back; which one does not matter.
///
/// A key names one wait, not one conversation: who goes on puts what it took in again under a new
/// key. So a packet that is sent again finds nothing here: by UDP its answer is in the cache of replies.
pub struct Conversations<K, T> {
    waiting: HashMap<K, Waiting<T>>,
    /// Oldest first. Equal lives make it the order in which they end, too.
    order: BTreeMap<u64, K>,
    next: u64,
    count_max: usize,
    life: Duration,
}

struct Waiting<T> {
    number: u64,
    until: Duration,
    value: T,
}

impl<K: Hash + Eq + Clone, T> Conversations<K, T> {
    /// A table of at most `count_max` entries (one at least), each of which is kept for `life`.
    #[must_use]
    pub fn new(count_max: usize, life: Duration) -> Self {
        let count_max = count_max.max(1);
        let (waiting, order) = (HashMap::new(), BTreeMap::new());
        Self { waiting, order, next: 0, count_max, life }
    }

    /// Keeps a value. When the table is full the oldest entry goes: whoever it belongs to begins
    /// again. An entry with the same key goes as well.
    pub fn insert(&mut self, key: K, value: T, now: Duration) -> Option<T> {
        self.expire(now);
        let replaced = self.remove(&key);
        let evicted = match self.waiting.len() >= self.count_max {
            true => self.order.first_key_value().map(|(_, key)| key.clone()),
            false => None,
        };
        let evicted = evicted.and_then(|key| self.remove(&key));
        let (number, until) = (self.next, now.saturating_add(self.life));
        self.next += 1;
        self.order.insert(number, key.clone());
        self.waiting.insert(key, Waiting { number, until, value });
        replaced.or(evicted)
    }

    /// Takes a value out, if it is still there.
    pub fn take(&mut self, key: &K, now: Duration) -> Option<T> {
        self.expire(now);
        self.remove(key)
    }

    /// Removes what is older than it may be, and says how many that was.
    pub fn expire(&mut self, now: Duration) -> usize {
        let before = self.waiting.len();
        while let Some((_, key)) = self.order.first_key_value() {
            let key = key.clone();
            if self.waiting.get(&key).is_some_and(|waiting| waiting.until > now) {
                break;
            }
            self.remove(&key);
        }
        before - self.waiting.len()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn remove(&mut self, key: &K) -> Option<T> {
        let waiting = self.waiting.remove(key)?;
        self.order.remove(&waiting.number);
        Some(waiting.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_kept_is_taken_once() {
        let mut table = Conversations::new(4, at(30));
        assert!(table.insert("a", 1, at(0)).is_none());
        assert!(table.insert("b", 2, at(1)).is_none());
        assert_eq!(table.take(&"a", at(2)), Some(1));
        assert_eq!(table.take(&"a", at(2)), None);
        assert_eq!(table.insert("b", 3, at(3)), Some(2), "the same key");
        assert_eq!((table.len(), table.order.len()), (1, 1));
    }

    #[test]
    fn nothing_is_kept_for_longer_than_its_life() {
        let mut table = Conversations::new(4, at(30));
        table.insert("a", 1, at(0));
        table.insert("b", 2, at(10));
        assert_eq!(table.take(&"a", at(30)), None);
        assert_eq!(table.take(&"b", at(39)), Some(2));
        table.insert("c", 3, at(40));
        assert_eq!(table.expire(at(70)), 1);
        assert!(table.is_empty() && table.order.is_empty());
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut table = Conversations::new(2, at(30));
        table.insert("a", 1, at(0));
        table.insert("b", 2, at(1));
        let first = table.take(&"a", at(2)).unwrap();
        table.insert("c", first, at(2));
        assert_eq!(table.insert("d", 4, at(3)), Some(2), "b is older than c");
        assert_eq!((table.len(), table.order.len()), (2, 2));
        assert_eq!(table.take(&"c", at(3)), Some(1));
    }
}
