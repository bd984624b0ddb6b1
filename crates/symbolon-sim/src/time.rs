//! Simulated time, and the clocks that hosts have of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use symbolon_core::Timestamp;
use symbolon_service::Clock;

use crate::os;

pub(crate) use symbolon_check::{Nanos, SECOND};

pub(crate) const MILLISECOND: Nanos = 1_000_000;

/// The wall clock of a host: the true time, and how far it is off. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostClock {
    off_milliseconds: Arc<AtomicI64>,
}

impl HostClock {
    /// Sets it so far off the true time.
    pub(crate) fn set_off(&self, milliseconds: i64) {
        self.off_milliseconds.store(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn off(&self) -> i64 {
        self.off_milliseconds.load(Ordering::Relaxed)
    }
}

/// The true time, in milliseconds since 1970.
pub(crate) fn true_time() -> u64 {
    os::WALL_START * 1000 + os::now() / MILLISECOND
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        Timestamp(true_time().saturating_add_signed(self.off()))
    }
}

/// A time as people read it: seconds since the start.
pub(crate) fn shown(at: Nanos) -> String {
    format!("{:4}.{:03}", at / SECOND, at % SECOND / MILLISECOND)
}
