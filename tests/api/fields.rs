//! Every field has its limit, and a refusal names the field.

use prost::Message;
use symbolon_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::method::{
    BLOCK_USER, CREATE_APPLICATION, CREATE_JOIN_TOKEN, CREATE_USER, ENROLL_TOKEN, GET_USER,
    LIST_USERS, UPDATE_USER, VERIFY,
};
use crate::support::wire::{Wire, framed};
use crate::support::{administrator, cluster, state, stranger};

const APPLICATION: &str = "portal";
const PERSON: &str = "alice";
/// 45 bytes, the longest way to write an address.
const LONGEST_IP: &str = "0000:0000:0000:0000:0000:ffff:192.168.100.228";

/// Field, method, question.
type Case = (&'static str, &'static str, Vec<u8>);

#[tokio::test]
async fn every_field_limit_is_kept_and_named() {
    let cluster = cluster().await;
    let application = stranger(&cluster, 1).await.bearing(&cluster.application(APPLICATION).await);
    let administrator = administrator(&cluster, 2).await;
    cluster.person(PERSON).await;

    for (field, method, question) in within_the_limits() {
        let caller = if method == VERIFY { &application } else { &administrator };
        let reply = caller.send(method, framed(&question)).await.unwrap();
        assert_eq!(reply.status.code(), Code::Ok, "{method}, {field}: {:?}", reply.status);
    }

    let before = state::users(&cluster).await;
    for (field, method, question) in bad_verifications().into_iter().chain(bad_administration()) {
        let caller = if method == VERIFY { &application } else { &administrator };
        refused(caller, field, method, &question).await;
    }
    for bad in ["", "0", &"0".repeat(31), &"0".repeat(33), &"g".repeat(32), &format!("+{:031}", 0)]
    {
        let header = "symbolon-request-id";
        let question = verification(|_| {});
        refused(&application.with(header, bad), header, VERIFY, &question).await;
        let question = new_user("nobody-yet", "");
        refused(&administrator.with(header, bad), header, CREATE_USER, &question).await;
    }
    for (name, code) in [
        ("", Code::InvalidArgument),
        ("two words", Code::InvalidArgument),
        ("nobody", Code::NotFound),
    ] {
        let question = verification(|request| name.clone_into(&mut request.application));
        let reply = administrator.send(VERIFY, framed(&question)).await.unwrap();
        assert_eq!(reply.status.code(), code, "{name}: {:?}", reply.status);
    }

    assert!(state::users(&cluster).await == before);
    cluster.assert_same_state().await;
}

async fn refused(caller: &Wire, field: &str, method: &str, question: &[u8]) {
    let reply = caller.send(method, framed(question)).await.unwrap();
    let status = reply.status;
    assert_eq!(status.code(), Code::InvalidArgument, "{method}, {field}: {status:?}");
    assert!(status.message().starts_with(&format!("{field}: ")), "{method}, {field}: {status:?}");
    assert_eq!(violations(&status), [field], "{method}: {status:?}");
}

fn violations(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request();
    let violations = details.map(|details| details.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

fn verification(change: impl FnOnce(&mut v1::VerifyRequest)) -> Vec<u8> {
    let mut request = v1::VerifyRequest {
        username: "nobody".to_owned(),
        code: "000000".to_owned(),
        ..v1::VerifyRequest::default()
    };
    change(&mut request);
    request.encode_to_vec()
}

fn new_user(username: &str, display_name: &str) -> Vec<u8> {
    let request = v1::CreateUserRequest {
        username: username.to_owned(),
        display_name: display_name.to_owned(),
        ..v1::CreateUserRequest::default()
    };
    request.encode_to_vec()
}

fn token(change: impl FnOnce(&mut v1::EnrollTokenRequest)) -> Vec<u8> {
    let mut request =
        v1::EnrollTokenRequest { username: PERSON.to_owned(), ..v1::EnrollTokenRequest::default() };
    change(&mut request);
    request.encode_to_vec()
}

fn updated(change: impl FnOnce(&mut v1::User)) -> Vec<u8> {
    let mut user = v1::User { username: PERSON.to_owned(), ..v1::User::default() };
    change(&mut user);
    let paths = vec!["display_name".to_owned()];
    let update_mask = Some(prost_types::FieldMask { paths });
    v1::UpdateUserRequest { user: Some(user), update_mask }.encode_to_vec()
}

fn update(paths: &[&str]) -> Vec<u8> {
    let user = v1::User { username: PERSON.to_owned(), ..v1::User::default() };
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    v1::UpdateUserRequest { user: Some(user), update_mask }.encode_to_vec()
}

fn block(reason: &str, seconds: u32) -> Vec<u8> {
    let request =
        v1::BlockUserRequest { username: PERSON.to_owned(), reason: reason.to_owned(), seconds };
    request.encode_to_vec()
}

fn hotp(change: impl FnOnce(&mut v1::EnrollTokenRequest)) -> Vec<u8> {
    token(|request| {
        request.r#type = v1::TokenType::Hotp.into();
        change(request);
    })
}

fn page(page_size: u32, page_token: &str) -> Vec<u8> {
    let request = v1::ListUsersRequest {
        page_size,
        page_token: page_token.to_owned(),
        allow_stale: false,
        ..Default::default()
    };
    request.encode_to_vec()
}

fn new_application(name: &str) -> Vec<u8> {
    let name = name.to_owned();
    v1::CreateApplicationRequest { name, ..Default::default() }.encode_to_vec()
}

fn join_token(life_seconds: u32) -> Vec<u8> {
    v1::CreateJoinTokenRequest { life_seconds }.encode_to_vec()
}

fn named(username: &str) -> Vec<u8> {
    let request = v1::GetUserRequest { username: username.to_owned(), allow_stale: false };
    request.encode_to_vec()
}

/// A limit that is too tight is as wrong as none.
fn within_the_limits() -> Vec<Case> {
    let longest = "u".repeat(256);
    vec![
        ("username", VERIFY, verification(|r| r.username = "v".repeat(256))),
        ("code", VERIFY, verification(|r| r.code = "1".repeat(64))),
        ("client_ip", VERIFY, verification(|r| LONGEST_IP.clone_into(&mut r.client_ip))),
        ("context", VERIFY, verification(|r| r.context = "c".repeat(1024))),
        ("request_id", VERIFY, verification(|r| r.request_id = vec![7; 16])),
        ("method", VERIFY, verification(|r| r.method = v1::Method::Otp.into())),
        ("application", VERIFY, verification(|r| APPLICATION.clone_into(&mut r.application))),
        ("username", CREATE_USER, new_user(&longest, &"d".repeat(256))),
        ("username", GET_USER, named(&longest)),
        ("page_size", LIST_USERS, page(1000, &longest)),
        ("digits", ENROLL_TOKEN, token(|r| r.digits = 7)),
        ("digits", ENROLL_TOKEN, token(|r| r.digits = 8)),
        ("period_seconds", ENROLL_TOKEN, token(|r| r.period_seconds = 60)),
        ("seed", ENROLL_TOKEN, token(|r| r.seed = vec![1; 16])),
        ("seed", ENROLL_TOKEN, token(|r| r.seed = vec![1; 64])),
        ("serial", ENROLL_TOKEN, token(|r| r.serial = "S".repeat(64))),
        ("type", ENROLL_TOKEN, token(|r| r.r#type = v1::TokenType::Totp.into())),
        ("algorithm", ENROLL_TOKEN, token(|r| r.algorithm = v1::Algorithm::Sha512.into())),
        ("name", CREATE_APPLICATION, new_application(&"a".repeat(64))),
        ("life_seconds", CREATE_JOIN_TOKEN, join_token(604_800)),
    ]
}

fn bad_verifications() -> Vec<Case> {
    vec![
        ("username", VERIFY, verification(|r| r.username = "v".repeat(257))),
        ("username", VERIFY, verification(|r| r.username.clear())),
        ("username", VERIFY, verification(|r| "two words".clone_into(&mut r.username))),
        ("username", VERIFY, verification(|r| "nul\0".clone_into(&mut r.username))),
        ("code", VERIFY, verification(|r| r.code = "1".repeat(65))),
        ("client_ip", VERIFY, verification(|r| r.client_ip = format!("{LONGEST_IP}0"))),
        ("client_ip", VERIFY, verification(|r| "localhost".clone_into(&mut r.client_ip))),
        ("client_ip", VERIFY, verification(|r| "192.0.2.1:80".clone_into(&mut r.client_ip))),
        ("client_ip", VERIFY, verification(|r| " 192.0.2.1".clone_into(&mut r.client_ip))),
        ("context", VERIFY, verification(|r| r.context = "c".repeat(1025))),
        ("request_id", VERIFY, verification(|r| r.request_id = vec![7; 15])),
        ("request_id", VERIFY, verification(|r| r.request_id = vec![7; 17])),
        ("method", VERIFY, verification(|r| r.method = 2)),
        ("method", VERIFY, verification(|r| r.method = -1)),
        ("application", VERIFY, verification(|r| "other".clone_into(&mut r.application))),
        ("application", VERIFY, verification(|r| "Demo-App".clone_into(&mut r.application))),
    ]
}

fn bad_administration() -> Vec<Case> {
    // Grows when it is written in lower case.
    let grows = "\u{130}".repeat(128);
    vec![
        ("username", CREATE_USER, new_user(&"u".repeat(257), "")),
        ("username", CREATE_USER, new_user(&grows, "")),
        ("username", CREATE_USER, new_user("", "")),
        ("username", CREATE_USER, new_user("two words", "")),
        ("username", CREATE_USER, new_user("line\nbreak", "")),
        ("display_name", CREATE_USER, new_user("nobody-yet", &"d".repeat(257))),
        ("display_name", CREATE_USER, new_user("nobody-yet", "\u{1b}[2J")),
        ("username", GET_USER, named(&"u".repeat(257))),
        ("update_mask", UPDATE_USER, update(&[])),
        ("update_mask", UPDATE_USER, update(&["username"])),
        ("etag", UPDATE_USER, updated(|user| user.etag = "x".to_owned())),
        ("display_name", UPDATE_USER, updated(|user| user.display_name = "\u{7}".to_owned())),
        ("reason", BLOCK_USER, block("", 1)),
        ("reason", BLOCK_USER, block(&"r".repeat(257), 1)),
        ("seconds", BLOCK_USER, block("because", 315_360_001)),
        ("page_size", LIST_USERS, page(1001, "")),
        ("page_size", LIST_USERS, page(u32::MAX, "")),
        ("page_token", LIST_USERS, page(1, "two words")),
        ("page_token", LIST_USERS, page(1, &"t".repeat(257))),
        ("digits", ENROLL_TOKEN, token(|r| r.digits = 5)),
        ("digits", ENROLL_TOKEN, token(|r| r.digits = 9)),
        ("digits", ENROLL_TOKEN, token(|r| r.digits = 256 + 6)),
        ("period_seconds", ENROLL_TOKEN, token(|r| r.period_seconds = 45)),
        ("period_seconds", ENROLL_TOKEN, token(|r| r.period_seconds = u32::MAX)),
        ("seed", ENROLL_TOKEN, token(|r| r.seed = vec![1; 15])),
        ("seed", ENROLL_TOKEN, token(|r| r.seed = vec![1; 65])),
        ("algorithm", ENROLL_TOKEN, token(|r| r.algorithm = 4)),
        ("type", ENROLL_TOKEN, token(|r| r.r#type = 3)),
        ("period_seconds", ENROLL_TOKEN, hotp(|r| r.period_seconds = 30)),
        ("counter", ENROLL_TOKEN, token(|r| r.counter = 1)),
        ("serial", ENROLL_TOKEN, token(|r| r.serial = "S".repeat(65))),
        ("serial", ENROLL_TOKEN, token(|r| r.serial = "S\u{1b}".to_owned())),
        ("algorithm", ENROLL_TOKEN, token(|r| r.algorithm = -1)),
        ("username", ENROLL_TOKEN, token(|r| r.username.clear())),
        ("name", CREATE_APPLICATION, new_application("")),
        ("name", CREATE_APPLICATION, new_application("two words")),
        ("name", CREATE_APPLICATION, new_application("../up")),
        ("name", CREATE_APPLICATION, new_application(&"a".repeat(65))),
        ("life_seconds", CREATE_JOIN_TOKEN, join_token(604_801)),
        ("life_seconds", CREATE_JOIN_TOKEN, join_token(u32::MAX)),
    ]
}
