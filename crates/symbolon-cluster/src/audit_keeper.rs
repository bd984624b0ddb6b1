//! Removes the oldest rows of this node's audit.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::Retention;
use symbolon_store::DiskLevel;
use tokio::time::sleep;

use crate::audit_log::AuditLog;
use crate::published::Published;
use crate::snapshot::blocking;
use crate::space::OwnDisk;

const INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct AuditKeeper {
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) published: Arc<Published>,
    pub(crate) disk: Arc<OwnDisk>,
    pub(crate) retention: Retention,
}

impl AuditKeeper {
    /// For as long as the node runs.
    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    pub(crate) async fn run(self) {
        let events = metrics::gauge!("symbolon_audit_events");
        loop {
            let pruned = self.prune().await;
            events.set(self.audit.events() as f64);
            match pruned {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::error!(%error, "the audit cannot be pruned"),
            }
            sleep(INTERVAL).await;
        }
    }

    async fn prune(&self) -> std::io::Result<u64> {
        let level = self.disk.level();
        // What is removed is written first.
        if level == DiskLevel::Full {
            return Ok(0);
        }
        let audit = Arc::clone(&self.audit);
        let view = self.published.view();
        let retention = self.retention;
        blocking(move || {
            let hurry = level == DiskLevel::Low;
            audit.prune(retention, view.state.clock(), view.applied.0, hurry)
        })
        .await
    }
}
