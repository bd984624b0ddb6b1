//! Keeps a flood out of the log.
//!
//! Some lines are written for what anybody may do: a refused call, a refused join. A line of
//! `warn` from one place in the code is written [`LINES_MAX`] times in [`WINDOW`] and then left out
//! until the window is over, and [`left_out`] says how many were. What is refused stands in the
//! metrics all the same. Other levels are not touched: `error` is rare, and `info` has a line for
//! each verification, as many as the cluster decides.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one place in one window.
const LINES_MAX: u32 = 100;
/// Length of a window.
const WINDOW: Duration = Duration::from_secs(10);

/// Lines left out and not told of yet.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Lines that were left out since this was last asked.
pub(crate) fn left_out() -> u64 {
    LEFT_OUT.swap(0, Ordering::Relaxed)
}

/// Leaves lines out. Goes around whatever writes them.
#[derive(Default)]
pub(super) struct FloodGate(Mutex<HashMap<Identifier, Window>>);

struct Window {
    began: Instant,
    lines: u32,
}

impl FloodGate {
    fn admits(&self, place: Identifier) -> bool {
        let now = Instant::now();
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = places.entry(place).or_insert(Window { began: now, lines: 0 });
        if now.duration_since(window.began) >= WINDOW {
            *window = Window { began: now, lines: 0 };
        }
        window.lines = window.lines.saturating_add(1);
        window.lines <= LINES_MAX
    }
}

impl<S: Subscriber> Layer<S> for FloodGate {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() != Level::WARN || self.admits(metadata.callsite()) {
            return true;
        }
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        false
    }
}
