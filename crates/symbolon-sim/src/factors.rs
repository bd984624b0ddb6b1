//! People with more than a code: PINs that must be changed now and then, in a dialogue that any node may go
//! on with, and recovery codes.

use std::sync::PoisonError;
use std::time::Duration;

use symbolon_check::{FIRST_RECOVERY, Outcome, Rng, SECOND, Shown};
use symbolon_core::{ChallengeId, Decision, RequestId, Secret};
use symbolon_service::{NewPin, ServiceError, VerifyRequest};
use tokio::time::{Instant, sleep};

use crate::client::{World, user_name};
use crate::host::Running;
use crate::os;

/// Users who have a PIN, and those who have recovery codes.
pub(crate) const WITH_PIN: [usize; 3] = [3, 4, 5];
pub(crate) const WITH_RECOVERY: [usize; 3] = [0, 1, 2];
/// The PIN that an administrator gives, and those that users choose.
const GIVEN: &str = "618394";
const CHOSEN: [&str; 3] = ["729405", "836158", "274916"];
/// A dialogue has no more steps than that.
const STEPS: usize = 4;

/// Recovery codes of a user, and how many of them were shown.
pub(crate) struct Recovery {
    pub(crate) user: usize,
    pub(crate) codes: Vec<String>,
}

impl World {
    /// Shows recovery codes, each at several nodes at once or one after the other, and those that were shown
    /// before.
    pub(crate) async fn recover(self, mut rng: Rng) {
        while os::now() < self.until && !self.recovery.is_empty() {
            sleep(Duration::from_millis(rng.range(2_000, 12_000))).await;
            let Recovery { user, codes } = rng.pick(&self.recovery);
            let place = rng.index(codes.len());
            let step = Some(u64::try_from(place + 1).unwrap_or(0));
            let shown = Shown { token: FIRST_RECOVERY + user, step };
            let (mut request, mut hosts) = (RequestId(rng.bytes()), Vec::new());
            for _ in 0..rng.range(1, 4) {
                let host = self.host(&mut rng, &hosts);
                hosts.push(host);
                let world = self.clone();
                let code = codes[place].clone();
                let asked = async move { world.verify(host, shown, code, request).await };
                if rng.chance(500) {
                    tokio::spawn(asked);
                    request = RequestId(rng.bytes());
                } else if asked.await.told().is_some() {
                    request = RequestId(rng.bytes());
                }
            }
        }
    }

    /// An administrator who gives PINs that must be changed.
    pub(crate) async fn give_pins(self, mut rng: Rng) {
        while os::now() < self.until {
            sleep(Duration::from_millis(rng.range(5_000, 30_000))).await;
            let user = *rng.pick(&WITH_PIN);
            let (host, must) = (self.host(&mut rng, &[]), rng.chance(700));
            let key = self.administrator.clone();
            let call = move |running: Running| async move {
                let deadline = Instant::now() + Duration::from_secs(9);
                let text = |error: ServiceError| error.to_string();
                let service = running.service;
                let principal = service.authenticate(&key, None, deadline).await.map_err(text)?;
                let pin = NewPin::Chosen(Secret::new(GIVEN.as_bytes().to_vec()));
                let name = user_name(user);
                let done = service.set_pin(&principal, None, &name, (&pin, must), deadline);
                done.await.map(drop).map_err(text)
            };
            if self.call(host, call).await.told().is_some() {
                self.note_pin(user, GIVEN);
            }
        }
    }

    /// Answers what is asked after a code, each time at another node.
    pub(crate) async fn answer(&self, rng: &mut Rng, shown: Shown, first: ChallengeId) {
        let pin = *rng.pick(&CHOSEN);
        let (mut challenge, mut asked) = (first, Vec::new());
        let answer = Shown { token: 2 * FIRST_RECOVERY + shown.token, ..shown };
        let until = os::now() + 25 * SECOND;
        for _ in 0..STEPS {
            let request = RequestId(rng.bytes());
            // Until somebody says what came of it.
            let told = loop {
                let host = self.host(rng, &asked);
                asked.push(host);
                let question = VerifyRequest {
                    username: user_name(shown.token),
                    code: pin.to_owned(),
                    state: Some(challenge),
                    request_id: Some(request),
                    ..VerifyRequest::default()
                };
                if let Outcome::Told(told) = self.ask(host, answer, question, request).await {
                    break told;
                }
                if os::now() > until {
                    return;
                }
                sleep(Duration::from_millis(rng.range(1, 400))).await;
            };
            match told.decision {
                Decision::Challenge { id, .. } => challenge = id,
                Decision::Allow => return self.note_pin(shown.token, pin),
                Decision::Deny(_) => return,
            }
        }
    }

    fn note_pin(&self, user: usize, pin: &str) {
        let known = self.tokens.get(user).map(|token| &token.pin);
        if let Some(known) = known {
            pin.clone_into(&mut known.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
