//! `grpc.health.v1`: services `""` (verifications are decided), `quorum` and `writes`.

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// What a node can do right now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readiness {
    /// It decides verifications.
    pub decides: bool,
    /// It has a quorum behind it.
    pub quorum: bool,
    /// Writes can commit.
    pub writes: bool,
}

/// The health service and the hand that keeps it up to date.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { reporter: HealthReporter::new() }
    }
}

impl Health {
    pub(crate) fn server(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Publishes what the node can do.
    pub async fn set(&self, readiness: Readiness) {
        let services =
            [("", readiness.decides), ("quorum", readiness.quorum), ("writes", readiness.writes)];
        for (service, serves) in services {
            let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
            self.reporter.set_service_status(service, status).await;
        }
    }
}
