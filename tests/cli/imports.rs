//! Files of tokens and users, imported as an administrator does it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use symbolon_testkit::Cluster;

use crate::machine;
use crate::program::{Asking, CONFIGURATION, DONE, NO, USAGE, binary};

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

/// A file that another program has made: `crates/symbolon-import/tests/data/make.py` tells which.
fn made_by_others(name: &str) -> PathBuf {
    let data = "../symbolon-import/tests/data";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(data).join(name)
}

fn counts(told: &Value) -> [u64; 4] {
    let number = |key: &str| told[key].as_u64().unwrap();
    let refused = told["refused"].as_array().unwrap().len();
    [number("created"), number("updated"), number("unchanged"), refused.try_into().unwrap()]
}

async fn serials(asking: &Asking, user: &str) -> Vec<String> {
    let told = asking.json(&format!("token list {user}")).await;
    let tokens = told["tokens"].as_array().unwrap().iter();
    tokens.map(|token| token["serial"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_container_is_imported_once_however_often_it_is_given() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    for name in ["alice", "bob"] {
        asking.run(&format!("user add {name}")).await.ends(DONE);
    }
    let key = cluster.directory().join("transport.key");
    machine::write(&key, KEY);
    let key = key.display();
    let file = made_by_others("aes128-sha1.xml").display().to_string();
    let import = format!("--output json token import {file} --key-file {key} --user bob");

    let rehearsed = asking.run(&format!("{import} --dry-run")).await.json(DONE);
    assert_eq!(counts(&rehearsed), [2, 0, 0, 0], "{rehearsed}");
    assert!(serials(&asking, "alice").await.is_empty(), "a rehearsal changes nothing");

    let told = asking.run(&import).await.json(DONE);
    assert_eq!(counts(&told), [2, 0, 0, 0], "{told}");
    // The clock of the token was found to be behind by who made the file.
    assert!(told["warnings"][0]["reason"].as_str().unwrap().contains("resync"), "{told}");
    assert_eq!(serials(&asking, "alice").await, ["T-1"], "the file names alice");
    assert_eq!(serials(&asking, "bob").await, ["H-1"]);
    let listed = asking.json("token list bob").await;
    assert_eq!(listed["tokens"][0]["counter"], 1000);

    let again = asking.run(&import).await.json(DONE);
    assert_eq!(counts(&again), [0, 0, 2, 0], "{again}");
    assert_eq!(serials(&asking, "bob").await, ["H-1"], "nothing was changed");
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_trusted_gives_nothing() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice").await.ends(DONE);
    let path = |name: &str| cluster.directory().join(name);
    let text = machine::text(&made_by_others("aes128-sha1.xml"));
    let mac = text.rfind("ValueMAC>").unwrap() - "</pskc:".len();
    // The last but one MAC closes here: one of its digits becomes another.
    let (head, tail) = text.split_at(mac - 3);
    let flipped = if tail.starts_with('A') { "B" } else { "A" };
    let changed = format!("{head}{flipped}{}", &tail[1..]);
    machine::write(&path("changed.xml"), &changed);
    machine::write(&path("short.xml"), &text[..text.len() - 200]);
    machine::write(&path("good.xml"), &text);
    machine::write(&path("right"), KEY);
    machine::write(&path("wrong"), &KEY.replace("0f", "1f"));
    machine::write(&path("words"), "qwerty\n");

    for (file, key, reason) in [
        ("changed.xml", "--key-file right", "was changed"),
        ("good.xml", "--key-file wrong", "key or passphrase is wrong"),
        ("good.xml", "--key-file words", "holds no key"),
        ("good.xml", "--passphrase-file words", "pre-shared key"),
        ("good.xml", "", "give that key"),
        ("short.xml", "--key-file right", "cut off"),
    ] {
        let (option, name) = key.split_once(' ').unwrap_or_default();
        let key = if name.is_empty() { String::new() } else { path(name).display().to_string() };
        let file = path(file).display().to_string();
        let line = format!("token import {file} --user alice {option} {key}");
        let words = asking.run(&line).await.fails(CONFIGURATION);
        assert!(words.contains(reason), "{line}: {words}");
        assert!(!words.contains("000102"), "{words}");
    }
    let line = "token import - --user alice --key-file -";
    assert!(asking.run(line).await.fails(USAGE).contains("Standard input"));
    assert!(serials(&asking, "alice").await.is_empty());

    // RFC 6030 figure 7 with its passphrase, from standard input.
    let file = made_by_others("rfc6030/figure7.xml").display().to_string();
    let line = format!("--output json token import {file} --user alice --passphrase-file -");
    assert_eq!(counts(&asking.run_reading(&line, "qwerty\n").await.json(DONE)), [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_file_of_debians_pskctool_is_imported_with_a_word_about_its_signature() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice").await.ends(DONE);
    let file = made_by_others("signed.xml");
    let shown = Command::new("pskctool").arg("--info").arg(&file).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("SerialNo: T-1"), "pskctool reads it as we do: {shown}");

    let line = format!("token import {} --user alice", file.display());
    let words = asking.run(&line).await.ends(DONE);
    assert!(words.contains("signature was not verified"), "{words}");
    assert!(words.ends_with("1 new, 0 updated, 0 there already, 0 refused.\n"), "{words}");
    assert_eq!(serials(&asking, "alice").await, ["T-1"]);
}

#[tokio::test]
async fn bad_rows_are_told_and_keep_no_good_one_back() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    for name in ["alice", "bob"] {
        asking.run(&format!("user add {name}")).await.ends(DONE);
    }
    let file = cluster.directory().join("tokens.csv");
    let seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let other = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJA";
    let rows = |seed: &str| {
        format!(
            "serial,seed,username,type,counter\n\
             C-1,{seed},alice,totp,\n\
             C-2,GEZDGNBV,alice,totp,\n\
             C-3,{seed},nobody,totp,\n\
             C-4,{seed},,totp,\n\
             C-5,{seed},bob,hotp,7\n"
        )
    };
    machine::write(&file, &rows(seed));
    let import = format!("--output json token import {}", file.display());
    let told = asking.run(&import).await.json(NO);
    assert_eq!(counts(&told), [2, 0, 0, 3], "{told}");
    let expected = [(3, "C-2", "128 bits"), (4, "C-3", "no user"), (5, "C-4", "--user")];
    for (said, (line, serial, reason)) in told["refused"].as_array().unwrap().iter().zip(expected) {
        assert_eq!((&said["line"], &said["serial"]), (&json!(line), &json!(serial)), "{told}");
        assert!(said["reason"].as_str().unwrap().contains(reason), "{told}");
    }
    assert_eq!(counts(&asking.run(&import).await.json(NO)), [0, 0, 2, 3]);

    // Another seed under a serial number that is there is no repetition.
    machine::write(&file, &rows(other));
    let told = asking.run(&import).await.json(NO);
    assert_eq!(counts(&told), [0, 0, 0, 5], "{told}");
    let words = asking.run(&format!("token import {}", file.display())).await.ends(NO);
    assert!(words.contains("another seed") && !words.contains(other), "{words}");
    // Somebody else's serial number.
    machine::write(&file, &format!("serial,seed,username\nC-1,{seed},bob\n"));
    let told = asking.run(&import).await.json(NO);
    assert!(told["refused"][0]["reason"].as_str().unwrap().contains("serial number"), "{told}");
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn what_is_known_about_users_is_set_shown_filtered_and_imported() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let add = "user add alice --email a@example.com --phone office:+49301234567x89 --group staff \
               --group vpn --tag vip --language de-AT";
    let made = asking.json(add).await;
    assert_eq!(made["groups"], json!(["staff", "vpn"]));
    let phone = json!({ "kind": "OFFICE", "number": "+49301234567", "extension": "89" });
    assert_eq!(made["phones"], json!([phone]));
    let set = asking.json("user set alice --group staff").await;
    assert_eq!(set["groups"], json!(["staff"]));
    let file = cluster.directory().join("users.csv");
    machine::write(&file, "username,email,groups\nalice,b@example.com,staff\nbob,,staff;vpn\n");
    let import = format!("--output json user import {}", file.display());
    let told = asking.run(&import).await.json(NO);
    assert_eq!(counts(&told), [1, 0, 0, 1], "alice is another: {told}");
    assert!(told["refused"][0]["reason"].as_str().unwrap().contains("email"), "{told}");
    let told = asking.run(&format!("{import} --update")).await.json(DONE);
    assert_eq!(counts(&told), [0, 1, 1, 0], "{told}");
    let alice = asking.json("user show alice").await;
    assert_eq!((&alice["email"], &alice["language"]), (&json!("b@example.com"), &json!("de-AT")));

    let names = async |line: &str| {
        let told = asking.json(line).await;
        let users = told["users"].as_array().unwrap().iter();
        users.map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("user list --group vpn").await, ["bob"]);
    assert_eq!(names("user list --group staff --tag vip").await, ["alice"]);
    let words = asking.run("user set alice --email nowhere").await.fails(USAGE);
    assert!(words.contains("email") && !words.contains("nowhere"), "{words}");
    let told = asking.run("audit query --output json --type user_updated").await.ends(DONE);
    assert!(told.contains("\"email\"") && !told.contains("example.com"), "{told}");
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn a_user_can_be_like_another() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    let template = "user add template --group staff --group vpn --tag new --language de";
    asking.run(&format!("{template} --email t@example.org")).await.ends(DONE);
    asking.run("user disable template").await.ends(DONE);
    asking.run("user add alice --like template --tag vip").await.ends(DONE);
    let alice = asking.json("user show alice").await;
    assert_eq!(alice["groups"], json!(["staff", "vpn"]));
    assert_eq!(alice["tags"], json!(["vip"]));
    assert!(alice["language"] == "de" && alice["email"] == "" && alice["enabled"] == true);

    let file = cluster.directory().join("people.csv");
    machine::write(&file, "username,groups,language\nbob,,\ncarol,guests,fr\n");
    let import = format!("user import {} --like template", file.display());
    asking.run(&import).await.ends(DONE);
    let (bob, carol) = (asking.json("user show bob").await, asking.json("user show carol").await);
    assert!(bob["groups"] == json!(["staff", "vpn"]) && bob["language"] == "de", "{bob}");
    assert!(carol["groups"] == json!(["guests"]) && carol["language"] == "fr", "{carol}");
    assert_eq!(carol["tags"], json!(["new"]));
    let again = asking.run(&format!("{import} --output json")).await.json(DONE);
    assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(2)), "{again}");
    let lost = asking.run("user add dave --like nobody").await.fails(NO);
    assert!(lost.contains("user"), "{lost}");
}
