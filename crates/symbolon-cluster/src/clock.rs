//! The real clock and the real randomness.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use symbolon_core::Timestamp;
use symbolon_service::{Clock, Entropy};
use zeroize::Zeroize as _;

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::expect_used, reason = "a node without randomness must not go on")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system gives random bytes");
    }

    /// Each verification draws two ids: from the system, that would be two calls into the kernel.
    fn fill_id(&self, buffer: &mut [u8]) {
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.bytes.len() - drawn.next < buffer.len() {
                self.fill(&mut drawn.bytes);
                drawn.next = 0;
            }
            let Some(taken) = drawn.bytes.get_mut(drawn.next..drawn.next + buffer.len()) else {
                return self.fill(buffer);
            };
            buffer.copy_from_slice(taken);
            taken.zeroize();
            drawn.next += buffer.len();
        });
    }
}

/// Random bytes of a thread that nobody was given yet; those that were are wiped.
struct Drawn {
    bytes: [u8; 1024],
    next: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; 1024], next: 1024 }) };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_id_is_drawn_twice_whatever_their_lengths() {
        let mut seen = BTreeSet::new();
        for length in (8..=40).cycle().take(2_000) {
            let mut id = vec![0; length];
            OsEntropy.fill_id(&mut id);
            assert!(id.windows(8).all(|part| part != [0; 8]), "{length}");
            id.truncate(8);
            assert!(seen.insert(id), "{length}");
        }
        let mut long = vec![0; 2_000];
        OsEntropy.fill_id(&mut long);
        assert_ne!(long, [0; 2_000]);
    }
}
