//! Settings on the command line.

use serde_json::json;
use symbolon_testkit::Cluster;

use crate::machine;
use crate::program::{Asking, CONFIGURATION, DONE, NO, USAGE, binary, keys};

#[tokio::test]
async fn settings_are_shown_changed_exported_and_applied() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    let table = asking.run("settings get").await.ends(DONE);
    assert!(table.starts_with("SETTING "), "{table}");
    let line = table.lines().find(|line| line.starts_with("lockout.first_wait ")).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words, ["lockout.first_wait", "30s", "default", "30s", "1s", "to", "1d"]);
    let one = asking.json("settings get lockout.threshold").await;
    let expected = [
        "choices",
        "default",
        "description",
        "max",
        "min",
        "name",
        "set",
        "unit",
        "value",
        "warning",
    ];
    assert_eq!(keys(&one), expected);
    assert_eq!((&one["value"], &one["set"]), (&json!(10), &json!(false)));
    let words = asking.run("settings get lockout").await.fails(USAGE);
    assert!(words.contains("lockout.threshold"), "{words}");
    assert!(asking.run("settings export").await.ends(DONE).starts_with('#'));

    let set = "settings set lockout.threshold=30 user.block_duration=30d";
    let dry = asking.run(&format!("{set} --dry-run")).await;
    let said = dry.ends(DONE);
    assert!(said.contains("lockout.threshold would change from 10 to 30."), "{said}");
    assert!(dry.stderr().contains("Warning: lockout.threshold = 30"), "{}", dry.stderr());
    let done = asking.json(set).await;
    assert_eq!(done["changed"][1]["after"], json!(30 * 24 * 3600));
    let exported = asking.run("settings export").await.ends(DONE);
    assert_eq!(exported, "lockout.threshold = 30\nuser.block_duration = 30d\n");

    // A block is as long as is set, unless somebody says otherwise.
    asking.run("user add alice").await.ends(DONE);
    let blocked = asking.json("user block alice --reason lost").await;
    let day = |text: &serde_json::Value| text.as_str().unwrap()[..10].to_owned();
    assert_ne!(day(&blocked["block"]["since"]), day(&blocked["block"]["until"]));

    let file = cluster.directory().join("settings");
    machine::write(&file, &format!("# ours\n{exported}lockout.first_wait = 1m # slow\n"));
    asking.run("settings set lockout.threshold=default user.block_duration=90d").await.ends(DONE);
    let said = asking.run(&format!("settings apply {}", file.display())).await.ends(DONE);
    let expected = "lockout.threshold changed from 10 to 30.\n\
                    lockout.first_wait changed from 30s to 1m.\n\
                    user.block_duration changed from 90d to 30d.\n";
    assert_eq!(said, expected);
    let said = asking.run_reading("settings apply -", &exported).await.ends(DONE);
    assert_eq!(said, "lockout.first_wait changed from 1m to 30s.\n");

    for (bad, exit, words) in [
        ("set lockout.threshold", USAGE, "NAME=VALUE"),
        ("set lockout.threshold=many", USAGE, "whole number"),
        ("set lockout.first_wait=60", USAGE, "30s, 5m"),
        ("set lockout.threshold=98", NO, "hard_limit"),
        ("apply nowhere", CONFIGURATION, "nowhere"),
    ] {
        let said = asking.run(&format!("settings {bad}")).await.fails(exit);
        assert!(said.contains(words), "{bad}: {said}");
    }
}

#[tokio::test]
async fn what_would_become_of_a_sign_in_is_told_with_the_rule_that_says_so() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice@sales.example").await.ends(DONE);
    asking.run("application add vpn").await.ends(DONE);
    let explain = "settings explain alice --application vpn";
    let told = asking.json(explain).await;
    assert_eq!(keys(&told), ["outcome", "reason_detail", "rules", "username"]);
    assert_eq!(told["username"], json!("alice@sales.example"));
    assert_eq!(
        (&told["outcome"], &told["reason_detail"]),
        (&json!("DENIED_WHATEVER_CODE"), &json!("NO_TOKEN"))
    );

    asking.run("token enroll alice@sales.example").await.ends(DONE);
    let said = asking.run(explain).await.ends(DONE);
    assert!(said.starts_with("alice at vpn: a code is looked at.\n"), "{said}");
    assert!(!said.contains("decides"), "{said}");
    assert!(said.contains("lockout.threshold = 10, lockout.first_wait = 30s"), "{said}");

    asking.run("user block alice@sales.example --reason lost").await.ends(DONE);
    asking.run("user disable alice@sales.example").await.ends(DONE);
    let said = asking.run(explain).await.ends(DONE);
    assert!(said.starts_with("alice at vpn: DENY, whatever the code is (DISABLED).\n"), "{said}");
    let line = |rule: &str| {
        let mut lines = said.lines().filter(|line| line.starts_with(rule));
        lines.next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("enabled "), "enabled decides the account is switched off");
    assert_eq!(line("block "), "block too the account is blocked for 90 days yet", "{said}");

    asking.run("application disable vpn").await.ends(DONE);
    let said = asking.run(explain).await.ends(DONE);
    assert!(said.starts_with("alice at vpn: the application is refused.\n"), "{said}");
    let said = asking.run("settings explain nobody").await.ends(DONE);
    assert!(said.starts_with("nobody: DENY, whatever the code is (UNKNOWN_USER)."), "{said}");
    let said = asking.run("settings explain alice --application mail").await.fails(NO);
    assert!(said.contains("application"), "{said}");
}

#[tokio::test]
async fn what_numbers_do_not_tell_is_told_in_words() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    let said = asking.run("settings set pin.order=after pin.prevent_weak=off").await;
    assert!(said.ends(DONE).starts_with("pin.order changed from before to after.\n"));
    assert!(said.stderr().contains("Warning: pin.prevent_weak = off"), "{}", said.stderr());
    let exported = asking.run("settings export").await.ends(DONE);
    assert_eq!(exported, "pin.order = after\npin.prevent_weak = off\n");
    let one = asking.json("settings get pin.order").await;
    assert_eq!((&one["value"], &one["choices"]), (&json!(1), &json!(["before", "after"])));
    let said = asking.run("settings set pin.order=0").await.fails(USAGE);
    assert!(said.contains("before, after"), "{said}");
}
