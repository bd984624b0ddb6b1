//! Clients: people who sign in, guess, show a code twice, and administrators who write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prost_types::FieldMask;
use symbolon_check::{Call, Decided, Deed, Outcome, Rng, SECOND, Shown, Verify};
use symbolon_core::{Decision, Denial, LineageId, RequestId};
use symbolon_testkit::v1::user_service_client::UserServiceClient;
use symbolon_testkit::v1::{self, Reason, UpdateUserRequest, User};
use symbolon_testkit::{Client, Status};
use tokio::time::{sleep, timeout};

use crate::history::History;
use crate::people::Holder;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits to be told in which lineage a node is.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);
/// Whose names are written and read.
const WRITTEN: usize = 12;

/// What all clients know. Clones are the same.
#[derive(Clone)]
pub(crate) struct Clients {
    /// To each node, as an application.
    pub(crate) application: Vec<Client>,
    /// To each node, as an administrator.
    pub(crate) administrator: Vec<Client>,
    pub(crate) people: Arc<Vec<Holder>>,
    pub(crate) history: History,
    pub(crate) tally: Arc<Tally>,
    /// Clients go on while this says so.
    pub(crate) goes_on: tokio::sync::watch::Receiver<bool>,
}

/// What is counted beside the history.
#[derive(Default)]
pub(crate) struct Tally {
    /// The longest that anybody waited for a decision on a right code, in milliseconds.
    pub(crate) longest_wait: AtomicU64,
    /// People who got no decision while their code was good.
    pub(crate) in_vain: AtomicU64,
    /// Refusals, by the words for them.
    pub(crate) refusals: std::sync::Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    fn refused(&self, status: &Status) {
        let mut refusals = self.refusals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *refusals.entry(format!("{:?}", status.code())).or_default() += 1;
    }
}

/// A lineage as the API tells it.
pub(crate) fn lineage_of(status: &v1::GetStatusResponse) -> Option<LineageId> {
    let bytes = data_encoding::HEXLOWER.decode(status.lineage.as_bytes()).ok()?;
    bytes.try_into().ok().map(LineageId)
}

impl Clients {
    /// A node that was not asked yet, if there is one.
    fn host(&self, rng: &mut Rng, asked: &[usize]) -> usize {
        let count = self.application.len();
        let others: Vec<_> = (0..count).filter(|host| !asked.contains(host)).collect();
        if others.is_empty() { rng.index(count) } else { *rng.pick(&others) }
    }

    fn goes_on(&self) -> bool {
        *self.goes_on.borrow()
    }

    /// The lineage that a node is in.
    pub(crate) async fn lineage(&self, host: usize) -> Result<LineageId, Status> {
        let client = self.administrator[host].with_timeout(STATUS_PATIENCE);
        let status = timeout(STATUS_PATIENCE, client.status()).await;
        let status = status.map_err(|_| Status::deadline_exceeded("no status"))??;
        lineage_of(&status).ok_or_else(|| Status::unavailable("it has no lineage"))
    }

    /// Calls a node, between two looks at its lineage. Where that has changed meanwhile nobody knows in which
    /// of the two the answer was given.
    async fn call<T>(
        &self,
        host: usize,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Outcome<(T, LineageId)> {
        let asked = async {
            let before = self.lineage(host).await?;
            let told = call.await?;
            let after = self.lineage(host).await.unwrap_or(before);
            Ok((told, before, after))
        };
        match timeout(PATIENCE + 2 * STATUS_PATIENCE, asked).await {
            Ok(Ok((told, before, after))) if before == after => Outcome::Told((told, before)),
            Ok(Err(status)) => {
                let status: Status = status;
                self.tally.refused(&status);
                Outcome::Refused(format!("{:?} {}", status.code(), status.message()))
            }
            Ok(Ok(_)) | Err(_) => Outcome::Unknown,
        }
    }

    /// Shows a code at a node. What came of it.
    pub(crate) async fn verify(
        &self,
        host: usize,
        shown: Shown,
        code: String,
        request: RequestId,
    ) -> Outcome<Decided> {
        let began = self.history.now();
        let mut message = self.people[shown.token].person.request_with(code);
        message.request_id = request.0.to_vec();
        let client = self.application[host].with_timeout(PATIENCE.mul_f32(0.9));
        let outcome = match self.call(host, client.verify(message)).await {
            Outcome::Told((told, lineage)) => match decision(&told) {
                Some(decision) => Outcome::Told(Decided {
                    decision,
                    failures: 0,
                    index: told.log_index,
                    island: told.island,
                    lineage,
                }),
                None => Outcome::Refused("it decided something else".to_owned()),
            },
            Outcome::Refused(why) => Outcome::Refused(why),
            Outcome::Unknown => Outcome::Unknown,
        };
        let ended = self.history.now();
        let verify = Verify { request, host, shown, began, ended, outcome: outcome.clone() };
        self.history.verified(verify);
        outcome
    }

    /// Somebody who signs in now and then.
    pub(crate) async fn person(self, mut rng: Rng) {
        while self.goes_on() {
            sleep(Duration::from_millis(rng.range(50, 700))).await;
            let token = rng.index(self.people.len());
            match rng.range(0, 100) {
                0..10 => self.guess(&mut rng, token).await,
                10..20 => self.show_again(&mut rng, token).await,
                20..32 => self.show_everywhere(&mut rng, token).await,
                _ => self.sign_in(&mut rng, token).await,
            }
        }
    }

    async fn guess(&self, rng: &mut Rng, token: usize) {
        let code = self.people[token].wrong(rng);
        let shown = Shown { token, step: None };
        let host = self.host(rng, &[]);
        self.verify(host, shown, code, RequestId(rng.bytes())).await;
    }

    /// Shows a code that was shown before, as if it were new.
    async fn show_again(&self, rng: &mut Rng, token: usize) {
        let holder = &self.people[token];
        let step = holder.last();
        if step == 0 {
            return;
        }
        let (shown, code) = (Shown { token, step: Some(step) }, holder.person.otp.code_of(step));
        let host = self.host(rng, &[]);
        self.verify(host, shown, code, RequestId(rng.bytes())).await;
    }

    /// Shows one code at all nodes at once, as different requests.
    async fn show_everywhere(&self, rng: &mut Rng, token: usize) {
        let holder = &self.people[token];
        let Some(step) = holder.fresh() else { return };
        let (shown, code) = (Shown { token, step: Some(step) }, holder.person.otp.code_of(step));
        let mut all = tokio::task::JoinSet::new();
        for host in 0..self.application.len() {
            let (clients, code, request) = (self.clone(), code.clone(), RequestId(rng.bytes()));
            all.spawn(async move { clients.verify(host, shown, code, request).await });
        }
        all.join_all().await;
    }

    /// Signs in with a fresh code, and asks again, elsewhere, while nobody has decided; sometimes also after
    /// that.
    async fn sign_in(&self, rng: &mut Rng, token: usize) {
        let holder = &self.people[token];
        let Some(step) = holder.fresh() else { return };
        let (shown, code) = (Shown { token, step: Some(step) }, holder.person.otp.code_of(step));
        let request = RequestId(rng.bytes());
        let (began, mut asked, mut told) = (self.history.now(), Vec::new(), 0);
        while self.history.now() < began + 25 * SECOND && told < 3 {
            let host = self.host(rng, &asked);
            asked.push(host);
            let outcome = self.verify(host, shown, code.clone(), request).await;
            if outcome.told().is_some() {
                if told == 0 {
                    let waited = (self.history.now() - began) / 1_000_000;
                    self.tally.longest_wait.fetch_max(waited, Ordering::Relaxed);
                }
                told += 1;
                if rng.chance(700) {
                    return;
                }
            }
            sleep(Duration::from_millis(rng.range(1, 400))).await;
        }
        self.tally.in_vain.fetch_add(u64::from(told == 0), Ordering::Relaxed);
    }

    /// An administrator who writes and reads what users are called.
    pub(crate) async fn administer(self, mut rng: Rng, number: usize) {
        let mut written = 0;
        while self.goes_on() {
            sleep(Duration::from_millis(rng.range(200, 1_500))).await;
            let user = rng.index(self.people.len().min(WRITTEN));
            let host = self.host(&mut rng, &[]);
            written += 1;
            let deed = if rng.chance(500) {
                Deed::Write(format!("{number}.{written}"))
            } else {
                Deed::Read(None)
            };
            self.deed(host, user, deed, RequestId(rng.bytes())).await;
        }
    }

    async fn deed(&self, host: usize, user: usize, deed: Deed, request: RequestId) {
        let began = self.history.now();
        let client = self.administrator[host].with_timeout(PATIENCE.mul_f32(0.9));
        let client = client.with_request_id(request.0);
        let name = self.people[user].person.username.clone();
        let wanted = deed.clone();
        let call = async move {
            match wanted {
                Deed::Write(text) => {
                    let index = rename(&client, name, text.clone()).await?;
                    Ok((Deed::Write(text), index))
                }
                Deed::Read(_) => {
                    let user = client.get_user(&name).await?;
                    Ok((Deed::Read(Some(user.display_name)), 0))
                }
            }
        };
        let (deed, outcome) = match self.call(host, call).await {
            Outcome::Told(((deed, index), lineage)) => (deed, Outcome::Told((index, lineage))),
            Outcome::Refused(why) => (deed, Outcome::Refused(why)),
            Outcome::Unknown => (deed, Outcome::Unknown),
        };
        let ended = self.history.now();
        self.history.called(Call { user, request, deed, host, began, ended, outcome });
    }
}

/// What was decided, as far as an application is told.
fn decision(told: &v1::VerifyResponse) -> Option<Decision> {
    match (told.decision(), told.reason()) {
        (v1::Decision::Allow, _) => Some(Decision::Allow),
        (v1::Decision::Deny, Reason::CodeAlreadyUsed) => {
            Some(Decision::Deny(Denial::CodeAlreadyUsed))
        }
        (v1::Decision::Deny, _) => Some(Decision::Deny(Denial::CodeMismatch)),
        _ => None,
    }
}

/// Gives a user another name for people. Where in the log.
async fn rename(client: &Client, username: String, display_name: String) -> Result<u64, Status> {
    let user = User { username, display_name, ..User::default() };
    let update_mask = Some(FieldMask { paths: vec!["display_name".to_owned()] });
    let request = client.request(UpdateUserRequest { user: Some(user), update_mask });
    let mut service = UserServiceClient::new(client.channel());
    Ok(service.update_user(request).await?.into_inner().log_index)
}
