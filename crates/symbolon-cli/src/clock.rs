//! The clock of whoever types the command, which is no clock of a node.

use std::time::SystemTime;

#[expect(clippy::disallowed_methods, reason = "what people call two hours ago is by their clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
