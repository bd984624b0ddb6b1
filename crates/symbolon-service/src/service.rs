//! The service and who may use it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use symbolon_core::limits::RETRANSMISSION_MILLISECONDS;
use symbolon_core::{
    AdministratorId, Answer, ApplicationId, Caller, Command, DataKeyId, Fingerprint, LogIndex,
    Name, Proposal, Refusal, Reply, RequestId, Sealed, Secret, Timestamp,
};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::barrier::SharedBarrier;
use crate::credential::{Credential, CredentialKind, SECRET_BYTES, hash_secret};
use crate::ports::{Clock, Entropy, FieldRef, Lane, Ledger, Vault, VaultError, View};
use crate::{Admission, ServiceError};

/// Longest wait for the master's word on what is not known here.
const STRANGER_WAIT: Duration = Duration::from_secs(1);

/// How often a proposal that grew old on its way is made anew.
pub(crate) const LATE_MAX: usize = 2;

/// How often a use case starts again because what it saw had changed.
const ATTEMPTS_MAX: usize = 50;

/// Who was authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// For the log.
    pub caller: Caller,
    /// For people.
    pub name: Name,
}

impl Principal {
    /// Whether this is an administrator, who has every right.
    #[must_use]
    pub const fn is_administrator(&self) -> bool {
        matches!(self.caller, Caller::Administrator(_))
    }
}

/// The use cases, over their ports.
pub struct Service {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) admission: Admission,
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

    /// Finds out who bears a token.
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
        deadline: Instant,
    ) -> Result<Principal, ServiceError> {
        if self.ledger.halted_at().is_some() {
            return Err(ServiceError::Halted);
        }
        let credential = Credential::parse(bearer).ok_or(ServiceError::Unauthenticated)?;
        let before = self.ledger.view();
        if let Some(known) = look_up(&before, &credential) {
            return known;
        }
        self.pass_barrier(deadline).await?;
        look_up(&self.ledger.view(), &credential).unwrap_or(Err(ServiceError::Unauthenticated))
    }

    /// Catches up with the master, for the sake of something that is not known here.
    pub(crate) async fn pass_barrier(&self, deadline: Instant) -> Result<(), ServiceError> {
        let wait = Instant::now() + STRANGER_WAIT;
        self.barrier.pass(&self.ledger, deadline.min(wait)).await
    }

    /// Refuses whoever is no administrator.
    pub(crate) const fn administrator(principal: &Principal) -> Result<(), ServiceError> {
        if principal.is_administrator() {
            Ok(())
        } else {
            Err(ServiceError::PermissionDenied("administrator"))
        }
    }

    /// Draws a number for an id; never 0, which stands for "none" in formats.
    pub(crate) fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_be_bytes(bytes).max(1)
    }

    pub(crate) fn draw_request_id(&self) -> RequestId {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
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

    /// [`administer`](Self::administer), unless `build` finds that there is nothing to do.
    pub(crate) async fn administer_if(
        &self,
        request: &AdminRequest,
        deadline: Instant,
        mut build: impl FnMut(&View) -> Result<Option<Command>, ServiceError>,
    ) -> Result<Option<(Reply, LogIndex)>, ServiceError> {
        let (mut late, mut caught_up) = (0, false);
        for _ in 0..ATTEMPTS_MAX {
            let view = self.ledger.view();
            let first =
                self.first_answer(&view, request.caller, request.id, request.fingerprint)?;
            if let Some(first) = first {
                return Ok(Some((first.reply, first.index)));
            }
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
                caller: request.caller,
                request_id: request.id,
                fingerprint: request.fingerprint,
                seen: view.applied,
                made_at: self.clock.now(),
                node: self.ledger.identity().node,
                command,
            };
            let command = proposal.command.name();
            let answer = self.ledger.propose(proposal, Lane::Administration, deadline).await?;
            if !self.ledger.applied(answer.index, deadline).await {
                return Err(ServiceError::NoMaster);
            }
            match answer.reply {
                // It waited for a master for too long; unless it is the clocks that are apart.
                Reply::Refused(Refusal::Late) if late < LATE_MAX => late += 1,
                Reply::Refused(Refusal::Stale | Refusal::IdTaken) => {
                    self.still_there(request.caller)?;
                }
                Reply::Refused(refusal) => return Err(refused(refusal)),
                reply => {
                    tracing::info!(
                        request_id = %request.id,
                        caller = ?request.caller,
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
        if first.fingerprint != fingerprint {
            return Err(reused_request_id());
        }
        Ok(Some(first.answer))
    }

    /// After STALE: the caller may be what has gone.
    pub(crate) fn still_there(&self, caller: Caller) -> Result<(), ServiceError> {
        let state = self.ledger.view().state;
        let there = match caller {
            Caller::Administrator(id) => state.administrator(id).is_some(),
            Caller::Application(id) => state.application(id).is_some(),
            Caller::Node(id) => state.node(id).is_some(),
        };
        if there { Ok(()) } else { Err(ServiceError::Unauthenticated) }
    }

    /// The decided answer of a verification, or `None` to evaluate again.
    pub(crate) async fn settle(
        &self,
        caller: Caller,
        answer: Answer,
        deadline: Instant,
    ) -> Result<Option<Reply>, ServiceError> {
        match answer.reply {
            Reply::Refused(Refusal::Stale) => {
                if !self.ledger.applied(answer.index, deadline).await {
                    return Err(ServiceError::NoMaster);
                }
                self.still_there(caller)?;
                Ok(None)
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
    pub(crate) caller: Caller,
    pub(crate) id: RequestId,
    pub(crate) fingerprint: Fingerprint,
}

/// `None`: no row of that id here. `Some(Err)`: the row is here and the secret is not its.
fn look_up(view: &View, credential: &Credential) -> Option<Result<Principal, ServiceError>> {
    let (caller, name, key) = match credential.kind {
        CredentialKind::Administrator => {
            let row = view.state.administrator(AdministratorId(credential.id))?;
            (Caller::Administrator(row.id), &row.name, row.key)
        }
        CredentialKind::Application => {
            let row = view.state.application(ApplicationId(credential.id))?;
            (Caller::Application(row.id), &row.name, row.key)
        }
    };
    let right = bool::from(hash_secret(&credential.secret).0.ct_eq(&key.0));
    let principal = Principal { caller, name: name.clone() };
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
        Refusal::NotPermitted => ServiceError::PermissionDenied("administrator"),
        Refusal::RotationUnderWay => ServiceError::RotationUnderWay,
        Refusal::SettingRefused => ServiceError::EtagChanged,
        Refusal::GuessingUnbounded => ServiceError::LimitReached {
            limit: "guesses (lockout.threshold and the island.allowance of one node more pass \
                    lockout.hard_limit; lower one of them, then ask again)",
        },
        Refusal::WrongPhase => ServiceError::Internal,
    }
}
