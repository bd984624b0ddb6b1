//! Which device a packet comes from, and what is known about it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::{ApplicationId, CertificateName, RadiusClient, RadiusDevices, Secret, State};
use symbolon_radius::Pair;
use symbolon_service::{Principal, RADIUS_SECRET_BYTES_WANTED, RadiusSecrets, Service};
use tokio::sync::Semaphore;

use crate::answer::SHARE_MAX;
use crate::target::Targets;

/// The devices of one application.
pub(crate) struct Devices {
    pub(crate) row: RadiusClient,
    pub(crate) principal: Principal,
    pub(crate) secrets: RadiusSecrets,
    /// With the group of those for whom they are; empty: for everybody.
    pub(crate) attributes: Vec<(String, Pair)>,
    pub(crate) targets: Targets,
    /// Places for requests that are under way.
    pub(crate) under_way: Arc<Semaphore>,
}

impl Devices {
    /// The secrets that are taken, the present one first.
    pub(crate) fn taken(&self, service: &Service) -> impl Iterator<Item = &Secret> {
        let until = self.row.old_secret_until.filter(|until| service.now() < *until);
        let old = self.secrets.old.as_ref().filter(|_| until.is_some());
        [&self.secrets.current].into_iter().chain(old)
    }
}

/// Of the devices of one application.
#[derive(Clone)]
struct Lasting {
    /// With what is known of their health, as long as they are the same.
    targets: Targets,
    /// With what is under way.
    under_way: Arc<Semaphore>,
}

impl Lasting {
    fn of(row: &RadiusClient) -> Self {
        let under_way = Arc::new(Semaphore::new(SHARE_MAX));
        Self { targets: Targets::new(&row.policy.targets), under_way }
    }
}

/// What is known as long as no row of a RADIUS client changes: applications of which somebody has asked.
#[derive(Default)]
struct Known {
    version: [u64; 4],
    whose: RadiusDevices,
    devices: HashMap<ApplicationId, Arc<Devices>>,
    /// What stays whatever of a row changes.
    lasting: HashMap<ApplicationId, Lasting>,
}

impl Known {
    /// Forgets what is not as it was.
    fn renew(&mut self, state: &State, version: [u64; 4]) {
        self.version = version;
        self.whose = RadiusDevices::of(state);
        self.devices.retain(|id, it| state.radius_client(*id).is_some_and(|row| *row == it.row));
        self.lasting.retain(|id, _| state.radius_client(*id).is_some());
    }
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

    /// Whose device has that address, by UDP.
    pub(crate) fn at(&self, address: IpAddr) -> Option<Arc<Devices>> {
        self.find(|whose| whose.at(address))
    }

    /// Whose device has a certificate with these names, over TLS.
    pub(crate) fn named(&self, names: &[CertificateName]) -> Option<Arc<Devices>> {
        self.find(|whose| whose.named(names))
    }

    fn find(
        &self,
        whose: impl FnOnce(&RadiusDevices) -> Option<ApplicationId>,
    ) -> Option<Arc<Devices>> {
        let state = self.service.ledger().view().state;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let version = state.radius_clients_version();
        if known.version != version {
            known.renew(&state, version);
        }
        let id = whose(&known.whose)?;
        if let Some(devices) = known.devices.get(&id)
            && self.still_ask(&state, devices)
        {
            return Some(Arc::clone(devices));
        }
        let row = state.radius_client(id)?;
        let lasting = known.lasting.entry(id).or_insert_with(|| Lasting::of(row));
        if !lasting.targets.are(&row.policy.targets) {
            lasting.targets = Targets::new(&row.policy.targets);
        }
        let made = self.made(&state, row, lasting.clone())?;
        known.devices.insert(id, Arc::clone(&made));
        Some(made)
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
        Lasting { targets, under_way }: Lasting,
    ) -> Option<Arc<Devices>> {
        let principal = self.service.radius_principal(state, row.id)?;
        let secrets = self.service.radius_secrets(row)?;
        let application = principal.name.as_str();
        let is_short = secrets.current.expose().len() < RADIUS_SECRET_BYTES_WANTED;
        if is_short && row.policy.comes_by_udp() {
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
        let (row, attributes) = (row.clone(), attributes.collect());
        Some(Arc::new(Devices { row, principal, secrets, attributes, targets, under_way }))
    }
}
