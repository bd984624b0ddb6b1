//! Puts what was applied into the store, a little later and many entries at once.

use std::sync::Arc;
use std::time::Duration;

use symbolon_store::Image;
use tokio::time::sleep;

use crate::log_store::io_error;
use crate::off_thread::blocking;
use crate::published::Published;

/// From one write to the next. A crash leaves so much to be applied again at the next start.
const INTERVAL: Duration = Duration::from_millis(50);

/// For as long as the node runs.
pub(crate) async fn run(image: Image, published: Arc<Published>) {
    let mut applied = published.subscribe();
    while applied.changed().await.is_ok() {
        let image = image.clone();
        if let Err(error) = blocking(move || image.write_out().map_err(io_error)).await {
            // The store takes nothing any more: the log's next entry ends the node.
            tracing::error!(%error, "what was applied cannot be written");
            return;
        }
        sleep(INTERVAL).await;
    }
}
