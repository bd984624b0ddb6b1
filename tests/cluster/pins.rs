//! PINs over all nodes.

use std::time::Duration;

use futures_util::future::join_all;
use symbolon_proto::v1::{DataKeyPhase, Decision, Reason, VerifyRequest, set_pin_request::Change};
use symbolon_testkit::wait_until;

use crate::support::cluster_of;

const GUESSES: u32 = 30;
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Whoever has got hold of one code does not get at the PIN by it.
#[tokio::test(flavor = "multi_thread")]
async fn one_code_is_one_guess_at_the_pin_however_often_it_is_shown_at_once() {
    let (cluster, key) = cluster_of(3).await;
    let person = cluster.person("alice").await;
    cluster.admin(1).set_pin("alice", Change::Pin("4711".to_owned())).await.unwrap();
    let code = person.otp.code();
    let clients = cluster.clients(&key);
    let guesses = clients.iter().cycle().zip(0..GUESSES).map(|(client, number)| {
        let request = person.request_with(format!("{}{code}", 5000 + number));
        let client = client.clone();
        tokio::spawn(async move { client.verdict(request).await.unwrap() })
    });
    let guesses: Vec<_> = guesses.collect();
    let verdicts: Vec<_> = join_all(guesses).await.into_iter().map(Result::unwrap).collect();
    let evaluated = verdicts.iter().filter(|verdict| verdict.reason == Reason::Denied).count();
    let used = verdicts.iter().filter(|verdict| verdict.reason == Reason::CodeAlreadyUsed).count();
    assert_eq!((evaluated, used), (1, verdicts.len() - 1), "{verdicts:?}");
    assert_eq!(cluster.admin(2).get_user("alice").await.unwrap().failures, 1);
    cluster.assert_same_state().await;
}

/// A bypass and a recovery code are good once in the whole cluster, as a code is.
#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_who_ask_at_once_one_is_let_in_by_a_bypass_and_one_by_a_recovery_code() {
    let (cluster, key) = cluster_of(3).await;
    let clients = cluster.clients(&key);
    let person = cluster.person("alice").await;
    let codes = cluster.admin(3).create_recovery_codes("alice").await.unwrap();
    cluster.admin(1).set(&[("lockout.threshold", 90)]).await.unwrap();
    for typed in [String::new(), codes[0].clone()] {
        if typed.is_empty() {
            cluster.admin(2).grant_bypass("alice", 600).await.unwrap();
        }
        let asked = clients.iter().cycle().zip(0..GUESSES).map(|(client, _)| {
            let (request, client) = (person.request_with(typed.clone()), client.clone());
            tokio::spawn(async move { client.verdict(request).await.unwrap() })
        });
        let asked: Vec<_> = asked.collect();
        let verdicts: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        let allowed = verdicts.iter().filter(|verdict| verdict.is_allow()).count();
        assert_eq!(allowed, 1, "{verdicts:?}");
    }
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_outlive_a_change_of_the_data_key_and_a_restart() {
    let (cluster, key) = cluster_of(3).await;
    let person = cluster.person("alice").await;
    cluster.admin(1).set_pin("alice", Change::Pin("4711".to_owned())).await.unwrap();
    assert_eq!(cluster.admin(2).rotate_data_key().await.unwrap(), 2);
    wait_until("the old data key is gone", SETTLED_WITHIN, async || {
        for number in cluster.numbers() {
            let status = cluster.admin(number).status().await.unwrap().data_key.unwrap();
            if status.phase() != DataKeyPhase::Settled || status.held != [2] {
                return false;
            }
        }
        true
    })
    .await;
    cluster.terminate_all().await;
    cluster.start_all().await;
    cluster.wait_for_master().await;
    let now = person.otp.step_now();
    for (client, step) in cluster.clients(&key).iter().zip(now - 1..=now + 1) {
        let typed = format!("4711{}", person.otp.code_of(step));
        let verdict = client.verdict(person.request_with(typed)).await.unwrap();
        assert!(verdict.is_allow(), "{verdict:?}");
    }
    cluster.assert_same_state().await;
}

/// A question that is open when all nodes stop is answered afterwards; of thirty who answer it at once one
/// is heard, and of thirty who confirm the PIN one is let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_outlives_a_restart_and_is_answered_once() {
    let (cluster, key) = cluster_of(3).await;
    let person = cluster.person("alice").await;
    cluster.admin(1).lend_pin("alice", "4711").await.unwrap();
    let typed = format!("4711{}", person.otp.code());
    let asked = cluster.clients(&key)[0].verify(person.request_with(typed)).await.unwrap();
    assert!(asked.decision() == Decision::Challenge, "{}", asked.prompt);
    cluster.kill9_all();
    cluster.start_all().await;
    cluster.wait_for_master().await;

    let clients = cluster.clients(&key);
    let mut state = asked.state;
    for wanted in [Decision::Challenge, Decision::Allow] {
        let answers = clients.iter().cycle().zip(0..GUESSES).map(|(client, _)| {
            let request = person.request_with("2580".to_owned());
            let request = VerifyRequest { state: state.clone(), ..request };
            let client = client.clone();
            tokio::spawn(async move { client.verify(request).await.unwrap() })
        });
        let answers: Vec<_> = answers.collect();
        let answers: Vec<_> = join_all(answers).await.into_iter().map(Result::unwrap).collect();
        let (heard, late): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.decision() == wanted);
        assert_eq!(heard.len(), 1);
        assert!(late.iter().all(|answer| answer.reason() == Reason::ChallengeExpired));
        state.clone_from(&heard[0].state);
    }
    cluster.assert_same_state().await;
}
