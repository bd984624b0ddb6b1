//! When requests of an open loop are due. A thread of its own looks at the clock: timers of a runtime are
//! off by up to two milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{error::Failure, exit::Exit};

/// So many requests in a second, each at its moment, whoever is there to send it.
#[derive(Clone)]
pub(super) struct Pace(Arc<Inner>);

struct Inner {
    rate: u32,
    /// A place for each request that is due and was not sent.
    due: Semaphore,
    /// How many were sent.
    sent: AtomicU64,
    begin: std::sync::OnceLock<Instant>,
}

impl Pace {
    pub(super) fn new(rate: u32) -> Self {
        Self(Arc::new(Inner {
            rate,
            due: Semaphore::new(0),
            sent: AtomicU64::new(0),
            begin: std::sync::OnceLock::new(),
        }))
    }

    /// From then on, for so long.
    pub(super) fn begin(&self, begin: Instant, time: Duration) -> Result<(), Failure> {
        let _ = self.0.begin.set(begin);
        let pace = self.clone();
        let run = move || pace.run(begin, time);
        thread::Builder::new().spawn(run).map(drop).map_err(|error| {
            let what = format!("The system gives no thread: {error}.");
            Failure::new(Exit::Software, what, "Try again.")
        })
    }

    fn run(&self, begin: Instant, time: Duration) {
        let end = begin + time;
        let mut told = 0;
        while Instant::now() < end && !self.0.due.is_closed() {
            let due = number(begin.elapsed(), self.0.rate);
            self.0.due.add_permits(usize::try_from(due - told).unwrap_or(0));
            told = due;
            let next = (begin + moment(told, self.0.rate)).min(end);
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
        self.end();
    }

    /// Waits until the next request is due, and tells since when; `None`: there are no more.
    pub(super) async fn next(&self) -> Option<Instant> {
        self.0.due.acquire().await.ok()?.forget();
        let number = self.0.sent.fetch_add(1, Ordering::Relaxed);
        Some(*self.0.begin.get()? + moment(number, self.0.rate))
    }

    /// No more requests are sent.
    pub(super) fn end(&self) {
        self.0.due.close();
    }

    /// How many are due and were not sent.
    pub(super) fn not_sent(&self) -> u64 {
        self.0.due.available_permits() as u64
    }
}

/// How many are due by then: the first at once.
fn number(after: Duration, rate: u32) -> u64 {
    let nanoseconds = after.as_nanos().saturating_mul(rate.into());
    u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX).saturating_add(1)
}

/// How long after the beginning a request is due.
fn moment(number: u64, rate: u32) -> Duration {
    Duration::from_nanos(number.saturating_mul(1_000_000_000).div_ceil(rate.max(1).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_at_its_moment() {
        for rate in [1, 3, 1_000, 77_777] {
            for count in [0, 1, 2, 999] {
                let at = moment(count, rate);
                assert_eq!(number(at, rate), count + 1, "{rate}");
                if !at.is_zero() {
                    assert_eq!(number(at - Duration::from_nanos(1), rate), count, "{rate}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_are_told_and_none_before_it_is_due() {
        let (pace, begin) = (Pace::new(1_000), Instant::now());
        pace.begin(begin, Duration::from_secs(60)).unwrap();
        for number in 0..50 {
            let due = pace.next().await.unwrap();
            assert_eq!(due, begin + Duration::from_millis(number));
            assert!(Instant::now() >= due);
        }
        pace.end();
        assert_eq!(pace.next().await, None);
    }
}
