//! `symbolon dev`: a whole cluster on this machine, until Ctrl-C.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    args::OutputOption,
    error::Failure,
    exit::Exit,
    local::{
        LocalCluster,
        provision::{APPLICATION, SampleUser},
    },
    output::{self, Format},
    qr,
    signals::Signals,
    table,
    view::Status,
};

pub(crate) const NODES_DEFAULT: usize = 3;

/// Arguments of `symbolon dev`.
#[derive(clap::Args)]
pub struct DevArguments {
    #[command(flatten)]
    output: OutputOption,
    /// Nodes to run: 1, 2, 3 or 5 [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = node_count)]
    nodes: Option<usize>,
    /// Keep the cluster in this directory and start it again from there; without it the cluster is
    /// gone at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

fn node_count(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(count @ (1 | 2 | 3 | 5)) => Ok(count),
        _ => Err("a cluster for trying out has 1, 2, 3 or 5 nodes"),
    }
}

pub(crate) async fn run(arguments: DevArguments) -> Result<Exit, Failure> {
    let mut signals = Signals::watch()?;
    let mut cluster = match &arguments.data_dir {
        Some(directory) => LocalCluster::at(directory, arguments.nodes)?,
        None => LocalCluster::temporary(arguments.nodes.unwrap_or(NODES_DEFAULT))?,
    };
    let outcome = tokio::select! {
        outcome = serve(&mut cluster, arguments.output.output) => outcome,
        () = signals.next() => Ok(()),
    };
    output::note("Stopping ...");
    cluster.stop(&mut signals).await;
    let removed = cluster.remove();
    outcome.and(removed)?;
    Ok(Exit::Done)
}

/// Runs the cluster for as long as a node of it runs.
async fn serve(cluster: &mut LocalCluster, format: Format) -> Result<(), Failure> {
    let is_new = cluster.is_new();
    let status = cluster.start().await?;
    let users = match is_new {
        true => {
            let users = cluster.provision().await?;
            cluster.record()?;
            users
        }
        false => cluster.provisioned(),
    };
    let summary = Summary::of(cluster, &status, users);
    match format {
        Format::Json => output::json(&summary)?,
        Format::Table => output::line(&in_words(&summary, cluster)?)?,
    }
    while let Some((name, how)) = cluster.next_exit().await {
        output::note(&format!("{name} has ended ({how}). The others go on."));
    }
    Err(Failure::new(
        Exit::Unavailable,
        "No node runs any more.",
        format!(
            "Look into the logs below {}.",
            cluster.directory().display()
        ),
    ))
}

/// What other programs read to find their way.
#[derive(Serialize)]
struct Summary {
    cluster: String,
    nodes: Vec<NodeSummary>,
    ca: String,
    token_file: String,
    api_key_file: String,
    users: Vec<SampleUser>,
    data_dir: String,
}

#[derive(Serialize)]
struct NodeSummary {
    name: String,
    api: String,
    peer: String,
    metrics: String,
    pid: Option<u32>,
    role: &'static str,
}

impl Summary {
    fn of(cluster: &LocalCluster, status: &Status, users: Vec<SampleUser>) -> Self {
        let role = |name: &str| {
            let node = status.nodes.iter().find(|node| node.name == name);
            node.map_or("ABSENT", |node| node.role)
        };
        let nodes = cluster.nodes.iter().filter_map(|node| {
            let addresses = node.addresses.clone()?;
            Some(NodeSummary {
                name: node.name.clone(),
                api: addresses.api,
                peer: addresses.peer,
                metrics: addresses.metrics,
                pid: node.pid(),
                role: role(&node.name),
            })
        });
        Self {
            cluster: status.cluster_name.clone(),
            nodes: nodes.collect(),
            ca: cluster.ca().display().to_string(),
            token_file: cluster.token_file().display().to_string(),
            api_key_file: cluster.api_key_file().display().to_string(),
            users,
            data_dir: cluster.directory().display().to_string(),
        }
    }
}

fn in_words(summary: &Summary, cluster: &LocalCluster) -> Result<String, Failure> {
    let mut parts = vec![
        format!("The cluster {} is ready.", summary.cluster),
        nodes(summary),
    ];
    for (number, user) in summary.users.iter().enumerate() {
        let name = &user.username;
        parts.push(match &user.otpauth {
            Some(uri) if number == 0 => {
                let code = qr::draw(uri, output::is_terminal())?;
                format!("Scan this with an authenticator app to be {name}:\n{code}\n{uri}")
            }
            Some(uri) => format!("And this is {name}:\n{uri}"),
            None => format!("{name} has the token of before."),
        });
    }
    let stays = match cluster.is_temporary() {
        true => "removed at the end",
        false => "stays; the same command starts it again",
    };
    parts.push(table::properties([
        ("CA certificate", summary.ca.clone()),
        ("Administrator's token", summary.token_file.clone()),
        (
            "API key of an application",
            format!("{} ({APPLICATION})", summary.api_key_file),
        ),
        ("Data", format!("{} ({stays})", summary.data_dir)),
    ]));
    parts.push(what_next(summary));
    parts.push("Ctrl-C stops it all.".to_owned());
    Ok(parts.join("\n\n"))
}

fn nodes(summary: &Summary) -> String {
    let rows = summary.nodes.iter().map(|node| {
        vec![
            node.name.clone(),
            node.role.to_owned(),
            node.api.clone(),
            node.peer.clone(),
            node.metrics.clone(),
            node.pid
                .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        ]
    });
    table::rows(&["NODE", "ROLE", "API", "PEER", "METRICS", "PID"], rows)
}

fn what_next(summary: &Summary) -> String {
    let servers: Vec<_> = summary
        .nodes
        .iter()
        .map(|node| format!("https://{}", node.api))
        .collect();
    let mut lines = vec![
        "Try next, in another terminal:".to_owned(),
        format!("  export SYMBOLON_SERVER={}", servers.join(",")),
        format!("  export SYMBOLON_CA={}", shell_word(&summary.ca)),
        format!(
            "  export SYMBOLON_TOKEN_FILE={}",
            shell_word(&summary.token_file)
        ),
        "  symbolon cluster status".to_owned(),
        "  symbolon user list".to_owned(),
        format!("  symbolon verify alice --application {APPLICATION}"),
        "  symbolon user add carol && symbolon token enroll carol".to_owned(),
    ];
    let master = summary.nodes.iter().find(|node| node.role == "MASTER");
    if let Some(pid) = master.and_then(|node| node.pid) {
        lines.push(format!("  kill -9 {pid}    # the master; sign-ins go on"));
    }
    lines.join("\n")
}

/// The text as one word for a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary() -> Summary {
        Summary {
            cluster: "dev".to_owned(),
            nodes: vec![NodeSummary {
                name: "node-1".to_owned(),
                api: "127.0.0.1:1".to_owned(),
                peer: "127.0.0.1:2".to_owned(),
                metrics: "127.0.0.1:3".to_owned(),
                pid: Some(42),
                role: "MASTER",
            }],
            ca: "/d/node-1/data/ca.pem".to_owned(),
            token_file: "/d/node-1/data/admin.token".to_owned(),
            api_key_file: "/d/demo-app.key".to_owned(),
            users: vec![SampleUser {
                username: "alice".to_owned(),
                otpauth: None,
            }],
            data_dir: "/d".to_owned(),
        }
    }

    #[test]
    fn programs_find_their_way() {
        assert_eq!(
            serde_json::to_value(summary()).unwrap(),
            json!({
                "cluster": "dev",
                "nodes": [{
                    "name": "node-1",
                    "api": "127.0.0.1:1",
                    "peer": "127.0.0.1:2",
                    "metrics": "127.0.0.1:3",
                    "pid": 42,
                    "role": "MASTER",
                }],
                "ca": "/d/node-1/data/ca.pem",
                "token_file": "/d/node-1/data/admin.token",
                "api_key_file": "/d/demo-app.key",
                "users": [{ "username": "alice", "otpauth": null }],
                "data_dir": "/d",
            })
        );
    }

    #[test]
    fn people_get_commands_to_copy() {
        let text = what_next(&Summary {
            ca: "/my dir/it's.pem".to_owned(),
            ..summary()
        });
        assert!(
            text.contains("SYMBOLON_SERVER=https://127.0.0.1:1\n"),
            "{text}"
        );
        assert!(
            text.contains(r"SYMBOLON_CA='/my dir/it'\''s.pem'"),
            "{text}"
        );
        assert!(text.contains("kill -9 42 "), "{text}");
    }
}
