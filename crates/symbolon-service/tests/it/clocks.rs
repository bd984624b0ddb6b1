//! A node whose clock is off: what hangs on the time is not judged, and nobody learns of others by it.

use std::sync::atomic::Ordering;

use symbolon_core::otp::{Algorithm, Parameters, code_at};
use symbolon_core::{AuditRow, Command, Denial, RequestId, Secret};
use symbolon_service::{NewToken, ServiceError, TokenName};

use super::bench::{Bench, deadline, question};

const SEED: &[u8] = b"12345678901234567890";

impl Bench {
    fn set_clock_off(&self, is_off: bool) {
        self.ledger.is_clock_off.store(is_off, Ordering::SeqCst);
    }

    async fn counting_user(&self, name: &str) {
        let made =
            self.service.create_user(&self.admin, None, name, "", Default::default(), deadline());
        made.await.unwrap();
        let parameters = Parameters::hotp(Algorithm::Sha1, 6).unwrap();
        let seed = Some(Secret::new(SEED.to_vec()));
        let new = NewToken { seed, parameters, ..NewToken::default() };
        self.service.enroll_token(&self.admin, None, name, new, deadline()).await.unwrap();
    }

    async fn told(&self, user: &str, code: &str) -> Result<Option<Denial>, ServiceError> {
        let id = u8::try_from(self.ledger.proposals().len()).unwrap();
        let answer = self.service.verify(&self.app, question(user, code, id), deadline()).await;
        answer.map(|reply| reply.verdict.denial())
    }

    fn failures(&self, name: &str) -> u32 {
        let state = self.ledger.state();
        state.users_after(None).find(|user| user.name.as_str() == name).unwrap().failures
    }
}

fn counted(counter: u64) -> String {
    let parameters = Parameters::hotp(Algorithm::Sha1, 6).unwrap();
    format!("{:06}", code_at(&Secret::new(SEED.to_vec()), counter, parameters))
}

#[tokio::test(start_paused = true)]
async fn codes_of_the_time_are_refused_alike_whosever_they_are_and_right_or_wrong() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.set_clock_off(true);
    let before = bench.ledger.proposals().len();
    for (user, code) in [("alice", bench.code(0)), ("alice", bench.code(9)), ("bob", bench.code(0))]
    {
        assert_eq!(bench.told(user, &code).await, Err(ServiceError::ClockOff), "{user}");
    }
    assert_eq!(bench.ledger.proposals().len(), before, "nothing is counted");
    assert_eq!(bench.ledger.barriers.load(Ordering::SeqCst), 0, "and nobody is asked");
    bench.set_clock_off(false);
    assert_eq!(bench.told("alice", &bench.code(0)).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn codes_that_count_and_recovery_codes_go_on() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.counting_user("carol").await;
    let made = bench.service.create_recovery_codes(&bench.admin, None, "alice", deadline()).await;
    let recovery = made.unwrap().codes[0].shown().to_string();
    bench.set_clock_off(true);
    assert_eq!(bench.told("carol", &counted(0)).await, Ok(None));
    assert_eq!(bench.told("alice", &recovery).await, Ok(None));
    // A wrong one counts, so that nobody guesses here for nothing, and is told as everybody else is.
    assert_eq!(bench.told("carol", "000000").await, Err(ServiceError::ClockOff));
    assert_eq!(bench.told("carol", &counted(0)).await, Err(ServiceError::ClockOff), "it is used");
    assert_eq!((bench.failures("carol"), bench.failures("alice")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_token_is_proved_or_found_by_a_clock_that_is_off() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let seed = Some(Secret::new(SEED.to_vec()));
    let new = NewToken { seed, pending: true, ..NewToken::default() };
    let made = bench.service.enroll_token(&bench.admin, None, "alice", new, deadline()).await;
    let name = TokenName { id: made.unwrap().token.id.to_string(), ..TokenName::default() };
    let prove = async || {
        let code = bench.code(0);
        bench.service.confirm_token(&bench.admin, None, "alice", &name, &code, deadline()).await
    };
    let find = async || {
        let codes = [bench.code(5), bench.code(6)];
        let codes = [codes[0].as_str(), codes[1].as_str()];
        bench.service.resync_token(&bench.admin, None, "alice", &name, codes, deadline()).await
    };
    bench.set_clock_off(true);
    assert_eq!(prove().await.unwrap_err(), ServiceError::ClockOff);
    assert_eq!(find().await.unwrap_err(), ServiceError::ClockOff);
    bench.set_clock_off(false);
    prove().await.unwrap();
    find().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clock_is_confirmed_by_administrators_alone_and_the_request_again_is_the_same() {
    let bench = Bench::new().await;
    let confirm = async |id| bench.service.confirm_clock(&bench.admin, id, deadline()).await;
    let asked = bench.service.confirm_clock(&bench.app, None, deadline()).await;
    assert!(matches!(asked, Err(ServiceError::PermissionDenied(_))), "{asked:?}");
    let id = Some(RequestId([7; 16]));
    let first = confirm(id).await.unwrap();
    assert_eq!(confirm(id).await, Ok(first));
    let proposals = bench.ledger.proposals();
    let confirmed = |it: &&symbolon_core::Proposal| matches!(it.command, Command::ConfirmClock);
    assert_eq!(proposals.iter().filter(confirmed).count(), 1);
    let kind = symbolon_service::audit::kind(&AuditRow::ClockConfirmed);
    assert_eq!(kind, 38);
}
