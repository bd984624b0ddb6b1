//! Floods of calls, valid and invalid, by a program that is not ours.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use prost::Message as _;
use symbolon_check::Rng;
use symbolon_testkit::v1::VerifyRequest;
use tokio::process::Command;
use tokio::time::timeout;

use crate::fault::Kind;
use crate::run::World;

const FLOODS: [&str; 3] = ["valid", "without a key", "to nowhere"];
const VERIFY: &str = "symbolon.v1.VerificationService/Verify";
const SECONDS: u64 = 6;
const CONNECTIONS: u64 = 50;
const AT_ONCE: u64 = 40;
/// So much more memory may a node take meanwhile, bytes.
const MEMORY_MAX: u64 = 400 << 20;

/// The user whom floods are about.
pub(crate) const FLOODED: &str = "flooded";

impl World {
    /// `h2load` against the API port.
    pub(crate) async fn flood(&self, id: usize, rng: &mut Rng) {
        let Some(_claim) = self.claim(id) else { return };
        let node = self.cluster.node(id + 1);
        let (api, before) = (node.api(), node.usage().resident_bytes);
        let what = *rng.pick(&FLOODS);
        let (path, authorization) = match what {
            "valid" => (VERIFY, format!("authorization: Bearer {}", self.flood_key)),
            "without a key" => (VERIFY, "te: trailers".to_owned()),
            _ => ("nothing/at/all", "te: trailers".to_owned()),
        };
        let body = node.config_file().with_file_name("flood");
        fs::write(&body, question()).unwrap();
        let run = Command::new("h2load")
            .args(["-c", &CONNECTIONS.to_string(), "-m", &AT_ONCE.to_string(), "-t", "1"])
            .args(["-D", &SECONDS.to_string(), "-H", "content-type: application/grpc"])
            .args(["-H", &authorization, "-d"])
            .arg(body)
            .arg(format!("https://{api}/{path}"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        self.begins(Kind::Flood, &format!("node-{} {what}", id + 1));
        let told = timeout(Duration::from_secs(3 * SECONDS), run).await;
        let grown = node.usage().resident_bytes.saturating_sub(before);
        let told = match told {
            Ok(Ok(output)) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                text.lines().find(|line| line.starts_with("requests:")).unwrap_or("").to_owned()
            }
            Ok(Err(error)) => {
                self.problem("harness", format!("h2load cannot be run: {error}"));
                return;
            }
            Err(_) => "h2load did not end".to_owned(),
        };
        let what = format!("node-{} grew by {} MiB: {told}", id + 1, grown >> 20);
        self.history.say("fault", &what);
        if grown > MEMORY_MAX {
            self.problem("P12 bounded", what);
        }
    }
}

/// A wrong code of somebody who does nothing else, as gRPC frames it.
fn question() -> Vec<u8> {
    let (username, code) = (FLOODED.to_owned(), "000000".to_owned());
    let message = VerifyRequest { username, code, ..VerifyRequest::default() }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
    [&[0], &length[..], &message].concat()
}
