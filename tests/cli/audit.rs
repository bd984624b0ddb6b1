//! The audit on the command line.

use serde_json::{Value, json};
use symbolon_testkit::Cluster;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::timeout;

use crate::machine;
use crate::program::{Asking, DONE, NO, NOT_PERMITTED, TIME_MAX, USAGE, binary, keys};

/// One event of JSON a line.
async fn queried(asking: &Asking, arguments: &str) -> Vec<Value> {
    let text = asking.run(&format!("--output json audit query {arguments}")).await.ends(DONE);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

const OF_A_VERIFICATION: [&str; 13] = [
    "answered",
    "application",
    "bypassed",
    "client_ip",
    "decision",
    "exempt",
    "failures",
    "method",
    "prompt",
    "reason_detail",
    "recovery",
    "tokens",
    "user",
];

#[tokio::test]
async fn the_audit_is_told_to_people_and_scripts() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let key = cluster.application("portal").await;
    let key_file = cluster.directory().join("portal.key");
    machine::write(&key_file, &key);
    machine::set_mode(&key_file, 0o600);
    let portal = asking.with_token_file(&key_file);
    asking.run("user add Alice").await.ends(DONE);
    asking.run("user add bob").await.ends(DONE);
    asking.run_with("user block alice --reason", &["her phone is gone"]).await.ends(DONE);
    portal.run("verify alice --code 000000 --client-ip 192.0.2.1").await.ends(NO);
    asking.run("user delete alice").await.ends(DONE);
    cluster.assert_same_state().await;

    let of_alice = queried(&asking, "--user ALICE --oldest").await;
    assert_eq!(types(&of_alice), ["USER_CREATED", "USER_BLOCKED", "VERIFIED", "USER_DELETED"]);
    let expected =
        ["caller", "details", "log_index", "node", "ordinal", "request_id", "time", "type"];
    assert!(of_alice.iter().all(|event| keys(event) == expected), "{of_alice:?}");
    let verified = &of_alice[2]["details"];
    assert_eq!(keys(verified), OF_A_VERIFICATION);
    assert_eq!(verified["user"]["username"], "alice");
    assert_eq!(verified["application"]["name"], "portal");
    assert_eq!(
        (&verified["decision"], &verified["reason_detail"]),
        (&json!("DENY"), &json!("BLOCKED"))
    );
    assert_eq!(verified["client_ip"], "192.0.2.1");
    assert_eq!(of_alice[2]["caller"]["kind"], "APPLICATION");
    assert_eq!(of_alice[1]["details"]["reason"], "her phone is gone");
    assert_eq!(of_alice[1]["caller"]["kind"], "ADMINISTRATOR");
    let newest = queried(&asking, "--user alice --newest").await;
    assert!(newest.iter().rev().eq(&of_alice));
    let by_type = queried(&asking, "--type user-created --type USER_DELETED --since 1h").await;
    assert_eq!(types(&by_type), ["USER_DELETED", "USER_CREATED", "USER_CREATED"]);
    assert_eq!(queried(&asking, "--application portal --decision deny").await.len(), 1);
    assert_eq!(queried(&asking, "--application portal --decision allow").await.len(), 0);
    assert_eq!(queried(&asking, "--until 2020-01-01T00:00:00Z").await.len(), 0);

    let limited = asking.run("audit query --limit 2").await;
    let table = limited.ends(DONE);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.starts_with("TIME ") && table.contains("USER_DELETED"), "{table}");
    assert!(limited.stderr().contains("There is more"), "{}", limited.stderr());
    let table = asking.run("audit query --user alice --decision deny").await.ends(DONE);
    let line: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    let expected = ["portal", "VERIFIED", "alice", "portal", "DENY", "BLOCKED", "192.0.2.1"];
    assert_eq!(line[1..8], expected, "{table}");

    asking.run("audit query --node node-9").await.fails(NO);
    let words = asking.run_with("audit query --user", &["two words"]).await.fails(USAGE);
    assert!(words.contains("username"), "{words}");
    portal.run("audit query").await.fails(NOT_PERMITTED);
    portal.run("audit tail").await.fails(NOT_PERMITTED);
}

/// The audit outlives an account: it tells how groups and tags were, and of a person nothing.
#[tokio::test]
async fn a_change_is_told_with_what_was_before() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice --group sales").await.ends(DONE);
    let set = "user set alice --group it --group staff --email alice@example.com --display-name";
    asking.run_with(set, &["Alice Archer"]).await.ends(DONE);
    asking.run("user disable alice").await.ends(DONE);
    asking.run("user disable alice").await.ends(DONE);
    asking.run("application add vpn").await.ends(DONE);
    asking.run("application set vpn --rename gate --source 192.0.2.0/24").await.ends(DONE);
    asking.run("admin add heidi --role help-desk --scope group:sales").await.ends(DONE);
    asking.run("admin set heidi --role auditor").await.ends(DONE);

    let changes = queried(&asking, "--type user_updated --oldest").await;
    let details: Vec<_> = changes.iter().map(|event| &event["details"]).collect();
    assert_eq!(details[0]["fields"], json!(["display_name", "email", "groups"]));
    assert_eq!(details[0]["groups"], json!(["it", "staff"]));
    let before = json!({ "enabled": null, "groups": ["sales"], "tags": null });
    assert_eq!((&details[0]["before"], &details[0]["enabled"]), (&before, &Value::Null));
    assert_eq!(
        (&details[1]["enabled"], &details[1]["before"]["enabled"]),
        (&json!(false), &json!(true))
    );
    assert_eq!((&details[2]["enabled"], &details[2]["before"]), (&Value::Null, &Value::Null));
    let text = asking.run("audit query --oldest").await.ends(DONE);
    for told in [
        "alice groups sales->it,staff display_name email",
        "alice enabled true->false",
        "gate name vpn->gate sources -->192.0.2.0/24",
        "heidi role help-desk->auditor scope group:sales->-",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let json = asking.run("audit query --output json").await.ends(DONE);
    for personal in ["Archer", "alice@example.com"] {
        assert!(!text.contains(personal) && !json.contains(personal), "{personal} is told");
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = timeout(TIME_MAX, lines.next_line()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(&line).unwrap()
}

#[tokio::test]
async fn a_tail_goes_on_at_another_node_and_misses_nothing() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice").await.ends(DONE);
    cluster.assert_same_state().await;
    let mut tail = asking.start("--output json audit tail -n 1 --type user_created");
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let name = |event: &Value| event["details"]["user"]["username"].as_str().unwrap().to_owned();
    assert_eq!(name(&next(&mut lines).await), "alice");
    cluster.admin(2).create_user("bob").await.unwrap();
    assert_eq!(name(&next(&mut lines).await), "bob");

    // The node that tells it dies.
    cluster.node(1).kill9();
    cluster.wait_for_master().await;
    cluster.admin(2).create_user("carol").await.unwrap();
    cluster.admin(3).create_user("dave").await.unwrap();
    assert_eq!(name(&next(&mut lines).await), "carol");
    assert_eq!(name(&next(&mut lines).await), "dave");

    let pid = tail.id().unwrap();
    machine::signal(pid, rustix::process::Signal::INT);
    let ended = timeout(TIME_MAX, tail.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(DONE));
}
