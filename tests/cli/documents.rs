//! What the README says to type, typed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use symbolon_testkit::{Otp, wait_for};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::machine;
use crate::program::binary;

const SOON: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The fenced blocks of a language in a section of the README.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let readme = machine::text(&root().join("README.md"));
    let (_, rest) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let parts = section.split("```").skip(1).step_by(2);
    let prefix = format!("{language}\n");
    parts.filter_map(|part| part.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// Three machines in one directory: each has its own `/etc/symbolon` and `/var/lib/symbolon`.
struct Machines {
    directory: TempDir,
    servers: Vec<Child>,
}

impl Machines {
    fn home(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("mfa-{number}"))
    }

    fn addresses(&self, number: usize) -> Option<serde_json::Value> {
        let path = self.home(number).join("data/run/addresses.json");
        path.exists().then(|| serde_json::from_str(&machine::text(&path)).unwrap())
    }

    /// A text of the README with the paths of one machine, and the addresses that there really are.
    fn here(&self, text: &str, number: usize) -> String {
        let home = self.home(number).display().to_string();
        let mut text = text
            .replace("/etc/symbolon", &format!("{home}/etc"))
            .replace("/var/lib/symbolon", &format!("{home}/data"));
        for other in 1..=3 {
            if let Some(addresses) = self.addresses(other) {
                for (port, name) in [(8443, "api"), (8444, "peer")] {
                    let documented = format!("mfa-{other}.example.com:{port}");
                    text = text.replace(&documented, addresses[name].as_str().unwrap());
                }
            }
        }
        text
    }

    fn settings(&self, documented: &str, number: usize) {
        let name = format!("mfa-{number}");
        let (head, rest) = documented.split_once("[advertise]").unwrap();
        let (_, keys) = rest.split_once("[keys]").unwrap();
        let text = format!("{head}[keys]{keys}")
            .replace("mfa-1", &name)
            .replace("[listen]", "[listen]\nmetrics = \"127.0.0.1:0\"")
            .replace("0.0.0.0:8443", "127.0.0.1:0")
            .replace("0.0.0.0:8444", "127.0.0.1:0");
        machine::write(&self.home(number).join("etc/node.toml"), &self.here(&text, number));
    }

    fn shell(&self, script: &str, number: usize) -> Command {
        let programs = binary().parent().unwrap().display();
        let mut command = Command::new("sh");
        command
            .args(["-c", &self.here(script, number)])
            .current_dir(self.home(number))
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a script to its end; what it wrote.
    async fn run(&self, script: &str, number: usize, input: &str) -> String {
        let mut child = self.shell(script, number).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn serve(&mut self, line: &str, number: usize) {
        let server = self.shell(&format!("exec {line}"), number).spawn().unwrap();
        self.servers.push(server);
        wait_for("the node serves", SOON, async || self.addresses(number)).await;
    }

    /// Runs a block line by line; a server goes on running.
    async fn follow(&mut self, block: &str, number: usize) {
        for line in block.lines() {
            if line.starts_with("symbolon server") {
                // `init` and `join` have written the ports that they found free.
                let written = self.home(number).join("data/run/addresses.json");
                machine::remove(&written);
                self.serve(line, number).await;
            } else {
                self.run(line, number, "").await;
            }
        }
    }
}

#[tokio::test]
async fn the_cluster_of_the_readme_comes_up_as_written() {
    let section = "A cluster of three nodes";
    let settings = blocks(section, "toml").remove(0);
    let steps = blocks(section, "sh");
    let [first, administrator, more, then] = &steps[..] else {
        panic!("the section has other steps: {}", steps.len());
    };
    let mut machines = Machines { directory: TempDir::new().unwrap(), servers: Vec::new() };
    for number in 1..=3 {
        machines.settings(&settings, number);
    }
    machines.follow(first, 1).await;
    for number in [2, 3] {
        let token = wait_for("a join token is made", SOON, async || {
            let run = machines.shell(administrator, 1).output().await.unwrap();
            run.status.success().then(|| String::from_utf8(run.stdout).unwrap())
        });
        let token = token.await;
        machine::write(&machines.home(number).join("join.token"), &token);
        machines.follow(more, number).await;
    }

    // One shell for what follows, the administrator's.
    let is_export = |line: &&str| line.starts_with("export ");
    let exports: Vec<_> = administrator.lines().chain(then.lines()).filter(is_export).collect();
    let exports = exports.join("\n");
    let mut code = String::new();
    for line in then.lines().filter(|line| !is_export(line)) {
        let script = format!("{exports}\n{line}");
        if line.starts_with("symbolon cluster status") {
            wait_for("there are three voters", SOON, async || {
                let said = machines.run(&script, 1, "").await;
                (said.matches("SUBORDINATE").count() == 2).then_some(())
            })
            .await;
            continue;
        }
        let said = machines.run(&script, 1, &code).await;
        if let Some(uri) = said.split_whitespace().find(|word| word.starts_with("otpauth://")) {
            code = format!("{}\n", Otp::from_uri(uri).code());
        }
        assert!(!line.contains("verify") || said.starts_with("ALLOW"), "{line}: {said}");
    }
    assert!(!code.is_empty(), "a token was enrolled");
    for server in &mut machines.servers {
        let pid = server.id().unwrap();
        machine::signal(pid, rustix::process::Signal::TERM);
        assert!(server.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn the_settings_to_copy_are_in_order() {
    let mut check = Command::new(binary());
    check.args(["check-config", "--config"]).arg(root().join("deploy/node.toml"));
    assert!(check.output().await.unwrap().status.success());
}

/// The last cell of each row is `file::function`, of a test that is there.
#[test]
fn every_line_of_high_availability_is_shown_by_a_test() {
    let text = machine::text(&root().join("docs/high-availability.md"));
    let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix("` |"));
    let shown: Vec<_> = cells.filter_map(|row| Some(row.rsplit_once('`')?.1)).collect();
    let rows = text.lines().filter(|line| line.starts_with("| ")).count();
    let heads = text.matches("| what is down |").count();
    assert!(shown.len() >= 20 && shown.len() == rows - 2 * heads, "a row names no test");
    for test in shown {
        let (file, function) = test.split_once("::").unwrap();
        let is_there = ["cluster", "disk"].iter().any(|area| {
            let file = root().join(format!("tests/{area}/{file}.rs"));
            file.exists() && machine::text(&file).contains(&format!("fn {function}("))
        });
        assert!(is_there, "there is no test {test}");
    }
}
