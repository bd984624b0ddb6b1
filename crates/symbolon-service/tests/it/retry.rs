//! Asking again, and asking a node that lags.

use symbolon_core::limits::RETRANSMISSION_MILLISECONDS;
use symbolon_core::{Denial, RequestId};
use symbolon_service::{ServiceError, VerifyRequest};

use super::bench::{Bench, application, deadline, question};

#[tokio::test(start_paused = true)]
async fn the_same_request_again_gets_the_first_answer_without_a_log_entry() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let ask = || bench.service.verify(&bench.app, question("alice", &bench.code(0), 1), deadline());
    let first = ask().await.unwrap();
    assert!(first.verdict.is_allow());
    let entries = bench.ledger.proposals().len();
    assert_eq!(ask().await.unwrap(), first);
    assert_eq!(bench.ledger.proposals().len(), entries);
}

#[tokio::test(start_paused = true)]
async fn after_its_time_it_is_a_new_request_even_in_a_quiet_cluster() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let code = bench.code(1);
    let ask = || bench.service.verify(&bench.app, question("alice", &code, 1), deadline());
    let first = ask().await.unwrap();
    bench.clock.advance(RETRANSMISSION_MILLISECONDS);
    assert_eq!(ask().await.unwrap(), first);
    bench.clock.advance(1);
    assert_eq!(ask().await.unwrap().verdict.denial(), Some(Denial::CodeAlreadyUsed));
}

#[tokio::test(start_paused = true)]
async fn the_same_id_for_something_else_is_the_callers_mistake() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let code = bench.code(0);
    bench.service.verify(&bench.app, question("alice", &code, 1), deadline()).await.unwrap();
    let other = VerifyRequest { context: "elsewhere".to_owned(), ..question("alice", &code, 1) };
    let error = bench.service.verify(&bench.app, other, deadline()).await.unwrap_err();
    assert!(matches!(error, ServiceError::InvalidArgument { field: "request_id", .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn another_caller_gets_nothing_for_an_answered_id() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let code = bench.code(0);
    bench.service.verify(&bench.app, question("alice", &code, 1), deadline()).await.unwrap();
    let (_, key, _) = bench
        .service
        .create_application(&bench.admin, None, &application("mail"), deadline())
        .await
        .unwrap();
    let mail = bench.service.authenticate(&key, None, deadline()).await.unwrap();
    let answer =
        bench.service.verify(&mail, question("alice", &code, 1), deadline()).await.unwrap();
    assert_eq!(answer.verdict.denial(), Some(Denial::CodeAlreadyUsed));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_found_again() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.ledger.lose_answers(1);
    let ask = || bench.service.verify(&bench.app, question("alice", &bench.code(0), 1), deadline());
    assert_eq!(ask().await.unwrap_err(), ServiceError::NoMaster);
    assert!(ask().await.unwrap().verdict.is_allow());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_seen_the_user_evaluates_again() {
    let bench = Bench::new().await;
    bench.ledger.freeze(true);
    let view = bench.ledger.state();
    // The log moves on without this node.
    enrol_behind_the_nodes_back(&bench).await;
    assert!(view.users_len() == 0);
    bench.ledger.freeze(true);
    let answer = bench.service.verify(&bench.app, question("bob", &bench.code(0), 1), deadline());
    let answer = answer.await.unwrap();
    assert!(answer.verdict.is_allow());
    assert_eq!(bench.ledger.state().users_after(None).map(|user| user.failures).sum::<u32>(), 0);
}

async fn enrol_behind_the_nodes_back(bench: &Bench) {
    bench.ledger.freeze(false);
    bench.user("bob").await;
}

#[tokio::test(start_paused = true)]
async fn every_code_of_the_window_is_taken_once_and_the_next_is_not() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let mut id = 0;
    let mut ask = |code: String| {
        id += 1;
        bench.service.verify(&bench.app, question("alice", &code, id), deadline())
    };
    assert_eq!(ask(bench.code(2)).await.unwrap().verdict.denial(), Some(Denial::CodeMismatch));
    assert!(ask(bench.code(-1)).await.unwrap().verdict.is_allow());
    assert!(ask(bench.code(0)).await.unwrap().verdict.is_allow());
    assert!(ask(bench.code(1)).await.unwrap().verdict.is_allow());
    let again = ask(bench.code(0)).await.unwrap();
    assert_eq!(again.verdict.denial(), Some(Denial::CodeAlreadyUsed));
    assert_eq!(again.verdict.failures, 0, "a double is no failure");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_sent_again_is_done_once_and_shows_the_same_secret() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let id = Some(RequestId([5; 16]));
    let enroll = || {
        let new = symbolon_service::NewToken::default();
        bench.service.enroll_token(&bench.admin, id, "alice", new, deadline())
    };
    let (first, second) = (enroll().await.unwrap(), enroll().await.unwrap());
    assert!(first.otpauth_uri == second.otpauth_uri);
    // It holds the seed.
    let shown = format!("{first:?}");
    assert!(shown.contains("token") && !shown.contains("secret="), "{shown}");
    assert_eq!(first.index, second.index);
    let id = Some(RequestId([6; 16]));
    let mail = application("mail");
    let create = || bench.service.create_application(&bench.admin, id, &mail, deadline());
    let (first, second) = (create().await.unwrap(), create().await.unwrap());
    assert_eq!(first.1, second.1);
    // Later the key is gone for good.
    bench.clock.advance(RETRANSMISSION_MILLISECONDS + 1);
    let error = create().await.unwrap_err();
    assert_eq!(error, ServiceError::AlreadyExists { kind: "application" });
}
