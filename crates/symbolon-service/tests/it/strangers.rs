//! What those learn and cost who have no business here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use symbolon_core::{ChallengeId, Command, Denial, Operation, Right, Rights};
use symbolon_service::{NewApplication, ServiceError, TokenName, VerifyRequest};
use tokio::time::Instant;

use super::bench::{Bench, application, deadline, question};

#[tokio::test(start_paused = true)]
async fn an_unknown_name_takes_the_same_path_as_a_wrong_code() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let wrong = bench.code(5);
    let before = bench.ledger.proposals().len();
    let known = bench.service.verify(&bench.app, question("alice", &wrong, 1), deadline());
    assert_eq!(known.await.unwrap().verdict.denial(), Some(Denial::CodeMismatch));
    let unknown = bench.service.verify(&bench.app, question("zelda", &wrong, 2), deadline());
    assert_eq!(unknown.await.unwrap().verdict.denial(), Some(Denial::UnknownUser));
    let proposals = bench.ledger.proposals();
    let [known, unknown] = &proposals[before..] else { panic!("one proposal each") };
    let outcome = |proposal: &symbolon_core::Proposal| match &proposal.command {
        Command::Verify(outcome) => outcome.clone(),
        other => panic!("not a verification: {}", other.name()),
    };
    assert!(outcome(known).matches.is_empty() && outcome(unknown).matches.is_empty());
    assert_eq!(outcome(unknown).user, None);
}

/// Whether somebody has a PIN, and whether there is anybody, cannot be told by what an answer costs.
#[tokio::test(start_paused = true)]
async fn an_answer_to_a_challenge_costs_as_much_for_an_unknown_name() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.user("paula").await;
    bench.pin("paula", "4711").await;
    let mut id = 0;
    let mut opened = async |user: &str, typed: &str| {
        let before = bench.vault.opened.load(Ordering::SeqCst);
        id += 1;
        let state = Some(ChallengeId([7; 16]));
        let question = VerifyRequest { state, ..question(user, typed, id) };
        let answer = bench.service.verify(&bench.app, question, deadline()).await.unwrap();
        assert!(answer.verdict.denial().is_some());
        bench.vault.opened.load(Ordering::SeqCst) - before
    };
    for (typed, fields) in [("2580", 1), ("1234", 1), ("no PIN", 0)] {
        for user in ["alice", "zelda", "paula"] {
            assert_eq!(opened(user, typed).await, fields, "{user}, {typed}");
        }
    }
}

/// Each seed that is opened is searched by the same number of HMACs, one for each step of the window.
/// What else is opened is a PIN, or a field in its stead.
#[tokio::test(start_paused = true)]
async fn an_unknown_name_costs_as_many_hmacs_as_a_known_one() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench
        .service
        .create_user(&bench.admin, None, "bare", "", Default::default(), deadline())
        .await
        .unwrap();
    bench.user("paula").await;
    bench.pin("paula", "4711").await;
    let mut id = 0;
    let mut seeds = async |user: &str, code: &str| {
        let before = bench.vault.opened.load(Ordering::SeqCst);
        id += 1;
        let answer = bench.service.verify(&bench.app, question(user, code, id), deadline());
        assert!(!answer.await.unwrap().verdict.is_allow());
        bench.vault.opened.load(Ordering::SeqCst) - before
    };
    for code in [&bench.code(5)[..], "", "12345", "not a code", "123456789"] {
        assert_eq!(seeds("alice", code).await, 2, "known, {code}");
        assert_eq!(seeds("zelda", code).await, 2, "unknown, {code}");
        assert_eq!(seeds("bare", code).await, 2, "without a token, {code}");
        assert_eq!(seeds("paula", code).await, 2, "with a PIN, {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_nobodys_is_refused_whatever_is_wrong_with_it() {
    let bench = Bench::new().await;
    let tamper = |text: &str, from: &str, to: &str| text.replacen(from, to, 1);
    let flipped = format!("{}A", &bench.app_key[..bench.app_key.len() - 1]);
    for bad in [
        String::new(),
        "Bearer".to_owned(),
        flipped,
        tamper(&bench.app_key, "symbolon_app_", "symbolon_admin_"),
        tamper(&bench.admin_token, "symbolon_admin_", "symbolon_app_"),
        tamper(&bench.admin_token, "0001_", "0002_"),
    ] {
        let error = bench.service.authenticate(&bad, None, deadline()).await.unwrap_err();
        assert_eq!(error, ServiceError::Unauthenticated, "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_strangers_asks_the_master_once_or_twice() {
    let bench = Bench::new().await;
    let stranger = bench.admin_token.replacen("0001_", "0002_", 1);
    let before = bench.ledger.barriers.load(Ordering::SeqCst);
    let crowd: Vec<_> = (0..200)
        .map(|_| {
            let (service, stranger) = (bench.service.clone(), stranger.clone());
            tokio::spawn(async move { service.authenticate(&stranger, None, deadline()).await })
        })
        .collect();
    for one in crowd {
        assert_eq!(one.await.unwrap(), Err(ServiceError::Unauthenticated));
    }
    assert!(bench.ledger.barriers.load(Ordering::SeqCst) - before <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_in_a_hurry_spoils_it_for_no_other() {
    let bench = Bench::new().await;
    let stranger = bench.admin_token.replacen("0001_", "0002_", 1);
    let ask = |milliseconds| {
        let (service, stranger) = (bench.service.clone(), stranger.clone());
        let deadline = Instant::now() + Duration::from_millis(milliseconds);
        tokio::spawn(async move { service.authenticate(&stranger, None, deadline).await })
    };
    // A barrier takes 10 ms. The second begins with the hurried one, and the patient one shares it.
    let first = ask(500);
    tokio::task::yield_now().await;
    let hurried = ask(12);
    tokio::task::yield_now().await;
    let patient = ask(500);
    assert_eq!(first.await.unwrap(), Err(ServiceError::Unauthenticated));
    assert_eq!(hurried.await.unwrap(), Err(ServiceError::NoMaster));
    assert_eq!(patient.await.unwrap(), Err(ServiceError::Unauthenticated));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_new_elsewhere_is_found_after_catching_up() {
    let bench = Bench::new().await;
    let (_, key, _) = bench
        .service
        .create_application(&bench.admin, None, &application("mail"), deadline())
        .await
        .unwrap();
    assert!(bench.service.authenticate(&key, None, deadline()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_application_verifies_as_itself_and_does_nothing_else() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let mut foreign = question("alice", &bench.code(0), 1);
    foreign.application = "mail".to_owned();
    let error = bench.service.verify(&bench.app, foreign, deadline()).await.unwrap_err();
    assert!(matches!(error, ServiceError::InvalidArgument { field: "application", .. }));
    let app = &bench.app;
    let refused = Err(ServiceError::PermissionDenied(Rights::ADMINISTRATOR));
    let needs = |operation: Operation| Err(ServiceError::PermissionDenied(operation.rights()));
    let service = &bench.service;
    let done =
        service.create_user(app, None, "eve", "", Default::default(), deadline()).await.map(|_| ());
    assert_eq!(done, refused);
    let new = symbolon_service::NewToken::default();
    let done = service.enroll_token(app, None, "alice", new, deadline()).await.map(|_| ());
    assert_eq!(done, needs(Operation::EnrollToken));
    let done =
        service.create_application(app, None, &application("x"), deadline()).await.map(|_| ());
    assert_eq!(done, refused);
    let done = service.create_join_token(app, None, 0, deadline()).await.map(|_| ());
    assert_eq!(done, refused);
    let done = service.get_user(app, "alice", true, deadline()).await.map(|_| ());
    assert_eq!(done, needs(Operation::GetUser));
    let done =
        service.list_users(app, 0, None, &Default::default(), true, deadline()).await.map(|_| ());
    assert_eq!(done, needs(Operation::ListUsers));
}

/// A portal that serves somebody who shows two codes of a token learns of nobody else.
#[tokio::test(start_paused = true)]
async fn a_portal_sets_a_token_right_and_learns_of_nobody_else() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.user("bob").await;
    let rights = Rights::NONE.with(Right::SelfService);
    let new = NewApplication { rights, ..application("portal") };
    let made = bench.service.create_application(&bench.admin, None, &new, deadline()).await;
    let portal = bench.service.authenticate(&made.unwrap().1, None, deadline()).await.unwrap();
    let resync = async |user: &str, first: i64| {
        let codes = [bench.code(first), bench.code(first + 1)];
        let codes = codes.each_ref().map(String::as_str);
        let token = TokenName::default();
        let done = bench.service.resync_token(&portal, None, user, &token, codes, deadline());
        done.await.map(|_| ())
    };
    assert_eq!(resync("alice", 200).await, Err(ServiceError::CodesRefused));
    assert_eq!(resync("zelda", 20).await, Err(ServiceError::CodesRefused));
    resync("alice", 20).await.unwrap();
    let lost = TokenName { serial: "LOST".to_owned(), ..TokenName::default() };
    let codes = bench.code(30);
    let told =
        bench.service.resync_token(&portal, None, "bob", &lost, [&codes, &codes], deadline());
    assert_eq!(told.await.unwrap_err(), ServiceError::CodesRefused);
    // Whoever may look people up is told what is wrong.
    let told = bench.service.resync_token(
        &bench.admin,
        None,
        "zelda",
        &lost,
        [&codes, &codes],
        deadline(),
    );
    assert_eq!(told.await.unwrap_err(), ServiceError::NotFound { kind: "user" });
}
