//! Which of its lives a node is in, as its test knows.

use std::sync::atomic::{AtomicU64, Ordering};

/// A time between a node being ready and somebody beginning to end it. Two looks that find the same
/// life had it alive all the time in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life(u64);

/// Odd while the node is alive.
#[derive(Default)]
pub(crate) struct Lives(AtomicU64);

impl Lives {
    pub(crate) fn now(&self) -> Option<Life> {
        let number = self.0.load(Ordering::SeqCst);
        (number % 2 == 1).then_some(Life(number))
    }

    pub(crate) fn begin(&self) {
        // Only the one who owns the process writes.
        if self.now().is_none() {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn end(&self) {
        if self.now().is_some() {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_life_is_another_one() {
        let lives = Lives::default();
        assert_eq!(lives.now(), None);
        lives.begin();
        let first = lives.now().unwrap();
        lives.begin();
        assert_eq!(lives.now(), Some(first));
        lives.end();
        lives.end();
        assert_eq!(lives.now(), None);
        lives.begin();
        assert_ne!(lives.now(), Some(first));
    }
}
