//! What a node took alone is kept and listed when it is back, and none of it is told or lies there in
//! clear.

use std::time::Duration;

use symbolon_proto::v1::set_pin_request::Change;
use symbolon_testkit::{Cluster, Options, Secrets, wait_until};

use crate::machine;
use crate::program::{Asking, DONE, TIME_MAX, binary};
use crate::unsealed::unsealed_log;

const USER: &str = "user-of-the-lost-side";
const PIN: &str = "8392605174936281";
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// What must be found where the seal is opened.
const PLANTED: [(&str, usize); 3] = [("a seed", 1), ("an API key", 1), ("a join token", 1)];

/// Writes that carry secrets, at the node that has the only vote.
async fn plant(cluster: &Cluster, master: usize) -> Secrets {
    let mut secrets = Secrets::default();
    let asking = Asking::administrator(cluster).at(cluster.node(master).api().to_string());
    let admin = cluster.admin(master);
    admin.create_user(USER).await.unwrap();
    let token = asking.json(&format!("token enroll {USER}")).await;
    secrets.add_seed(token["otpauth_uri"].as_str().unwrap());
    let key = admin.create_application("portal").await.unwrap().api_key;
    secrets.add_bearer("an API key", &key);
    let join = asking.json("cluster join-token create").await;
    secrets.add_join_token(join["join_token"].as_str().unwrap());
    let heidi = asking.json("admin add heidi --role help-desk").await;
    secrets.add_bearer("another administrator's token", heidi["token"].as_str().unwrap());
    admin.set_pin(USER, Change::Pin(PIN.to_owned())).await.unwrap();
    secrets.add("a PIN", PIN.as_bytes());
    for code in admin.create_recovery_codes(USER).await.unwrap() {
        secrets.add_text("a recovery code", &code);
        secrets.add_text("a recovery code", &code.replace('-', ""));
    }
    secrets
}

#[tokio::test]
async fn no_secret_stands_in_clear_in_a_quarantine_or_in_what_is_told_of_it() {
    let options = Options {
        nodes: 2,
        with_links: true,
        log_filter: "trace".to_owned(),
        ..Options::default()
    };
    let cluster = Cluster::start_with(binary(), options).await;
    let old = cluster.wait_for_master().await;
    let new = cluster.other_than(old);
    cluster.cut(1, 2);
    let secrets = plant(&cluster, old).await;
    cluster.node(old).kill9();
    let name = cluster.node(new).name();
    assert!(cluster.admin(new).seize(name, "test").await.unwrap().begun);
    cluster.heal();
    cluster.node(old).spawn();
    wait_until("the old master is back", BACK_WITHIN, async || {
        let status = cluster.admin(old).status().await;
        status.is_ok_and(|status| status.epoch == 2 && !status.master.is_empty())
    })
    .await;

    let asking = Asking::administrator(&cluster);
    let quarantine = format!("node-{old}");
    for command in
        ["list".to_owned(), format!("show {quarantine}"), format!("reapply {quarantine}")]
    {
        for format in ["table", "json"] {
            let command = format!("--output {format} cluster quarantine {command}");
            let told = asking.run(&command).await.ends(DONE);
            secrets.assert_absent(&command, told.as_bytes());
        }
    }
    wait_until("what was planted is applied again", TIME_MAX, async || {
        cluster.admin(old).get_user(USER).await.is_ok()
    })
    .await;
    cluster.terminate_all().await;
    for node in cluster.nodes() {
        secrets.assert_absent(&format!("the log of {}", node.name()), node.log_text().as_bytes());
        for path in machine::files_below(&node.data_dir()) {
            secrets.assert_absent(&path.display().to_string(), &machine::bytes(&path));
        }
    }
    // It is all there under its seal.
    let data = cluster.node(old).data_dir();
    let kept = data.join("quarantine").join(&quarantine);
    let kek = data.with_file_name("kek");
    secrets.assert_found("the quarantine", &unsealed_log(&kept, &kek), &PLANTED);
}
