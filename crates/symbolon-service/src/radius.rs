//! RADIUS clients: what administrators say about them, and what a front end needs to know.

use std::net::IpAddr;

use symbolon_core::limits::{KEY_OVERLAP_MILLISECONDS_MAX, RADIUS_SECRET_BYTES_MAX};
use symbolon_core::{
    Application, ApplicationId, Caller, CertificateNames, Command, LogIndex, Name,
    NoteRadiusSigner, Operation, Proposal, RadiusClient, RadiusPolicy, RemoveRadiusClient, Reply,
    RequestId, Secret, SetRadiusClient, SourceRange, Sources, State,
};
use tokio::time::Instant;

use crate::about::{About, Named};
use crate::fingerprint::fingerprint;
use crate::names;
use crate::ports::{FieldRef, Lane, View};
use crate::principal::Principal;
use crate::users::revision;
use crate::{Service, ServiceError};

/// Bytes of a shared secret that are wanted: with fewer it can be guessed from one packet.
pub const RADIUS_SECRET_BYTES_WANTED: usize = 16;

pub(crate) const fn radius_field(id: u64) -> FieldRef {
    FieldRef { row: "radius_client", id, field: "secrets" }
}

/// The secrets that the devices of an application and its targets share with this cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RadiusSecrets {
    /// Of the devices.
    pub current: Secret,
    /// The one before, whether or not it is still taken.
    pub old: Option<Secret>,
    /// Of the targets, in the order of the policy.
    pub targets: Vec<Secret>,
}

impl RadiusSecrets {
    /// One after the other, each with its length in front.
    fn to_secret(&self) -> Secret {
        let none = Secret::new(Vec::new());
        let old = self.old.as_ref().unwrap_or(&none);
        let all = || [&self.current, old].into_iter().chain(&self.targets);
        // In one piece: a vector that grows leaves copies behind.
        let size = all().map(|secret| 1 + secret.expose().len()).sum();
        let mut bytes = Vec::with_capacity(size);
        for secret in all() {
            bytes.push(u8::try_from(secret.expose().len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(secret.expose());
        }
        Secret::new(bytes)
    }

    fn from_secret(secret: &Secret) -> Option<Self> {
        let mut rest = secret.expose();
        let mut all = Vec::new();
        while let Some((length, behind)) = rest.split_first() {
            let (one, behind) = behind.split_at_checked(usize::from(*length))?;
            all.push(Secret::new(one.to_vec()));
            rest = behind;
        }
        let mut all = all.into_iter();
        let (current, old) = (all.next()?, all.next()?);
        let old = Some(old).filter(|old| !old.expose().is_empty());
        Some(Self { current, old, targets: all.collect() })
    }
}

/// What is to stand for the devices of an application.
#[derive(Clone, Debug)]
pub struct RadiusWanted {
    /// What administrators say. `ranges` and `certificates` are taken from the next fields.
    pub policy: RadiusPolicy,
    /// Ranges of addresses as people write them.
    pub ranges: Vec<String>,
    /// Names of certificates as people write them.
    pub certificates: Vec<String>,
    /// The secret of the devices; `None`: as before.
    pub secret: Option<Secret>,
    /// The secrets of the targets, in the order of the policy; `None`: that of the target of the same address
    /// before.
    pub target_secrets: Vec<Option<Secret>>,
    /// For how long the secret before is taken too.
    pub overlap_seconds: u32,
    /// Refused unless it is that of the client as it is; empty: whatever it is.
    pub etag: String,
}

/// A RADIUS client as it is shown.
#[derive(Clone, Debug)]
pub struct RadiusShown {
    /// Name of the application.
    pub application: Name,
    /// The row.
    pub client: RadiusClient,
    /// What of it is weaker than it could be.
    pub warnings: Vec<String>,
}

impl Service {
    /// Says how devices ask as an application.
    ///
    /// # Errors
    /// [`ServiceError::RangeTaken`] when another application has one of the ranges or names.
    pub async fn set_radius_client(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        wanted: RadiusWanted,
        deadline: Instant,
    ) -> Result<(RadiusShown, LogIndex), ServiceError> {
        let operation = Operation::SetRadiusClient;
        Self::may(principal, operation)?;
        let overlap_milliseconds = u64::from(wanted.overlap_seconds) * 1000;
        if overlap_milliseconds > KEY_OVERLAP_MILLISECONDS_MAX {
            let problem = "it is over 7776000 (90 days)";
            return Err(ServiceError::invalid("overlap_seconds", problem));
        }
        fits("secret", wanted.secret.as_ref())?;
        for secret in &wanted.target_secrets {
            fits("policy.targets", secret.as_ref())?;
        }
        let ranges = ranges(&wanted.ranges)?;
        let certificates = certificates(&wanted.certificates)?;
        let policy = RadiusPolicy { ranges, certificates, ..wanted.policy.clone() };
        policy.check().map_err(|fault| ServiceError::invalid("policy", fault.to_string()))?;
        let revision = revision(&wanted.etag)?;
        let secrets = self.fingerprint_of_secrets(&wanted);
        let fields = format!("{policy:?} {secrets:?} {overlap_milliseconds} {revision:?}");
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |view: &View, application: &Application| {
            let before = self.secrets_of(view, application.id)?;
            let now = self.clock.now().max(view.state.clock());
            let row = view.state.radius_client(application.id);
            let goes_on = row.and_then(|row| row.old_secret_until).filter(|until| now < *until);
            let left = goes_on.map_or(0, |until| until.0.saturating_sub(now.0));
            // For devices that come over TLS alone, who never use it: nobody knows it.
            let draw = || self.draw_secret(RADIUS_SECRET_BYTES_WANTED);
            let merged = merged(&policy, &wanted, before, left, draw)?;
            let (secrets, new_secrets, overlap_milliseconds) = merged;
            let (field, key) = (radius_field(application.id.0), view.state.active_data_key());
            let sealed = self.vault.seal(key, field, &secrets.to_secret());
            Ok(Command::SetRadiusClient(SetRadiusClient {
                application: application.id,
                policy: policy.clone(),
                secrets: sealed.map_err(|_| ServiceError::Internal)?,
                new_secrets,
                overlap_milliseconds,
                revision,
            }))
        };
        let (reply, index) = self.about(about, build).await?;
        let Reply::ApplicationChanged(id) = reply else {
            return Err(ServiceError::Internal);
        };
        Ok((self.shown(id)?, index))
    }

    /// Reads how devices ask as an application.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn get_radius_client(
        &self,
        principal: &Principal,
        name: &str,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<RadiusShown, ServiceError> {
        let operation = Operation::GetRadiusClient;
        Self::may(principal, operation)?;
        let _place = self.admission.administration()?;
        let name = names::name("application", name)?;
        self.catch_up(principal, operation, allow_stale, deadline).await?;
        let id = Application::named(&self.ledger.view().state, &name)?.id;
        self.shown(id)
    }

    /// Lets no device ask as an application any more.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::EtagChanged`] when it is not as it was.
    pub async fn remove_radius_client(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        etag: &str,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let operation = Operation::RemoveRadiusClient;
        let revision = revision(etag)?;
        let fields = etag.to_owned();
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |_: &View, row: &Application| {
            let application = row.id;
            Ok(Command::RemoveRadiusClient(RemoveRadiusClient { application, revision }))
        };
        self.about(about, build).await.map(|(_, index)| index)
    }

    /// As whom devices of an application ask; `None` while it is switched off, or gone.
    #[must_use]
    pub fn radius_principal(&self, state: &State, id: ApplicationId) -> Option<Principal> {
        let row = state.application(id).filter(|row| !row.disabled)?;
        let (caller, name, key) = (Caller::Application(id), row.name.clone(), row.key);
        let rights = state.rights(caller);
        Some(Principal { caller, name, rights, key, is_local: false })
    }

    /// The secrets of a RADIUS client; `None` when they do not open here, which the log of this node tells.
    #[must_use]
    pub fn radius_secrets(&self, client: &RadiusClient) -> Option<RadiusSecrets> {
        let opened = self.vault.open(radius_field(client.id.0), &client.secrets);
        let secrets = opened.ok().as_ref().and_then(RadiusSecrets::from_secret);
        if secrets.is_none() {
            tracing::error!(application = %client.id, "the secrets of a RADIUS client do not open");
        }
        secrets
    }

    /// Notes that a device has signed a request, so that it must sign each from now on.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no master; it is noted at the next request then.
    pub async fn note_radius_signer(
        &self,
        application: ApplicationId,
        device: IpAddr,
        deadline: Instant,
    ) -> Result<(), ServiceError> {
        let view = self.ledger.view();
        let command = Command::NoteRadiusSigner(NoteRadiusSigner { application, device });
        let text = device.to_string();
        let fields = [&application.0.to_be_bytes()[..], text.as_bytes()];
        let proposal = Proposal {
            caller: Caller::Node(self.ledger.identity().node),
            request_id: self.draw_request_id(),
            fingerprint: fingerprint(&*self.vault, command.name(), &fields),
            seen: view.applied,
            made_at: self.clock.now(),
            node: self.ledger.identity().node,
            command,
        };
        self.ledger.propose(proposal, Lane::Administration, deadline).await?;
        Ok(())
    }

    /// A name for a request that is the same wherever in the cluster it arrives.
    #[must_use]
    pub fn radius_request_id(&self, fields: &[&[u8]]) -> RequestId {
        RequestId(fingerprint(&*self.vault, "radius", fields).0)
    }

    fn shown(&self, id: ApplicationId) -> Result<RadiusShown, ServiceError> {
        let state = self.ledger.view().state;
        let missing = ServiceError::NotFound { kind: "RADIUS client" };
        let client = state.radius_client(id).cloned().ok_or(missing)?;
        let application = state.application(id).map(|row| row.name.clone());
        let application = application.ok_or(ServiceError::NotFound { kind: Application::KIND })?;
        let mut warnings: Vec<_> = client.policy.warnings().map(str::to_owned).collect();
        let lets_in = state.application(id).is_some_and(|row| row.exempt.lets_in());
        if client.policy.targets.is_empty() && lets_in {
            warnings.push(
                "no target judges a password, and the application lets some in without a code: they are let in \
                 with nothing at all; name a target, or have it let in nobody"
                    .to_owned(),
            );
        }
        let secrets = self.radius_secrets(&client);
        let short = |secret: &Secret| secret.expose().len() < RADIUS_SECRET_BYTES_WANTED;
        let is_used = client.policy.comes_by_udp();
        if is_used && secrets.as_ref().is_some_and(|secrets| short(&secrets.current)) {
            warnings.push(short_secret("the devices share with this cluster"));
        }
        let targets = secrets.as_ref().map_or(&[][..], |secrets| &secrets.targets);
        for (target, secret) in client.policy.targets.iter().zip(targets) {
            if short(secret) {
                warnings.push(short_secret(&format!("the target {} shares", target.address)));
            }
        }
        Ok(RadiusShown { application, client, warnings })
    }

    fn secrets_of(
        &self,
        view: &View,
        id: ApplicationId,
    ) -> Result<Option<(RadiusPolicy, RadiusSecrets)>, ServiceError> {
        let Some(client) = view.state.radius_client(id) else {
            return Ok(None);
        };
        let secrets = self.radius_secrets(client).ok_or(ServiceError::Internal)?;
        Ok(Some((client.policy.clone(), secrets)))
    }

    /// Equal requests have equal secrets; a hash of them, since what it is part of is a string.
    fn fingerprint_of_secrets(&self, wanted: &RadiusWanted) -> symbolon_core::Fingerprint {
        let none = Secret::new(Vec::new());
        let all = std::iter::once(&wanted.secret).chain(&wanted.target_secrets);
        let all: Vec<_> = all.map(|secret| secret.as_ref().unwrap_or(&none).expose()).collect();
        fingerprint(&*self.vault, "radius-secrets", &all)
    }
}

fn short_secret(whose: &str) -> String {
    format!(
        "the secret that {whose} has fewer than {RADIUS_SECRET_BYTES_WANTED} bytes: whoever hears one \
         packet can guess it; `openssl rand -hex 16` makes a better one"
    )
}

/// The secrets that are to stand, whether any of them is another than before, and for how long the devices'
/// secret before is taken. `left`: for how long it would be if theirs stays. One that is not taken any more is
/// not kept. `draw`: makes one for devices that need none, since they come over TLS.
fn merged(
    policy: &RadiusPolicy,
    wanted: &RadiusWanted,
    before: Option<(RadiusPolicy, RadiusSecrets)>,
    left: u64,
    draw: impl FnOnce() -> Secret,
) -> Result<(RadiusSecrets, bool, u64), ServiceError> {
    let known = |address: &str| {
        let (policy, secrets) = before.as_ref()?;
        let place = policy.targets.iter().position(|target| target.address == address)?;
        secrets.targets.get(place).cloned()
    };
    let mut targets = Vec::with_capacity(policy.targets.len());
    for (place, target) in policy.targets.iter().enumerate() {
        let given = wanted.target_secrets.get(place).cloned().flatten();
        let secret = given.or_else(|| known(&target.address)).ok_or_else(|| {
            let problem = format!("the target {} has no secret yet: give one", target.address);
            ServiceError::invalid("policy.targets", problem)
        })?;
        targets.push(secret);
    }
    let present = before.as_ref().map(|(_, secrets)| secrets);
    let problem = "the devices have no secret yet, or one from when none came by UDP: give one";
    let none = || ServiceError::invalid("secret", problem);
    // One that was drawn is known to no device.
    let came_by_udp = before.as_ref().is_some_and(|(before, _)| before.comes_by_udp());
    let known = present.filter(|_| came_by_udp || !policy.comes_by_udp());
    let current = wanted.secret.as_ref().or_else(|| known.map(|it| &it.current)).cloned();
    let drawn = || (!policy.comes_by_udp()).then(draw);
    let current = current.or_else(drawn).ok_or_else(none)?;
    let is_new = present.is_some_and(|it| it.current != current);
    let overlap = if is_new { u64::from(wanted.overlap_seconds) * 1000 } else { left };
    let old = present.and_then(|it| if is_new { Some(it.current.clone()) } else { it.old.clone() });
    let secrets = RadiusSecrets { current, old: old.filter(|_| overlap > 0), targets };
    let new_secrets = present != Some(&secrets);
    Ok((secrets, new_secrets, overlap))
}

fn fits(field: &'static str, secret: Option<&Secret>) -> Result<(), ServiceError> {
    let length = secret.map_or(1, |secret| secret.expose().len());
    if (1..=RADIUS_SECRET_BYTES_MAX).contains(&length) {
        return Ok(());
    }
    let problem = format!("a shared secret has 1 to {RADIUS_SECRET_BYTES_MAX} bytes");
    Err(ServiceError::invalid(field, problem))
}

fn certificates(texts: &[String]) -> Result<CertificateNames, ServiceError> {
    let names = CertificateNames::parse(texts.iter().map(String::as_str));
    names.map_err(|error| ServiceError::invalid("policy.certificates", error.to_string()))
}

fn ranges(texts: &[String]) -> Result<Sources, ServiceError> {
    let ranges = texts.iter().map(|range| SourceRange::parse(range));
    let ranges = ranges.collect::<Result<Vec<_>, _>>().and_then(Sources::new);
    ranges.map_err(|error| ServiceError::invalid("policy.ranges", error.to_string()))
}
