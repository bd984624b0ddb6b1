//! Whoever guesses gets so far and no further, wherever they ask.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join_all, join3};
use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_proto::v1::{EventType, ReasonDetail, UnblockUserRequest};
use symbolon_testkit::{Client, Cluster, Person, Verdict, rounds, wait_until};

use crate::islands::{ask, step};
use crate::merge::events;
use crate::seize::{PATIENCE, linked};
use crate::support::{cluster_of, milliseconds, next_of};

const CALLS: usize = 30;
const THRESHOLD: u32 = 10;
/// Of the hard limit of 100, each of three nodes keeps 3 back.
const LOCKED_AT: u32 = 91;
/// Half of the hard limit.
const SHARE: u32 = 50;

async fn failures(cluster: &Cluster, person: &Person) -> u32 {
    cluster.admin(cluster.any_running()).get_user(&person.username).await.unwrap().failures
}

/// What the help desk is told.
async fn told(admin: &Client, application: &str, person: &Person, code: String) -> Verdict {
    let mut request = person.request_with(code);
    request.application = application.to_owned();
    admin.verdict(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_wrong_codes_at_once_ten_are_counted_and_then_no_code_is_taken() {
    let (cluster, key) = cluster_of(3).await;
    // Longer than this test may take.
    let waits = [("lockout.longest_wait", 86_400), ("lockout.first_wait", 86_400)];
    cluster.admin(2).set(&waits).await.unwrap();
    let person = cluster.person("alice").await;
    let clients = cluster.clients(&key);
    let calls = clients.iter().cycle().take(CALLS).map(|client| {
        let request = person.request_with(person.otp.wrong_code());
        let client = client.clone();
        tokio::spawn(async move { client.verdict(request).await.unwrap() })
    });
    let calls: Vec<_> = calls.collect();
    let verdicts: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    // Nobody can tell from the answers which codes were evaluated.
    let first = verdicts[0];
    let same = |it: &Verdict| {
        (it.decision, it.reason, it.detail) == (first.decision, first.reason, first.detail)
    };
    assert!(!first.is_allow() && verdicts.iter().all(same), "{verdicts:?}");
    assert_eq!(failures(&cluster, &person).await, THRESHOLD);

    cluster.terminate_all().await;
    cluster.start_all().await;
    cluster.wait_for_master().await;
    for number in cluster.numbers() {
        let admin = cluster.admin(number);
        let verdict = told(&admin, "portal", &person, person.otp.code()).await;
        assert!(!verdict.is_allow() && verdict.detail == ReasonDetail::Waiting, "{verdict:?}");
        let user = admin.get_user("alice").await.unwrap();
        assert_eq!((user.failures, user.waits_until.is_some()), (THRESHOLD, true));
    }
    cluster.assert_same_state().await;
}

/// Brings wrong codes by one application, at each node in turn and after each wait, until it is told
/// something else than that the code is wrong.
async fn guess(cluster: &Cluster, application: &str, person: &Person) -> ReasonDetail {
    let mut number = 1;
    loop {
        number = next_of(number, 3);
        let admin = cluster.admin(number);
        let verdict = told(&admin, application, person, person.otp.wrong_code()).await;
        match verdict.detail {
            // The wait is a second.
            ReasonDetail::CodeMismatch | ReasonDetail::Waiting => {}
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_over_all_nodes_and_applications_lock_the_account_until_somebody_acts() {
    let (cluster, _) = cluster_of(3).await;
    cluster.application("mail").await;
    let quick = [
        ("lockout.first_wait", 1),
        ("lockout.longest_wait", 1),
        ("lockout.threshold", u64::from(LOCKED_AT) - 5),
    ];
    cluster.admin(1).set(&quick).await.unwrap();
    let person = cluster.person("alice").await;
    assert!(guess(&cluster, "portal", &person).await == ReasonDetail::ShareSpent);
    assert_eq!(failures(&cluster, &person).await, SHARE);
    // The other application's codes are evaluated, wrong ones to the end.
    assert!(guess(&cluster, "mail", &person).await == ReasonDetail::Locked);
    assert_eq!(failures(&cluster, &person).await, LOCKED_AT);
    for number in cluster.numbers() {
        let verdict = told(&cluster.admin(number), "mail", &person, person.otp.code()).await;
        assert!(verdict.detail == ReasonDetail::Locked, "{verdict:?}");
        assert!(cluster.admin(number).get_user("alice").await.unwrap().locked);
    }
    let admin = cluster.admin(3);
    let unblock = UnblockUserRequest { username: "alice".into(), reason: "she called".into() };
    UserServiceClient::new(admin.channel()).unblock_user(admin.request(unblock)).await.unwrap();
    for application in ["mail", "portal"] {
        let wrong = told(&admin, application, &person, person.otp.wrong_code()).await;
        assert!(wrong.detail == ReasonDetail::CodeMismatch, "{wrong:?}");
    }
    assert!(told(&admin, "portal", &person, person.otp.code()).await.is_allow());
    assert_eq!(failures(&cluster, &person).await, 0);
}

/// Links that fail and heal again and again, and somebody who guesses at both ends all the time.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_while_links_flap_gets_no_further_than_the_hard_limit() {
    let (cluster, key) = linked(2).await;
    let quick = [("lockout.first_wait", 1), ("lockout.longest_wait", 1)];
    let threshold = ("lockout.threshold", u64::from(THRESHOLD));
    cluster.admin(1).set(&[quick[0], quick[1], threshold]).await.unwrap();
    let flaps = rounds("SYMBOLON_FLAPS", 4);
    let people = cluster.people("user", flaps + 1).await;
    let (victim, people) = people.split_first().unwrap();
    cluster.assert_same_state().await;
    let over = AtomicBool::new(false);
    // Whether the last guess at a node was not evaluated, and it is no wait that will be over.
    let ends = [AtomicBool::new(false), AtomicBool::new(false)];
    let guess = async |number: usize| {
        let admin = cluster.admin(number);
        let mut evaluated = 0;
        while !over.load(Ordering::SeqCst) {
            let mut request = victim.request_with(victim.otp.wrong_code());
            request.application = "portal".to_owned();
            if let Ok(Verdict { detail, .. }) = admin.verdict(request).await {
                evaluated += u32::from(detail == ReasonDetail::CodeMismatch);
                let goes_on = matches!(detail, ReasonDetail::CodeMismatch | ReasonDetail::Waiting);
                ends[number - 1].store(!goes_on, Ordering::SeqCst);
            }
            tokio::time::sleep(milliseconds(100)).await;
        }
        evaluated
    };
    let flap = async {
        let clients = cluster.clients(&key);
        let mut doubles = 0;
        for person in people {
            let master = cluster.wait_for_master().await;
            let other = cluster.other_than(master);
            cluster.cut(1, 2);
            cluster.node(other).island().await;
            let step = step();
            let verdicts = join_all(clients.iter().map(|client| ask(client, person, step))).await;
            let accepted = verdicts.iter().filter(|it| it.is_allow()).count();
            doubles += accepted.saturating_sub(1);
            wait_until("an island evaluates no more guesses", PATIENCE, async || {
                ends[other - 1].load(Ordering::SeqCst)
            })
            .await;
            cluster.heal();
            cluster.node(other).merged().await;
        }
        over.store(true, Ordering::SeqCst);
        doubles
    };
    let (at_one, at_two, doubles) = join3(guess(1), guess(2), flap).await;
    cluster.all_merged().await;
    let admin = cluster.admin(1);
    let failures = admin.get_user(&victim.username).await.unwrap().failures;
    println!("{flaps} flaps: {at_one} and {at_two} codes evaluated, {doubles} accepted twice");
    assert_eq!(failures, at_one + at_two, "each counts once, and none is lost");
    assert!(failures <= 100, "{failures}");
    assert_eq!(events(&admin, EventType::AcceptedTwice).await.len(), doubles);
}
