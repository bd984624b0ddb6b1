//! A node whose disk is nearly full: what it still does.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use symbolon_proto::peer::v1 as peer;
use symbolon_store::{DiskLevel, DiskSpace, EngineFault, Reserve};
use tokio::time::sleep;

use crate::hello::Greeter;
use crate::off_thread::off_thread;

const INTERVAL: Duration = Duration::from_millis(500);
/// From one attempt that found no space to the next.
const AGAIN: Duration = Duration::from_secs(2);

/// Writes what can wait, again and again where there is no space for it.
///
/// # Errors
/// Any other than that.
pub(crate) async fn when_there_is_space<T, F>(
    what: &'static str,
    mut write: impl FnMut() -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut is_told = false;
    loop {
        match write().await {
            Err(error) if is_for_want_of_space(&error) => {
                if !is_told {
                    tracing::warn!(
                        what,
                        reason = %error,
                        "the disk has no space for it: it is written again until there is"
                    );
                    is_told = true;
                }
            }
            done => return done,
        }
        sleep(AGAIN).await;
    }
}

/// Whether an error came of a disk that was full, or the share of it that is this user's.
#[must_use]
pub fn is_for_want_of_space(error: &(dyn Error + 'static)) -> bool {
    let is_it = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    };
    let mut cause = Some(error);
    while let Some(error) = cause {
        let shared = error.downcast_ref::<Arc<io::Error>>().map(Arc::as_ref);
        let below = error.downcast_ref::<EngineFault>().and_then(EngineFault::system);
        if error.downcast_ref::<io::Error>().or(shared).or(below).is_some_and(is_it) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// How it stands with the disk of this node.
#[derive(Debug, Default)]
pub(crate) struct OwnDisk(AtomicU8);

impl OwnDisk {
    pub(crate) fn level(&self) -> DiskLevel {
        match self.0.load(Ordering::Relaxed) {
            0 => DiskLevel::Ample,
            1 => DiskLevel::Low,
            _ => DiskLevel::Full,
        }
    }

    /// Nothing more can be written.
    pub(crate) fn is_full(&self) -> bool {
        self.level() == DiskLevel::Full
    }

    fn set(&self, level: DiskLevel) {
        self.0.store(level as u8, Ordering::Relaxed);
    }
}

/// As a peer is told.
pub(crate) const fn level_to_proto(level: DiskLevel) -> peer::DiskLevel {
    match level {
        DiskLevel::Ample => peer::DiskLevel::Ample,
        DiskLevel::Low => peer::DiskLevel::Low,
        DiskLevel::Full => peer::DiskLevel::Full,
    }
}

/// As a peer tells.
pub(crate) const fn level_from_proto(level: peer::DiskLevel) -> DiskLevel {
    match level {
        peer::DiskLevel::Unspecified | peer::DiskLevel::Ample => DiskLevel::Ample,
        peer::DiskLevel::Low => DiskLevel::Low,
        peer::DiskLevel::Full => DiskLevel::Full,
    }
}

/// Looks after the space on this node's disk.
pub(crate) struct DiskWatch {
    disk: Arc<OwnDisk>,
}

impl DiskWatch {
    pub(crate) fn new(greeter: &Greeter) -> Self {
        Self { disk: Arc::clone(&greeter.disk) }
    }

    /// For as long as the node runs.
    pub(crate) async fn run(self, reserve: Option<Reserve>) {
        let Some(mut reserve) = reserve else {
            return std::future::pending().await;
        };
        loop {
            let looked = off_thread(move || {
                let space = reserve.look();
                (reserve, space)
            });
            // Ends only with a panic, which ends the node.
            let Ok((kept, space)) = looked.await else { return };
            reserve = kept;
            match space {
                Ok(space) => self.note(space),
                Err(error) => tracing::warn!(%error, "the space on the disk cannot be looked at"),
            }
            sleep(INTERVAL).await;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    fn note(&self, space: DiskSpace) {
        let DiskSpace { level, free_bytes, reserve_bytes } = space;
        metrics::gauge!("symbolon_disk_free_bytes").set(free_bytes as f64);
        metrics::gauge!("symbolon_disk_reserve_bytes").set(reserve_bytes as f64);
        if level == self.disk.level() {
            return;
        }
        self.disk.set(level);
        match level {
            DiskLevel::Ample => tracing::info!(free_bytes, "the disk has space again"),
            DiskLevel::Low => tracing::warn!(
                free_bytes,
                reserve_bytes,
                "the disk is nearly full: administrative writes are refused; give it space"
            ),
            DiskLevel::Full => tracing::error!(
                free_bytes,
                "the disk is full: this node takes no more entries and decides nothing until it has \
                 space"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use symbolon_store::StoreError;

    use super::*;

    /// As the store tells it.
    fn failed(kind: io::ErrorKind) -> io::Error {
        let (path, source) = (PathBuf::from("x"), Arc::new(kind.into()));
        io::Error::other(StoreError::File { doing: "write", path, source })
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_wait_is_written_once_there_is_space() {
        let mut kinds = vec![io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].into_iter();
        let written = when_there_is_space("x", || {
            let kind = kinds.next();
            async move { kind.map_or(Ok("done"), |kind| Err(failed(kind))) }
        });
        assert_eq!(written.await.unwrap(), "done");
        let failed = when_there_is_space("x", || async {
            Err::<(), _>(failed(io::ErrorKind::PermissionDenied))
        });
        assert!(failed.await.is_err());
    }
}
