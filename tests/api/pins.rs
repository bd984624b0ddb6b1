//! A PIN that is typed with each code.

use symbolon_proto::v1::audit_event::Details;
use symbolon_proto::v1::{Decision, EventType, Reason, ReasonDetail, set_pin_request::Change};
use symbolon_testkit::{Client, Cluster, Code, Person, Verdict};

use crate::audit::{events, filter, oldest_first};
use crate::support::cluster;

async fn told(client: &Client, person: &Person, typed: String) -> Verdict {
    let mut request = person.request_with(typed);
    request.application = "portal".to_owned();
    client.verdict(request).await.unwrap()
}

fn chosen(pin: &str) -> Change {
    Change::Pin(pin.to_owned())
}

#[tokio::test]
async fn a_pin_counts_at_every_node_and_a_wrong_one_tells_no_more_than_a_wrong_code() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let given = cluster.admin(1).set_pin("alice", chosen("4711")).await.unwrap();
    assert!(given.user.unwrap().pin_set_at.is_some() && given.generated_pin.is_empty());

    let now = person.otp.step_now();
    let steps = now - 1..=now + 1;
    for (number, step) in cluster.numbers().zip(steps) {
        let (admin, code) = (cluster.admin(number), person.otp.code_of(step));
        let alone = told(&admin, &person, person.otp.wrong_code()).await;
        assert!(alone.detail == ReasonDetail::CodeMismatch, "{alone:?}");
        let right = told(&admin, &person, format!("4711{code}")).await;
        assert!(right.is_allow(), "at node {number}: {right:?}");
    }
    let bob = cluster.person("bob").await;
    cluster.admin(2).set_pin("bob", chosen("4711")).await.unwrap();
    let portal = cluster.anonymous(3).with_bearer(&key);
    let code = bob.otp.code();
    let wrong_pin = told(&portal, &bob, format!("4712{code}")).await;
    let wrong_code = told(&portal, &bob, format!("4711{}", bob.otp.wrong_code())).await;
    let same = |it: &Verdict| (it.decision, it.reason, it.detail);
    assert!(same(&wrong_pin) == same(&wrong_code), "{wrong_pin:?} {wrong_code:?}");
    assert!(wrong_pin.decision == Decision::Deny && wrong_pin.reason == Reason::Denied);
    assert_eq!(cluster.admin(1).get_user("bob").await.unwrap().failures, 2);
    // The code is spent: there is no second guess with it.
    let again = told(&portal, &bob, format!("4711{code}")).await;
    assert!(again.reason == Reason::CodeAlreadyUsed, "{again:?}");
    assert_eq!(cluster.admin(1).get_user("bob").await.unwrap().failures, 2);
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn an_administrator_learns_which_rule_a_pin_breaks_and_why_somebody_was_denied() {
    let cluster = cluster().await;
    cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let admin = cluster.admin(2);
    for (pin, words) in [("47a1", "digits"), ("1234", "count"), ("4777", "the same")] {
        let refused = admin.set_pin("alice", chosen(pin)).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let said = refused.message();
        assert!(said.starts_with("pin: ") && said.contains(words) && !said.contains(pin), "{said}");
    }
    let unset = admin.set_pin("alice", Change::Generate(false)).await.err().unwrap();
    assert_eq!(unset.code(), Code::InvalidArgument);
    let drawn = admin.set_pin("alice", Change::Generate(true)).await.unwrap().generated_pin;
    assert!(drawn.len() == 6 && drawn.bytes().all(|byte| byte.is_ascii_digit()));
    let again = cluster.admin(3).set_pin("alice", chosen(&drawn)).await.err().unwrap();
    assert!(again.message().contains("pin.history"), "{again}");

    let now = person.otp.step_now();
    let code = |step| person.otp.code_of(step);
    let denied = told(&admin, &person, code(now - 1)).await;
    assert!(denied.detail == ReasonDetail::WrongPin, "{denied:?}");
    assert!(told(&admin, &person, format!("{drawn}{}", code(now))).await.is_allow());
    let cleared = admin.set_pin("alice", Change::Clear(true)).await.unwrap();
    assert!(cleared.user.unwrap().pin_set_at.is_none());
    assert!(told(&cluster.admin(1), &person, code(now + 1)).await.is_allow());
    kinds(&cluster).await;
}

/// What the audit of a node has of it.
async fn kinds(cluster: &Cluster) {
    let types = vec![EventType::PinSet.into(), EventType::PinCleared.into()];
    let wanted = filter(|filter| filter.r#type = types);
    let events = events(&cluster.admin(3), oldest_first(wanted)).await;
    let found: Vec<_> = events.iter().map(|event| event.r#type()).collect();
    assert!(found == [EventType::PinSet, EventType::PinCleared], "{} events", found.len());
    for event in events {
        let user = match event.details.unwrap() {
            Details::PinSet(it) => it.user.unwrap(),
            Details::PinCleared(it) => it.user.unwrap(),
            _ => panic!("an event that was not asked for"),
        };
        assert_eq!(user.username, "alice");
    }
}
