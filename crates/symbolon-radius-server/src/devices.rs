//! Which device a packet comes from, and what is known about it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::{ApplicationId, RadiusClient, Secret, State};
use symbolon_radius::Pair;
use symbolon_service::{Principal, RADIUS_SECRET_BYTES_WANTED, RadiusSecrets, Service};

use crate::target::Targets;

/// Addresses that are kept at hand.
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

/// What is known as long as no row of a RADIUS client changes.
#[derive(Default)]
struct Known {
    version: [u64; 4],
    /// `None`: nobody's address.
    by_address: HashMap<IpAddr, Option<Arc<Devices>>>,
}

/// All devices, as this node knows them.
pub(crate) struct AllDevices {
    service: Arc<Service>,
    known: Mutex<Known>,
}

impl AllDevices {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self { service, known: Mutex::default() }
    }

    /// Whose device has that address.
    pub(crate) fn at(&self, address: IpAddr) -> Option<Arc<Devices>> {
        let address = address.to_canonical();
        let state = self.service.ledger().view().state;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let version = state.radius_clients_version();
        // Targets keep what is known of their health.
        let mut before = HashMap::new();
        if known.version != version {
            let gone = std::mem::replace(&mut *known, Known { version, ..Known::default() });
            let devices = gone.by_address.into_values().flatten();
            before.extend(devices.map(|devices| (devices.row.id, devices)));
        }
        match known.by_address.get(&address) {
            Some(None) => return None,
            Some(Some(devices)) if self.still_ask(&state, devices) => {
                return Some(Arc::clone(devices));
            }
            _ => {}
        }
        let row = state.radius_client_at(address);
        let made = row.map(|row| row.id).and_then(|id| {
            let mut made = known.by_address.values().flatten();
            made.find(|devices| devices.row.id == id && self.still_ask(&state, devices)).cloned()
        });
        let found = made.or_else(|| self.made(&state, row?, &before));
        // Whoever sends from addresses without end fills this up, and costs a look each from then on.
        if known.by_address.len() < KNOWN_MAX {
            known.by_address.insert(address, found.clone());
        }
        found
    }

    /// Whether the application is as it was.
    fn still_ask(&self, state: &State, devices: &Devices) -> bool {
        let principal = self.service.radius_principal(state, devices.row.id);
        principal.is_some_and(|principal| principal == devices.principal)
    }

    fn made(
        &self,
        state: &State,
        row: &RadiusClient,
        before: &HashMap<ApplicationId, Arc<Devices>>,
    ) -> Option<Arc<Devices>> {
        let principal = self.service.radius_principal(state, row.id)?;
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
        let attributes = attributes.collect();
        let same = before.get(&row.id).filter(|it| it.row.policy.targets == row.policy.targets);
        let targets =
            same.map_or_else(|| Targets::new(&row.policy.targets), |it| it.targets.clone());
        Some(Arc::new(Devices { row: row.clone(), principal, secrets, attributes, targets }))
    }
}
