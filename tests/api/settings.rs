//! Settings hold for the whole cluster, all that are named or none.

use std::collections::BTreeMap;

use symbolon_proto::v1::settings_service_client::SettingsServiceClient;
use symbolon_proto::v1::{
    ApplySettingsRequest, ApplySettingsResponse, GetSettingsRequest, GetSettingsResponse,
    SettingDifference, SettingValue, UpdateSettingsRequest,
};
use symbolon_testkit::{Client, Code, Status};
use tonic::transport::Channel;

use crate::support::cluster;

fn service(client: &Client) -> SettingsServiceClient<Channel> {
    SettingsServiceClient::new(client.channel())
}

async fn get(client: &Client) -> GetSettingsResponse {
    service(client).get_settings(client.request(GetSettingsRequest {})).await.unwrap().into_inner()
}

fn values(found: &GetSettingsResponse) -> BTreeMap<&str, (u64, bool)> {
    found.settings.iter().map(|it| (&*it.name, (it.value, it.is_set))).collect()
}

async fn apply(
    client: &Client,
    settings: &[(&str, u64)],
    dry_run: bool,
) -> Result<ApplySettingsResponse, Status> {
    let value =
        |(name, value): &(&str, u64)| SettingValue { name: (*name).into(), value: Some(*value) };
    let settings = settings.iter().map(value).collect();
    let request = ApplySettingsRequest { settings, dry_run, ..ApplySettingsRequest::default() };
    Ok(service(client).apply_settings(client.request(request)).await?.into_inner())
}

fn told(differences: &[SettingDifference]) -> Vec<(&str, u64, u64)> {
    differences.iter().map(|it| (&*it.name, it.before, it.after)).collect()
}

#[tokio::test]
async fn settings_are_the_same_at_every_node_and_survive_a_restart() {
    let cluster = cluster().await;
    let first = get(&cluster.admin(1)).await;
    let found = values(&first);
    assert_eq!(found["lockout.threshold"], (10, false));
    assert_eq!(found["user.block_duration"], (90 * 24 * 3600, false));
    assert!(first.settings.iter().all(|it| !it.description.is_empty() && it.min <= it.value));

    let set = [("lockout.threshold", 25), ("lockout.first_wait", 60)];
    let done = cluster.admin(2).set(&set).await.unwrap();
    let expected = [("lockout.threshold", 10, 25), ("lockout.first_wait", 30, 60)];
    assert_eq!(told(&done.differences), expected);
    let risky = done.settings.iter().find(|it| it.name == "lockout.threshold").unwrap();
    assert!(risky.warning.contains("guessed"), "{}", risky.warning);
    cluster.assert_same_state().await;
    cluster.terminate_all().await;
    cluster.start_all().await;
    for number in cluster.numbers() {
        let found = get(&cluster.admin(number)).await;
        assert_eq!(values(&found)["lockout.first_wait"], (60, true), "node {number}");
    }

    // What a file does not name is the default again; a dry run only tells.
    let file = [("lockout.first_wait", 45)];
    let expected = [("lockout.threshold", 25, 10), ("lockout.first_wait", 60, 45)];
    let admin = cluster.admin(3);
    let dry = apply(&admin, &file, true).await.unwrap();
    assert_eq!((told(&dry.differences), dry.log_index), (expected.to_vec(), 0));
    assert_eq!(values(&get(&admin).await)["lockout.threshold"], (25, true));
    let done = apply(&admin, &file, false).await.unwrap();
    assert_eq!(told(&done.differences), expected);
    let found = get(&admin).await;
    assert_eq!(values(&found)["lockout.threshold"], (10, false));
    assert_eq!(found.etag, done.etag);
    assert!(apply(&admin, &file, false).await.unwrap().differences.is_empty());
    assert_eq!(get(&admin).await.etag, found.etag, "nothing changed");
}

#[tokio::test]
async fn settings_that_cannot_stand_are_refused_with_all_that_came_with_them() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    for (bad, code, words) in [
        ([("lockout.threshold", 0)], Code::InvalidArgument, "lockout.threshold is not within 1"),
        ([("lockout.first_wait", 3601)], Code::InvalidArgument, "longer than lockout.longest_wait"),
        ([("lockout.treshold", 5)], Code::InvalidArgument, "lockout.threshold"),
        ([("lockout.threshold", 92)], Code::FailedPrecondition, "each of 3 nodes"),
        ([("user.block_duration", 60)], Code::InvalidArgument, "twice"),
    ] {
        let all = [("user.block_duration", 3600), bad[0]];
        let refused = admin.set(&all).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().contains(words), "{refused:?}");
    }
    let found = get(&admin).await;
    assert!(found.settings.iter().all(|it| !it.is_set));

    admin.set(&[("lockout.threshold", 5)]).await.unwrap();
    let stale = UpdateSettingsRequest {
        changes: vec![SettingValue { name: "lockout.threshold".into(), value: None }],
        etag: found.etag,
        dry_run: false,
    };
    for dry_run in [true, false] {
        let request = admin.request(UpdateSettingsRequest { dry_run, ..stale.clone() });
        let refused = service(&admin).update_settings(request).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
        assert!(refused.message().contains("read it again"), "{refused:?}");
    }
}
