//! A first factor that other RADIUS servers judge.

use std::time::Duration;

use symbolon_proto::v1;
use symbolon_testkit::wait_until;

use crate::freeradius::{FreeRadius, TARGET_SECRET};
use crate::support::{cluster_of, device, here, last_denial, set};

const PASSWORD: &str = "Winter is coming";

pub(crate) fn target(address: &str) -> v1::RadiusTarget {
    v1::RadiusTarget {
        address: address.to_owned(),
        timeout_milliseconds: 1_000,
        secret: TARGET_SECRET.to_owned(),
    }
}

pub(crate) fn policy(targets: &[&FreeRadius]) -> v1::RadiusPolicy {
    let targets = targets.iter().map(|server| target(&server.address())).collect();
    here(v1::RadiusPolicy { targets, ..Default::default() })
}

#[tokio::test]
async fn the_code_is_asked_for_after_the_password_and_any_node_takes_the_answer() {
    let server = FreeRadius::start(&[("alice", PASSWORD), ("bob", "b")]).await;
    let cluster = cluster_of(3, policy(&[&server])).await;
    let alice = cluster.person("alice").await;
    let bob = cluster.person("bob").await;

    let wrong = device(&cluster, 1).ask("alice", "Summer", &[]).await;
    assert!(wrong.rejected(), "{wrong:?}");
    assert_eq!(last_denial(&cluster, "alice").await, "FIRST_FACTOR_DENIED");
    let user = cluster.admin(1).get_user("alice").await.unwrap();
    assert_eq!(user.failures, 0, "who knows no password locks nobody out");

    let asked = device(&cluster, 1).ask("alice", PASSWORD, &[]).await;
    assert!(asked.is("Access-Challenge"), "{asked:?}");
    assert!(asked.attribute("Reply-Message").unwrap().contains("code"));
    let state = asked.attribute("State").unwrap().to_owned();
    cluster.node(1).kill9();
    let with = [("State", state.as_str())];
    let guess = device(&cluster, 2).ask("alice", "000000", &with).await;
    assert!(guess.rejected(), "{guess:?}");
    let stolen = device(&cluster, 2).ask("bob", &bob.otp.code(), &with).await;
    assert!(stolen.rejected(), "a State is one user's: {stolen:?}");
    let code = alice.otp.code();
    let done = device(&cluster, 3).ask("alice", &code, &with).await;
    assert!(done.accepted(), "{done:?}");
    assert_eq!(done.attribute("Class"), Some("0x76706e"), "what the target granted");
    assert_eq!(done.attribute("Filter-Id"), Some("of-alice"));
    let asked = device(&cluster, 2).ask("alice", PASSWORD, &[]).await;
    let state = asked.attribute("State").unwrap().to_owned();
    let used = device(&cluster, 2).ask("alice", &code, &[("State", &state)]).await;
    assert!(used.rejected(), "{used:?}");
}

#[tokio::test]
async fn a_code_typed_with_the_password_is_taken_and_what_the_target_grants_is_passed_on() {
    let server = FreeRadius::start(&[("alice", PASSWORD)]).await;
    let attribute = |group: &str, name: &str, value: &str| v1::RadiusAttribute {
        group: group.to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let attributes = vec![
        attribute("", "Session-Timeout", "3600"),
        attribute("", "Filter-Id", "of the cluster"),
        attribute("staff", "Cisco-AVPair", "shell:priv-lvl=15"),
    ];
    let place = |code_place: &str, separator: &str| v1::RadiusPolicy {
        code_place: code_place.to_owned(),
        separator: separator.to_owned(),
        attributes: attributes.clone(),
        ..policy(&[&server])
    };
    let cluster = cluster_of(1, place("behind", "")).await;
    let alice = cluster.person("alice").await;
    let device = device(&cluster, 1);
    let told = device.ask("alice", &format!("{PASSWORD}{}", alice.otp.code()), &[]).await;
    assert!(told.accepted(), "{told:?}");
    assert_eq!(told.attribute("Class"), Some("0x76706e"), "of the target");
    assert_eq!(told.attribute("Session-Timeout"), Some("3600"));
    assert_eq!(told.attribute("Filter-Id"), Some("of the cluster"), "in place of the target's");
    assert_eq!(told.attribute("Cisco-AVPair"), None, "for members of a group");
    let none = device.ask("alice", PASSWORD, &[]).await;
    assert!(none.rejected(), "{none:?}");

    set(&cluster, place("before", ":")).await;
    let bob_typed = format!("000000:{PASSWORD}");
    wait_until("the other place counts", Duration::from_secs(20), async || {
        device.ask("alice", &bob_typed, &[]).await;
        last_denial(&cluster, "alice").await == "CODE_MISMATCH"
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_down_is_passed_over_and_without_any_the_policy_says_what_is_told() {
    let mut first = FreeRadius::start(&[("alice", "first")]).await;
    let mut second = FreeRadius::start(&[("alice", "second")]).await;
    let cluster = cluster_of(1, policy(&[&first, &second])).await;
    cluster.person("alice").await;
    let device = device(&cluster, 1);
    let asked = device.ask("alice", "first", &[]).await;
    assert!(asked.is("Access-Challenge"), "{asked:?}");
    assert!(device.ask("alice", "second", &[]).await.rejected(), "the first one's no is a no");
    first.kill();
    let asked = device.ask("alice", "second", &[]).await;
    assert!(asked.is("Access-Challenge"), "{asked:?}");
    second.kill();
    let silence = device.ask("alice", "second", &[]).await;
    assert!(silence.nothing(), "{silence:?}");
    assert_eq!(last_denial(&cluster, "alice").await, "FIRST_FACTOR_UNREACHABLE");
    let unreachable = "reject".to_owned();
    set(&cluster, v1::RadiusPolicy { unreachable, ..policy(&[&first, &second]) }).await;
    wait_until("it is told", Duration::from_secs(20), async || {
        device.ask("alice", "second", &[]).await.rejected()
    })
    .await;
    first.run().await;
    wait_until("the first is asked again", Duration::from_secs(60), async || {
        device.ask("alice", "first", &[]).await.is("Access-Challenge")
    })
    .await;
}
