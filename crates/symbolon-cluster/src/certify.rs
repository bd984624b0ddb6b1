//! Keeps the certificates of both ports in force.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{Cluster, Timestamp};
use symbolon_service::{CA_KEY, Clock as _, Vault as _};
use tokio::time::sleep;

use crate::clocks::Clocks;
use crate::keys::{API_CERTIFICATE_DAYS, Authority, Certificates, PrivateKey};
use crate::node::NodeSettings;
use crate::published::Published;
use crate::vault::KeyringVault;

const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether they are in force. A clock may jump, and a machine may sleep.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long they are in use, in milliseconds.
const RENEWED_AFTER: u64 = API_CERTIFICATE_DAYS.unsigned_abs() * 24 * 3_600_000 * 2 / 3;

/// When it is, by the clock of the node and by the time that it keeps: which of them is right the node
/// cannot tell, and whoever verifies a certificate goes by a third.
type Now = (Timestamp, Timestamp);

/// What is needed to certify.
pub(crate) struct Certifier {
    certificates: Arc<Certificates>,
    vault: Arc<KeyringVault>,
    node_key: Arc<PrivateKey>,
    published: Arc<Published>,
    clocks: Arc<Clocks>,
    api_names: Vec<String>,
}

impl Certifier {
    pub(crate) fn new(
        (certificates, vault, node_key): (&Arc<Certificates>, &Arc<KeyringVault>, &Arc<PrivateKey>),
        published: &Arc<Published>,
        clocks: &Arc<Clocks>,
        settings: &NodeSettings,
    ) -> Self {
        Self {
            certificates: Arc::clone(certificates),
            vault: Arc::clone(vault),
            node_key: Arc::clone(node_key),
            published: Arc::clone(published),
            clocks: Arc::clone(clocks),
            api_names: settings.api_names.clone(),
        }
    }

    /// Has the CA certify both ports as soon as this node knows its key, and again in time.
    pub(crate) async fn run(self) {
        let mut applied = self.published.subscribe();
        let mut issued = None;
        loop {
            // Cloned: a state that is held while this sleeps keeps all that has changed since in memory.
            let cluster = self.published.view().state.cluster().cloned();
            let Some(cluster) = cluster else {
                if applied.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let now = (self.clocks.own(), self.clocks.now());
            if issued.is_some_and(|issued| !is_due(issued, now)) {
                sleep(INTERVAL).await;
                continue;
            }
            match self.issue(&cluster, now) {
                Ok(()) => {
                    tracing::info!("certificates issued by the cluster CA");
                    issued = Some(now);
                }
                Err(error) => {
                    // A node that is catching up sees the key as it was sealed then.
                    tracing::warn!(error, "the cluster CA cannot certify this node yet");
                    sleep(RETRY).await;
                }
            }
        }
    }

    fn issue(&self, cluster: &Cluster, (own, kept): Now) -> Result<(), String> {
        let pkcs8 = self.vault.open(CA_KEY, &cluster.ca_key).map_err(|error| error.to_string())?;
        let authority = Authority { certificate: cluster.ca_certificate.clone().into(), pkcs8 };
        let during = (own.min(kept), own.max(kept));
        self.certificates
            .issue(&authority, &self.node_key, &self.api_names, during)
            .map_err(|error| error.to_string())
    }
}

/// Whether certificates that were issued at a time are to be renewed: by one of the clocks they are not yet
/// in force, or have been it for long.
fn is_due((own, kept): Now, now: Now) -> bool {
    let (first, last) = (own.min(kept), own.max(kept));
    now.0.min(now.1) < first || now.0.max(now.1) >= last.plus(RENEWED_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    #[test]
    fn certificates_are_renewed_in_time_by_whichever_clock() {
        let at = |day: u64| Timestamp(day * DAY);
        let issued = (at(1_000), at(1_000));
        assert!(!is_due(issued, (at(1_000), at(1_059))));
        assert!(is_due(issued, (at(1_000), at(1_060))));
        assert!(is_due(issued, (at(1_060), at(1_000))));
        // The clock was ahead when they were issued, and is set right.
        assert!(is_due(issued, (at(10), at(1_000))));
        let both = (at(10), at(1_000));
        assert!(!is_due(both, (at(11), at(1_000))) && !is_due(both, (at(1_001), at(1_001))));
    }
}
