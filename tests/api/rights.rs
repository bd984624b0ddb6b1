//! Who may call what: every method that the server tells of, asked by everybody.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderValue;
use prost::Message;
use symbolon_proto::v1;
use tonic::Code;

use crate::support::documented::{self, Documented};
use crate::support::method::{
    APPLY_SETTINGS, BLOCK_USER, CANCEL_BYPASS, CONFIRM_TOKEN, CREATE_APPLICATION,
    CREATE_JOIN_TOKEN, CREATE_RECOVERY_CODES, CREATE_USER, DELETE_USER, ENROLL_TOKEN, GET_SETTINGS,
    GET_STATUS, GET_USER, GRANT_BYPASS, IMPORT_TOKENS, IMPORT_USERS, LIST_USERS, QUERY_AUDIT,
    REMOVE_TOKEN, RESYNC_TOKEN, ROTATE_DATA_KEY, SET_PIN, TAIL_AUDIT, UNBLOCK_USER,
    UPDATE_SETTINGS, UPDATE_USER, VERIFY,
};
use crate::support::wire::{Wire, framed};
use crate::support::{assert_all_run, cluster, reflected, state, stranger};

const APPLICATION: &str = "portal";
const PERSON: &str = "alice";
const NOBODY: &str = "nobody";
const ODD: &[u8] = b"Bearer symbolon_app_\xff";
/// As the comments of the .proto files have it.
const VERIFY_RIGHT: &str = "verify";
const ADMINISTRATOR: &str = "administrator";

/// Every method that needs a right, the right, and a question that is in order.
fn rights() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let verify = v1::VerifyRequest {
        username: NOBODY.to_owned(),
        code: "000000".to_owned(),
        application: APPLICATION.to_owned(),
        ..v1::VerifyRequest::default()
    };
    let create_user =
        v1::CreateUserRequest { username: "made-by-right".to_owned(), ..Default::default() };
    let get_user = v1::GetUserRequest { username: PERSON.to_owned(), allow_stale: false };
    let enroll_token =
        v1::EnrollTokenRequest { username: PERSON.to_owned(), ..v1::EnrollTokenRequest::default() };
    let import_tokens =
        v1::ImportTokensRequest { tokens: vec![enroll_token.clone()], dry_run: false };
    let row = v1::ImportedUser { username: "made-by-import".to_owned(), ..Default::default() };
    let import_users = v1::ImportUsersRequest { users: vec![row], update: false, dry_run: false };
    let create_application = v1::CreateApplicationRequest { name: "made-by-right".to_owned() };
    let list_users = v1::ListUsersRequest::default();
    let create_join_token = v1::CreateJoinTokenRequest::default();
    vec![
        (VERIFY, VERIFY_RIGHT, verify.encode_to_vec()),
        (CREATE_USER, ADMINISTRATOR, create_user.encode_to_vec()),
        (GET_USER, ADMINISTRATOR, get_user.encode_to_vec()),
        (LIST_USERS, ADMINISTRATOR, list_users.encode_to_vec()),
        (ENROLL_TOKEN, ADMINISTRATOR, enroll_token.encode_to_vec()),
        (IMPORT_TOKENS, ADMINISTRATOR, import_tokens.encode_to_vec()),
        (IMPORT_USERS, ADMINISTRATOR, import_users.encode_to_vec()),
        (CREATE_APPLICATION, ADMINISTRATOR, create_application.encode_to_vec()),
        (GET_STATUS, ADMINISTRATOR, Vec::new()),
        (CREATE_JOIN_TOKEN, ADMINISTRATOR, create_join_token.encode_to_vec()),
        (ROTATE_DATA_KEY, ADMINISTRATOR, Vec::new()),
        (QUERY_AUDIT, ADMINISTRATOR, Vec::new()),
        (TAIL_AUDIT, ADMINISTRATOR, Vec::new()),
        (GET_SETTINGS, ADMINISTRATOR, Vec::new()),
        (UPDATE_SETTINGS, ADMINISTRATOR, Vec::new()),
        (APPLY_SETTINGS, ADMINISTRATOR, Vec::new()),
    ]
    .into_iter()
    .chain(about_nobody())
    .collect()
}

/// Questions about somebody who does not exist: whoever has the right is told so.
fn about_nobody() -> [(&'static str, &'static str, Vec<u8>); 11] {
    let username = || NOBODY.to_owned();
    let reason = || "because".to_owned();
    let user = Some(v1::User { username: username(), ..v1::User::default() });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] });
    let update = v1::UpdateUserRequest { user, update_mask };
    let delete = v1::DeleteUserRequest { username: username(), etag: String::new() };
    let block = v1::BlockUserRequest { username: username(), reason: reason(), seconds: 0 };
    let unblock = v1::UnblockUserRequest { username: username(), reason: reason() };
    let change = Some(v1::set_pin_request::Change::Generate(true));
    let set_pin = v1::SetPinRequest { username: username(), change };
    let bypass = v1::GrantBypassRequest { username: username(), reason: reason(), seconds: 60 };
    let cancel = v1::CancelBypassRequest { username: username(), reason: reason() };
    let recovery = v1::CreateRecoveryCodesRequest { username: username() };
    let confirm = v1::ConfirmTokenRequest { username: username(), ..Default::default() };
    let resync = v1::ResyncTokenRequest { username: username(), ..Default::default() };
    let remove = v1::RemoveTokenRequest { username: username(), ..Default::default() };
    [
        (UPDATE_USER, ADMINISTRATOR, update.encode_to_vec()),
        (DELETE_USER, ADMINISTRATOR, delete.encode_to_vec()),
        (BLOCK_USER, ADMINISTRATOR, block.encode_to_vec()),
        (UNBLOCK_USER, ADMINISTRATOR, unblock.encode_to_vec()),
        (SET_PIN, ADMINISTRATOR, set_pin.encode_to_vec()),
        (GRANT_BYPASS, ADMINISTRATOR, bypass.encode_to_vec()),
        (CANCEL_BYPASS, ADMINISTRATOR, cancel.encode_to_vec()),
        (CREATE_RECOVERY_CODES, ADMINISTRATOR, recovery.encode_to_vec()),
        (CONFIRM_TOKEN, ADMINISTRATOR, confirm.encode_to_vec()),
        (RESYNC_TOKEN, ADMINISTRATOR, resync.encode_to_vec()),
        (REMOVE_TOKEN, ADMINISTRATOR, remove.encode_to_vec()),
    ]
}

/// What anybody may ask who reaches the port.
const OPEN: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

#[tokio::test]
async fn every_method_is_for_those_alone_who_have_its_right() {
    let cluster = cluster().await;
    let key = cluster.application(APPLICATION).await;
    let person = cluster.person(PERSON).await;
    let anybody = stranger(&cluster, 3).await;
    assert_nothing_is_forgotten(&anybody).await;

    let before = state::users(&cluster).await;
    let mut strangers = vec![
        ("no bearer", anybody.clone()),
        ("another scheme", anybody.with("authorization", "Basic YWxpY2U6eA==")),
        ("no scheme", anybody.with("authorization", &key)),
        ("odd bytes", anybody.with_value("authorization", HeaderValue::from_bytes(ODD).unwrap())),
    ];
    for (what, token) in bad_tokens(cluster.admin_token(), &key) {
        strangers.push((what, anybody.bearing(&token)));
    }
    for (what, stranger) in &strangers {
        for (method, _, question) in rights() {
            let code = answered(stranger, method, &question).await;
            assert_eq!(code, Code::Unauthenticated, "{method} by {what}");
        }
    }

    let application = anybody.bearing(&key);
    for (method, right, question) in rights() {
        let expected = if right == VERIFY_RIGHT { Code::Ok } else { Code::PermissionDenied };
        let code = answered(&application, method, &question).await;
        assert_eq!(code, expected, "{method} by an application");
    }
    assert!(state::users(&cluster).await == before, "somebody without a right did something");

    let administrator = anybody.bearing(cluster.admin_token());
    for (method, _, question) in rights() {
        let code = answered(&administrator, method, &question).await;
        let found = if about_nobody().iter().any(|(about, ..)| *about == method) {
            Code::NotFound
        } else if method == TAIL_AUDIT {
            // It goes on for as long as the caller likes.
            Code::DeadlineExceeded
        } else {
            Code::Ok
        };
        assert_eq!(code, found, "{method} by an administrator");
    }
    let verdict = cluster.anonymous(2).with_bearer(&key).verdict(person.request()).await;
    assert!(verdict.unwrap().is_allow(), "the person's own token is as it was");
    assert_all_run(&cluster);
    cluster.assert_same_state().await;
}

/// What reflection tells, what the .proto files say, and what is tried here are the same.
async fn assert_nothing_is_forgotten(anybody: &Wire) {
    let told: BTreeSet<_> = reflected::methods(anybody).await.into_iter().collect();
    let tried = rights().into_iter().map(|(method, ..)| method);
    let tried = tried.chain(OPEN.iter().copied()).map(str::to_owned);
    assert_eq!(told, tried.collect(), "told on the left, tried on the right");

    let written = documented::methods("symbolon.v1").into_iter();
    let written = written.map(|Documented { method, right }| match right {
        Some(right) => (method, right),
        None => panic!("{method} does not name its right"),
    });
    let tried =
        rights().into_iter().map(|(method, right, _)| (method.to_owned(), right.to_owned()));
    assert_eq!(written.collect::<BTreeMap<_, _>>(), tried.collect());
}

async fn answered(caller: &Wire, method: &str, question: &[u8]) -> Code {
    let caller = match method {
        TAIL_AUDIT => caller.with("grpc-timeout", "1S"),
        _ => caller.clone(),
    };
    caller.send(method, framed(question)).await.unwrap().status.code()
}

/// Texts that look like tokens, made of those that are some.
fn bad_tokens(administrators: &str, key: &str) -> Vec<(&'static str, String)> {
    let admin = administrators.strip_prefix("symbolon_admin_").unwrap();
    let app = key.strip_prefix("symbolon_app_").unwrap();
    let other_kind = "symbolon_other_";
    let (admin_id, admin_secret) = admin.split_once('_').unwrap();
    let (app_id, app_secret) = app.split_once('_').unwrap();
    let cut = |text: &str| text[..text.len() - 1].to_owned();
    vec![
        ("an empty token", String::new()),
        ("a token of no kind", format!("{other_kind}{app}")),
        ("an administrator's as an application's", format!("symbolon_app_{admin}")),
        ("an application's as an administrator's", format!("symbolon_admin_{app}")),
        ("an application's secret", format!("symbolon_admin_{admin_id}_{app_secret}")),
        ("an administrator's secret", format!("symbolon_app_{app_id}_{admin_secret}")),
        ("a wrong secret", format!("symbolon_admin_{admin_id}_{}", "A".repeat(43))),
        ("an id that is nobody's", format!("symbolon_admin_0123456789abcdef_{admin_secret}")),
        ("a secret without its end", cut(administrators)),
        ("a secret with more", format!("{administrators}A")),
        ("no secret", format!("symbolon_admin_{admin_id}_")),
        ("an id alone", format!("symbolon_admin_{admin_id}")),
        ("a token of 15 KiB", format!("{administrators}{}", "A".repeat(15_000))),
    ]
}
