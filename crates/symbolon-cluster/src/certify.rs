//! Keeps the certificates of both ports in force.

use std::sync::Arc;
use std::time::Duration;

use symbolon_service::{CA_KEY, Clock, Vault as _};
use tokio::time::sleep;

use crate::keys::{API_CERTIFICATE_DAYS, Authority, Certificates, PrivateKey};
use crate::published::Published;
use crate::vault::KeyringVault;

const RETRY: Duration = Duration::from_secs(1);

/// Has the CA certify both ports as soon as this node knows its key, and again in time.
pub(crate) async fn keep(
    certificates: Arc<Certificates>,
    published: Arc<Published>,
    vault: Arc<KeyringVault>,
    node_key: Arc<PrivateKey>,
    api_names: Vec<String>,
    clock: Arc<dyn Clock>,
) {
    let mut applied = published.subscribe();
    let renew = Duration::from_secs(API_CERTIFICATE_DAYS.unsigned_abs() * 24 * 3600 * 2 / 3);
    loop {
        let cluster = published.view().state.cluster().cloned();
        let Some(cluster) = cluster else {
            if applied.changed().await.is_err() {
                return;
            }
            continue;
        };
        let issued = vault.open(CA_KEY, &cluster.ca_key).map_err(|error| error.to_string());
        let issued = issued.and_then(|pkcs8| {
            let authority = Authority { certificate: cluster.ca_certificate.into(), pkcs8 };
            certificates
                .issue(&authority, &node_key, &api_names, clock.now())
                .map_err(|error| error.to_string())
        });
        match issued {
            Ok(()) => tracing::info!("certificates issued by the cluster CA"),
            Err(error) => {
                // A node that is catching up sees the key as it was sealed then.
                tracing::warn!(error, "the cluster CA cannot certify this node yet");
                sleep(RETRY).await;
                continue;
            }
        }
        sleep(renew).await;
    }
}
