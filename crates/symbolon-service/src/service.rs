//! The service and who may use it.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use symbolon_core::limits::RETRANSMISSION_MILLISECONDS;
use symbolon_core::{
    AdministratorId, Answer, ApplicationId, Caller, Command, DataKeyId, Fingerprint, KeyHash,
    LogIndex, Operation, Proposal, Refusal, Reply, RequestId, Rights, Sealed, Secret, State,
    Timestamp,
};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::barrier::SharedBarrier;
use crate::credential::{Credential, CredentialKind, SECRET_BYTES, hash_secret};
use crate::ports::{Clock, Entropy, FieldRef, Lane, Ledger, Vault, VaultError, View};
use crate::principal::Principal;
use crate::session::Sessions;
use crate::{Admission, ServiceError};

/// Longest wait for the master's word on what is not known here.
const STRANGER_WAIT: Duration = Duration::from_secs(1);

/// How often a proposal that grew old on its way is made anew.
pub(crate) const LATE_MAX: usize = 2;

/// How often a use case starts again because what it saw had changed.
const ATTEMPTS_MAX: usize = 50;

/// The use cases, over their ports.
pub struct Service {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) admission: Admission,
    /// How much devices tell of sessions.
    pub(crate) sessions: Sessions,
    /// A sealed seed that is nobody's, for names that are nobody's.
    nobody: RwLock<Sealed>,
    /// For callers that are not known here.
    barrier: SharedBarrier,
    /// True when what lasts is to end: the node stops.
    pub(crate) lasting: watch::Sender<bool>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("node", self.ledger.identity()).finish_non_exhaustive()
    }
}

/// Field of the seed that is nobody's.
pub(crate) const NOBODY: FieldRef = FieldRef { row: "nobody", id: 0, field: "seed" };

impl Service {
    /// Puts the use cases over their ports.
    ///
    /// # Errors
    /// [`VaultError`] when the vault cannot seal.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, VaultError> {
        let newest = vault.data_keys().last().copied().unwrap_or(DataKeyId::FIRST);
        let nobody = RwLock::new(seal_nobody(&*vault, &*entropy, newest)?);
        Ok(Self {
            ledger,
            vault,
            clock,
            entropy,
            admission: Admission::default(),
            sessions: Sessions::default(),
            nobody,
            barrier: SharedBarrier::default(),
            lasting: watch::Sender::new(false),
        })
    }

    /// A sealed seed that is nobody's, under the data key that seeds are under: it must open for as
    /// long as they do.
    pub(crate) fn nobody(&self, key: DataKeyId) -> Sealed {
        let held = self.nobody.read().unwrap_or_else(PoisonError::into_inner).clone();
        if held.key() == Some(key) {
            return held;
        }
        // Without the key, the one that is there is as good.
        let Ok(sealed) = seal_nobody(&*self.vault, &*self.entropy, key) else {
            return held;
        };
        *self.nobody.write().unwrap_or_else(PoisonError::into_inner) = sealed.clone();
        sealed
    }

    /// This node's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is under way at this node.
    #[must_use]
    pub const fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The log and its state.
    #[must_use]
    pub fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }

    /// Finds out who bears a token, and whether it may come from that address; `None`: from where is not
    /// known.
    ///
    /// A token that this node does not know may be so new that the node has not applied it yet: it
    /// then catches up with the master once, together with all others who wait for the same.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`]; [`ServiceError::NoMaster`] when that could not be found out;
    /// [`ServiceError::Halted`] at a node that serves nobody.
    pub async fn authenticate(
        &self,
        bearer: &str,
        source: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Principal, ServiceError> {
        if self.ledger.halted_at().is_some() {
            return Err(ServiceError::Halted);
        }
        let credential = Credential::parse(bearer).ok_or(ServiceError::Unauthenticated)?;
        let before = self.ledger.view();
        let now = self.clock.now();
        if let Some(known) = look_up(&before, &credential, source, now) {
            return known;
        }
        self.pass_barrier(deadline).await?;
        let known = look_up(&self.ledger.view(), &credential, source, now);
        known.unwrap_or(Err(ServiceError::Unauthenticated))
    }

    /// Catches up with the master, for the sake of something that is not known here.
    pub(crate) async fn pass_barrier(&self, deadline: Instant) -> Result<(), ServiceError> {
        let wait = Instant::now() + STRANGER_WAIT;
        let passed = self.barrier.pass(&self.ledger, deadline.min(wait)).await;
        passed.map_err(ServiceError::for_strangers)
    }

    /// Refuses who has no right to an operation.
    ///
    /// # Errors
    /// [`ServiceError::PermissionDenied`].
    pub fn may(principal: &Principal, operation: Operation) -> Result<(), ServiceError> {
        Self::has(principal, operation, operation.rights())
    }

    /// Refuses who has none of these rights, which a part of an operation needs.
    pub(crate) fn has(
        principal: &Principal,
        operation: Operation,
        needed: Rights,
    ) -> Result<(), ServiceError> {
        if principal.is_local {
            return if operation.is_local() { Ok(()) } else { Err(ServiceError::NotLocal) };
        }
        if principal.rights.any_of(needed) {
            return Ok(());
        }
        let (caller, operation) = (principal.name.as_str(), operation.name());
        tracing::warn!(caller, operation, needs = %needed, "a caller without the right is refused");
        Err(ServiceError::PermissionDenied(needed))
    }

    /// Draws a number for an id; never 0, which stands for "none" in formats.
    pub(crate) fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill_id(&mut bytes);
        u64::from_be_bytes(bytes).max(1)
    }

    pub(crate) fn draw_request_id(&self) -> RequestId {
        let mut bytes = [0; 16];
        self.entropy.fill_id(&mut bytes);
        RequestId(bytes)
    }

    pub(crate) fn draw_secret(&self, length: usize) -> Secret {
        let mut bytes = vec![0; length];
        self.entropy.fill(&mut bytes);
        Secret::new(bytes)
    }

    pub(crate) fn draw_key(&self) -> Secret {
        self.draw_secret(SECRET_BYTES)
    }

    /// Refuses what can wait while this node or the master is short of space.
    fn have_space(&self, view: &View) -> Result<(), ServiceError> {
        let low = self.ledger.disk_low_at().and_then(|node| view.state.node(node));
        low.map_or(Ok(()), |node| Err(ServiceError::DiskLow(node.name.clone())))
    }

    /// Proposes an administrative command until it is answered, and waits until this node has
    /// applied it. `build` may be called again, with a newer view and fresh ids.
    pub(crate) async fn administer(
        &self,
        request: &AdminRequest,
        deadline: Instant,
        mut build: impl FnMut(&View) -> Result<Command, ServiceError>,
    ) -> Result<(Reply, LogIndex), ServiceError> {
        let build = |view: &View| build(view).map(Some);
        let answer = self.administer_if(request, deadline, build).await?;
        answer.ok_or(ServiceError::Internal)
    }

    /// [`administer`](Self::administer), of what takes nothing and answers nothing.
    pub(crate) async fn order(
        &self,
        (principal, operation): (&Principal, Operation),
        request_id: Option<RequestId>,
        deadline: Instant,
        build: impl FnMut(&View) -> Result<Command, ServiceError>,
    ) -> Result<LogIndex, ServiceError> {
        let _place = self.admission.administration()?;
        let request = self.request(principal, request_id, operation, &[])?;
        self.administer(&request, deadline, build).await.map(|(_, index)| index)
    }

    /// [`administer`](Self::administer), unless `build` finds that there is nothing to do.
    pub(crate) async fn administer_if(
        &self,
        request: &AdminRequest,
        deadline: Instant,
        mut build: impl FnMut(&View) -> Result<Option<Command>, ServiceError>,
    ) -> Result<Option<(Reply, LogIndex)>, ServiceError> {
        let (mut late, mut caught_up, mut looked_again) = (0, false, false);
        let caller = request.principal.caller;
        for _ in 0..ATTEMPTS_MAX {
            let view = self.ledger.view();
            let first = self.first_answer(&view, caller, request.id, request.fingerprint)?;
            if let Some(first) = first {
                return Ok(Some((first.reply, first.index)));
            }
            self.still_there(&view.state, &request.principal)?;
            self.have_space(&view)?;
            let command = match build(&view) {
                // A view from before a change of the data key may name a key that is gone.
                Err(ServiceError::Internal) if !caught_up => {
                    caught_up = true;
                    self.ledger.read_barrier(deadline).await?;
                    continue;
                }
                command => command?,
            };
            let Some(command) = command else {
                return Ok(None);
            };
            let proposal = Proposal {
                caller,
                request_id: request.id,
                fingerprint: request.fingerprint,
                seen: view.applied,
                made_at: self.clock.now(),
                node: self.ledger.identity().node,
                command,
            };
            let (command, needed) = (proposal.command.name(), proposal.command.rights());
            let proposed = self.ledger.propose(proposal, Lane::Administration, deadline).await?;
            let answer = proposed.answer;
            if !self.ledger.applied(answer.index, deadline).await {
                return Err(ServiceError::NoMaster);
            }
            match answer.reply {
                // It waited for a master for too long; unless it is the clocks that are apart.
                Reply::Refused(Refusal::Late) if late < LATE_MAX => late += 1,
                // Again, if the caller is not what has changed.
                Reply::Refused(Refusal::Stale | Refusal::IdTaken) => {}
                // Once: what this node has applied by now may say why it is not the time for it.
                Reply::Refused(Refusal::WrongPhase) if !looked_again => looked_again = true,
                // The role was changed meanwhile.
                Reply::Refused(Refusal::NotPermitted) => {
                    return Err(ServiceError::PermissionDenied(needed));
                }
                Reply::Refused(refusal) => return Err(refused(refusal)),
                reply => {
                    tracing::info!(
                        request_id = %request.id,
                        ?caller,
                        command,
                        index = answer.index.0,
                        "written"
                    );
                    return Ok(Some((reply, answer.index)));
                }
            }
        }
        Err(ServiceError::NoMaster)
    }

    /// The answer that this very request got before, if this node has it and its time is not over.
    /// In a quiet cluster state time stands still, so the clock counts here too.
    pub(crate) fn first_answer(
        &self,
        view: &View,
        caller: Caller,
        id: RequestId,
        fingerprint: Fingerprint,
    ) -> Result<Option<Answer>, ServiceError> {
        let Some(first) = view.state.remembered(caller, id) else {
            return Ok(None);
        };
        if first.at.plus(RETRANSMISSION_MILLISECONDS) < self.clock.now() {
            return Ok(None);
        }
        let is_other = first.fingerprint != fingerprint;
        #[cfg(feature = "planted")]
        let is_other = is_other && !symbolon_core::planted::is("fingerprint-ignored");
        if is_other { Err(reused_request_id()) } else { Ok(Some(first.answer)) }
    }

    /// The caller may have gone, been switched off, or been given another key, since it was known.
    pub(crate) fn still_there(
        &self,
        state: &State,
        principal: &Principal,
    ) -> Result<(), ServiceError> {
        let now = self.clock.now().max(state.clock());
        let there = match principal.caller {
            Caller::Administrator(id) => {
                state.administrator(id).is_some_and(|row| !row.disabled && row.key == principal.key)
            }
            Caller::Application(id) => state
                .application(id)
                .is_some_and(|row| !row.disabled && row.keys(now).any(|key| key == principal.key)),
            // What a node does by itself it does with no key.
            Caller::Node(_) => true,
        };
        if there { Ok(()) } else { Err(ServiceError::Unauthenticated) }
    }

    /// As [`still_there`](Self::still_there), and with a right to this.
    pub(crate) fn still_may(
        &self,
        principal: &Principal,
        operation: Operation,
    ) -> Result<(), ServiceError> {
        let state = self.ledger.view().state;
        self.still_there(&state, principal)?;
        let rights = state.rights(principal.caller);
        Self::may(&Principal { rights, ..principal.clone() }, operation)
    }

    /// The decided answer of a verification, or `None` to evaluate again.
    pub(crate) async fn settle(
        &self,
        answer: Answer,
        deadline: Instant,
    ) -> Result<Option<Reply>, ServiceError> {
        match answer.reply {
            Reply::Refused(Refusal::Stale) => {
                if !self.ledger.applied(answer.index, deadline).await {
                    return Err(ServiceError::NoMaster);
                }
                Ok(None)
            }
            Reply::Refused(Refusal::NotPermitted) => {
                Err(ServiceError::PermissionDenied(Operation::Verify.rights()))
            }
            Reply::Refused(refusal) => Err(refused(refusal)),
            reply => Ok(Some(reply)),
        }
    }
}

fn seal_nobody(
    vault: &dyn Vault,
    entropy: &dyn Entropy,
    key: DataKeyId,
) -> Result<Sealed, VaultError> {
    let mut seed = vec![0; 20];
    entropy.fill(&mut seed);
    vault.seal(key, NOBODY, &Secret::new(seed))
}

/// Who administers what, under which id.
pub(crate) struct AdminRequest {
    pub(crate) principal: Principal,
    pub(crate) id: RequestId,
    pub(crate) fingerprint: Fingerprint,
}

/// `None`: no row of that id here. `Some(Err)`: the row is here and the secret is not its, or not now,
/// or not from there; whoever asks does not learn which.
fn look_up(
    view: &View,
    credential: &Credential,
    source: Option<IpAddr>,
    now: Timestamp,
) -> Option<Result<Principal, ServiceError>> {
    let shown = hash_secret(&credential.secret);
    // Each is compared, whatever the others gave.
    let is_one_of = |keys: &mut dyn Iterator<Item = KeyHash>| {
        keys.fold(false, |found, key| found | bool::from(shown.0.ct_eq(&key.0)))
    };
    let state = &view.state;
    let (caller, name, right) = match credential.kind {
        CredentialKind::Administrator => {
            let row = state.administrator(AdministratorId(credential.id))?;
            let right = is_one_of(&mut std::iter::once(row.key)) && !row.disabled;
            (Caller::Administrator(row.id), &row.name, right)
        }
        CredentialKind::Application => {
            let row = state.application(ApplicationId(credential.id))?;
            let known = is_one_of(&mut row.keys(now.max(state.clock()))) && !row.disabled;
            let right = known && row.sources.allow(source);
            if known && !right {
                let (application, source) = (row.name.as_str(), source.map(|ip| ip.to_string()));
                tracing::warn!(
                    application,
                    source,
                    "an API key came from an address that is not its"
                );
            }
            (Caller::Application(row.id), &row.name, right)
        }
    };
    let (name, rights) = (name.clone(), state.rights(caller));
    let principal = Principal { caller, name, rights, key: shown, is_local: false };
    Some(if right { Ok(principal) } else { Err(ServiceError::Unauthenticated) })
}

pub(crate) fn reused_request_id() -> ServiceError {
    ServiceError::invalid(
        "request_id",
        "it named another request within the last 30 s; draw a new one for each request",
    )
}

/// What a refusal of the log means to the caller.
pub(crate) fn refused(refusal: Refusal) -> ServiceError {
    match refusal {
        Refusal::Stale | Refusal::IdTaken => ServiceError::NoMaster,
        Refusal::Late => ServiceError::Clock,
        Refusal::FingerprintMismatch => reused_request_id(),
        Refusal::NameTaken => ServiceError::AlreadyExists { kind: "row" },
        Refusal::NoSuchUser => ServiceError::NotFound { kind: "user" },
        Refusal::RevisionChanged => ServiceError::EtagChanged,
        Refusal::NoSuchToken => ServiceError::NotFound { kind: "token" },
        Refusal::SerialTaken => ServiceError::SerialTaken,
        Refusal::StepRefused => ServiceError::CodeRefused,
        Refusal::LimitReached => ServiceError::LimitReached { limit: "rows of this kind" },
        Refusal::JoinTokenUnknown => {
            ServiceError::JoinToken("is not one of this cluster, or has expired; make another")
        }
        Refusal::JoinTokenUsed => {
            ServiceError::JoinToken("has admitted another node; make one for each node")
        }
        Refusal::JoinTokenExpired => ServiceError::JoinToken("has expired; make another"),
        Refusal::NotPermitted => ServiceError::PermissionDenied(Rights::ADMINISTRATOR),
        Refusal::NoSuchApplication => ServiceError::NotFound { kind: "application" },
        Refusal::NoSuchRadiusClient => ServiceError::NotFound { kind: "RADIUS client" },
        Refusal::RangeTaken => ServiceError::RangeTaken,
        Refusal::NoSuchAdministrator => ServiceError::NotFound { kind: "administrator" },
        Refusal::LastAdministrator => ServiceError::LastAdministrator,
        Refusal::RotationUnderWay => ServiceError::RotationUnderWay,
        Refusal::SettingRefused => ServiceError::EtagChanged,
        Refusal::GuessingUnbounded => ServiceError::NoGuessesLeft,
        Refusal::NodeUnknown => ServiceError::NotFound { kind: "node" },
        Refusal::EpochApart => ServiceError::EpochApart,
        Refusal::WrongPhase => ServiceError::WrongPhase,
    }
}
