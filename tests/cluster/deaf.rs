//! A node to which the log does not come any more, while it reaches the master.

use std::time::Duration;

use symbolon_proto::v1::set_pin_request::Change;
use symbolon_testkit::{Cluster, Person, Status, Verdict, wait_until};

use crate::seize::{PATIENCE, linked};

const WAITS: Duration = Duration::from_secs(2);
const TRIES: u64 = 3;

/// What a node says to somebody within a short time.
async fn shown(
    cluster: &Cluster,
    (number, key): (usize, &str),
    person: &Person,
    typed: String,
) -> Result<Verdict, Status> {
    let client = cluster.anonymous(number).with_bearer(key).with_timeout(WAITS);
    client.verdict(person.request_with(typed)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_elsewhere_is_never_taken_by_a_node_that_has_not_heard_of_it() {
    let (cluster, key) = linked(3).await;
    let [pin, token, same] = ["new-pin", "lost-token", "as-before"];
    let (pin, token, same) =
        (cluster.person(pin).await, cluster.person(token).await, cluster.person(same).await);
    cluster.admin(1).set_pin(&pin.username, Change::Pin("4711".to_owned())).await.unwrap();
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let deaf = cluster.other_than(master);

    cluster.cut_from(master, deaf);
    let admin = cluster.admin(master);
    admin.set_pin(&pin.username, Change::Pin("2580".to_owned())).await.unwrap();
    admin.remove_token(&token.username, "").await.unwrap();
    let at = (deaf, &*key);
    let now = same.otp.step_now();
    let code = |person: &Person, step: u64| person.otp.code_of(step);
    // It still asks the master, which decides.
    let asked = shown(&cluster, at, &same, code(&same, now)).await.unwrap();
    assert!(asked.is_allow(), "{asked:?}");
    for step in now..now + TRIES {
        let old_pin = shown(&cluster, at, &pin, format!("4711{}", code(&pin, step))).await;
        assert!(!old_pin.as_ref().is_ok_and(Verdict::is_allow), "{old_pin:?}");
        let removed = shown(&cluster, at, &token, code(&token, step)).await;
        assert!(!removed.as_ref().is_ok_and(Verdict::is_allow), "{removed:?}");
    }

    cluster.heal();
    cluster.assert_same_state().await;
    wait_until("the node takes the new PIN", PATIENCE, async || {
        let typed = format!("2580{}", code(&pin, pin.otp.step_now() + 1));
        shown(&cluster, at, &pin, typed).await.is_ok_and(|verdict| verdict.is_allow())
    })
    .await;
    let typed = format!("4711{}", code(&pin, pin.otp.step_now()));
    assert!(!shown(&cluster, at, &pin, typed).await.unwrap().is_allow());
    let typed = code(&token, token.otp.step_now());
    assert!(!shown(&cluster, at, &token, typed).await.unwrap().is_allow());
}
