//! A morning at the help desk, and what the administrator does before and after it.

use serde_json::json;
use symbolon_testkit::Cluster;

use crate::machine;
use crate::program::{Asking, DONE, NO, NOT_PERMITTED, binary};

const NOT_FOUND_WORDS: &str = "there is no user of that name";

/// Who asks with a token that the administrator has had written to a file.
fn with_file(cluster: &Cluster, asking: &Asking, name: &str) -> Asking {
    let file = cluster.directory().join(name);
    assert_eq!(machine::mode(&file), 0o600, "{name}");
    asking.with_token_file(&file)
}

#[tokio::test]
async fn a_help_desk_helps_its_own_people_and_does_nothing_else() {
    let cluster = Cluster::start(binary(), 3).await;
    let admin = Asking::administrator(&cluster);
    let file = |name: &str| cluster.directory().join(name).display().to_string();
    for user in ["alice@sales.example", "bob@other.example"] {
        admin.run(&format!("user add {user}")).await.ends(DONE);
    }
    let add = "admin add heidi --role help-desk --scope domain:sales.example --key-file";
    let told = admin.run(&format!("{add} {}", file("heidi.token"))).await.ends(DONE);
    assert!(told.contains("Administrator heidi added") && !told.contains("symbolon_admin_"));
    let heidi = with_file(&cluster, &admin, "heidi.token");

    // Her people, and nobody else's.
    let listed = heidi.json("user list").await;
    assert_eq!(listed["users"].as_array().unwrap().len(), 1);
    assert_eq!(listed["users"][0]["username"], "alice@sales.example");
    heidi.run("token enroll alice@sales.example").await.ends(DONE);
    heidi.run("user block alice@sales.example --reason lost").await.ends(DONE);
    heidi.run("user unblock alice@sales.example --reason found").await.ends(DONE);
    heidi.run("user disable alice@sales.example").await.ends(DONE);
    heidi.run("user enable alice@sales.example").await.ends(DONE);
    for line in [
        "user show bob@other.example",
        "user disable bob@other.example",
        "user block bob@other.example --reason spite",
        "token enroll bob@other.example",
    ] {
        let ran = heidi.run(line).await;
        let nobody = heidi.run(&line.replace("bob@other.example", "nobody")).await;
        assert_eq!(ran.code(), nobody.code(), "{line}");
        let (words, of_nobody) = (ran.stderr(), nobody.stderr());
        assert!(words.contains(NOT_FOUND_WORDS) && words == of_nobody, "{words}{of_nobody}");
    }

    assert_may_nothing_else(&heidi).await;

    // An auditor reads what she did.
    admin
        .run(&format!("admin add vera --role auditor --key-file {}", file("vera.token")))
        .await
        .ends(DONE);
    let vera = with_file(&cluster, &admin, "vera.token");
    let query = "--output json audit query --user alice@sales.example --type USER_BLOCKED";
    let event: serde_json::Value = serde_json::from_str(&vera.run(query).await.ends(DONE)).unwrap();
    assert_eq!(event["caller"]["name"], "heidi");
    vera.run("user disable alice@sales.example").await.fails(NOT_PERMITTED);
    let listed = vera.json("admin list").await;
    let rows = listed["administrators"].as_array().unwrap();
    let heidis = rows.iter().find(|row| row["name"] == "heidi").unwrap();
    assert_eq!(heidis["role"], "help-desk");
    assert_eq!(heidis["scope"], json!(["domain:sales.example"]));

    // She leaves.
    admin.run("admin disable heidi").await.ends(DONE);
    heidi.run("user list").await.fails(NOT_PERMITTED);
    admin.run("admin delete heidi").await.ends(DONE);
    let last = rows.iter().find(|row| row["role"] == "administrator").unwrap();
    let line = format!("admin delete {}", last["name"].as_str().unwrap());
    let words = admin.run(&line).await;
    assert_ne!(words.code(), DONE);
    assert!(words.stderr().contains("nobody would be left"), "{}", words.stderr());
}

/// Each in one command or two, with the right of a help desk alone.
#[tokio::test]
async fn four_calls_to_the_help_desk() {
    let cluster = Cluster::start(binary(), 3).await;
    let admin = Asking::administrator(&cluster);
    let file = cluster.directory().join("heidi.token").display().to_string();
    admin.run(&format!("admin add heidi --role help-desk --key-file {file}")).await.ends(DONE);
    admin.run("application add vpn").await.ends(DONE);
    let heidi = with_file(&cluster, &admin, "heidi.token");
    let alice = cluster.person("alice").await;
    let sign_in = async |code: &str, exit| {
        admin.run(&format!("verify alice --application vpn --code {code}")).await.ends(exit)
    };
    let pin = heidi.json("user pin alice --generate").await;
    let pin = pin["pin"].as_str().unwrap().to_owned();
    sign_in(&format!("{pin}{}", alice.otp.code()), DONE).await;

    // "I have left my phone at home."
    heidi.run("user bypass alice --reason left-at-home").await.ends(DONE);
    sign_in("000000", DONE).await;
    sign_in("000000", NO).await;

    // "I have forgotten my PIN."
    let drawn = heidi.json("user pin alice --generate").await;
    let forgotten = pin;
    let pin = drawn["pin"].as_str().unwrap();
    let next = alice.otp.code_of(alice.otp.step_now() + 1);
    assert_ne!(forgotten, pin);
    sign_in(&format!("{pin}{next}"), DONE).await;

    // "It takes no code of mine any more."
    for _ in 0..10 {
        sign_in("000000", NO).await;
    }
    let told = heidi.run("settings explain alice --application vpn").await.ends(DONE);
    assert!(told.contains("(WAITING)") && told.contains("10 failures in a row"), "{told}");
    heidi.run("user unblock alice --reason typing-error").await.ends(DONE);
    let told = heidi.run("settings explain alice --application vpn").await.ends(DONE);
    assert!(told.contains("a code is looked at"), "{told}");

    // "I have a new phone."
    let enrolled = heidi.json("token enroll alice").await;
    let otp = symbolon_testkit::Otp::from_uri(enrolled["otpauth_uri"].as_str().unwrap());
    let old = heidi.json("token list alice").await;
    let old = old["tokens"][0]["id"].as_str().unwrap().to_owned();
    heidi.run(&format!("token remove alice --token {old}")).await.ends(DONE);
    sign_in(&format!("{pin}{}", otp.code()), DONE).await;
}

/// What is not a help desk's.
async fn assert_may_nothing_else(heidi: &Asking) {
    for line in [
        "user add eve",
        "user delete alice@sales.example",
        "user set alice@sales.example --display-name Al",
        "application list",
        "application add eve",
        "admin list",
        "admin set heidi --everybody",
        "admin rotate-token heidi",
        "audit query",
        "cluster status",
        "cluster join-token create",
        "cluster rotate-data-key",
        "promote-subordinate node-1",
        "cluster remove-node node-1",
        "cluster quarantine list",
        "cluster release-recovery-codes",
        "cluster discard-epoch 2/00000000000000000000000000000000 --confirm test",
        "cluster acknowledge-doubles",
    ] {
        let words = heidi.run(line).await.fails(NOT_PERMITTED);
        assert!(words.contains("this needs the right "), "{line}: {words}");
    }
}

#[tokio::test]
async fn an_applications_key_is_changed_without_a_pause() {
    let cluster = Cluster::start(binary(), 1).await;
    let admin = Asking::administrator(&cluster);
    let file = |name: &str| cluster.directory().join(name).display().to_string();
    admin.run("user add alice").await.ends(DONE);
    admin.run(&format!("application add vpn --key-file {}", file("old.key"))).await.ends(DONE);
    let line = format!("application rotate-key vpn --overlap 24h --key-file {}", file("new.key"));
    let told = admin.run(&line).await.ends(DONE);
    assert!(told.contains("the one before is taken until") && !told.contains("symbolon_app_"));
    let (old, new) =
        (with_file(&cluster, &admin, "old.key"), with_file(&cluster, &admin, "new.key"));
    for key in [&old, &new] {
        key.run("verify alice --code 000000").await.ends(NO);
    }
    admin.run("application retire-key vpn").await.ends(DONE);
    old.run("verify alice --code 000000").await.fails(NOT_PERMITTED);
    new.run("verify alice --code 000000").await.ends(NO);

    let line = "application set vpn --rename gate --source 127.0.0.2 --unknown-users allow";
    admin.run(line).await.ends(DONE);
    new.run("verify alice --code 000000").await.fails(NOT_PERMITTED);
    let shown = admin.json("application show gate").await;
    assert_eq!(shown["sources"], json!(["127.0.0.2/32"]));
    assert_eq!(shown["rights"], json!(["verify"]));
    assert_eq!(
        (&shown["unknown_users"], &shown["disabled_users"]),
        (&json!("allow"), &json!("deny"))
    );
    let status = admin.run("cluster status").await.ends(DONE);
    assert!(status.contains("application set gate --unknown-users deny"), "{status}");
    let listed = admin.run("application list").await.ends(DONE);
    assert!(listed.contains("LETS IN") && listed.contains("unknown"), "{listed}");
    admin.run("application set gate --unknown-users deny").await.ends(DONE);
    assert!(!admin.run("cluster status").await.ends(DONE).contains("gate"));
    admin
        .run("application set gate --any-source --right help-desk --right verify")
        .await
        .ends(DONE);
    new.run("user show alice").await.ends(DONE);
    admin.run("application disable gate").await.ends(DONE);
    new.run("verify alice --code 000000").await.fails(NOT_PERMITTED);
    admin.run("application enable gate").await.ends(DONE);
    new.run("verify alice --code 000000").await.ends(NO);
    admin.run("application delete gate").await.ends(DONE);
    new.run("verify alice --code 000000").await.fails(NOT_PERMITTED);
    let listed = admin.json("application list").await;
    assert_eq!(listed["applications"], json!([]));
}
