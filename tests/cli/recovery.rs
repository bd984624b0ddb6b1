//! `symbolon user bypass` and `symbolon user recovery-codes`

use symbolon_testkit::Cluster;

use crate::program::{Asking, DONE, NO, USAGE, binary, keys};

#[tokio::test]
async fn somebody_without_their_token_is_helped_with_one_command() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    cluster.application("portal").await;
    asking.run("user add alice").await.ends(DONE);
    asking.run("token enroll alice").await.ends(DONE);
    let verify = "verify alice --application portal --code";

    let said = asking.run("user bypass alice --seconds 600 --reason forgot").await.ends(DONE);
    assert_eq!(said, "User alice is let in once within the next 10 min, whatever the code.\n");
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.contains("once until 20") && shown.contains("forgot"), "{shown}");
    asking.run(&format!("{verify} 000000")).await.ends(DONE);
    asking.run(&format!("{verify} 000000")).await.ends(NO);
    let granted = asking.json("user bypass alice --reason forgot").await;
    assert_eq!(granted["bypass"]["reason"], "forgot");
    let said = asking.run("user bypass alice --cancel --reason found").await.ends(DONE);
    assert_eq!(said, "User alice needs a code again.\n");
    asking.run(&format!("{verify} 000000")).await.ends(NO);
    let said = asking.run("user bypass alice --seconds 9999 --reason x").await.fails(USAGE);
    assert!(said.contains("bypass.longest"), "{said}");
    asking.run("user disable alice").await.ends(DONE);
    let barred = asking.run("user bypass alice --reason forgot").await;
    barred.ends(DONE);
    assert!(barred.stderr().contains("barred"), "{}", barred.stderr());
    asking.run("user bypass alice --cancel --reason x").await.ends(DONE);
    asking.run("user enable alice").await.ends(DONE);

    let made = asking.json("user recovery-codes alice").await;
    assert_eq!(keys(&made), ["codes", "log_index", "user"]);
    assert_eq!(made["user"]["recovery_codes_left"], 10);
    let code = made["codes"][9].as_str().unwrap();
    asking.run(&format!("{verify} {code}")).await.ends(DONE);
    asking.run(&format!("{verify} {code}")).await.ends(NO);
    let shown = asking.run("user show alice").await.ends(DONE);
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["Recovery", "codes:", "9"])));
    let said = asking.run("user recovery-codes alice").await.ends(DONE);
    assert_eq!(said.lines().filter(|line| line.matches('-').count() == 2).count(), 10, "{said}");
    let audit = asking.run("audit query --user alice").await.ends(DONE);
    for event in ["BYPASS_GRANTED", "BYPASS_CANCELLED", "RECOVERY_CODES_CREATED"] {
        assert!(audit.contains(event), "{event}: {audit}");
    }
    assert!(audit.contains("ALLOW BYPASS") && audit.contains("ALLOW RECOVERY 10"), "{audit}");
    asking.run("user recovery-codes nobody").await.fails(NO);
}

#[tokio::test]
async fn what_is_not_held_is_not_released_and_the_master_is_not_removed() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    let said = asking.run("cluster release-recovery-codes").await.fails(NO);
    assert!(said.contains("no recovery codes are held"), "{said}");
    let said = asking.run("cluster acknowledge-doubles").await.fails(NO);
    assert!(said.contains("no code was accepted twice"), "{said}");
    let own = cluster.node(1).name();
    let said = asking.run(&format!("cluster remove-node {own}")).await.fails(NO);
    assert!(said.contains("promote another first"), "{said}");
    asking.run("cluster remove-node nobody").await.fails(NO);
}
