//! Who may call what: every method that the server tells of, asked by everybody.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderValue;
use prost::Message;
use symbolon_proto::v1;
use symbolon_testkit::Cluster;
use tonic::Code;

use crate::support::callers::{Callers, RIGHTS};
use crate::support::documented::{self, Documented};
use crate::support::method::*;
use crate::support::wire::{Wire, framed};
use crate::support::{assert_all_run, cluster, reflected, state, stranger};

const APPLICATION: &str = "portal";
const PERSON: &str = "alice";
const NOBODY: &str = "nobody";
const ODD: &[u8] = b"Bearer symbolon_app_\xff";

/// Every method that needs a right, and a question that is in order.
pub(crate) fn questions() -> Vec<(&'static str, Vec<u8>)> {
    let enroll = v1::EnrollTokenRequest { username: PERSON.to_owned(), ..Default::default() };
    let user = v1::CreateUserRequest { username: "made-by-right".to_owned(), ..Default::default() };
    let name = || "made-by-right".to_owned();
    let application = v1::CreateApplicationRequest { name: name(), ..Default::default() };
    let role = v1::AdministratorRole::Auditor.into();
    let administrator = v1::CreateAdministratorRequest { name: name(), role, scope: Vec::new() };
    let get_user = v1::GetUserRequest { username: PERSON.to_owned(), allow_stale: false };
    let import_tokens = v1::ImportTokensRequest { tokens: vec![enroll.clone()], dry_run: false };
    let row = v1::ImportedUser { username: "made-by-import".to_owned(), ..Default::default() };
    let import_users = v1::ImportUsersRequest { users: vec![row], update: false, dry_run: false };
    let export = v1::ExportPersonalDataRequest { username: NOBODY.to_owned() };
    let explain = v1::ExplainRequest { username: PERSON.to_owned(), ..Default::default() };
    vec![
        (VERIFY, verify(APPLICATION)),
        (CREATE_USER, user.encode_to_vec()),
        (GET_USER, get_user.encode_to_vec()),
        (LIST_USERS, Vec::new()),
        (ENROLL_TOKEN, enroll.encode_to_vec()),
        (IMPORT_TOKENS, import_tokens.encode_to_vec()),
        (IMPORT_USERS, import_users.encode_to_vec()),
        (CREATE_APPLICATION, application.encode_to_vec()),
        (LIST_APPLICATIONS, Vec::new()),
        (CREATE_ADMINISTRATOR, administrator.encode_to_vec()),
        (LIST_ADMINISTRATORS, Vec::new()),
        (GET_STATUS, Vec::new()),
        (CREATE_JOIN_TOKEN, Vec::new()),
        (ROTATE_DATA_KEY, Vec::new()),
        (RELEASE_RECOVERY_CODES, Vec::new()),
        (DISCARD_EPOCH, discard_epoch()),
        (ACKNOWLEDGE_DOUBLES, Vec::new()),
        (CONFIRM_CLOCK, Vec::new()),
        (LIST_QUARANTINES, Vec::new()),
        (EXPORT_PERSONAL_DATA, export.encode_to_vec()),
        (QUERY_AUDIT, Vec::new()),
        (TAIL_AUDIT, Vec::new()),
        (GET_SETTINGS, Vec::new()),
        (EXPLAIN, explain.encode_to_vec()),
        (UPDATE_SETTINGS, Vec::new()),
        (APPLY_SETTINGS, Vec::new()),
    ]
    .into_iter()
    .chain(about_nobody())
    .chain(about_no_caller())
    .collect()
}

fn discard_epoch() -> Vec<u8> {
    let (epoch, lineage) = (2, "0".repeat(32));
    v1::DiscardEpochRequest { epoch, lineage, confirm: "test".to_owned() }.encode_to_vec()
}

fn verify(application: &str) -> Vec<u8> {
    let request = v1::VerifyRequest {
        username: NOBODY.to_owned(),
        code: "000000".to_owned(),
        application: application.to_owned(),
        ..v1::VerifyRequest::default()
    };
    request.encode_to_vec()
}

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.to_owned()] })
}

/// Questions about somebody who does not exist: whoever has the right is told so.
fn about_nobody() -> [(&'static str, Vec<u8>); 11] {
    let username = || NOBODY.to_owned();
    let reason = || "because".to_owned();
    let user = Some(v1::User { username: username(), ..v1::User::default() });
    let update = v1::UpdateUserRequest { user, update_mask: mask("enabled") };
    let delete = v1::DeleteUserRequest { username: username(), etag: String::new() };
    let block = v1::BlockUserRequest { username: username(), reason: reason(), seconds: 0 };
    let unblock = v1::UnblockUserRequest { username: username(), reason: reason() };
    let change = Some(v1::set_pin_request::Change::Generate(true));
    let set_pin = v1::SetPinRequest { username: username(), change, must_change: false };
    let bypass = v1::GrantBypassRequest { username: username(), reason: reason(), seconds: 60 };
    let cancel = v1::CancelBypassRequest { username: username(), reason: reason() };
    let recovery = v1::CreateRecoveryCodesRequest { username: username() };
    let confirm = v1::ConfirmTokenRequest { username: username(), ..Default::default() };
    let resync = v1::ResyncTokenRequest { username: username(), ..Default::default() };
    let remove = v1::RemoveTokenRequest { username: username(), ..Default::default() };
    [
        (UPDATE_USER, update.encode_to_vec()),
        (DELETE_USER, delete.encode_to_vec()),
        (BLOCK_USER, block.encode_to_vec()),
        (UNBLOCK_USER, unblock.encode_to_vec()),
        (SET_PIN, set_pin.encode_to_vec()),
        (GRANT_BYPASS, bypass.encode_to_vec()),
        (CANCEL_BYPASS, cancel.encode_to_vec()),
        (CREATE_RECOVERY_CODES, recovery.encode_to_vec()),
        (CONFIRM_TOKEN, confirm.encode_to_vec()),
        (RESYNC_TOKEN, resync.encode_to_vec()),
        (REMOVE_TOKEN, remove.encode_to_vec()),
    ]
}

/// The same about applications and administrators.
fn about_no_caller() -> [(&'static str, Vec<u8>); 17] {
    let name = || NOBODY.to_owned();
    // Their only field, or the first of them, is a name everywhere.
    let named = v1::GetApplicationRequest { name: name(), allow_stale: false }.encode_to_vec();
    let update = v1::UpdateApplicationRequest {
        name: name(),
        application: None,
        update_mask: mask("enabled"),
    };
    let ranges = vec!["192.0.2.0/24".to_owned()];
    let set_radius = v1::SetRadiusClientRequest {
        application: name(),
        policy: Some(v1::RadiusPolicy { ranges, ..v1::RadiusPolicy::default() }),
        ..v1::SetRadiusClientRequest::default()
    };
    let administrator = Some(v1::Administrator { name: name(), ..v1::Administrator::default() });
    let update_mask = mask("enabled");
    let whom = v1::UpdateAdministratorRequest { administrator, update_mask };
    [
        (GET_APPLICATION, named.clone()),
        (PROMOTE_SUBORDINATE, named.clone()),
        (REMOVE_NODE, named.clone()),
        (SHOW_QUARANTINE, named.clone()),
        (REAPPLY_QUARANTINE, named.clone()),
        (DISCARD_QUARANTINE, named.clone()),
        (UPDATE_APPLICATION, update.encode_to_vec()),
        (ROTATE_APPLICATION_KEY, named.clone()),
        (RETIRE_APPLICATION_KEY, named.clone()),
        (DELETE_APPLICATION, named.clone()),
        (SET_RADIUS_CLIENT, set_radius.encode_to_vec()),
        (GET_RADIUS_CLIENT, named.clone()),
        (REMOVE_RADIUS_CLIENT, named.clone()),
        (GET_ADMINISTRATOR, named.clone()),
        (UPDATE_ADMINISTRATOR, whom.encode_to_vec()),
        (ROTATE_ADMINISTRATOR_TOKEN, named.clone()),
        (DELETE_ADMINISTRATOR, named),
    ]
}

/// What anybody may ask who reaches the port.
const OPEN: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// As the comments of the .proto files have it, which `rights_document` compares with the one table.
fn documented() -> BTreeMap<String, Vec<String>> {
    let methods = documented::methods("symbolon.v1").into_iter();
    let methods = methods.map(|Documented { method, rights }| {
        assert!(!rights.is_empty(), "{method} does not name its right");
        (method, rights)
    });
    methods.collect()
}

#[tokio::test]
async fn every_method_is_for_those_alone_who_have_its_right() {
    let cluster = cluster().await;
    let key = cluster.application(APPLICATION).await;
    let person = cluster.person(PERSON).await;
    let anybody = stranger(&cluster, 3).await;
    assert_nothing_is_forgotten(&anybody).await;

    let before = state::users(&cluster).await;
    assert_strangers_get_nothing(&cluster, &anybody, &key).await;
    let callers = Callers::of_every_right(&cluster).await;
    // Those who change nothing first.
    for right in ["verify", "self-service", "auditor"] {
        assert_gets_what_is_documented(&callers, &anybody, right).await;
    }
    assert!(state::users(&cluster).await == before, "somebody without a right did something");
    assert_administrator_gets_everything(&cluster, &anybody).await;
    for right in ["help-desk", "administrator"] {
        assert_gets_what_is_documented(&callers, &anybody, right).await;
    }
    let verdict = cluster.anonymous(2).with_bearer(&key).verdict(person.request()).await;
    assert!(verdict.unwrap().is_allow(), "the person's own token is as it was");
    assert_all_run(&cluster);
    cluster.assert_same_state().await;
}

async fn assert_strangers_get_nothing(cluster: &Cluster, anybody: &Wire, key: &str) {
    let mut strangers = vec![
        ("no bearer", anybody.clone()),
        ("another scheme", anybody.with("authorization", "Basic YWxpY2U6eA==")),
        ("no scheme", anybody.with("authorization", key)),
        ("odd bytes", anybody.with_value("authorization", HeaderValue::from_bytes(ODD).unwrap())),
    ];
    for (what, token) in bad_tokens(cluster.admin_token(), key) {
        strangers.push((what, anybody.bearing(&token)));
    }
    for (what, stranger) in &strangers {
        for (method, question) in questions() {
            let code = answered(stranger, method, &question).await;
            assert_eq!(code, Code::Unauthenticated, "{method} by {what}");
        }
    }
}

/// Both who can have a right: an application, and an administrator of the role.
async fn assert_gets_what_is_documented(callers: &Callers, anybody: &Wire, right: &str) {
    let documented = documented();
    for caller in callers.with_right(right) {
        let wire = anybody.bearing(&caller.bearer);
        for (method, mut question) in questions() {
            if method == VERIFY && caller.is_application {
                question = verify("");
            }
            let code = answered(&wire, method, &question).await;
            let may = documented[method].iter().any(|enough| enough == right);
            let who = &caller.name;
            if may {
                assert!(is_of_the_matter(code), "{method} by {who} with {right}: {code:?}");
            } else {
                assert_eq!(code, Code::PermissionDenied, "{method} by {who} with {right}");
            }
        }
    }
}

/// It was looked at, and perhaps done before by somebody else with the right.
const fn is_of_the_matter(code: Code) -> bool {
    matches!(
        code,
        Code::Ok
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::DeadlineExceeded
    )
}

async fn assert_administrator_gets_everything(cluster: &Cluster, anybody: &Wire) {
    let administrator = anybody.bearing(cluster.admin_token());
    for (method, question) in questions() {
        let code = answered(&administrator, method, &question).await;
        let nobody = about_nobody().into_iter().chain(about_no_caller());
        let found = if nobody.into_iter().any(|(about, _)| about == method) {
            Code::NotFound
        } else if [RELEASE_RECOVERY_CODES, DISCARD_EPOCH, ACKNOWLEDGE_DOUBLES].contains(&method) {
            // There was no seize.
            Code::FailedPrecondition
        } else if method == TAIL_AUDIT {
            // It goes on for as long as the caller likes.
            Code::DeadlineExceeded
        } else {
            Code::Ok
        };
        assert_eq!(code, found, "{method} by an administrator");
    }
}

/// What reflection tells, what the .proto files say, and what is tried here are the same.
async fn assert_nothing_is_forgotten(anybody: &Wire) {
    let told: BTreeSet<_> = reflected::methods(anybody).await.into_iter().collect();
    let tried = questions().into_iter().map(|(method, _)| method);
    let tried: BTreeSet<_> = tried.chain(OPEN.iter().copied()).map(str::to_owned).collect();
    assert_eq!(told, tried, "told on the left, tried on the right");
    let documented = documented();
    let written: BTreeSet<_> = documented.keys().cloned().collect();
    let open = OPEN.iter().copied().map(str::to_owned).collect();
    assert_eq!(written, &tried - &open);
    for (method, rights) in &documented {
        let known = rights.iter().all(|right| RIGHTS.contains(&right.as_str()));
        assert!(known, "{method}: {rights:?}");
    }
}

pub(crate) async fn answered(caller: &Wire, method: &str, question: &[u8]) -> Code {
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
