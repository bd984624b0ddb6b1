//! What is held about a person: writing it down, and erasing it.

use serde_json::{Value, json};
use symbolon_proto::v1::DataKeyPhase;
use symbolon_testkit::{Cluster, Node, wait_until};

use crate::machine;
use crate::program::{Asking, CONFIGURATION, DONE, NO, NOT_PERMITTED, TIME_MAX, binary};
use crate::unsealed::log_in_clear;

/// Found nowhere unless somebody has kept it.
const EMAIL: &str = "carol.of.the.erasure@example.com";
const PHONE: &str = "+49301928374650";

async fn exported(asking: &Asking, name: &str) -> Value {
    let text = asking.run(&format!("user export-personal-data {name}")).await.ends(DONE);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn types(export: &Value) -> Vec<&str> {
    let events = export["events"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// A person who has everything that a person can have.
async fn add_carol(asking: &Asking) {
    let add =
        format!("user add carol --email {EMAIL} --phone {PHONE} --group staff --display-name");
    asking.run_with(&add, &["Carol Carter"]).await.ends(DONE);
    asking.run("token enroll carol --serial T-1").await.ends(DONE);
    asking.run("user pin carol --generate").await.ends(DONE);
    asking.run("user recovery-codes carol").await.ends(DONE);
    asking.run("user bypass carol --seconds 60 --reason forgotten").await.ends(DONE);
    asking.run("user block carol --reason stolen").await.ends(DONE);
}

#[tokio::test]
async fn all_that_is_held_about_a_person_is_written_down() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let key = cluster.application("vpn").await;
    add_carol(&asking).await;
    asking.run("user add bob").await.ends(DONE);
    asking.run("verify carol --application vpn --code 000000").await.ends(NO);
    asking.run("verify bob --application vpn --code 000000").await.ends(NO);
    cluster.assert_same_state().await;

    let file = cluster.directory().join("carol.json");
    let command = format!("user export-personal-data CAROL -o {}", file.display());
    let said = asking.json(&command).await;
    assert_eq!((&said["file"], &said["events"]), (&json!(file.to_str().unwrap()), &json!(8)));
    assert_eq!(machine::mode(&file) & 0o777, 0o600);
    let words = asking.run(&command).await.fails(CONFIGURATION);
    assert!(words.contains("does not exist"), "nothing is overwritten: {words}");
    let export: Value = serde_json::from_str(&machine::text(&file)).unwrap();
    assert_eq!(export["log_index"], said["log_index"]);
    the_user_is_told(&export["user"]);
    let expected = [
        "USER_CREATED",
        "TOKEN_ENROLLED",
        "PIN_SET",
        "RECOVERY_CODES_CREATED",
        "BYPASS_GRANTED",
        "USER_BLOCKED",
        "VERIFIED",
        "PERSONAL_DATA_EXPORTED",
    ];
    assert_eq!(types(&export), expected);
    assert_eq!(export["audit"]["missing"], Value::Null);
    assert!(!machine::text(&file).contains("bob"), "of nobody else");

    // Who reads it is known, and only an administrator may.
    let by = "audit query --type personal_data_exported --output json";
    let told = asking.run(by).await.ends(DONE);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["details"]["user"]["username"], &told["caller"]["kind"]),
        (&json!("carol"), &json!("ADMINISTRATOR"))
    );
    for role in ["help-desk", "auditor"] {
        let made = asking.json(&format!("admin add {role} --role {role}")).await;
        refuses(&cluster, &asking, made["token"].as_str().unwrap()).await;
    }
    refuses(&cluster, &asking, &key).await;

    // Of somebody who is gone the audit is left, and it is not the next one's of that name.
    asking.run("user delete carol").await.ends(DONE);
    let gone = exported(&asking, "carol").await;
    assert_eq!(gone["user"], Value::Null);
    let added = ["USER_DELETED", "PERSONAL_DATA_EXPORTED"];
    assert_eq!(types(&gone), [&expected[..], &added[..]].concat());
    assert!(!gone.to_string().contains(EMAIL) && !gone.to_string().contains("Carter"), "{gone}");
    cluster.assert_same_state().await;
}

fn the_user_is_told(user: &Value) {
    assert_eq!((&user["display_name"], &user["email"]), (&json!("Carol Carter"), &json!(EMAIL)));
    assert_eq!((&user["phones"][0]["number"], &user["groups"]), (&json!(PHONE), &json!(["staff"])));
    assert_eq!(
        (&user["tokens"][0]["serial"], &user["tokens"][0]["type"]),
        (&json!("T-1"), &json!("TOTP"))
    );
    assert_eq!(
        (&user["last_block"]["reason"], &user["block"]["reason"]),
        (&json!("stolen"), &json!("stolen"))
    );
    assert_eq!(
        (&user["last_bypass"]["reason"], &user["recovery_codes_left"]),
        (&json!("forgotten"), &json!(10))
    );
    for there in ["pin_set_at", "recovery_codes_created_at", "created_at"] {
        assert!(user[there].is_string(), "{there}: {user}");
    }
    // A blocked account counts nothing.
    assert_eq!((&user["failures"], &user["last_failure_at"]), (&json!(0), &Value::Null));
}

async fn refuses(cluster: &Cluster, asking: &Asking, token: &str) {
    let file = cluster.directory().join("other.token");
    machine::write(&file, token);
    machine::set_mode(&file, 0o600);
    let other = asking.with_token_file(&file);
    let words = other.run("user export-personal-data carol").await.fails(NOT_PERMITTED);
    assert!(words.contains("administrator"), "{words}");
}

/// The page on personal data promises it: a change of the data key makes each node take a snapshot and
/// purge its log, however few entries there are.
#[tokio::test]
async fn what_was_known_of_a_person_leaves_log_and_snapshot_with_a_change_of_the_data_key() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    add_carol(&asking).await;
    asking.run("user delete carol").await.ends(DONE);
    cluster.terminate_all().await;
    assert!(log_holds(cluster.node(1), EMAIL), "the log keeps what made the user");
    assert!(log_holds(cluster.node(1), PHONE), "the log keeps what made the user");

    cluster.start_all().await;
    asking.run("cluster rotate-data-key").await.ends(DONE);
    let admin = cluster.admin(1);
    wait_until("the change of the data key is over", TIME_MAX, async || {
        let key = admin.status().await.unwrap().data_key.unwrap();
        key.phase() == DataKeyPhase::Settled && key.active == 2 && keys_left(cluster.node(1)) == 1
    })
    .await;
    cluster.terminate_all().await;
    let node = cluster.node(1);
    for known in [EMAIL, PHONE, "Carol Carter"] {
        assert!(!log_holds(node, known), "{known} is in the log");
        let snapshots = machine::files_below(&node.data_dir().join("snapshots"));
        assert!(!snapshots.is_empty(), "a snapshot was taken");
        for path in snapshots {
            assert!(!holds(&machine::bytes(&path), known), "{known} is in {}", path.display());
        }
    }
    // The name stays for as long as the audit does.
    cluster.start_all().await;
    let told = asking.run("audit query --user carol").await.ends(DONE);
    assert!(told.contains("USER_DELETED") && told.contains("carol"), "{told}");
    assert!(!told.contains(EMAIL) && !told.contains(PHONE), "{told}");
}

fn log_holds(node: &Node, text: &str) -> bool {
    holds(&log_in_clear(&node.data_dir()), text)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Data keys that the node has not let go of.
fn keys_left(node: &Node) -> usize {
    use prost::Message as _;
    let header = machine::bytes(&node.data_dir().join("header"));
    // After the magic and the checksum.
    symbolon_proto::store::v1::Header::decode(&header[12..]).unwrap().wrapped_data_key.len()
}
