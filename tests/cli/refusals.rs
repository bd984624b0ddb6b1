//! Why a command is not carried out, by its exit code.

use symbolon_testkit::{Cluster, Code, wait_until};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::machine;
use crate::program::{
    Asking, CONFIGURATION, DONE, NOT_PERMITTED, TIME_MAX, TRY_AGAIN, UNAVAILABLE, USAGE, binary,
};

/// Administrative calls under way at a node, at most.
const ADMINISTRATION_MAX: usize = 256;
/// Nobody listens there.
const NOBODY: &str = "https://127.0.0.1:9";

#[tokio::test]
async fn refusals_have_the_exit_codes_of_their_causes() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let place = TempDir::new().unwrap();
    whose_it_is(&cluster, &asking, &place).await;

    // Who asks.
    let key_file = place.path().join("key");
    asking
        .run(&format!("application add portal --key-file {}", key_file.display()))
        .await
        .ends(DONE);
    let portal = asking.with_token_file(&key_file);
    for command in
        ["user list", "user add x", "cluster status", "token enroll x", "application add x"]
    {
        portal.run(command).await.fails(NOT_PERMITTED);
        asking.with_token_file("").run(command).await.fails(NOT_PERMITTED);
    }
    let wrong = place.path().join("wrong");
    machine::write(&wrong, &format!("symbolon_admin_{:016x}_{}\n", 7, "A".repeat(43)));
    machine::set_mode(&wrong, 0o600);
    asking.with_token_file(&wrong).run("user list").await.fails(NOT_PERMITTED);
    machine::set_mode(&wrong, 0o644);
    let said = asking.with_token_file(&wrong).run("user list").await;
    said.ends(NOT_PERMITTED);
    assert!(said.stderr().contains("chmod 600"), "{}", said.stderr());

    // Whom it asks.
    asking.at(NOBODY).run("user list").await.fails(UNAVAILABLE);
    let second = format!("--server {NOBODY} --server https://{} user list", cluster.node(3).api());
    asking.run(&second).await.ends(DONE);
    for bad in ["http://127.0.0.1:1", "https://127.0.0.1:0", "https://u@h", "https://h/path"] {
        asking.at(bad).run("user list").await.fails(USAGE);
    }

    without_a_master(&cluster, &asking).await;
}

/// Whom the program trusts, and the files it is told of.
async fn whose_it_is(cluster: &Cluster, asking: &Asking, place: &TempDir) {
    for (what, asking) in [
        ("no CA", asking.with_ca("")),
        ("a CA that is not there", asking.with_ca("nowhere.pem")),
        ("a CA that is none", asking.with_ca(cluster.admin_token_file())),
        ("a token that is not there", asking.with_token_file("nowhere")),
        ("a token that is none", asking.with_token_file(cluster.ca_file())),
    ] {
        let words = asking.run("user list").await.fails(CONFIGURATION);
        assert!(words.contains("--ca") || words.contains("--token-file"), "{what}: {words}");
    }
    let other = Cluster::start(binary(), 1).await;
    let ca = place.path().join("other.pem");
    machine::write(&ca, &machine::text(&other.ca_file()));
    let words = asking.with_ca(&ca).run("user list").await.fails(CONFIGURATION);
    assert!(words.contains("does not prove"), "{words}");
}

async fn without_a_master(cluster: &Cluster, asking: &Asking) {
    let node = cluster.node(2);
    machine::stop(cluster.node(1));
    machine::stop(cluster.node(3));
    let alone = asking.at(node.api().to_string());
    wait_until("there is no master", TIME_MAX, async || {
        node.get("/readyz").await.is_some_and(|(status, _)| status == 503)
    })
    .await;
    let words = alone.run("user add x --timeout 1").await.fails(UNAVAILABLE);
    assert!(words.contains("master"), "{words}");
    alone.run("user list --timeout 1").await.fails(UNAVAILABLE);
    alone.run("verify x --code 1 --application portal --timeout 1").await.fails(UNAVAILABLE);
    assert_eq!(alone.json("user list --stale").await["users"].as_array().unwrap().len(), 0);
    assert!(alone.json("cluster status").await["master"].is_null());

    let connection = cluster.connect(2).with_bearer(cluster.admin_token());
    // More than fits: a write holds its place for as long as it waits for a master.
    let mut waiting = JoinSet::new();
    for number in 0..ADMINISTRATION_MAX + 50 {
        let admin = if number % 2 == 0 { cluster.admin(2) } else { connection.clone() };
        waiting.spawn(async move { admin.create_user(&format!("u{number}")).await.err() });
    }
    let first = waiting.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(first.code(), Code::ResourceExhausted, "{first:?}");
    let words = alone.run("user add x").await.fails(TRY_AGAIN);
    assert!(words.contains("Try again in 1 s"), "{words}");
    assert!(waiting.join_all().await.iter().all(Option::is_some), "a write without a master");
}
