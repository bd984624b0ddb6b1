//! Floods of calls, valid and invalid, by a program that is not ours.

use std::process::Stdio;
use std::time::Duration;

use symbolon_check::Rng;
use tokio::process::Command;
use tokio::time::timeout;

use crate::fault::Kind;
use crate::run::World;

const SECONDS: u64 = 6;
const CONNECTIONS: u64 = 50;
const AT_ONCE: u64 = 40;
/// So much more memory may a node take meanwhile, bytes.
const MEMORY_MAX: u64 = 400 << 20;

impl World {
    /// `h2load` against the API port; without it there is no flood.
    pub(crate) async fn flood(&self, id: usize, rng: &mut Rng) {
        let Some(_claim) = self.claim(id) else { return };
        let node = self.cluster.node(id + 1);
        let (api, before) = (node.api(), node.usage().resident_bytes);
        let path = *rng.pick(&[
            "symbolon.v1.VerificationService/Verify",
            "nothing",
            "symbolon.v1.UserService/ListUsers",
        ]);
        let run = Command::new("h2load")
            .args(["-c", &CONNECTIONS.to_string(), "-m", &AT_ONCE.to_string(), "-t", "1"])
            .args(["-D", &SECONDS.to_string(), "-H", "content-type: application/grpc"])
            .args(["-H", "te: trailers"])
            .arg(format!("https://{api}/{path}"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        self.begins(Kind::Flood, &format!("node-{} {path}", id + 1));
        let told = timeout(Duration::from_secs(3 * SECONDS), run).await;
        let grown = node.usage().resident_bytes.saturating_sub(before);
        let told = match told {
            Ok(Ok(output)) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                text.lines().find(|line| line.starts_with("requests:")).unwrap_or("").to_owned()
            }
            Ok(Err(error)) => format!("h2load cannot be run: {error}"),
            Err(_) => "h2load did not end".to_owned(),
        };
        let what = format!("node-{} grew by {} MiB: {told}", id + 1, grown >> 20);
        self.history.say("fault", &what);
        if grown > MEMORY_MAX {
            self.problem("P12 bounded", what);
        }
    }
}
