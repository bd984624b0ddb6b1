//! Work that waits for the disk, where it holds up nobody.

use std::io;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinError;

/// Does it on a thread that may wait. On a runtime of one thread it is a task like all others: the one who
/// asked for a single thread gets no second one, and what happens has one order.
///
/// # Errors
/// [`JoinError`] when it panicked.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => tokio::spawn(async move { work() }).await,
        _ => tokio::task::spawn_blocking(work).await,
    }
}

/// [`off_thread`], of what may fail.
///
/// # Errors
/// Those of the work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    off_thread(work).await.map_err(io::Error::other)?
}
