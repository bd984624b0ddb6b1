//! The clock of whoever types the command, which is no clock of a node.

use std::time::{SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "what people call two hours ago is by their clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Seconds since 1970.
pub(crate) fn seconds() -> u64 {
    now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
