//! Removes the oldest rows of this node's audit.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::Retention;
use symbolon_service::Clock;
use symbolon_store::DiskLevel;
use tokio::time::sleep;

use crate::audit_log::AuditLog;
use crate::off_thread::blocking;
use crate::published::Published;
use crate::space::OwnDisk;

const INTERVAL: Duration = Duration::from_secs(1);
/// Between two steps, for those who sign in.
const BREATH: Duration = Duration::from_millis(10);

/// See the module.
pub(crate) struct AuditKeeper {
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) published: Arc<Published>,
    pub(crate) disk: Arc<OwnDisk>,
    pub(crate) retention: Retention,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AuditKeeper {
    /// For as long as the node runs.
    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    pub(crate) async fn run(self) {
        let events = metrics::gauge!("symbolon_audit_events");
        let extent = self.audit.extent();
        tracing::info!(
            from = extent.floor.index,
            events = self.audit.events(),
            missing_entries = extent.missing(),
            retention = ?self.retention,
            "the audit of this node"
        );
        let mut was_low = false;
        loop {
            let is_low = self.disk.level() == DiskLevel::Low;
            if is_low && !was_low {
                tracing::warn!("the disk is nearly full: audit that may go is removed, bit by bit");
            }
            was_low = is_low;
            let pruned = self.prune().await;
            events.set(self.audit.events() as f64);
            match pruned {
                // On a disk that is nearly full, slowly: space may be given back.
                Ok(true) if !is_low => {
                    sleep(BREATH).await;
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the audit cannot be pruned"),
            }
            sleep(INTERVAL).await;
        }
    }

    async fn prune(&self) -> std::io::Result<bool> {
        let level = self.disk.level();
        // What is removed is written first.
        if level == DiskLevel::Full {
            return Ok(false);
        }
        let audit = Arc::clone(&self.audit);
        let view = self.published.view();
        let retention = self.retention;
        // A master whose clock ran ahead for a moment has moved state time for good: by that alone no
        // row grows old.
        let now = view.state.clock().min(self.clock.now());
        blocking(move || {
            let hurry = level == DiskLevel::Low;
            audit.prune(retention, now, view.applied.0, hurry)
        })
        .await
    }
}
