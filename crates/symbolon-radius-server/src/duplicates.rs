//! Requests that were sent before, RFC 5080 section 2.2.2.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use symbolon_radius::Authenticator;
use tokio::time::Instant;

/// For how long a reply is given again: between 5 and 30 s.
const REPLY_LIFE: Duration = Duration::from_secs(10);
/// Requests that are remembered at most. The oldest go first.
pub(crate) const REQUESTS_MAX: usize = 65_536;

/// Who sent a request, under which identifier. Devices use one again for another request, which then has
/// another authenticator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) from: SocketAddr,
    pub(crate) code: u8,
    pub(crate) identifier: u8,
}

/// What is to be done with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// It is answered: it was not seen before.
    New,
    /// Nothing: its answer is under way.
    UnderWay,
    /// It gets the same reply again.
    Answered(Vec<u8>),
}

struct Entry {
    authenticator: Authenticator,
    at: Instant,
    /// `None` while it is under way.
    reply: Option<Vec<u8>>,
}

/// The requests of one port.
#[derive(Default)]
pub(crate) struct Duplicates {
    requests: HashMap<Key, Entry>,
    /// In the order in which they came. One that came in the place of another stands here twice.
    order: VecDeque<(Instant, Key)>,
}

impl Duplicates {
    /// Looks at a request whose sender is known to have the secret, or of whom it need not be known.
    pub(crate) fn see(&mut self, key: Key, authenticator: &Authenticator, now: Instant) -> Seen {
        self.forget(now);
        if let Some(entry) = self.requests.get(&key)
            && entry.authenticator == *authenticator
        {
            return entry.reply.clone().map_or(Seen::UnderWay, Seen::Answered);
        }
        let entry = Entry { authenticator: *authenticator, at: now, reply: None };
        self.requests.insert(key, entry);
        self.order.push_back((now, key));
        Seen::New
    }

    /// Keeps what a request was answered with. Without an answer it is as if it had never been seen, so that the
    /// device is heard when it asks again.
    pub(crate) fn answer(&mut self, key: Key, authenticator: &Authenticator, reply: Option<&[u8]>) {
        let is_it = |entry: &Entry| entry.authenticator == *authenticator;
        let Some(entry) = self.requests.get_mut(&key).filter(|entry| is_it(entry)) else {
            return;
        };
        match reply {
            Some(reply) => entry.reply = Some(reply.to_vec()),
            None => _ = self.requests.remove(&key),
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, key)) = self.order.front().copied() {
            let is_over = now.saturating_duration_since(at) > REPLY_LIFE;
            if !is_over && self.order.len() < REQUESTS_MAX {
                return;
            }
            self.order.pop_front();
            if self.requests.get(&key).is_some_and(|entry| entry.at == at) {
                self.requests.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(identifier: u8) -> Key {
        Key { from: "192.0.2.1:1024".parse().unwrap(), code: 1, identifier }
    }

    #[test]
    fn a_request_that_is_sent_again_gets_the_same_reply_and_is_not_worked_on_twice() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        assert_eq!(seen.see(key(1), &[1; 16], now), Seen::New);
        assert_eq!(seen.see(key(1), &[1; 16], now), Seen::UnderWay);
        seen.answer(key(1), &[1; 16], Some(b"reply"));
        assert_eq!(seen.see(key(1), &[1; 16], now), Seen::Answered(b"reply".to_vec()));
        assert_eq!(seen.see(key(2), &[1; 16], now), Seen::New);
        let later = now + REPLY_LIFE + Duration::from_millis(1);
        assert_eq!(seen.see(key(1), &[1; 16], later), Seen::New, "its time is over");
    }

    #[test]
    fn an_identifier_that_is_used_again_is_another_request() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        assert_eq!(seen.see(key(1), &[1; 16], now), Seen::New);
        assert_eq!(seen.see(key(1), &[2; 16], now), Seen::New);
        seen.answer(key(1), &[1; 16], Some(b"late"));
        assert_eq!(seen.see(key(1), &[2; 16], now), Seen::UnderWay, "that reply was the other's");
    }

    #[test]
    fn without_an_answer_a_request_is_heard_again() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        assert_eq!(seen.see(key(1), &[1; 16], now), Seen::New);
        seen.answer(key(1), &[1; 16], None);
        assert_eq!(seen.see(key(1), &[1; 16], now), Seen::New);
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        for port in 0..u16::MAX {
            for identifier in [1, 2] {
                let from = SocketAddr::new([192, 0, 2, 1].into(), port);
                seen.see(Key { from, code: 1, identifier }, &[1; 16], now);
            }
        }
        assert!(seen.requests.len() <= REQUESTS_MAX && seen.order.len() <= REQUESTS_MAX);
    }
}
