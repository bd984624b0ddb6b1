//! `symbolon user pin`

use symbolon_testkit::{Cluster, Otp};

use crate::machine;
use crate::program::{Asking, CHALLENGE, CONFIGURATION, DONE, NO, USAGE, binary, keys};

/// A node, its administrator, and the token of a user who signs in to the portal.
async fn with_alice() -> (Cluster, Asking, Otp) {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    asking.run("user add alice").await.ends(DONE);
    let enrolled = asking.json("token enroll alice").await;
    let otp = Otp::from_uri(enrolled["otpauth_uri"].as_str().unwrap());
    cluster.application("portal").await;
    (cluster, asking, otp)
}

#[tokio::test]
async fn a_pin_is_given_from_a_file_or_drawn_and_taken_away() {
    let (cluster, asking, otp) = with_alice().await;
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["PIN:", "none"])), "{shown}");

    let file = cluster.directory().join("pin");
    machine::write(&file, "4711\n");
    let set = format!("user pin alice --set-file {}", file.display());
    assert_eq!(asking.run(&set).await.ends(DONE), "User alice has a new PIN.\n");
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.lines().any(|line| line.starts_with("PIN: ") && line.contains("set 20")));
    let said = asking.run(&set).await.fails(USAGE);
    assert!(said.contains("pin.history") && !said.contains("4711"), "{said}");
    let said = asking.run_reading("user pin alice --set-file -", "1234").await.fails(USAGE);
    assert!(said.contains("pin.prevent_weak") && !said.contains("1234"), "{said}");
    asking.run_reading("user pin alice --set-file -", "4712\r\n").await.ends(DONE);
    let step = otp.step_now();
    let verify = |pin: &str, step| {
        format!("verify alice --application portal --code {pin}{}", otp.code_of(step))
    };
    asking.run(&verify("4711", step - 1)).await.ends(NO);
    asking.run(&verify("4712", step)).await.ends(DONE);

    let drawn = asking.json("user pin alice --generate").await;
    assert_eq!(keys(&drawn), ["log_index", "pin", "user"]);
    let pin = drawn["pin"].as_str().unwrap();
    assert!(pin.len() == 6 && drawn["user"]["pin_set_at"].is_string(), "{drawn}");
    asking.run(&verify(pin, step + 1)).await.ends(DONE);
    let said = asking.run("user pin alice --generate").await.ends(DONE);
    assert!(said.starts_with("The PIN of user alice is ") && said.contains("not shown again"));
    let said = asking.run("user pin alice --clear").await.ends(DONE);
    assert_eq!(said, "User alice has no PIN any more.\n");

    for (bad, exit, words) in [
        ("alice --set-file nowhere", CONFIGURATION, "nowhere"),
        ("alice --set-file /dev/null", USAGE, "no PIN"),
        ("nobody --generate", NO, "user"),
    ] {
        let said = asking.run(&format!("user pin {bad}")).await.fails(exit);
        assert!(said.contains(words), "{bad}: {said}");
    }
    let audit = asking.run("audit query --user alice").await.ends(DONE);
    for event in ["PIN_SET", "PIN_CLEARED", "DENY WRONG_PIN"] {
        assert!(audit.contains(event), "{event}: {audit}");
    }
}

#[tokio::test]
async fn a_pin_that_must_be_changed_is_asked_for_with_exit_code_3() {
    let (_cluster, asking, otp) = with_alice().await;
    let lent = asking.json("user pin alice --generate --must-change").await;
    let pin = lent["pin"].as_str().unwrap();
    assert!(lent["user"]["pin_due_at"].is_string(), "{lent}");
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.contains("to be changed at the first sign-in"), "{shown}");

    let verify = "verify alice --application portal --output json";
    let first = asking.run(&format!("{verify} --code {pin}{}", otp.code())).await.json(CHALLENGE);
    assert_eq!(first["decision"], "CHALLENGE");
    assert_eq!(first["prompt_kind"], "NEW_PIN");
    let answer = |asked: &serde_json::Value, typed: &str| {
        format!("{verify} --state {} --code {typed}", asked["state"].as_str().unwrap())
    };
    let chosen = asking.run(&answer(&first, "2580")).await.json(CHALLENGE);
    let words = "verify alice --application portal --code 2580 --state";
    let state = chosen["state"].as_str().unwrap();
    asking.run(&format!("{words} {state}")).await.ends(DONE);
    let over = asking.run(&format!("{words} {state}")).await.ends(NO);
    assert_eq!(over, "DENY CHALLENGE_EXPIRED (CHALLENGE_OVER)\n");
    asking.run(&format!("{words} 12")).await.ends(USAGE);
    asking.run("user pin alice --clear --must-change").await.ends(USAGE);
    let audit = asking.run("audit query --user alice").await.ends(DONE);
    for event in ["CHALLENGE NEW_PIN", "CHALLENGE NEW_PIN_AGAIN", "PIN_CHANGED"] {
        assert!(audit.contains(event), "{event}: {audit}");
    }
}
