//! What `docs/radius.md` tells to type is typed.

use std::path::Path;
use std::time::Duration;

use symbolon_proto::v1;
use symbolon_testkit::{Cluster, wait_until};

use crate::device_certificates::DeviceFiles;
use crate::machine::{read, run, write};
use crate::radclient::Device;
use crate::radsec::{NAME, REJECT, request};
use crate::support::{radius, radsec_cluster};
use crate::tls::TlsDevice;

/// The blocks of shell in a part of the guide.
fn blocks(part: &str) -> Vec<String> {
    let guide = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/radius.md"));
    let (_, steps) = guide.split_once(&format!("## {part}\n")).unwrap();
    let (steps, _) = steps.split_once("\n## ").unwrap();
    let mut blocks = steps.split("```sh\n").skip(1);
    let blocks = blocks.by_ref().map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

#[tokio::test]
async fn the_steps_of_the_guide_let_somebody_in() {
    let binary = Path::new(env!("CARGO_BIN_EXE_symbolon"));
    let cluster = Cluster::start(binary, 1).await;
    let alice = cluster.person("alice").await;
    let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
    let steps = blocks("In three steps");
    assert_eq!(steps.len(), 1);
    let here = directory.path().display();
    let script = format!(
        "set -eu\ncd {here}\nPATH={}:$PATH\nexport SYMBOLON_SERVER=https://{} SYMBOLON_CA={} SYMBOLON_TOKEN_FILE={}\n{}",
        binary.parent().unwrap().display(),
        cluster.node(1).api(),
        cluster.ca_file().display(),
        cluster.admin_token_file().display(),
        steps[0].replace("192.0.2.0/24", "127.0.0.1"),
    );
    let file = directory.path().join("steps.sh");
    write(&file, &script);
    let (exit, said) = run("bash", &[&file.to_string_lossy()]).await;
    assert_eq!(exit, Some(0), "{said}");
    for word in ["PAP works", "CHAP no", "need not be signed"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let secret = read(&directory.path().join("vpn.secret"));
    let device = Device::new(radius(&cluster, 1), secret.trim());
    wait_until("the device is heard", Duration::from_secs(20), async || {
        !device.ask("alice", "000000", &[]).await.nothing()
    })
    .await;
    assert!(device.ask("alice", &alice.otp.code(), &[]).await.accepted());
}

#[tokio::test]
async fn the_certificates_of_the_guide_let_a_device_in() {
    let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
    let blocks = blocks("RADIUS over TLS");
    let made = blocks.iter().find(|block| block.contains("openssl req")).unwrap();
    let here = directory.path();
    let file = here.join("made.sh");
    write(&file, &format!("set -eu\ncd {}\n{made}", here.display()));
    run("sh", &[file.to_str().unwrap()]).await;
    let policy = v1::RadiusPolicy::default();
    let cluster = radsec_cluster(&here.join("devices-ca.pem"), &[NAME], policy).await;
    let files = DeviceFiles { certificate: here.join("vpn.pem"), key: here.join("vpn.key") };
    let mut device = TlsDevice::connect(&cluster, &files).await;
    assert_eq!(device.ask(&request("alice", "000000")).await.unwrap()[0], REJECT);
}
