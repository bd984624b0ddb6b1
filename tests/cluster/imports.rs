//! A file of thousands of users, imported while masters die.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use symbolon_testkit::{Cluster, wait_for};
use tokio::process::{Child, Command};

use crate::support::binary;

/// Rows that are good. `SYMBOLON_IMPORT_ROWS` sets another number.
const ROWS: usize = 3000;
const BAD: [(&str, &str); 7] = [
    ("two words,A", "username"),
    (",Nobody", "username"),
    ("user-0,Again", "line 2"),
    ("extra,Extra,true,more", "fields"),
    ("maybe,Maybe,perhaps", "enabled"),
    ("bell,Be\u{7}ll,true", "display_name"),
    ("odd\u{2603},Snow,true", "username"),
];

#[expect(clippy::disallowed_methods, reason = "how much a test does is no setting of a node")]
fn rows() -> usize {
    std::env::var("SYMBOLON_IMPORT_ROWS").ok().map_or(ROWS, |text| text.parse().unwrap())
}

/// Good rows with bad ones among them, and the lines of these.
fn file(good: usize) -> (String, Vec<u64>) {
    let (mut text, mut line, mut lines) = ("username,display_name,enabled\n".to_owned(), 1, vec![]);
    let mut bad = BAD.iter();
    for number in 0..good {
        line += 1;
        writeln!(text, "user-{number},User {number},true").unwrap();
        if number % (good / BAD.len()) == good / BAD.len() - 1
            && let Some((row, _)) = bad.next()
        {
            line += 1;
            lines.push(line);
            let commas = row.matches(',').count();
            writeln!(text, "{row}{}", ",".repeat(2_usize.saturating_sub(commas))).unwrap();
        }
    }
    assert_eq!(lines.len(), BAD.len());
    (text, lines)
}

fn import(cluster: &Cluster, file: &Path) -> Child {
    let servers: Vec<_> =
        cluster.nodes().iter().map(|node| format!("https://{}", node.api())).collect();
    Command::new(binary())
        .args(["--output", "json", "user", "import"])
        .arg(file)
        .env("SYMBOLON_SERVER", servers.join(","))
        .env("SYMBOLON_CA", cluster.ca_file())
        .env("SYMBOLON_TOKEN_FILE", cluster.admin_token_file())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn told(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_refused(told: &Value, lines: &[u64]) {
    let refused = told["refused"].as_array().unwrap();
    let found: Vec<_> = refused.iter().map(|said| said["line"].as_u64().unwrap()).collect();
    assert_eq!(found, lines, "{told}");
    for (said, (_, reason)) in refused.iter().zip(BAD) {
        assert!(said["reason"].as_str().unwrap().contains(reason), "{reason}: {said}");
    }
}

async fn users(cluster: &Cluster) -> usize {
    let status = cluster.admin(cluster.any_running()).status().await.unwrap();
    status.users.try_into().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the file is not the product's store")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_users_are_imported_and_seven_bad_rows_are_told() {
    let cluster = Cluster::start(binary(), 3).await;
    let (text, lines) = file(rows());
    let path = cluster.directory().join("users.csv");
    write(&path, &text);

    let start = tokio::time::Instant::now();
    let first = told(&import(&cluster, &path).wait_with_output().await.unwrap());
    println!("{} users in {:?}", rows(), start.elapsed());
    assert_eq!(first["created"], rows(), "{first}");
    assert_refused(&first, &lines);
    assert_eq!(users(&cluster).await, rows());
    cluster.assert_same_state().await;

    let before = cluster.admin(1).status().await.unwrap().digest;
    let again = told(&import(&cluster, &path).wait_with_output().await.unwrap());
    let unchanged = (again["unchanged"].as_u64(), again["created"].as_u64());
    assert_eq!(unchanged, (u64::try_from(rows()).ok(), Some(0)), "{again}");
    assert_refused(&again, &lines);
    assert_eq!(cluster.admin(1).status().await.unwrap().digest, before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_survives_its_master_and_can_be_run_again() {
    let cluster = Cluster::start(binary(), 3).await;
    let (text, lines) = file(rows());
    let path = cluster.directory().join("users.csv");
    write(&path, &text);

    let running = import(&cluster, &path);
    let half = rows() / 4;
    wait_for("a part of the users", std::time::Duration::from_secs(60), async || {
        (users(&cluster).await > half).then_some(())
    })
    .await;
    let master = cluster.wait_for_master().await;
    cluster.node(master).kill9();
    assert!(users(&cluster).await < rows(), "it was not over when the master died");
    let survived = told(&running.wait_with_output().await.unwrap());
    assert_eq!(survived["created"], rows(), "no row is told as another than it was");
    assert_refused(&survived, &lines);

    cluster.node(master).start().await;
    cluster.wait_for_master().await;
    let again = told(&import(&cluster, &path).wait_with_output().await.unwrap());
    assert_eq!(again["unchanged"], rows(), "{again}");
    assert_eq!(users(&cluster).await, rows());
    cluster.assert_same_state().await;
}
