//! etcd: three nodes on loopback, one put for each request, h2load to the leader. Without TLS and without
//! rights, as it comes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use symbolon_testkit::wait_for;
use tokio::process::{Child, Command};

use super::{free_address, said, start};
use crate::plan::Plan;
use crate::proc;
use crate::results::Puts;

const NODES: usize = 3;
/// Of what a verification writes.
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 128;
/// As Debian's package was when this was written: field 1 and field 2 of `PutRequest`.
const METHOD: &str = "etcdserverpb.KV/Put";
const READY_TIME_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Etcd {
    nodes: Vec<Child>,
    clients: Vec<String>,
    directory: PathBuf,
}

impl Etcd {
    pub(crate) async fn start(home: &Path) -> Self {
        let directory = home.join("etcd");
        std::fs::create_dir(&directory).unwrap();
        let url = || format!("http://{}", free_address());
        let clients: Vec<_> = (0..NODES).map(|_| url()).collect();
        let peers: Vec<_> = (0..NODES).map(|_| url()).collect();
        let all = peers.iter().enumerate().fold(String::new(), |mut all, (number, peer)| {
            write!(all, "{}n{number}={peer}", if number == 0 { "" } else { "," }).unwrap();
            all
        });
        let nodes = clients.iter().zip(&peers).enumerate().map(|(number, (client, peer))| {
            let name = format!("n{number}");
            let mut command = Command::new("etcd");
            command.args(["--name", &name]).arg("--data-dir").arg(directory.join(&name));
            command.args(["--listen-client-urls", client, "--advertise-client-urls", client]);
            command.args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]);
            command.args(["--initial-cluster", &all, "--initial-cluster-state", "new"]);
            start(&mut command, &directory.join(format!("{name}.log")))
        });
        let nodes = nodes.collect();
        let etcd = Self { nodes, clients, directory };
        std::fs::write(etcd.request_file(), request()).unwrap();
        wait_for("etcd has a leader", READY_TIME_MAX, async || etcd.leader().await).await;
        etcd
    }

    fn request_file(&self) -> PathBuf {
        self.directory.join("request")
    }

    async fn status(&self) -> Option<Vec<Value>> {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["endpoint", "status", "-w", "json"]);
        command.arg(format!("--endpoints={}", self.clients.join(",")));
        let output = command.output().await.unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    async fn leader(&self) -> Option<String> {
        let all = self.status().await.filter(|all| all.len() == NODES)?;
        let leader = all.iter().find(|one| {
            one["Status"]["leader"] == one["Status"]["header"]["member_id"]
                && one["Status"]["leader"].is_u64()
        });
        leader?["Endpoint"].as_str().map(str::to_owned)
    }

    async fn revision(&self) -> u64 {
        let all = self.status().await.unwrap_or_default();
        let revisions = all.iter().map(|one| one["Status"]["header"]["revision"].as_u64());
        revisions.max().flatten().unwrap()
    }

    /// The best over numbers of connections.
    pub(crate) async fn best(&self, plan: &Plan, concurrency: u32) -> Puts {
        let mut best: Option<Puts> = None;
        for connections in plan.connections {
            if *connections <= concurrency {
                let puts = self.measure(plan, concurrency, *connections).await;
                if best.as_ref().is_none_or(|best| puts.per_second > best.per_second) {
                    best = Some(puts);
                }
            }
        }
        let best = match best {
            Some(best) => best,
            None => self.measure(plan, concurrency, 1).await,
        };
        println!(
            "  {concurrency} at once, {} connections: {:.0} puts a second, p50 {:.2} ms, p99 {:.2} ms, {:.0} us \
             of the servers",
            best.connections, best.per_second, best.p50_ms, best.p99_ms, best.server_us
        );
        best
    }

    async fn measure(&self, plan: &Plan, concurrency: u32, connections: u32) -> Puts {
        let leader = self.leader().await.unwrap();
        let pids: Vec<_> = self.nodes.iter().filter_map(Child::id).collect();
        let log = self.directory.join("requests.log");
        let _ = std::fs::remove_file(&log);
        let seconds = plan.seconds.ceil();
        let streams = (concurrency / connections).max(1);
        let mut load = Command::new("h2load");
        load.args(["-D", &seconds.to_string()])
            .args(["-c", &connections.to_string(), "-m", &streams.to_string(), "-t", "1"])
            .arg("-d")
            .arg(self.request_file())
            .arg(format!("--log-file={}", log.display()))
            .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
            .arg(format!("{leader}/{METHOD}"));
        let (before, taken) = (self.revision().await, proc::processor_seconds(&pids));
        said(&mut load).await;
        let taken = proc::processor_seconds(&pids) - taken;
        // Of trailers that say no h2load knows nothing; the revision counts what was done.
        let done = (self.revision().await - before) as f64;
        let mut times = times(&log);
        times.sort_unstable();
        let answered = times.len() as f64;
        assert!(done >= answered && answered > 0.0, "{answered} answers, {done} puts");
        let within = |thousandths: usize| {
            let place = (times.len() * thousandths).div_ceil(1000).saturating_sub(1);
            times.get(place).copied().unwrap_or(0) as f64 / 1000.0
        };
        Puts {
            concurrency,
            connections,
            per_second: answered / seconds,
            p50_ms: within(500),
            p99_ms: within(990),
            p999_ms: within(999),
            server_us: taken / done * 1e6,
        }
    }
}

/// A gRPC message: not compressed, its length, `PutRequest`.
fn request() -> Vec<u8> {
    let mut put = vec![0x0a, KEY_BYTES as u8];
    put.extend([b'k'; KEY_BYTES]);
    put.extend([0x12, (VALUE_BYTES % 128) as u8 | 0x80, (VALUE_BYTES / 128) as u8]);
    put.extend([b'v'; VALUE_BYTES]);
    let mut message = vec![0];
    message.extend((put.len() as u32).to_be_bytes());
    message.extend(put);
    message
}

/// Microseconds of each request that was answered well: begin, status, duration.
fn times(log: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let times = text.lines().filter_map(|line| {
        let mut fields = line.split('\t').skip(1);
        (fields.next()? == "200").then(|| fields.next()?.parse().ok())?
    });
    times.collect()
}

pub(crate) async fn version() -> String {
    let said = said(Command::new("etcd").arg("--version")).await;
    let version = said.lines().find_map(|line| line.strip_prefix("etcd Version: "));
    format!("etcd {}", version.unwrap_or("?"))
}
