//! What a cluster that is ready says about itself.

use serde::Serialize;

use crate::{
    error::Failure,
    local::{
        LocalCluster,
        provision::{APPLICATION, SampleUser},
    },
    output, qr, table,
    view::Status,
};

/// With fewer the others do not replace a lost master by themselves.
const NODES_TO_REPLACE_A_MASTER: usize = 3;

/// What other programs read to find their way.
#[derive(Serialize)]
pub(super) struct Summary {
    cluster: String,
    nodes: Vec<NodeSummary>,
    ca: String,
    token_file: String,
    api_key_file: String,
    users: Vec<SampleUser>,
    data_dir: String,
    #[serde(skip)]
    is_temporary: bool,
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
    pub(super) fn of(cluster: &LocalCluster, status: &Status, users: Vec<SampleUser>) -> Self {
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
            is_temporary: cluster.is_temporary(),
        }
    }

    /// For people, with commands to copy.
    pub(super) fn in_words(&self) -> Result<String, Failure> {
        let mut parts = vec![format!("The cluster {} is ready.", self.cluster), nodes(self)];
        for (number, user) in self.users.iter().enumerate() {
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
        let stays = match self.is_temporary {
            true => "removed at the end",
            false => "stays; the same command starts it again",
        };
        parts.push(table::properties([
            ("CA certificate", self.ca.clone()),
            ("Administrator's token", self.token_file.clone()),
            ("API key of an application", format!("{} ({APPLICATION})", self.api_key_file)),
            ("Data", format!("{} ({stays})", self.data_dir)),
        ]));
        parts.push(what_next(self));
        parts.push("Ctrl-C stops it all.".to_owned());
        Ok(parts.join("\n\n"))
    }
}

fn nodes(summary: &Summary) -> String {
    let rows = summary.nodes.iter().map(|node| {
        vec![
            node.name.clone(),
            node.role.to_owned(),
            node.api.clone(),
            node.peer.clone(),
            node.metrics.clone(),
            node.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        ]
    });
    table::rows(&["NODE", "ROLE", "API", "PEER", "METRICS", "PID"], rows)
}

fn what_next(summary: &Summary) -> String {
    let servers: Vec<_> =
        summary.nodes.iter().map(|node| format!("https://{}", node.api)).collect();
    let mut lines = vec![
        "Try next, in another terminal:".to_owned(),
        format!("  export SYMBOLON_SERVER={}", servers.join(",")),
        format!("  export SYMBOLON_CA={}", shell_word(&summary.ca)),
        format!("  export SYMBOLON_TOKEN_FILE={}", shell_word(&summary.token_file)),
        "  symbolon cluster status".to_owned(),
        "  symbolon user list".to_owned(),
        format!("  symbolon verify alice --application {APPLICATION}"),
        "  symbolon user add carol && symbolon token enroll carol".to_owned(),
    ];
    let master = summary.nodes.iter().find(|node| node.role == "MASTER");
    if let Some(pid) = master.and_then(|node| node.pid)
        && summary.nodes.len() >= NODES_TO_REPLACE_A_MASTER
    {
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
            token_file: "/d/node-1/admin.token".to_owned(),
            api_key_file: "/d/demo-app.key".to_owned(),
            users: vec![SampleUser { username: "alice".to_owned(), otpauth: None }],
            data_dir: "/d".to_owned(),
            is_temporary: false,
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
                "token_file": "/d/node-1/admin.token",
                "api_key_file": "/d/demo-app.key",
                "users": [{ "username": "alice", "otpauth": null }],
                "data_dir": "/d",
            })
        );
    }

    #[test]
    fn people_get_commands_to_copy() {
        let text = what_next(&Summary { ca: "/my dir/it's.pem".to_owned(), ..summary() });
        assert!(text.contains("SYMBOLON_SERVER=https://127.0.0.1:1\n"), "{text}");
        assert!(text.contains(r"SYMBOLON_CA='/my dir/it'\''s.pem'"), "{text}");
        assert!(!text.contains("kill -9"), "{text}");
    }

    #[test]
    fn a_master_is_killed_where_another_takes_over() {
        let mut summary = summary();
        for name in ["node-2", "node-3"] {
            summary.nodes.push(NodeSummary {
                name: name.to_owned(),
                api: "127.0.0.1:4".to_owned(),
                peer: "127.0.0.1:5".to_owned(),
                metrics: "127.0.0.1:6".to_owned(),
                pid: Some(43),
                role: "SUBORDINATE",
            });
        }
        let text = what_next(&summary);
        assert!(text.contains("kill -9 42 "), "{text}");
    }
}
