//! What administrators say about accounts counts at every node at once.

use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_proto::v1::{
    BlockUserRequest, DeleteUserRequest, ReasonDetail, UnblockUserRequest, UpdateUserRequest, User,
};
use symbolon_testkit::{Client, Cluster, Code, Person, Status};
use tonic::transport::Channel;

use crate::support::cluster;

fn service(client: &Client) -> UserServiceClient<Channel> {
    UserServiceClient::new(client.channel())
}

/// What a node says to the person's next code: nothing of it is spent by a denial.
async fn told(cluster: &Cluster, number: usize, person: &Person, step: u64) -> ReasonDetail {
    let mut request = person.request_with(person.otp.code_of(step));
    request.application = "portal".to_owned();
    cluster.admin(number).verdict(request).await.unwrap().detail
}

async fn update(client: &Client, user: User, paths: &[&str]) -> Result<User, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    let request = client.request(UpdateUserRequest { user: Some(user), update_mask });
    let answer = service(client).update_user(request).await?;
    Ok(answer.into_inner().user.unwrap())
}

fn alice(enabled: bool, etag: &str) -> User {
    User {
        username: "alice".to_owned(),
        display_name: "Al".to_owned(),
        enabled,
        etag: etag.to_owned(),
        ..User::default()
    }
}

#[tokio::test]
async fn an_account_is_switched_off_blocked_and_back_at_every_node() {
    let cluster = cluster().await;
    cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let step = person.otp.step_now() + 1;
    let admin = |number| cluster.admin(number);

    let off = update(&admin(1), alice(false, ""), &["enabled"]).await.unwrap();
    assert!(!off.enabled && off.display_name.is_empty(), "the mask names one field");
    for number in cluster.numbers() {
        assert!(told(&cluster, number, &person, step).await == ReasonDetail::Disabled);
    }
    update(&admin(2), alice(true, ""), &["enabled"]).await.unwrap();

    let block = BlockUserRequest {
        username: "alice".to_owned(),
        reason: "phone stolen".to_owned(),
        seconds: 3600,
    };
    let blocked = service(&admin(3)).block_user(admin(3).request(block)).await.unwrap();
    assert_eq!(blocked.into_inner().user.unwrap().block.unwrap().reason, "phone stolen");
    for number in cluster.numbers() {
        assert!(told(&cluster, number, &person, step).await == ReasonDetail::Blocked);
        assert!(admin(number).get_user("alice").await.unwrap().block.is_some());
    }
    let unblock = UnblockUserRequest { username: "alice".to_owned(), reason: "found".to_owned() };
    service(&admin(1)).unblock_user(admin(1).request(unblock)).await.unwrap();
    assert!(told(&cluster, 2, &person, step).await == ReasonDetail::Unspecified);
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn of_two_updates_of_what_was_read_one_is_refused() {
    let cluster = cluster().await;
    cluster.person("alice").await;
    let read = cluster.admin(1).get_user("alice").await.unwrap();
    let fields = ["enabled", "display_name"];
    let changed = update(&cluster.admin(2), alice(true, &read.etag), &fields).await.unwrap();
    assert_eq!(changed.display_name, "Al");
    assert_ne!(changed.etag, read.etag);
    let late = update(&cluster.admin(3), alice(false, &read.etag), &fields).await.err().unwrap();
    assert_eq!(late.code(), Code::FailedPrecondition, "{late}");
    assert!(cluster.admin(1).get_user("alice").await.unwrap().enabled);

    let delete = |etag: &str| {
        let request = DeleteUserRequest { username: "alice".to_owned(), etag: etag.to_owned() };
        cluster.admin(1).request(request)
    };
    let client = cluster.admin(1);
    let late = service(&client).delete_user(delete(&read.etag)).await.err().unwrap();
    assert_eq!(late.code(), Code::FailedPrecondition, "{late}");
    service(&client).delete_user(delete(&changed.etag)).await.unwrap();
    assert_eq!(cluster.admin(3).get_user("alice").await.err().unwrap().code(), Code::NotFound);
    cluster.admin(2).create_user("alice").await.unwrap();
    cluster.assert_same_state().await;
}
