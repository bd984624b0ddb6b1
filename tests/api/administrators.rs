//! People who administer: whom they may deal with, and how they are let go.

use prost::Message as _;
use symbolon_proto::v1;
use symbolon_proto::v1::administrator_service_client::AdministratorServiceClient;
use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_testkit::{Client, Code};
use tonic::Status;
use tonic::transport::Channel;

use crate::support::callers::create_administrator;
use crate::support::method::*;
use crate::support::wire::{Wire, framed};
use crate::support::{cluster, state, stranger};

fn service(client: &Client) -> AdministratorServiceClient<Channel> {
    AdministratorServiceClient::new(client.channel())
}

/// Questions about a user, all of which the help desk may ask.
fn about(username: &str) -> Vec<(&'static str, Vec<u8>)> {
    let username = || username.to_owned();
    let reason = || "because".to_owned();
    let user = Some(v1::User { username: username(), enabled: true, ..v1::User::default() });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] });
    let get = v1::GetUserRequest { username: username(), allow_stale: false };
    let update = v1::UpdateUserRequest { user, update_mask };
    let block = v1::BlockUserRequest { username: username(), reason: reason(), seconds: 60 };
    let unblock = v1::UnblockUserRequest { username: username(), reason: reason() };
    let enroll = v1::EnrollTokenRequest { username: username(), ..Default::default() };
    let confirm = v1::ConfirmTokenRequest { username: username(), ..Default::default() };
    let resync = v1::ResyncTokenRequest { username: username(), ..Default::default() };
    let remove = v1::RemoveTokenRequest { username: username(), ..Default::default() };
    let change = Some(v1::set_pin_request::Change::Generate(true));
    let set_pin = v1::SetPinRequest { username: username(), change, must_change: false };
    let bypass = v1::GrantBypassRequest { username: username(), reason: reason(), seconds: 60 };
    let cancel = v1::CancelBypassRequest { username: username(), reason: reason() };
    let recovery = v1::CreateRecoveryCodesRequest { username: username() };
    vec![
        (SET_PIN, set_pin.encode_to_vec()),
        (GRANT_BYPASS, bypass.encode_to_vec()),
        (CANCEL_BYPASS, cancel.encode_to_vec()),
        (CREATE_RECOVERY_CODES, recovery.encode_to_vec()),
        (GET_USER, get.encode_to_vec()),
        (UPDATE_USER, update.encode_to_vec()),
        (BLOCK_USER, block.encode_to_vec()),
        (UNBLOCK_USER, unblock.encode_to_vec()),
        (ENROLL_TOKEN, enroll.encode_to_vec()),
        (CONFIRM_TOKEN, confirm.encode_to_vec()),
        (RESYNC_TOKEN, resync.encode_to_vec()),
        (REMOVE_TOKEN, remove.encode_to_vec()),
    ]
}

/// What a caller is told, whole.
async fn told(caller: &Wire, method: &str, question: &[u8]) -> (Code, String) {
    let status = caller.send(method, framed(question)).await.unwrap().status;
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn for_a_help_desk_with_a_scope_others_people_do_not_exist() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    for name in ["alice@sales.example", "anna@sales.example", "bob@other.example", "carol"] {
        cluster.person(name).await;
    }
    let role = v1::AdministratorRole::HelpDesk;
    let token = create_administrator(&admin, "heidi", role, &["domain:Sales.example"]).await;
    let heidi = stranger(&cluster, 2).await.bearing(&token);

    let listed: v1::ListUsersResponse =
        heidi.ask(LIST_USERS, &v1::ListUsersRequest::default()).await.unwrap();
    let names: Vec<_> = listed.users.iter().map(|user| user.username.as_str()).collect();
    assert_eq!(names, ["alice@sales.example", "anna@sales.example"]);
    // A page is of her people too: it does not tell how many others there are.
    let page = v1::ListUsersRequest { page_size: 1, ..v1::ListUsersRequest::default() };
    let first: v1::ListUsersResponse = heidi.ask(LIST_USERS, &page).await.unwrap();
    let page = v1::ListUsersRequest { page_token: first.next_page_token, ..page };
    let second: v1::ListUsersResponse = heidi.ask(LIST_USERS, &page).await.unwrap();
    assert_eq!(second.users[0].username, "anna@sales.example");

    let before = state::users(&cluster).await;
    for other in ["bob@other.example", "carol"] {
        for ((method, question), (_, of_nobody)) in about(other).iter().zip(about("nobody")) {
            let others = told(&heidi, method, question).await;
            assert_eq!(others.0, Code::NotFound, "{method} about {other}");
            assert_eq!(others, told(&heidi, method, &of_nobody).await, "{method} about {other}");
        }
    }
    assert!(state::users(&cluster).await == before, "somebody else's user was changed");

    for (method, question) in about("alice@sales.example") {
        let (code, message) = told(&heidi, method, &question).await;
        assert!(!message.contains("no user"), "{method}: {code:?} {message}");
        assert_ne!(code, Code::PermissionDenied, "{method}: {message}");
    }
    // What a user is called is not hers, nor who she may help.
    let user = v1::User { username: "alice@sales.example".to_owned(), ..v1::User::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] });
    let rename = v1::UpdateUserRequest { user: Some(user), update_mask };
    let refused = told(&heidi, UPDATE_USER, &rename.encode_to_vec()).await;
    assert_eq!(refused, (Code::PermissionDenied, "this needs the right administrator".to_owned()));
    cluster.assert_same_state().await;
}

async fn belongs_to(admin: &Client, username: &str, groups: &[&str], tags: &[&str]) {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let (username, groups, tags) = (username.to_owned(), owned(groups), owned(tags));
    let user = Some(v1::User { username, groups, tags, ..v1::User::default() });
    let paths = vec!["groups".to_owned(), "tags".to_owned()];
    let update_mask = Some(prost_types::FieldMask { paths });
    let mut users = UserServiceClient::new(admin.channel());
    users.update_user(admin.request(v1::UpdateUserRequest { user, update_mask })).await.unwrap();
}

#[tokio::test]
async fn a_help_desk_for_a_group_or_a_tag_is_for_those_who_are_in_it_now() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    for name in ["alice", "bob", "carol"] {
        cluster.person(name).await;
    }
    let role = v1::AdministratorRole::HelpDesk;
    let token = create_administrator(&admin, "heidi", role, &["group:IT staff", "tag:vip"]).await;
    let heidi = stranger(&cluster, 2).await.bearing(&token);
    let people = || async {
        let answer: v1::ListUsersResponse =
            heidi.ask(LIST_USERS, &v1::ListUsersRequest::default()).await.unwrap();
        answer.users.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert!(people().await.is_empty());

    belongs_to(&admin, "alice", &["IT staff"], &[]).await;
    belongs_to(&admin, "bob", &["vip", "it staff"], &["IT staff"]).await;
    belongs_to(&admin, "carol", &["sales"], &["new", "vip"]).await;
    assert_eq!(people().await, ["alice", "carol"]);
    let block = |name: &str| {
        let (username, reason) = (name.to_owned(), "because".to_owned());
        v1::BlockUserRequest { username, reason, seconds: 60 }.encode_to_vec()
    };
    assert_eq!(told(&heidi, BLOCK_USER, &block("alice")).await.0, Code::Ok);
    assert_eq!(told(&heidi, BLOCK_USER, &block("bob")).await.0, Code::NotFound);

    // Whether a name is nobody's is not for her, nor how somebody else's account stands.
    let explain = |name: &str| {
        v1::ExplainRequest { username: name.to_owned(), ..Default::default() }.encode_to_vec()
    };
    assert_eq!(told(&heidi, EXPLAIN, &explain("alice")).await.0, Code::Ok);
    for others in ["bob", "nobody"] {
        let (code, message) = told(&heidi, EXPLAIN, &explain(others)).await;
        assert_eq!(
            (code, &*message),
            (Code::NotFound, "there is no user of that name"),
            "{others}"
        );
    }

    belongs_to(&admin, "alice", &[], &[]).await;
    assert_eq!(told(&heidi, BLOCK_USER, &block("alice")).await.0, Code::NotFound);
    assert_eq!(people().await, ["carol"]);
    cluster.assert_same_state().await;
}

async fn update(
    client: &Client,
    name: &str,
    enabled: bool,
    role: v1::AdministratorRole,
    path: &str,
) -> Result<(), Status> {
    let administrator = v1::Administrator {
        name: name.to_owned(),
        enabled,
        role: role.into(),
        ..Default::default()
    };
    let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let administrator = Some(administrator);
    let request = v1::UpdateAdministratorRequest { administrator, update_mask };
    service(client).update_administrator(client.request(request)).await.map(|_| ())
}

#[tokio::test]
async fn an_administrator_is_let_go_at_every_node_at_once_and_the_last_one_never() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    let auditor = v1::AdministratorRole::Auditor;
    let whole = v1::AdministratorRole::Administrator;
    let first = service(&admin).list_administrators(admin.request(Default::default())).await;
    let first = first.unwrap().into_inner().administrators.remove(0).name;

    let delete = |client: &Client, name: &str| {
        let request =
            v1::DeleteAdministratorRequest { name: name.to_owned(), ..Default::default() };
        let (mut service, request) = (service(client), client.request(request));
        async move { service.delete_administrator(request).await }
    };
    for refused in [
        delete(&admin, &first).await.map(|_| ()),
        update(&admin, &first, true, auditor, "role").await,
        update(&admin, &first, false, whole, "enabled").await,
    ] {
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        assert!(status.message().contains("nobody would be left"), "{status}");
    }

    let token = create_administrator(&admin, "rita", whole, &[]).await;
    for number in cluster.numbers() {
        let rita = cluster.anonymous(number).with_bearer(&token);
        rita.status().await.unwrap();
    }
    update(&admin, "rita", false, whole, "enabled").await.unwrap();
    for number in cluster.numbers() {
        let rita = cluster.anonymous(number).with_bearer(&token);
        // A node that lags takes her for what she was, and the log does not.
        let write = rita.create_user("made-by-rita").await.err().unwrap();
        assert_eq!(write.code(), Code::Unauthenticated, "{write}");
    }
    update(&admin, "rita", true, whole, "enabled").await.unwrap();
    let rotate = v1::RotateAdministratorTokenRequest { name: "rita".to_owned() };
    let rotated = service(&admin).rotate_administrator_token(admin.request(rotate)).await;
    let new = rotated.unwrap().into_inner().token;
    for number in cluster.numbers() {
        let old = cluster.anonymous(number).with_bearer(&token);
        let refused = old.create_user("made-by-rita").await.err().unwrap();
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
        cluster.anonymous(number).with_bearer(&new).get_user("nobody").await.err().unwrap();
    }
    // Now there is another, the first can go.
    let rita = cluster.anonymous(2).with_bearer(&new);
    delete(&rita, &first).await.unwrap();
    let gone = admin.create_user("made-by-nobody").await.err().unwrap();
    assert_eq!(gone.code(), Code::Unauthenticated, "{gone}");
}
