//! Applications that let somebody in without a code, because an administrator chose so.

use symbolon_proto::v1;
use symbolon_proto::v1::application_service_client::ApplicationServiceClient;
use symbolon_proto::v1::audit_event::Details;
use symbolon_proto::v1::settings_service_client::SettingsServiceClient;
use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_proto::v1::{Decision, EventType, ReasonDetail, VerifiedDetails};
use symbolon_testkit::{Client, Cluster, Code, Verdict};

use crate::audit::{events, filter, oldest_first};
use crate::support::callers::create_application;
use crate::support::cluster;

const PORTAL: &str = "portal";

/// What each node tells an administrator who asks for the portal, with a code that is wrong.
async fn told(cluster: &Cluster, username: &str) -> Vec<Verdict> {
    let mut told = Vec::new();
    for number in cluster.numbers() {
        let request = v1::VerifyRequest {
            username: username.to_owned(),
            application: PORTAL.to_owned(),
            code: "000000".to_owned(),
            ..v1::VerifyRequest::default()
        };
        told.push(cluster.admin(number).verdict(request).await.unwrap());
    }
    told
}

async fn are_let_in(cluster: &Cluster, username: &str) -> bool {
    let told = told(cluster, username).await;
    let first = told[0].is_allow();
    assert!(told.iter().all(|verdict| verdict.is_allow() == first), "{told:?}");
    first
}

async fn denied(cluster: &Cluster, username: &str) -> ReasonDetail {
    let told = told(cluster, username).await;
    let first = told[0].detail;
    assert!(told.iter().all(|verdict| !verdict.is_allow() && verdict.detail == first), "{told:?}");
    first
}

/// Changes the portal: names of the mask, and what they are to be.
async fn set(
    admin: &Client,
    change: impl FnOnce(&mut v1::Application),
    paths: &[&str],
) -> Result<v1::Application, tonic::Status> {
    let mut application = v1::Application::default();
    change(&mut application);
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = admin.request(v1::UpdateApplicationRequest {
        name: PORTAL.to_owned(),
        application: Some(application),
        update_mask: Some(prost_types::FieldMask { paths }),
    });
    let changed = ApplicationServiceClient::new(admin.channel()).update_application(request).await;
    Ok(changed?.into_inner().application.unwrap())
}

/// Warnings that name the portal.
async fn warnings(admin: &Client) -> Vec<String> {
    let warnings = admin.status().await.unwrap().warnings;
    warnings.into_iter().filter(|words| words.contains(PORTAL)).collect()
}

async fn explained(admin: &Client, username: &str) -> (v1::ExplainedOutcome, String) {
    let request = v1::ExplainRequest { username: username.into(), application: PORTAL.into() };
    let mut settings = SettingsServiceClient::new(admin.channel());
    let answer = settings.explain(admin.request(request)).await.unwrap().into_inner();
    let decides = answer.rules.iter().find(|rule| rule.decides);
    (answer.outcome(), decides.map(|rule| rule.rule.clone()).unwrap_or_default())
}

/// Those who were let in without a code, as a node's audit has them.
async fn exempted(cluster: &Cluster) -> Vec<VerifiedDetails> {
    // The audit of a node may lack the last moment.
    cluster.assert_same_state().await;
    let wanted = filter(|filter| filter.r#type = vec![EventType::Verified.into()]);
    let events = events(&cluster.admin(2), oldest_first(wanted)).await;
    let details = events.into_iter().filter_map(|event| match event.details {
        Some(Details::Verified(it)) if it.exempt => Some(it),
        _ => None,
    });
    details.collect()
}

#[tokio::test]
async fn names_that_are_nobodys_are_let_in_where_an_administrator_chose_so() {
    let cluster = cluster().await;
    cluster.application(PORTAL).await;
    cluster.person("alice").await;
    let admin = cluster.admin(1);
    assert!(denied(&cluster, "mallory").await == ReasonDetail::UnknownUser);
    assert_eq!(warnings(&admin).await, Vec::<String>::new());

    let change = |row: &mut v1::Application| row.set_unknown_users(Decision::Allow);
    let changed = set(&admin, change, &["unknown_users"]).await.unwrap();
    assert!(changed.unknown_users() == Decision::Allow);
    assert!(changed.disabled_users() == Decision::Deny);
    assert!(are_let_in(&cluster, "mallory").await);
    // Who is known shows a code.
    assert!(denied(&cluster, "alice").await == ReasonDetail::CodeMismatch);
    let let_in = exempted(&cluster).await;
    assert_eq!(let_in.len(), 3);
    let user = let_in[0].user.as_ref().unwrap();
    assert_eq!((&*user.username, &*user.id, let_in[0].tokens.len()), ("mallory", "", 0));

    let warned = warnings(&admin).await;
    assert_eq!(warned.len(), 1);
    assert!(warned[0].contains("application portal lets names that are nobody's in"), "{warned:?}");
    assert!(warned[0].contains("application set portal --unknown-users deny"), "{warned:?}");
    let outcome = explained(&admin, "mallory").await;
    assert!(outcome == (v1::ExplainedOutcome::AllowedWhateverCode, "name".to_owned()));

    let change = |row: &mut v1::Application| row.set_unknown_users(Decision::Deny);
    set(&admin, change, &["unknown_users"]).await.unwrap();
    assert!(denied(&cluster, "mallory").await == ReasonDetail::UnknownUser);
    assert_eq!(warnings(&admin).await, Vec::<String>::new());
    let bad = set(&admin, |_| {}, &["unknown"]).await.err().unwrap();
    assert_eq!(bad.code(), Code::InvalidArgument);
    assert!(bad.message().contains("disabled_users"), "{bad}");
    let change = |row: &mut v1::Application| row.set_unknown_users(Decision::Challenge);
    let bad = set(&admin, change, &["unknown_users"]).await.err().unwrap();
    assert!(
        bad.code() == Code::InvalidArgument && bad.message().contains("ALLOW or DENY"),
        "{bad}"
    );
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn users_who_are_switched_off_are_let_in_unless_they_are_blocked() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    let mut new = v1::CreateApplicationRequest { name: PORTAL.to_owned(), ..Default::default() };
    new.set_disabled_users(Decision::Allow);
    create_application(&admin, new).await;
    cluster.person("alice").await;
    let mut users = UserServiceClient::new(admin.channel());
    let switch_off = v1::UpdateUserRequest {
        user: Some(v1::User { username: "alice".to_owned(), ..v1::User::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
    };
    assert!(denied(&cluster, "alice").await == ReasonDetail::CodeMismatch);
    users.update_user(admin.request(switch_off)).await.unwrap();
    assert!(are_let_in(&cluster, "alice").await);
    assert!(denied(&cluster, "mallory").await == ReasonDetail::UnknownUser);
    // Nothing was counted, and nothing forgiven.
    assert_eq!(admin.get_user("alice").await.unwrap().failures, 3);
    let warned = warnings(&admin).await;
    assert_eq!(warned.len(), 1);
    assert!(warned[0].contains("application set portal --disabled-users deny"), "{warned:?}");
    let outcome = explained(&admin, "alice").await;
    assert!(outcome == (v1::ExplainedOutcome::AllowedWhateverCode, "exempt".to_owned()));

    let block =
        v1::BlockUserRequest { username: "alice".into(), reason: "lost".into(), seconds: 600 };
    users.block_user(admin.request(block)).await.unwrap();
    assert!(denied(&cluster, "alice").await == ReasonDetail::Blocked);
    let unblock = v1::UnblockUserRequest { username: "alice".into(), reason: "found".into() };
    users.unblock_user(admin.request(unblock)).await.unwrap();
    assert!(are_let_in(&cluster, "alice").await);
    assert_eq!(exempted(&cluster).await.len(), 6);
    set(&admin, |_| {}, &["disabled_users"]).await.unwrap();
    assert!(denied(&cluster, "alice").await == ReasonDetail::Disabled);
    cluster.assert_same_state().await;
}
