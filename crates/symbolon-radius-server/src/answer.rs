//! What a request that is to be believed is answered, whatever it came over.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use symbolon_radius::{Code, Kind, Packet, Writer};
use symbolon_service::{Entropy, Service};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::accounting;
use crate::devices::{AllDevices, Devices};
use crate::eap::Eap;
use crate::request::Believed;
use crate::sign_in::{Said, SignIn};

/// Requests of a port that are under way at once.
const UNDER_WAY_MAX: usize = 4_096;
/// Those of one application: half of it is left to others.
pub(crate) const SHARE_MAX: usize = UNDER_WAY_MAX / 2;
/// For how long a device is kept waiting: its own patience is seldom longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all requests of a port are answered with.
pub(crate) struct Answering {
    pub(crate) service: Arc<Service>,
    entropy: Arc<dyn Entropy>,
    pub(crate) devices: AllDevices,
    eap: Eap,
    under_way: Arc<Semaphore>,
}

/// See [`Answering::place`]. It is given back when it is dropped.
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// A request, and who asks it.
pub(crate) struct Asked<'a> {
    pub(crate) packet: &'a Packet<'a>,
    pub(crate) device: IpAddr,
    pub(crate) devices: &'a Devices,
    pub(crate) believed: &'a Believed,
    /// With what Status-Server is answered.
    pub(crate) alive: Code,
}

impl Answering {
    /// `tls` is what ends EAP-TTLS.
    pub(crate) fn new(
        service: Arc<Service>,
        entropy: Arc<dyn Entropy>,
        tls: Arc<ServerConfig>,
    ) -> Self {
        Self {
            devices: AllDevices::new(Arc::clone(&service)),
            service,
            entropy,
            eap: Eap::new(tls),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        }
    }

    /// A place among the requests that are under way, and among those of its application.
    pub(crate) fn place(&self, devices: &Devices) -> Option<Place> {
        let one = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned().ok();
        Some(Place { _own: one(&devices.under_way)?, _all: one(&self.under_way)? })
    }

    /// Decides what a request is answered, if anything, and tells what came of it.
    pub(crate) async fn reply(&self, asked: &Asked<'_>) -> (Option<Vec<u8>>, &'static str) {
        let (reply, outcome) = self.decide(asked).await;
        metrics::counter!("symbolon_radius_requests_total", "outcome" => outcome).increment(1);
        (reply, outcome)
    }

    async fn decide(&self, asked: &Asked<'_>) -> (Option<Vec<u8>>, &'static str) {
        let Asked { packet, device, devices, believed, alive } = *asked;
        if packet.code() == Code::StatusServer {
            // A node that decides nothing is not there.
            let works = self.service.ledger().halted_at().is_none();
            let reply = works.then(|| Writer::reply(alive, packet));
            return (reply.and_then(|reply| reply.finish(&believed.secret).ok()), "status");
        }
        if packet.code() == Code::AccountingRequest {
            let reply = accounting::reply(packet, &self.service, devices, device, believed).await;
            return (reply, "accounting");
        }
        let sign_in = SignIn {
            service: &self.service,
            entropy: &*self.entropy,
            devices,
            device,
            packet,
            believed,
            deadline: Instant::now() + PATIENCE,
        };
        if packet.first(Kind::EAP_MESSAGE).is_some() {
            return self.eap.reply(&sign_in).await;
        }
        let said = sign_in.run().await;
        let outcome = match &said {
            Said::Accept(_) => "accept",
            Said::Reject(_) => "reject",
            Said::Ask(..) => "challenge",
            Said::Silence(reason) => reason,
        };
        (sign_in.write(&said), outcome)
    }
}

/// Counts a packet that is not answered.
pub(crate) fn dropped(reason: &'static str) {
    metrics::counter!("symbolon_radius_dropped_total", "reason" => reason).increment(1);
}
