//! Which device a packet comes from, and what is known about it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use symbolon_core::{LogIndex, RadiusClient, Secret, State};
use symbolon_radius::Pair;
use symbolon_service::{Principal, RADIUS_SECRET_BYTES_WANTED, RadiusSecrets, Service};
use tokio::time::Instant;

use crate::target::Targets;

/// How soon what an administrator has changed is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Devices that are kept at hand between two looks.
const KNOWN_MAX: usize = 4_096;

/// The devices of one application.
pub(crate) struct Devices {
    pub(crate) row: RadiusClient,
    pub(crate) principal: Principal,
    pub(crate) secrets: RadiusSecrets,
    /// With the group of those for whom they are; empty: for everybody.
    pub(crate) attributes: Vec<(String, Pair)>,
    pub(crate) targets: Targets,
}

impl Devices {
    /// The secrets that are taken, the present one first.
    pub(crate) fn taken(&self, service: &Service) -> impl Iterator<Item = &Secret> {
        let until = self.row.old_secret_until.filter(|until| service.now() < *until);
        let old = self.secrets.old.as_ref().filter(|_| until.is_some());
        [&self.secrets.current].into_iter().chain(old)
    }
}

/// What was known at the last look.
#[derive(Default)]
struct Known {
    /// `None`: nobody's address.
    by_address: Mutex<HashMap<IpAddr, Option<Arc<Devices>>>>,
    at: Option<Instant>,
}

/// All devices, as this node knows them.
pub(crate) struct AllDevices {
    service: Arc<Service>,
    known: ArcSwap<Known>,
    /// Those that were made ready, as long as their rows are the same: targets keep what they know of their
    /// health.
    ready: Mutex<HashMap<u64, (LogIndex, Arc<Devices>)>>,
}

impl AllDevices {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self { service, known: ArcSwap::default(), ready: Mutex::default() }
    }

    /// Whose device has that address.
    pub(crate) fn at(&self, address: IpAddr, now: Instant) -> Option<Arc<Devices>> {
        let address = address.to_canonical();
        let mut known = self.known.load_full();
        let is_old = |at: Instant| now.saturating_duration_since(at) >= LOOK_EVERY;
        if known.at.is_none_or(is_old) {
            known = Arc::new(Known { at: Some(now), ..Known::default() });
            self.known.store(Arc::clone(&known));
        }
        let mut by_address = known.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = by_address.get(&address) {
            return found.clone();
        }
        let state = self.service.ledger().view().state;
        let found = state.radius_client_at(address).and_then(|row| self.ready(&state, row));
        // Whoever sends from addresses without end fills this up, and costs a look each from then on.
        if by_address.len() < KNOWN_MAX {
            by_address.insert(address, found.clone());
        }
        found
    }

    fn ready(&self, state: &State, row: &RadiusClient) -> Option<Arc<Devices>> {
        let principal = self.service.radius_principal(state, row.id)?;
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((changed_at, devices)) = ready.get(&row.id.0)
            && *changed_at == row.changed_at
            && devices.row == *row
            && devices.principal == principal
        {
            return Some(Arc::clone(devices));
        }
        let secrets = self.service.radius_secrets(row)?;
        let application = principal.name.as_str();
        if secrets.current.expose().len() < RADIUS_SECRET_BYTES_WANTED {
            tracing::warn!(
                application,
                "the shared secret of its RADIUS devices is short; give them one of at least 16 bytes"
            );
        }
        let attributes = row.policy.attributes.iter().filter_map(|it| {
            match Pair::from_text(&it.name, &it.value) {
                Ok(pair) => Some((it.group.clone(), pair)),
                Err(error) => {
                    tracing::error!(application, %error, "an attribute for replies is left out");
                    None
                }
            }
        });
        let known = ready.get(&row.id.0).map(|(_, devices)| Arc::clone(devices));
        let health = known.filter(|known| known.row.policy.targets == row.policy.targets);
        let targets = match health {
            Some(known) => known.targets.clone(),
            None => Targets::new(&row.policy.targets),
        };
        let devices = Devices {
            attributes: attributes.collect(),
            row: row.clone(),
            principal,
            secrets,
            targets,
        };
        let devices = Arc::new(devices);
        ready.retain(|id, _| state.radius_client(symbolon_core::ApplicationId(*id)).is_some());
        ready.insert(row.id.0, (row.changed_at, Arc::clone(&devices)));
        Some(devices)
    }
}
