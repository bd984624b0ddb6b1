//! A ledger, a vault, a clock and a source of numbers for tests.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use symbolon_core::{
    Administrator, AdministratorId, Answer, Caller, ClusterId, Command, CreateCluster, DataKeyId,
    Fingerprint, KeyPin, LineageId, LogIndex, Name, Node, NodeId, Output, Proposal, Remembered,
    RequestId, Sealed, Secret, Stamp, State, Timestamp, UserName,
};
use symbolon_service::audit::{AuditExtent, AuditPart, AuditQuestion, AuditUnreadable};
use symbolon_service::{
    Answered, BoxFuture, Clock, ClusterStatus, Credential, CredentialKind, DataKeyStatus, Entropy,
    FieldRef, Identity, Lane, Ledger, NewApplication, NewToken, NotPromoted, Principal,
    ProposeError, Quarantine, QuarantineUnreadable, SeizedBy, Seizure, Service, Settled, Vault,
    VaultError, VerifyRequest, View, WriteId, hash_secret,
};
use tokio::time::Instant;

/// Where the tests' time begins: step 1,000,000 of a 30 s token.
pub(crate) const START: Timestamp = Timestamp(30_000_000_000);

pub(crate) struct TestLedger {
    identity: Identity,
    inner: Mutex<Inner>,
    /// Read barriers asked for.
    pub(crate) barriers: AtomicU64,
    /// The master's id.
    pub(crate) master: AtomicU64,
    pub(crate) quarantines: Mutex<Vec<Quarantine>>,
    /// Whether the node's clock is off.
    pub(crate) is_clock_off: AtomicBool,
    clock: Arc<TestClock>,
}

struct Inner {
    state: State,
    applied: u64,
    /// What the node has seen; held back while `frozen`.
    view: View,
    frozen: bool,
    proposals: Vec<Proposal>,
    /// Answers to lose: the proposal is applied, the proposer hears of no master.
    lose: usize,
}

impl TestLedger {
    /// Holds the view where it is, as on a node that lags; `false` lets it catch up.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut inner = self.inner.lock().unwrap();
        inner.frozen = frozen;
        if !frozen {
            inner.catch_up();
        }
    }

    /// Lets the log move on behind the node's back: it sees nothing of what is done meanwhile.
    pub(crate) async fn freeze_after(&self, done: impl AsyncFn()) {
        let before = self.view();
        self.freeze(false);
        done().await;
        let mut inner = self.inner.lock().unwrap();
        (inner.frozen, inner.view) = (true, before);
    }

    /// The next answers are lost on their way.
    pub(crate) fn lose_answers(&self, count: usize) {
        self.inner.lock().unwrap().lose = count;
    }

    pub(crate) fn proposals(&self) -> Vec<Proposal> {
        self.inner.lock().unwrap().proposals.clone()
    }

    pub(crate) fn state(&self) -> State {
        self.inner.lock().unwrap().state.clone()
    }

    fn apply(&self, proposal: &Proposal) -> Option<Answer> {
        let mut inner = self.inner.lock().unwrap();
        inner.applied += 1;
        inner.proposals.push(proposal.clone());
        let stamp = Stamp { index: LogIndex(inner.applied), at: self.clock.now() };
        let answer = inner.state.apply(stamp, proposal, &mut Output::default());
        inner.state.check().unwrap();
        if !inner.frozen {
            inner.catch_up();
        }
        if inner.lose > 0 {
            inner.lose -= 1;
            return None;
        }
        Some(answer)
    }
}

impl Inner {
    fn catch_up(&mut self) {
        self.view = View { state: Arc::new(self.state.clone()), applied: LogIndex(self.applied) };
    }
}

impl Ledger for TestLedger {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn view(&self) -> View {
        self.inner.lock().unwrap().view.clone()
    }

    fn propose(
        &self,
        proposal: Proposal,
        _: Lane,
        _: Instant,
    ) -> BoxFuture<'_, Result<Answered, ProposeError>> {
        let answer = self.apply(&proposal);
        let answered = answer.map(|answer| Answered { answer, island: false });
        Box::pin(async move { answered.ok_or(ProposeError::NoMaster) })
    }

    fn applied(&self, _: LogIndex, _: Instant) -> BoxFuture<'_, bool> {
        self.freeze(false);
        Box::pin(async { true })
    }

    fn read_barrier(&self, deadline: Instant) -> BoxFuture<'_, Result<(), ProposeError>> {
        self.barriers.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            // Others arrive while it is under way.
            let master = tokio::time::sleep(Duration::from_millis(10));
            if tokio::time::timeout_at(deadline, master).await.is_err() {
                return Err(ProposeError::NoMaster);
            }
            self.freeze(false);
            Ok(())
        })
    }

    fn view_of(&self, _: &UserName, _: Caller, _: RequestId) -> View {
        self.view()
    }

    fn decided_apart(&self, _: Caller, _: RequestId) -> Option<Remembered> {
        None
    }

    fn disk_low_at(&self) -> Option<NodeId> {
        None
    }

    fn is_clock_off(&self) -> bool {
        self.is_clock_off.load(Ordering::SeqCst)
    }

    fn halted_at(&self) -> Option<LogIndex> {
        None
    }

    fn promote(&self, _: NodeId, _: Instant) -> BoxFuture<'_, Result<(), NotPromoted>> {
        unreachable!("no use case under test asks for it")
    }

    fn seize(&self, _: Option<SeizedBy>) -> BoxFuture<'_, Result<Seizure, NotPromoted>> {
        unreachable!("no use case under test asks for it")
    }

    fn quarantines(&self) -> BoxFuture<'_, Result<Vec<Quarantine>, QuarantineUnreadable>> {
        let held = self.quarantines.lock().unwrap().clone();
        Box::pin(async { Ok(held) })
    }

    fn settle(
        &self,
        _: String,
        _: Vec<(WriteId, Settled)>,
    ) -> BoxFuture<'_, Result<(), QuarantineUnreadable>> {
        unreachable!("no use case under test asks for it")
    }

    fn remove_quarantine(&self, name: String) -> BoxFuture<'_, Result<(), QuarantineUnreadable>> {
        self.quarantines.lock().unwrap().retain(|held| held.name != name);
        Box::pin(async { Ok(()) })
    }

    fn status(&self) -> ClusterStatus {
        let view = self.view();
        let cluster = view.state.cluster().cloned().unwrap();
        ClusterStatus {
            cluster: cluster.id,
            cluster_name: Some(cluster.name),
            epoch: cluster.epoch,
            lineage: cluster.lineage,
            master: Some(NodeId(self.master.load(Ordering::SeqCst))),
            term: 1,
            applied: view.applied,
            last: view.applied,
            is_recovering: false,
            digest: view.state.digest(),
            nodes: Vec::new(),
            data_key: DataKeyStatus {
                active: view.state.active_data_key(),
                next: None,
                waiting_for: Vec::new(),
                fields_left: 0,
                held: Vec::new(),
            },
            pairing: None,
            warnings: Vec::new(),
        }
    }

    fn read_audit(&self, _: AuditQuestion) -> BoxFuture<'_, Result<AuditPart, AuditUnreadable>> {
        unreachable!("no use case under test asks for it")
    }

    fn audit_extent(&self) -> AuditExtent {
        unreachable!("no use case under test asks for it")
    }
}

/// Seals by writing the field's name in front: enough to see that each field opens as itself alone.
#[derive(Default)]
pub(crate) struct TestVault {
    /// Fields opened so far.
    pub(crate) opened: AtomicU64,
    /// A bit for each data key that is held; none: the first.
    pub(crate) held: AtomicU32,
}

impl Vault for TestVault {
    fn seal(&self, key: DataKeyId, field: FieldRef, secret: &Secret) -> Result<Sealed, VaultError> {
        if !self.data_keys().contains(&key) {
            return Err(VaultError);
        }
        let mut bytes = vec![1];
        bytes.extend_from_slice(&key.0.to_be_bytes());
        bytes.extend_from_slice(format!("{field:?}|").as_bytes());
        bytes.extend_from_slice(secret.expose());
        Ok(Sealed::new(bytes))
    }

    fn draw_data_key(&self, next: DataKeyId, active: DataKeyId) -> Result<Sealed, VaultError> {
        let field = FieldRef { row: "data_key", id: next.0.into(), field: "key" };
        self.seal(active, field, &Secret::new(vec![7; 32]))
    }

    fn data_keys(&self) -> Vec<DataKeyId> {
        let held = self.held.load(Ordering::SeqCst).max(1);
        (0..32).filter(|bit| held & (1 << bit) != 0).map(|bit| DataKeyId(bit + 1)).collect()
    }

    fn open(&self, field: FieldRef, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        sealed.key().filter(|key| self.data_keys().contains(key)).ok_or(VaultError)?;
        let label = format!("{field:?}|");
        let secret = sealed.as_bytes()[5..].strip_prefix(label.as_bytes()).ok_or(VaultError)?;
        Ok(Secret::new(secret.to_vec()))
    }

    fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        let mut sum = [0_u8; 16];
        for (place, byte) in bytes.iter().enumerate() {
            let lane = &mut sum[place % 16];
            *lane = lane.rotate_left(3) ^ byte;
        }
        Fingerprint(sum)
    }
}

pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A service with one administrator and one application.
pub(crate) struct Bench {
    pub(crate) service: Arc<Service>,
    pub(crate) ledger: Arc<TestLedger>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) vault: Arc<TestVault>,
    pub(crate) admin: Principal,
    pub(crate) admin_token: String,
    pub(crate) app: Principal,
    pub(crate) app_key: String,
}

pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(START.0)));
        let secret = Secret::new(vec![7; 32]);
        let ledger = Arc::new(TestLedger {
            identity: Identity {
                node: NodeId(1),
                name: Name::new("n1").unwrap(),
                ca_pin: KeyPin([9; 32]),
            },
            inner: Mutex::new(Inner {
                state: State::default(),
                applied: 0,
                view: View { state: Arc::new(State::default()), applied: LogIndex(0) },
                frozen: false,
                proposals: Vec::new(),
                lose: 0,
            }),
            barriers: AtomicU64::new(0),
            is_clock_off: AtomicBool::new(false),
            master: AtomicU64::new(1),
            quarantines: Mutex::default(),
            clock: Arc::clone(&clock),
        });
        ledger.apply(&found(&secret)).unwrap();
        let vault = Arc::new(TestVault::default());
        let service = Service::new(
            Arc::clone(&ledger) as _,
            Arc::clone(&vault) as _,
            Arc::clone(&clock) as _,
            Arc::new(Counting(AtomicU64::new(1))),
        );
        let service = Arc::new(service.unwrap());
        let admin_token = Credential { kind: CredentialKind::Administrator, id: 1, secret };
        let admin_token = admin_token.to_text().to_string();
        let admin = service.authenticate(&admin_token, None, deadline()).await.unwrap();
        let (_, app_key, _) = service
            .create_application(&admin, None, &application("vpn"), deadline())
            .await
            .unwrap();
        let app = service.authenticate(&app_key, None, deadline()).await.unwrap();
        let app_key = app_key.to_string();
        Self { service, ledger, clock, vault, admin, admin_token, app, app_key }
    }

    /// A user with a token of the RFC 6238 seed.
    pub(crate) async fn user(&self, name: &str) {
        self.service
            .create_user(&self.admin, None, name, "", Default::default(), deadline())
            .await
            .unwrap();
        let seed = Secret::new(b"12345678901234567890".to_vec());
        let new = NewToken { seed: Some(seed), ..NewToken::default() };
        self.service.enroll_token(&self.admin, None, name, new, deadline()).await.unwrap();
    }

    /// The right code now, plus `steps`.
    pub(crate) fn code(&self, steps: i64) -> String {
        use symbolon_core::otp::{Parameters, code_at};
        let parameters = Parameters::default();
        let step = parameters.step(self.clock.now(), 0).checked_add_signed(steps).unwrap();
        let seed = Secret::new(b"12345678901234567890".to_vec());
        format!("{:06}", code_at(&seed, step, parameters))
    }
}

/// An application that may ask from everywhere.
pub(crate) fn application(name: &str) -> NewApplication {
    NewApplication { name: name.to_owned(), ..NewApplication::default() }
}

pub(crate) fn question(user: &str, code: &str, id: u8) -> VerifyRequest {
    VerifyRequest {
        username: user.to_owned(),
        code: code.to_owned(),
        request_id: Some(RequestId([id; 16])),
        ..VerifyRequest::default()
    }
}

fn found(secret: &Secret) -> Proposal {
    let index = LogIndex(0);
    let name = |text| Name::new(text).unwrap();
    let command = Command::CreateCluster(CreateCluster {
        cluster: ClusterId([1; 16]),
        name: name("test"),
        lineage: LineageId([2; 16]),
        ca_certificate: vec![1],
        ca_key: Sealed::new(vec![1, 0, 0, 0, 1]),
        administrator: Box::new(Administrator::first(
            AdministratorId(1),
            name("admin"),
            hash_secret(secret),
        )),
        node: Node {
            id: NodeId(1),
            name: name("n1"),
            pin: KeyPin([3; 32]),
            peer_address: "127.0.0.1:1".to_owned(),
            api_address: "https://127.0.0.1:2".to_owned(),
            superseded: false,
            changed_at: index,
        },
    });
    Proposal {
        caller: Caller::Node(NodeId(1)),
        request_id: RequestId([0; 16]),
        fingerprint: Fingerprint::default(),
        seen: index,
        made_at: START,
        node: NodeId(1),
        command,
    }
}
