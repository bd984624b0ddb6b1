//! What is asked of a user before a sign-in is allowed: another PIN.

use symbolon_proto::v1::{
    Decision, EventType, Prompt, Reason, ReasonDetail, VerifyRequest, VerifyResponse,
    set_pin_request::Change,
};
use symbolon_testkit::{Client, Code, Person, Verdict, request_id};

use crate::audit::{events, filter, oldest_first};
use crate::support::cluster;

/// What an application asks with what was typed, in answer to a question or not.
fn typed(person: &Person, code: impl Into<String>, state: &[u8]) -> VerifyRequest {
    let request_id = request_id().to_vec();
    VerifyRequest { state: state.to_vec(), request_id, ..person.request_with(code.into()) }
}

async fn asked(client: &Client, request: VerifyRequest, prompt: Prompt) -> VerifyResponse {
    let answer = client.verify(request).await.unwrap();
    let what = Verdict::from(&answer);
    assert!(answer.decision() == Decision::Challenge, "{what:?}");
    assert!(answer.prompt_kind() == prompt, "{}", answer.prompt);
    assert!(answer.state.len() == 16 && !answer.prompt.is_empty(), "{what:?}");
    answer
}

#[tokio::test]
async fn a_pin_is_changed_in_a_sign_in_at_any_node_also_when_the_one_that_asked_is_gone() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    let alice = cluster.person("alice").await;
    let set = cluster.admin(1).lend_pin("alice", "4711").await.unwrap();
    assert!(set.user.unwrap().pin_due_at.is_some());
    let portal = |node| cluster.anonymous(node).with_bearer(&key);
    let (one, two, three) = (portal(1), portal(2), portal(3));
    let step = alice.otp.step_now();
    let code = |pin: &str, step| format!("{pin}{}", alice.otp.code_of(step));

    // Whoever has not both factors is not asked.
    let wrong = one.verify(typed(&alice, code("4712", step - 1), &[])).await.unwrap();
    assert!(wrong.decision() == Decision::Deny && wrong.state.is_empty());
    let first = typed(&alice, code("4711", step), &[]);
    let asks = asked(&one, first.clone(), Prompt::NewPin).await;
    assert!(asks.prompt.contains("4 to 16 digits"), "{}", asks.prompt);
    // The same request again gets the same question, at another node.
    let again = asked(&two, first, Prompt::NewPin).await;
    assert!((&again.state, again.log_index) == (&asks.state, asks.log_index));

    let asks = asked(&two, typed(&alice, "1234", &asks.state), Prompt::OtherPin).await;
    assert!(asks.prompt.contains("easy to guess"), "{}", asks.prompt);
    let asks = asked(&three, typed(&alice, "4711", &asks.state), Prompt::OtherPin).await;
    assert!(asks.prompt.contains("You have, or had, that PIN."), "{}", asks.prompt);
    let chosen = asked(&three, typed(&alice, "2580", &asks.state), Prompt::NewPinAgain).await;
    let differ = asked(&one, typed(&alice, "2581", &chosen.state), Prompt::PinsDiffer).await;
    let chosen = asked(&one, typed(&alice, "25 80", &differ.state), Prompt::NewPinAgain).await;
    // A question is answered once.
    let late = two.verify(typed(&alice, "2580", &differ.state)).await.unwrap();
    assert!(late.decision() == Decision::Deny && late.reason() == Reason::ChallengeExpired);

    cluster.node(1).kill9();
    let done = two.verify(typed(&alice, "2580", &chosen.state)).await.unwrap();
    assert!(done.decision() == Decision::Allow, "{:?}", Verdict::from(&done));
    let used = three.verify(typed(&alice, code("2580", step), &[])).await.unwrap();
    assert!(used.reason() == Reason::CodeAlreadyUsed, "{:?}", Verdict::from(&used));
    let new = three.verify(typed(&alice, code("2580", step + 1), &[])).await.unwrap();
    assert!(new.decision() == Decision::Allow, "{:?}", Verdict::from(&new));
    // Then the audit of that node has the last moment too.
    let shown = cluster.admin(3).get_user("alice").await.unwrap();
    assert!(shown.failures == 0 && shown.pin_due_at.is_none());

    let wanted = filter(|filter| filter.r#type = vec![EventType::PinChanged.into()]);
    assert_eq!(events(&cluster.admin(3), oldest_first(wanted)).await.len(), 1);
    let wanted = filter(|filter| filter.decision = Decision::Challenge.into());
    assert_eq!(events(&cluster.admin(3), oldest_first(wanted)).await.len(), 6);
}

#[tokio::test]
async fn an_answer_counts_for_the_user_and_the_application_that_were_asked() {
    let cluster = cluster().await;
    let keys = [cluster.application("vpn").await, cluster.application("mail").await];
    let [vpn, mail] = keys.map(|key| cluster.anonymous(2).with_bearer(&key));
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    cluster.admin(1).lend_pin("alice", "4711").await.unwrap();
    let first = typed(&alice, format!("4711{}", alice.otp.code()), &[]);
    let asks = asked(&vpn, first, Prompt::NewPin).await;
    for (client, person) in [(&mail, &alice), (&vpn, &bob)] {
        let told = client.verify(typed(person, "2580", &asks.state)).await.unwrap();
        assert!(told.reason() == Reason::ChallengeExpired, "{:?}", Verdict::from(&told));
    }
    let stranger = typed(&Person { username: "nobody".to_owned(), ..bob }, "2580", &asks.state);
    let told = vpn.verify(stranger).await.unwrap();
    assert!(told.reason() == Reason::ChallengeExpired, "{:?}", Verdict::from(&told));
    let short = vpn.verify(typed(&alice, "2580", &[1; 15])).await.err().unwrap();
    assert!(short.code() == Code::InvalidArgument && short.message().starts_with("state:"));

    // The help desk learns more, and ends it with another PIN.
    let answer = typed(&alice, "2580", &asks.state);
    let again = asked(&vpn, answer.clone(), Prompt::NewPinAgain).await;
    // An answer to another question under the id of this one is no retry.
    let mixed = vpn.verify(VerifyRequest { state: again.state, ..answer }).await.err().unwrap();
    assert_eq!(mixed.code(), Code::InvalidArgument);
    let admin = cluster.admin(3);
    admin.set_pin("alice", Change::Pin("2580".to_owned())).await.unwrap();
    let mut late = typed(&alice, "2580", &asks.state);
    late.application = "vpn".to_owned();
    let told = admin.verify(late).await.unwrap();
    assert!(told.reason_detail() == ReasonDetail::ChallengeOver, "{:?}", Verdict::from(&told));
    cluster.assert_same_state().await;
}
