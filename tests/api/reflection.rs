//! A client in another language that finds the API by reflection alone.

use std::path::Path;

use serde_json::{Value, json};
use symbolon_proto::v1::EnrollTokenRequest;
use symbolon_testkit::Cluster;
use tokio::process::Command;

use crate::support::{cluster, machine, until};

const SEED: &[u8; 20] = b"12345678901234567890";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/api/reflection_client.py");

#[tokio::test]
async fn a_python_client_finds_its_way_by_reflection() {
    let cluster = cluster().await;
    let key_file = cluster.directory().join("portal.key");
    machine::append(&key_file, &cluster.application("portal").await);
    cluster.admin(2).create_user("alice").await.unwrap();
    let token = EnrollTokenRequest {
        username: "alice".to_owned(),
        seed: SEED.to_vec(),
        ..EnrollTokenRequest::default()
    };
    cluster.admin(2).enroll_token(token).await.unwrap();

    let node = cluster.node(3);
    until("the health service is up to date", async || {
        node.metrics().await.sum("symbolon_ready", &[]) == 1.0
    })
    .await;
    let told = python(&cluster, &key_file, "verify").await;
    let services = told["services"].as_array().unwrap();
    for service in [
        "VerificationService",
        "UserService",
        "ApplicationService",
        "AdministratorService",
        "ClusterService",
        "AuditService",
        "SettingsService",
    ] {
        assert!(services.contains(&json!(format!("symbolon.v1.{service}"))), "{services:?}");
    }
    assert_eq!(told["health"], health("SERVING"));
    let verification = &told["verification"];
    assert_eq!(verification["method"], "symbolon.v1.VerificationService.Verify");
    assert_eq!(verification["decision"], "ALLOW");
    assert_eq!(verification["node"], "node-3");
    assert_eq!(verification["request_id_bytes"], 16);
    assert!(verification["log_index"].as_u64() > Some(0));

    cluster.node(1).kill9();
    cluster.node(2).kill9();
    until("there is no master", async || {
        node.get("/readyz").await.is_some_and(|(status, _)| status == 503)
    })
    .await;
    until("the health service has heard of it", async || {
        node.metrics().await.sum("symbolon_ready", &[]) == 0.0
    })
    .await;
    let told = python(&cluster, &key_file, "write").await;
    assert_eq!(told["health"], health("NOT_SERVING"));
    let write = &told["write"];
    assert_eq!(write["code"], "UNAVAILABLE", "{write}");
    assert_eq!(write["status_code"], 14, "the details say the same: {write}");
    assert!(write["message"].as_str().unwrap().contains("no master"), "{write}");
    assert!(write["retry_seconds"].as_f64() > Some(0.0), "{write}");
    let seconds = write["seconds"].as_f64().unwrap();
    assert!((4.0..7.0).contains(&seconds), "a write waits 5 s for a master, not {seconds}");

    // What was refused has not been kept for later.
    cluster.start_all().await;
    cluster.wait_for_master().await;
    let told = python(&cluster, &key_file, "write").await;
    assert_eq!(told["write"], json!({ "code": "OK", "username": "carol" }));
}

fn health(status: &str) -> Value {
    json!({ "": status, "quorum": status, "writes": status })
}

async fn python(cluster: &Cluster, key_file: &Path, phase: &str) -> Value {
    let output = Command::new(machine::python())
        .arg(SCRIPT)
        .arg(phase)
        .arg(cluster.node(3).api().to_string())
        .args([&cluster.ca_file(), &cluster.admin_token_file()])
        .arg(key_file)
        .arg(data_encoding::HEXLOWER.encode(SEED))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{phase}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}
