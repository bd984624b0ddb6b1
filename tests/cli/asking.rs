//! Commands that ask a cluster: their exit codes, their JSON, their words.

use serde_json::{Value, json};
use symbolon_testkit::{Cluster, Otp};

use crate::machine;
use crate::program::{Asking, CONFIGURATION, DONE, NO, USAGE, binary, keys};

/// Base32 of 20 bytes.
const SEED: &str = "GEZD GNBV gy3t qojq GEZD-GNBV-GY3T-QOJQ\n";

const OF_A_USER: [&str; 19] = [
    "block",
    "bypass",
    "created_at",
    "display_name",
    "email",
    "enabled",
    "failures",
    "groups",
    "id",
    "language",
    "locked",
    "phones",
    "pin_due_at",
    "pin_set_at",
    "recovery_codes_left",
    "tags",
    "tokens",
    "username",
    "waits_until",
];

#[tokio::test]
async fn users_and_tokens_are_told_to_people_and_scripts() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);

    let made = asking.json("user add Alice --display-name A.").await;
    let of_a_user = OF_A_USER;
    let mut expected = of_a_user.to_vec();
    expected.insert(11, "log_index");
    assert_eq!(keys(&made), expected);
    assert_eq!((&made["username"], &made["display_name"]), (&json!("alice"), &json!("A.")));
    assert!(is_time(&made["created_at"]) && made["log_index"].as_u64() > Some(0), "{made}");
    assert_eq!(asking.run("user add bob").await.ends(DONE), "User bob added.\n");
    let words = asking.run("user add ALICE").await.fails(NO);
    assert!(words.contains("in use"), "{words}");
    let words = asking.run_with("user add", &["two words"]).await.fails(USAGE);
    assert!(words.contains("username"), "{words}");

    let enrolled =
        asking.json("token enroll alice --digits 8 --period 60 --algorithm sha256").await;
    assert_eq!(keys(&enrolled), ["log_index", "otpauth_uri", "token"]);
    let token = &enrolled["token"];
    let expected = [
        "algorithm",
        "counter",
        "created_at",
        "digits",
        "drift_steps",
        "id",
        "pending",
        "period_seconds",
        "serial",
        "type",
        "used",
    ];
    assert_eq!(keys(token), expected);
    assert_eq!(token["algorithm"], "SHA256");
    assert_eq!((&token["digits"], &token["period_seconds"]), (&json!(8), &json!(60)));
    let uri = enrolled["otpauth_uri"].as_str().unwrap();
    let asked = "algorithm=SHA256&digits=8&period=60";
    assert!(uri.starts_with("otpauth://totp/test:alice?secret=") && uri.ends_with(asked), "{uri}");
    qr_code(&asking).await;
    seeds(&asking).await;

    let shown = asking.json("user show ALICE").await;
    assert_eq!(keys(&shown), of_a_user);
    assert_eq!(shown["tokens"][0], *token);
    let words = asking.run("user show alice").await.ends(DONE);
    assert!(words.contains("alice") && words.contains("SHA256") && !words.contains("secret"));
    let words = asking.run("user show nobody").await.fails(NO);
    assert!(words.contains("user"), "{words}");
    let listed = asking.json("user list").await;
    assert_eq!(keys(&listed), ["users"]);
    let names: Vec<_> =
        listed["users"].as_array().unwrap().iter().map(|u| &u["username"]).collect();
    assert_eq!(names, ["alice", "bob"]);
    let table = asking.run("user list").await.ends(DONE);
    assert!(table.lines().any(|line| line.starts_with("alice ")), "{table}");
}

#[tokio::test]
async fn a_help_desk_finds_its_way() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice").await.ends(DONE);
    assert!(asking.run("user show alice").await.ends(DONE).contains("can sign in"));

    let words = asking.run("user block alice --reason stolen --days 2").await.ends(DONE);
    assert_eq!(words, "User alice is blocked for 2 days.\n");
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.contains("stolen") && shown.contains("symbolon user unblock"), "{shown}");
    assert_eq!(asking.json("user show alice").await["block"]["reason"], "stolen");
    asking.run("user unblock alice --reason found").await.ends(DONE);
    assert_eq!(asking.json("user show alice").await["block"], Value::Null);

    let words = asking.run("user disable alice").await.ends(DONE);
    assert_eq!(words, "User alice is switched off.\n");
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.contains("symbolon user enable"), "{shown}");
    assert_eq!(asking.json("user enable alice").await["enabled"], true);
    assert_eq!(asking.json("user set alice --display-name Al").await["display_name"], "Al");

    asking.run("token enroll alice --serial S-1 --pending").await.ends(DONE);
    asking.run("token enroll alice --type hotp --serial S-2 --counter 5").await.ends(DONE);
    let table = asking.run("token list alice").await.ends(DONE);
    assert!(table.contains("pending") && table.contains("HOTP, next 5"), "{table}");
    let words = asking.run("token remove alice").await.fails(USAGE);
    assert!(words.contains("serial number"), "{words}");
    asking.run("token remove alice --serial S-1").await.ends(DONE);
    let words = asking.run("token confirm alice 000000").await.fails(NO);
    assert!(words.contains("not pending"), "{words}");
    let words = asking.run("token resync alice 000000 111111").await.fails(NO);
    assert!(words.contains("next two"), "{words}");
    let left = asking.json("token list alice").await;
    assert_eq!(left["tokens"].as_array().unwrap().len(), 1);

    asking.run("user delete alice").await.ends(DONE);
    asking.run("user show alice").await.fails(NO);
    asking.run("user delete alice").await.fails(NO);
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("20") && text.ends_with('Z'))
}

/// Somebody without a terminal gets blocks, and the URI to type.
async fn qr_code(asking: &Asking) {
    let text = asking.run("token enroll bob").await.ends(DONE);
    let image = text.lines().filter(|line| line.contains('\u{2580}') || line.contains('\u{2588}'));
    assert!(image.count() > 10, "{text}");
    let uri = text.lines().find(|line| line.starts_with("otpauth://totp/")).unwrap();
    assert_eq!(Otp::from_uri(uri).code().len(), 6);
}

async fn seeds(asking: &Asking) {
    let enroll = "--output json token enroll bob --seed-file -";
    let told = asking.run_reading(enroll, SEED).await.json(DONE);
    let uri = told["otpauth_uri"].as_str().unwrap();
    assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"), "{uri}");
    for bad in ["", "GEZDGNBV", "not base32!"] {
        let words = asking.run_reading(enroll, bad).await.fails(USAGE);
        assert!(words.contains("base32") && !words.contains("GEZDGNBV"), "{words}");
    }
    let words = asking.run("token enroll bob --seed-file nowhere").await.fails(CONFIGURATION);
    assert!(words.contains("nowhere"), "{words}");
    let words = asking.run("token enroll nobody").await.fails(NO);
    assert!(words.contains("user"), "{words}");
}

#[tokio::test]
async fn verifications_are_told_by_their_exit_code() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let key_file = cluster.directory().join("portal.key");
    applications(&asking, &key_file).await;
    let portal = asking.with_token_file(&key_file);
    let person = cluster.person("alice").await;
    let verify = |code: &str| format!("--output json verify alice --code {code}");

    let id = "00112233445566778899aabbccddeeff";
    let code = person.otp.code();
    let asked = format!("{} --client-ip 192.0.2.1 --request-id {id}", verify(&code));
    let allowed = portal.run(&asked).await.json(DONE);
    let expected = [
        "decision",
        "island",
        "log_index",
        "node",
        "prompt",
        "prompt_kind",
        "reason",
        "reason_detail",
        "request_id",
        "state",
    ];
    assert_eq!(keys(&allowed), expected);
    assert_eq!((&allowed["decision"], &allowed["reason"]), (&json!("ALLOW"), &Value::Null));
    assert_eq!(allowed["request_id"], id);
    let again = portal.at(cluster.node(2).api().to_string()).run(&asked).await.json(DONE);
    assert_eq!(again["log_index"], allowed["log_index"], "the same request, the same answer");
    assert_eq!(again["node"], "node-2");

    let used = portal.run(&verify(&code)).await.json(NO);
    assert_eq!(used["reason"], "CODE_ALREADY_USED");
    let denied = portal.run(&verify(&person.otp.wrong_code())).await.json(NO);
    assert_eq!((&denied["reason"], &denied["reason_detail"]), (&json!("DENIED"), &Value::Null));
    assert_eq!(portal.run("verify nobody --code 000000").await.ends(NO), "DENY DENIED\n");
    let help_desk = asking.run("verify nobody --code 000000 --application portal").await;
    assert_eq!(help_desk.ends(NO), "DENY DENIED (UNKNOWN_USER)\n");
    let typed = portal.run_reading("verify alice", &format!("{code}\n")).await;
    assert_eq!(typed.ends(NO), "DENY CODE_ALREADY_USED\n");

    portal.run_reading("verify alice", "\n").await.fails(USAGE);
    for (field, more) in [("application", "--application other"), ("client_ip", "--client-ip here")]
    {
        let words = portal.run(&format!("verify alice --code 1 {more}")).await.fails(USAGE);
        assert!(words.contains(field), "{words}");
    }
    let words = asking.run("verify alice --code 1").await.fails(USAGE);
    assert!(words.contains("application"), "{words}");
    // Never the exit code of a denial.
    let words = asking.run("verify alice --code 1 --application nobody").await.fails(USAGE);
    assert!(words.contains("application"), "{words}");
}

async fn applications(asking: &Asking, key_file: &std::path::Path) {
    let add = format!("application add portal --key-file {}", key_file.display());
    let made = asking.json(&add).await;
    assert_eq!(keys(&made), ["api_key", "id", "key_file", "log_index", "name"]);
    assert_eq!((&made["name"], &made["api_key"]), (&json!("portal"), &Value::Null));
    assert_eq!(made["key_file"], key_file.to_str().unwrap());
    assert_eq!(machine::mode(key_file), 0o600);
    assert!(machine::text(key_file).starts_with("symbolon_app_"));
    let shown = asking.json("application add shown").await;
    assert!(shown["api_key"].as_str().unwrap().starts_with("symbolon_app_"));
    let words = asking.run("application add shown").await.fails(NO);
    assert!(words.contains("in use"), "{words}");

    // A key that could not be kept is not made: the name is still free.
    let taken = add.replace("portal --", "third --");
    let words = asking.run(&taken).await.fails(CONFIGURATION);
    assert!(words.contains("key file"), "{words}");
    let said = asking.run("application add third").await.ends(DONE);
    assert!(said.starts_with("Application third added.\nAPI key: symbolon_app_"), "{said}");
}

#[tokio::test]
async fn the_cluster_is_told_as_it_is() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let status = asking.json("cluster status").await;
    for key in [
        "applied_index",
        "cluster_id",
        "cluster_name",
        "digest",
        "epoch",
        "lineage",
        "master",
        "node",
        "nodes",
        "term",
        "users",
        "warnings",
    ] {
        assert!(!status[key].is_null(), "{key}: {status}");
    }
    assert_eq!((&status["cluster_name"], &status["epoch"]), (&json!("test"), &json!(1)));
    assert_eq!((&status["pairing"], &status["alone_since"]), (&Value::Null, &Value::Null));
    let mut roles = Vec::new();
    for node in status["nodes"].as_array().unwrap() {
        for key in
            ["api_address", "applied_index", "clock_offset_seconds", "id", "lag", "peer_address"]
        {
            assert!(!node[key].is_null(), "{key}: {node}");
        }
        assert_eq!(node["reachable"], true, "{node}");
        roles.push(node["role"].as_str().unwrap().to_owned());
    }
    roles.sort_unstable();
    assert_eq!(roles, ["MASTER", "SUBORDINATE", "SUBORDINATE"]);
    let table = asking.run("cluster status").await.ends(DONE);
    for word in
        ["node-1", "node-2", "node-3", "MASTER", "SUBORDINATE", "Epoch", "Digest", "Pairing"]
    {
        assert!(table.contains(word), "{word}: {table}");
    }

    let token = asking.json("cluster join-token create --life 60").await;
    assert_eq!(keys(&token), ["expires_at", "join_token", "log_index"]);
    assert!(token["join_token"].as_str().unwrap().starts_with("symbolon_join_"));
    assert!(is_time(&token["expires_at"]), "{token}");

    // The first of the servers is dead: the next one is asked.
    cluster.node(1).kill9();
    cluster.wait_for_master().await;
    let status = asking.json("cluster status").await;
    assert_eq!(status["node"], "node-2");
    assert_eq!(asking.run("user add carol").await.ends(DONE), "User carol added.\n");
    symbolon_testkit::wait_until("the dead one is missed", crate::program::TIME_MAX, async || {
        let status = asking.json("cluster status").await;
        status["nodes"].as_array().unwrap().iter().any(|node| node["reachable"] == false)
    })
    .await;
}
