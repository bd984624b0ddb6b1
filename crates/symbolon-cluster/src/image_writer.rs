//! Puts what was applied into the store, a little later and many entries at once, and now and then all of it.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use symbolon_proto::{row_encode, row_key_encode};
use symbolon_store::{Image, Rebase};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::log_store::io_error;
use crate::off_thread::blocking;
use crate::published::Published;

/// From one write to the next. A crash leaves so much to be applied again at the next start.
const INTERVAL: Duration = Duration::from_millis(50);

/// For as long as the node runs.
pub(crate) async fn run(image: Image, published: Arc<Published>) {
    let mut applied = published.subscribe();
    let mut rebasing = None::<JoinHandle<io::Result<()>>>;
    // Gone with this task, and the work on its behalf with it.
    let alive = Arc::new(());
    while applied.changed().await.is_ok() {
        let written = image.clone();
        let mut done = blocking(move || written.write_out().map_err(io_error)).await;
        if let Some(task) = rebasing.take_if(|task| task.is_finished()) {
            done = done.and(task.await.unwrap_or_else(|error| Err(io::Error::other(error))));
        }
        if let Err(error) = done {
            // The store takes nothing any more: the log's next entry ends the node.
            tracing::error!(%error, "what was applied cannot be written");
            return;
        }
        if rebasing.is_none() && image.wants_rebase() {
            let begun = image.begin_rebase();
            rebasing = begun.map(|begun| {
                tokio::spawn(rebase(begun, Arc::clone(&published), Arc::downgrade(&alive)))
            });
        }
        sleep(INTERVAL).await;
    }
}

/// Writes all rows anew, in place of a long list of changes.
async fn rebase(mut begun: Rebase, published: Arc<Published>, asked: Weak<()>) -> io::Result<()> {
    // An entry is written to the image before it is published.
    let reached = begun.applied();
    if published.subscribe().wait_for(|applied| *applied >= reached).await.is_err() {
        return Ok(());
    }
    let state = published.view().state;
    blocking(move || {
        let is_asked = || asked.strong_count() > 0;
        for row in state.rows().take_while(|_| is_asked()) {
            begun.row(&row_key_encode(row.key()), &row_encode(&row)).map_err(io_error)?;
        }
        if is_asked() { begun.commit().map_err(io_error) } else { Ok(()) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use symbolon_core::{LogIndex, State};
    use symbolon_store::{Framed, ImageBatch, SimDisk};

    use super::*;

    #[tokio::test]
    async fn a_base_is_of_a_state_that_has_what_was_written() {
        let disk = SimDisk::new();
        let image = Image::open(Framed::open(Arc::new(disk.open().unwrap())).unwrap()).unwrap();
        let rows = vec![(b"of no state".to_vec(), Some(b"row".to_vec()))];
        let scalars = b"scalars".to_vec();
        image.write(ImageBatch { rows, applied: 7, scalars, ..ImageBatch::default() }).unwrap();
        image.write_out().unwrap();
        let published = Arc::new(Published::new(State::default(), LogIndex(6)));
        let asked = Arc::new(());

        let begun = image.begin_rebase().unwrap();
        let task = rebase(begun, Arc::clone(&published), Arc::downgrade(&asked));
        let task = tokio::spawn(task);
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        published.publish(State::default(), LogIndex(7));
        task.await.unwrap().unwrap();
        assert_eq!(image.rows().count(), 0);
        assert_eq!(image.scalars().unwrap().unwrap(), b"scalars");

        // Nobody wants it any more.
        image.write(ImageBatch { applied: 7, ..ImageBatch::default() }).unwrap();
        image.write_out().unwrap();
        let frames = disk.keys().len();
        let begun = image.begin_rebase().unwrap();
        let gone = Arc::downgrade(&asked);
        drop(asked);
        rebase(begun, published, gone).await.unwrap();
        assert_eq!(disk.keys().len(), frames);
    }
}
