//! `symbolon store`: a stopped node's data directory, looked at and found sound or damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use symbolon_testkit::{Cluster, Node};

use crate::machine;
use crate::program::{Asking, CONFIGURATION, DONE, NO, Ran, binary, program, run};

async fn store(command: &str, node: &Node, more: &[&str]) -> Ran {
    let directory = node.data_dir();
    run(program().args(["store", command, "--data-dir"]).arg(directory).args(more)).await
}

async fn look(command: &str, node: &Node, code: i32) -> Value {
    store(command, node, &["--output", "json"]).await.json(code)
}

/// What a server says that does not start on this directory.
async fn refusal(node: &Node) -> String {
    let ran = run(program().arg("server").arg("--config").arg(node.config_file())).await;
    ran.ends(CONFIGURATION);
    ran.stderr()
}

fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = machine::files_below(directory).into_iter();
    files.map(|path| (path.clone(), machine::bytes(&path))).collect()
}

/// Makes a directory hold these files and no others.
fn put_back(directory: &Path, contents: &BTreeMap<PathBuf, Vec<u8>>) {
    machine::files_below(directory).iter().for_each(|path| machine::remove(path));
    contents.iter().for_each(|(path, bytes)| machine::write_bytes(path, bytes));
}

/// The finding of the one check that failed.
fn finding(report: &Value, check: &str) -> String {
    assert_eq!(report["ok"], false);
    let checks = report["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert!(failed[0]["name"].as_str().unwrap().starts_with(check), "{report}");
    assert!(failed[0]["remedy"].as_str().unwrap().len() > 10, "{report}");
    failed[0]["finding"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stopped_node_is_looked_at_and_nothing_of_it_changes() {
    let cluster = Cluster::start(binary(), 1).await;
    cluster.people("secretive", 3).await;
    let node = cluster.node(1);
    for command in ["inspect", "verify"] {
        let words = store(command, node, &[]).await.fails(CONFIGURATION);
        assert!(words.contains("in use by another process"), "{words}");
    }
    let status = Asking::administrator(&cluster).json("cluster status").await;
    node.terminate().await;

    let before = contents(&node.data_dir());
    let seen = look("inspect", node, DONE).await;
    assert_eq!(seen["counts"]["rows"]["users"], 3, "{seen}");
    assert_eq!(seen["counts"]["rows"]["tokens"], 3);
    assert_eq!(seen["header"]["node_name"], node.name());
    assert_eq!(seen["header"]["cluster_id"], status["cluster_id"]);
    assert_eq!(seen["header"]["layout_version"], 1);
    let applied = seen["positions"]["applied"]["index"].as_u64().unwrap();
    assert!(applied >= status["applied_index"].as_u64().unwrap(), "{seen} {status}");
    assert_eq!(seen["positions"]["last"]["index"], applied);
    assert_eq!(seen["anchor"]["last_index"], applied);
    assert!(seen["counts"]["audit_events"].as_u64().unwrap() >= 7);
    // `init` opens the directory, then the server.
    assert_eq!(seen["anchor"]["incarnation"], 2);

    let mut verified = look("verify", node, DONE).await;
    assert_eq!(verified["ok"], true, "{verified}");
    let names = ["header", "anchor", "files", "store", "values", "log", "state and audit"];
    let checks = verified["checks"].as_array().unwrap().iter();
    assert_eq!(checks.map(|check| check["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
    let object = verified.as_object_mut().unwrap();
    object.remove("ok");
    object.remove("checks");
    assert_eq!(verified, seen, "both look at the same");

    for command in ["inspect", "verify"] {
        let table = store(command, node, &[]).await.ends(DONE);
        assert!(table.contains(seen["digest"].as_str().unwrap()), "{table}");
        assert!(!table.contains("secretive"), "content is shown: {table}");
    }
    assert!(!seen.to_string().contains("secretive"), "content is shown: {seen}");
    let scratch = tempfile::tempdir().unwrap();
    let elsewhere = ["--scratch", scratch.path().to_str().unwrap()];
    store("verify", node, &elsewhere).await.ends(DONE);
    assert!(machine::entries(scratch.path()).is_empty(), "the copy is left");
    assert!(contents(&node.data_dir()) == before, "a look has changed something");
    node.start().await;
}

#[tokio::test]
async fn a_store_that_has_lost_its_end_is_found_out_and_not_started() {
    let cluster = Cluster::start(binary(), 1).await;
    let node = cluster.node(1);
    node.terminate().await;
    let folder = node.data_dir().join("store");
    let old = contents(&folder);
    node.start().await;
    cluster.person("late").await;
    node.terminate().await;
    let new = contents(&folder);

    put_back(&folder, &old);
    let found = finding(&look("verify", node, NO).await, "store");
    assert!(found.contains("has lost what it had acknowledged"), "{found}");
    assert!(found.contains(folder.to_str().unwrap()), "{found}");
    let words = store("inspect", node, &[]).await.fails(CONFIGURATION);
    assert!(words.contains(&found) && words.contains("Move the data directory"), "{words}");
    let table = store("verify", node, &[]).await.ends(NO);
    assert!(table.contains("DAMAGED") && table.contains(&found), "{table}");
    for _ in 0..2 {
        let said = refusal(node).await;
        assert!(said.contains(&found) && said.contains("under a new node name"), "{said}");
        // Refused again when systemd tries again.
    }

    put_back(&folder, &new);
    assert_eq!(look("verify", node, DONE).await["ok"], true);
    node.start().await;
    assert_eq!(cluster.admin(1).list_users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn files_beside_the_store_are_found_out_too() {
    let cluster = Cluster::start(binary(), 1).await;
    let node = cluster.node(1);
    node.terminate().await;

    let snapshot = node.data_dir().join("snapshots/00000000000000000001-1-1.snap");
    machine::write(&snapshot, "SYMBSNAP\u{1}\0\0\0\u{9}\0\0\0torn");
    let report = look("verify", node, NO).await;
    let found = finding(&report, "snapshot 00000000000000000001-1-1");
    assert!(found.contains(snapshot.to_str().unwrap()), "{found}");
    let said = refusal(node).await;
    assert!(said.contains(&found) && said.contains("Remove it"), "{said}");
    machine::remove(&snapshot);

    let tip = node.data_dir().join("tip");
    let anchor = machine::bytes(&tip);
    machine::remove(&tip);
    let report = look("verify", node, NO).await;
    assert_eq!(report["anchor"], Value::Null);
    let said = refusal(node).await;
    assert!(said.contains(tip.to_str().unwrap()) && said.contains("is missing"), "{said}");
    machine::write_bytes(&tip, &anchor);

    let header = node.data_dir().join("header");
    let sound = machine::bytes(&header);
    machine::write_bytes(&header, &sound[..sound.len() - 1]);
    let report = look("verify", node, NO).await;
    assert_eq!(report["checks"][0]["ok"], false, "{report}");
    assert!(refusal(node).await.contains(header.to_str().unwrap()));
    machine::write_bytes(&header, &sound);
    node.start().await;

    let nowhere = run(program().args(["store", "inspect", "--data-dir", "/nowhere"])).await;
    assert!(nowhere.fails(CONFIGURATION).contains("/nowhere"));
}
