//! What goes along with a call.

use std::sync::atomic::{AtomicU64, Ordering};

/// Metadata key of a request's id.
pub const REQUEST_ID: &str = "symbolon-request-id";

/// A request id that this process has not had before.
#[must_use]
pub fn request_id() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = u64::from(std::process::id());
    ((u128::from(process) << 64) | u128::from(number)).to_be_bytes()
}
