//! Clients: people who sign in, guess, show a code twice, and administrators who write.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use symbolon_check::{Call, Decided, Deed, FIRST_RECOVERY, Outcome, Rng, Shown, Verify};
use symbolon_core::otp::{Algorithm, Parameters, code_at};
use symbolon_core::{Caller, Decision, RequestId, Secret};
use symbolon_service::{UserChanges, VerifyRequest};
use tokio::time::{Instant, sleep};

use crate::factors::Recovery;
use crate::history::History;
use crate::host::{Running, Slot};
use crate::net::HostId;
use crate::os;
use crate::time::{Nanos, SECOND, true_time};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all clients know.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) slots: Arc<Vec<Slot>>,
    pub(crate) history: History,
    pub(crate) key: String,
    pub(crate) administrator: String,
    pub(crate) tokens: Arc<Vec<Token>>,
    /// Until when clients ask.
    pub(crate) until: Nanos,
    /// Recovery codes that people have; none in most runs.
    pub(crate) recovery: Arc<Vec<Recovery>>,
    /// Number of the token that is guessed at, and whose codes nobody shows; nobody is in most runs.
    pub(crate) guessed: Option<usize>,
    /// Failures in a row that an account may absorb.
    pub(crate) hard_limit: u32,
}

/// A token in somebody's hands.
pub(crate) struct Token {
    pub(crate) seed: [u8; 20],
    pub(crate) counts: bool,
    /// The highest step that was ever shown.
    pub(crate) shown: Mutex<u64>,
    /// What is typed before the code; mostly nothing.
    pub(crate) pin: Mutex<String>,
    /// The request that showed it, where one alone did.
    pub(crate) request: Mutex<Option<RequestId>>,
}

/// Of the user whose token has that number, or whose recovery codes.
pub(crate) fn user_name(token: usize) -> String {
    format!("user-{}", token % FIRST_RECOVERY)
}

impl Token {
    pub(crate) fn parameters(&self) -> Parameters {
        let hotp = Parameters::hotp(Algorithm::Sha1, 6).ok();
        hotp.filter(|_| self.counts).unwrap_or_default()
    }

    pub(crate) fn code(&self, step: u64) -> String {
        let parameters = self.parameters();
        let code = code_at(&Secret::new(self.seed.to_vec()), step, parameters);
        let pin = self.pin.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{pin}{code:06}")
    }

    /// A step whose code was never shown, if there is one by now.
    fn fresh(&self) -> Option<u64> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if self.counts { *shown + 1 } else { true_time() / 30_000 };
        (next > *shown).then(|| {
            *shown = next;
            next
        })
    }

    /// A code that the token shows at no time that counts.
    fn wrong(&self, rng: &mut Rng) -> String {
        let around = if self.counts { self.last() } else { true_time() / 30_000 };
        let right: Vec<_> =
            (around.saturating_sub(200)..around + 200).map(|it| self.code(it)).collect();
        let pin = self.pin.lock().unwrap_or_else(PoisonError::into_inner).clone();
        loop {
            let code = format!("{pin}{:06}", rng.range(0, 1_000_000));
            if !right.contains(&code) {
                return code;
            }
        }
    }

    fn last(&self) -> u64 {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn running(&self, host: HostId) -> Option<Running> {
        self.slots[host].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A host that was not asked yet, if there is one.
    pub(crate) fn host(&self, rng: &mut Rng, asked: &[HostId]) -> HostId {
        let others: Vec<_> = (0..self.slots.len()).filter(|host| !asked.contains(host)).collect();
        if others.is_empty() { rng.index(self.slots.len()) } else { *rng.pick(&others) }
    }

    /// Shows a code at a node. What came of it.
    pub(crate) async fn verify(
        &self,
        host: HostId,
        shown: Shown,
        code: String,
        request: RequestId,
    ) -> Outcome<Decided> {
        let asked = VerifyRequest {
            username: user_name(shown.token),
            code,
            request_id: Some(request),
            ..VerifyRequest::default()
        };
        self.ask(host, shown, asked, request).await
    }

    /// Asks a node something, and writes down what came of it.
    pub(crate) async fn ask(
        &self,
        host: HostId,
        shown: Shown,
        asked: VerifyRequest,
        request: RequestId,
    ) -> Outcome<Decided> {
        let (began, key) = (os::now(), self.key.clone());
        let call = move |running: Running| async move {
            let deadline = Instant::now() + PATIENCE.mul_f32(0.9);
            let lineage = running.service.ledger().status().lineage;
            let principal = running.service.authenticate(&key, None, deadline).await;
            let principal = principal.map_err(|error| error.to_string())?;
            let reply = running.service.verify(&principal, asked, deadline).await;
            let reply = reply.map_err(|error| error.to_string())?;
            Ok(Decided {
                decision: reply.verdict.decision,
                failures: reply.verdict.failures,
                index: reply.index.0,
                island: reply.island,
                lineage,
            })
        };
        let outcome = self.call(host, call).await;
        let ended = os::now();
        let verify = Verify { request, host, shown, began, ended, outcome: outcome.clone() };
        self.history.verified(verify);
        outcome
    }

    pub(crate) async fn call<T: Send + 'static, F>(
        &self,
        host: HostId,
        call: impl FnOnce(Running) -> F,
    ) -> Outcome<T>
    where
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        let Some(running) = self.running(host) else {
            return Outcome::Refused("nobody listens".to_owned());
        };
        let runtime = running.runtime.clone();
        let asked = runtime.spawn(call(running));
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(Ok(told))) => Outcome::Told(told),
            Ok(Ok(Err(refused))) => Outcome::Refused(refused),
            Ok(Err(_)) | Err(_) => Outcome::Unknown,
        }
    }

    /// Somebody who signs in now and then.
    pub(crate) async fn person(self, mut rng: Rng) {
        while os::now() < self.until {
            sleep(Duration::from_millis(rng.range(100, 3_000))).await;
            let token = rng.index(self.guessed.unwrap_or(self.tokens.len()));
            match rng.range(0, 100) {
                0..12 => self.guess(&mut rng, token).await,
                12..22 => self.show_again(&mut rng, token).await,
                22..37 => self.show_everywhere(&mut rng, token).await,
                _ => self.sign_in(&mut rng, token).await,
            }
        }
    }

    async fn guess(&self, rng: &mut Rng, token: usize) {
        let code = self.tokens[token].wrong(rng);
        let shown = Shown { token, step: None };
        let host = self.host(rng, &[]);
        self.verify(host, shown, code, RequestId(rng.bytes())).await;
    }

    /// Somebody who guesses at one account wherever a node answers, and at others as a request that another
    /// has made.
    pub(crate) async fn attack(self, mut rng: Rng) {
        let Some(guessed) = self.guessed else { return };
        while os::now() < self.until {
            sleep(Duration::from_millis(rng.range(50, 1_500))).await;
            if rng.chance(600) {
                self.guess(&mut rng, guessed).await;
                continue;
            }
            let token = rng.index(guessed);
            let last = *self.tokens[token].request.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(request) = last else { continue };
            let code = self.tokens[token].wrong(&mut rng);
            let host = self.host(&mut rng, &[]);
            self.verify(host, Shown { token, step: None }, code, request).await;
        }
    }

    /// Shows a code that was shown before, as if it were new.
    async fn show_again(&self, rng: &mut Rng, token: usize) {
        let last = self.tokens[token].last();
        if last == 0 {
            return;
        }
        // A counting token shows no code before its first.
        let step = (last - rng.range(0, 2).min(last)).max(1);
        let (shown, code) = (Shown { token, step: Some(step) }, self.tokens[token].code(step));
        let host = self.host(rng, &[]);
        self.verify(host, shown, code, RequestId(rng.bytes())).await;
    }

    /// Shows one code at several nodes at once, as different requests.
    async fn show_everywhere(&self, rng: &mut Rng, token: usize) {
        let Some(step) = self.tokens[token].fresh() else { return };
        let (shown, code) = (Shown { token, step: Some(step) }, self.tokens[token].code(step));
        let mut all = tokio::task::JoinSet::new();
        for host in 0..self.slots.len().max(2) {
            let (world, code, request) = (self.clone(), code.clone(), RequestId(rng.bytes()));
            let host = host % self.slots.len();
            all.spawn(async move { world.verify(host, shown, code, request).await });
        }
        all.join_all().await;
    }

    /// Signs in with a fresh code, and asks again, elsewhere, while nobody has decided; sometimes also after
    /// that.
    async fn sign_in(&self, rng: &mut Rng, token: usize) {
        let Some(step) = self.tokens[token].fresh() else { return };
        let (shown, code) = (Shown { token, step: Some(step) }, self.tokens[token].code(step));
        let request = RequestId(rng.bytes());
        let slot = &self.tokens[token].request;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        let until = os::now() + 25 * SECOND;
        let mut asked = Vec::new();
        let mut told = 0;
        while os::now() < until && told < 3 {
            let host = self.host(rng, &asked);
            asked.push(host);
            let outcome = self.verify(host, shown, code.clone(), request).await;
            if let Some(decided) = outcome.told() {
                if let Decision::Challenge { id, .. } = decided.decision {
                    return self.answer(rng, shown, id).await;
                }
                told += 1;
                if rng.chance(700) {
                    return;
                }
            }
            sleep(Duration::from_millis(rng.range(1, 400))).await;
        }
    }

    /// An administrator who writes and reads what users are called.
    pub(crate) async fn administer(self, mut rng: Rng, number: usize) {
        let mut written = 0;
        while os::now() < self.until {
            sleep(Duration::from_millis(rng.range(200, 3_000))).await;
            let user = rng.index(self.tokens.len().min(4));
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

    async fn deed(&self, host: HostId, user: usize, deed: Deed, request: RequestId) {
        let began = os::now();
        let (key, wanted) = (self.administrator.clone(), deed.clone());
        let call = move |running: Running| async move {
            let deadline = Instant::now() + PATIENCE.mul_f32(0.9);
            let service = &running.service;
            let lineage = service.ledger().status().lineage;
            let text = |error: symbolon_service::ServiceError| error.to_string();
            let principal = service.authenticate(&key, None, deadline).await.map_err(text)?;
            debug_assert!(matches!(principal.caller, Caller::Administrator(_)));
            let name = user_name(user);
            match wanted {
                Deed::Write(told) => {
                    let changes =
                        UserChanges { display_name: Some(told.clone()), ..UserChanges::default() };
                    let done =
                        service.update_user(&principal, Some(request), &name, changes, deadline);
                    let (_, index) = done.await.map_err(text)?;
                    Ok((Deed::Write(told), index.0, lineage))
                }
                Deed::Read(_) => {
                    let read = service.get_user(&principal, &name, false, deadline).await;
                    let (row, _) = read.map_err(text)?;
                    Ok((Deed::Read(Some(row.display_name.as_str().to_owned())), 0, lineage))
                }
            }
        };
        let outcome = self.call(host, call).await;
        let ended = os::now();
        let (deed, outcome) = match outcome {
            Outcome::Told((deed, index, lineage)) => (deed, Outcome::Told((index, lineage))),
            Outcome::Refused(why) => (deed, Outcome::Refused(why)),
            Outcome::Unknown => (deed, Outcome::Unknown),
        };
        self.history.called(Call { user, request, deed, host, began, ended, outcome });
    }
}
