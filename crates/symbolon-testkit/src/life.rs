//! Which of its lives a node is in, as its test knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A time between a node being ready and somebody beginning to end it. Two looks that find the same
/// life had it alive all the time in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life(u64);

/// Tells the life of a node to those who call it, for longer than they can hold on to the node.
#[derive(Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The life that the node is in; `None` until it is ready, and from the moment on at which a test
    /// begins to end it.
    #[must_use]
    pub fn life(&self) -> Option<Life> {
        // Odd while the node is alive.
        let number = self.0.load(Ordering::SeqCst);
        (number % 2 == 1).then_some(Life(number))
    }

    pub(crate) fn begin(&self) {
        // Only the one who owns the process writes.
        if self.life().is_none() {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn end(&self) {
        if self.life().is_some() {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_life_is_another_one() {
        let pulse = Pulse::default();
        assert_eq!(pulse.life(), None);
        pulse.begin();
        let first = pulse.life().unwrap();
        pulse.begin();
        assert_eq!(pulse.life(), Some(first));
        pulse.end();
        pulse.end();
        assert_eq!(pulse.life(), None);
        pulse.begin();
        assert_ne!(pulse.life(), Some(first));
    }
}
