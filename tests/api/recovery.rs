//! Signing in when the token is not at hand.

use symbolon_proto::v1::audit_event::Details;
use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_proto::v1::{CancelBypassRequest, EventType, Reason, ReasonDetail, VerifiedDetails};
use symbolon_testkit::{Client, Cluster, Code, Person, Verdict};

use crate::audit::{events, filter, oldest_first};
use crate::support::cluster;

async fn told(client: &Client, person: &Person, typed: &str) -> Verdict {
    let mut request = person.request_with(typed.to_owned());
    request.application = "portal".to_owned();
    client.verdict(request).await.unwrap()
}

/// Verifications that were allowed, as a node's audit has them.
async fn allowed(cluster: &Cluster) -> Vec<VerifiedDetails> {
    let wanted = filter(|filter| filter.r#type = vec![EventType::Verified.into()]);
    let events = events(&cluster.admin(2), oldest_first(wanted)).await;
    let details = events.into_iter().filter_map(|event| match event.details {
        Some(Details::Verified(it)) if it.reason_detail() == ReasonDetail::Unspecified => Some(it),
        _ => None,
    });
    details.collect()
}

#[tokio::test]
async fn a_bypass_lets_in_once_at_whichever_node() {
    let cluster = cluster().await;
    cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let admin = |number| cluster.admin(number);
    assert!(!told(&admin(3), &person, "").await.is_allow());
    let granted = admin(1).grant_bypass("alice", 600).await.unwrap();
    assert_eq!(granted.bypass.unwrap().reason, "left at home");
    assert!(told(&admin(2), &person, "").await.is_allow());
    let spent = admin(3).get_user("alice").await.unwrap();
    assert!(spent.bypass.is_none() && spent.failures == 1);
    assert!(told(&admin(3), &person, "").await.detail == ReasonDetail::CodeMismatch);

    admin(3).grant_bypass("alice", 600).await.unwrap();
    let cancel = CancelBypassRequest { username: "alice".into(), reason: "it was there".into() };
    let mut users = UserServiceClient::new(admin(2).channel());
    users.cancel_bypass(admin(2).request(cancel)).await.unwrap();
    assert!(!told(&admin(1), &person, "").await.is_allow());
    let refused = admin(1).grant_bypass("alice", 3601).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("seconds: "), "{refused}");
    let allowed = allowed(&cluster).await;
    assert!(allowed.len() == 1 && allowed[0].bypassed && allowed[0].tokens.is_empty());
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn a_recovery_code_is_good_once_at_whichever_node() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let codes = cluster.admin(1).create_recovery_codes("alice").await.unwrap();
    assert_eq!(codes.len(), 10);
    let portal = |number| cluster.anonymous(number).with_bearer(&key);
    for (number, code) in cluster.numbers().zip(&codes[2..]) {
        assert!(told(&portal(number), &person, &code.to_lowercase()).await.is_allow());
        for other in cluster.numbers() {
            let again = told(&portal(other), &person, code).await;
            assert!(again.reason == Reason::CodeAlreadyUsed, "{again:?}");
        }
    }
    assert_eq!(cluster.admin(2).get_user("alice").await.unwrap().recovery_codes_left, 7);
    let places: Vec<_> = allowed(&cluster).await.iter().map(|it| it.recovery).collect();
    assert_eq!(places, [3, 4, 5]);
    cluster.assert_same_state().await;
}
