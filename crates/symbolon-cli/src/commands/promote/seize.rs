//! `symbolon promote-subordinate NODE --seize`

use std::time::Duration;

use symbolon_proto::v1::{
    GetStatusResponse, Pairing, PromoteSubordinateRequest, Seizure,
    cluster_service_client::ClusterServiceClient,
};
use tokio::time::{Instant, sleep};

use crate::{
    commands::cluster,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    server_address::ServerAddress,
    table,
    view::{self, SeizureOf},
};

/// A node reads all of its store when it starts.
const LEADS_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Has the node seize the cluster of that name; without one only says what that would do.
pub(super) async fn run(
    context: &Context,
    node: String,
    confirm: Option<String>,
    format: Format,
) -> Result<Exit, Failure> {
    let begins = confirm.is_some();
    let (seizure, seen) = ask(context, &node, confirm).await?;
    match format {
        Format::Json => output::json(&SeizureOf::new(&node, &seizure))?,
        Format::Table => tell(&node, &seizure, &seen)?,
    }
    Ok(if begins { Exit::Done } else { Exit::No })
}

/// What the seize is or would be, and how the node saw the cluster before. When it is to be, the node leads
/// afterwards, unless it takes part in nothing.
pub(crate) async fn ask(
    context: &Context,
    node: &str,
    confirm: Option<String>,
) -> Result<(Seizure, GetStatusResponse), Failure> {
    let (context, seen) = node_itself(context, node).await?;
    let begins = confirm.is_some();
    let question = PromoteSubordinateRequest {
        node: node.to_owned(),
        seize: true,
        confirm: confirm.unwrap_or_default(),
    };
    let done = context
        .decide(question, async |channel, request| {
            ClusterServiceClient::new(channel).promote_subordinate(request).await
        })
        .await?;
    let seizure = done.seizure.unwrap_or_default();
    // One that takes part in nothing has ended by now, and leads once its server is started.
    if begins && !seen.recovering {
        leads(&context, node, seizure.epoch).await?;
    }
    Ok((seizure, seen))
}

/// Whom to ask: the node that is to seize the cluster. It may be among the servers that were named, or
/// one of them knows where it is.
async fn node_itself(
    context: &Context,
    node: &str,
) -> Result<(Context, GetStatusResponse), Failure> {
    let mut failures = Vec::new();
    let mut known: Option<ServerAddress> = None;
    for server in &context.servers {
        let context = context.at(server);
        match cluster::status(&context).await {
            Ok(status) if status.node == node => return Ok((context, status)),
            Ok(status) => {
                let named = status.nodes.iter().find(|known| known.name == node);
                known = known.or_else(|| named.and_then(|named| named.api_address.parse().ok()));
            }
            Err(failure) => failures.push(failure),
        }
    }
    let Some(server) = known else {
        let what = format!("None of the servers is node {node} or knows where it is.");
        let remedy = "Name the address of that node with --server.";
        return Err(if failures.is_empty() {
            Failure::usage(what, remedy)
        } else {
            Failure::together(failures)
        });
    };
    let context = context.at(&server);
    let status = cluster::status(&context).await?;
    Ok((context, status))
}

/// Waits until the node leads in the epoch. It starts again in between.
async fn leads(context: &Context, node: &str, epoch: u64) -> Result<(), Failure> {
    let give_up = Instant::now() + LEADS_WITHIN;
    loop {
        let status = cluster::status(context).await;
        match status {
            Ok(status) if status.epoch >= epoch && status.master == node => return Ok(()),
            _ if Instant::now() < give_up => sleep(LOOK_AGAIN).await,
            Err(failure) => return Err(failure),
            Ok(_) => {
                return Err(Failure::new(
                    Exit::Unavailable,
                    format!("Node {node} was told to seize the cluster and does not lead yet."),
                    "See its log; it goes on by itself, also after it was stopped and started.",
                ));
            }
        }
    }
}

/// From when on writes may be missing.
fn missing(seizure: &Seizure) -> String {
    let whole_until = view::time(seizure.whole_until.as_ref());
    let whole_until = table::or_dash(whole_until.as_deref());
    let alone_since = view::time(seizure.alone_since.as_ref());
    match seizure.pairing() {
        Pairing::Paired => format!(
            "It was paired with the master until {whole_until} by the master's clock: of what was \
             acknowledged before, nothing is missing here. What it acknowledged after that may be, if it \
             went on alone."
        ),
        Pairing::Alone => format!(
            "When it was last heard, the master had been alone since {}. Of what was acknowledged before \
             {whole_until} by its clock, nothing is missing here. What it acknowledged after that may be.",
            table::or_dash(alone_since.as_deref())
        ),
        Pairing::Unspecified => format!(
            "Of what was acknowledged before {whole_until} by the master's clock, nothing is missing here. \
             What was acknowledged after that may be."
        ),
    }
}

fn tell(node: &str, seizure: &Seizure, seen: &GetStatusResponse) -> Result<(), Failure> {
    let cluster = &seen.cluster_name;
    let left = seizure.left_behind.join(", ");
    let heard = view::time(seizure.heard_master_at.as_ref());
    let left = table::or_dash(Some(&left));
    let lines = if seizure.begun {
        vec![
            if seen.recovering {
                format!(
                    "{node} seizes the cluster when its server is started, and is the master of epoch {} \
                     then: start it as usual.",
                    seizure.epoch
                )
            } else {
                format!(
                    "{node} has seized the cluster: it is the master of epoch {}.",
                    seizure.epoch
                )
            },
            format!("Left behind: {left}."),
            "Each of them comes back by itself, empty, when it is started and reaches this node."
                .to_owned(),
            "Codes of the last minute and the next are refused: users wait for the code after."
                .to_owned(),
        ]
    } else {
        vec![
            format!("{node} would seize the cluster and start epoch {}.", seizure.epoch),
            format!(
                "Left behind: {left}. What they hold is kept aside when they come back, and counts no more."
            ),
            format!(
                "{node} holds the log up to entry {}; it last heard a master: {}.",
                seizure.last_log_index,
                heard.as_deref().unwrap_or("not since it was started")
            ),
            missing(seizure),
            "Nothing was done. Be sure that the others are gone for good, or at least stopped."
                .to_owned(),
            format!("Then: symbolon promote-subordinate {node} --seize --confirm {cluster}"),
        ]
    };
    let apart = "It takes part in nothing now: whether nodes that do not answer it answer each other, it \
                 cannot tell.";
    let apart = (seen.recovering && !seizure.begun).then(|| apart.to_owned());
    apart.iter().chain(&lines).try_for_each(|line| output::line(&output::printable(line)))
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    #[test]
    fn it_is_told_from_when_on_writes_may_be_missing() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let told = |pairing: Pairing, alone_since| {
            let (pairing, whole_until) = (pairing.into(), at(86_400));
            missing(&Seizure { pairing, alone_since, whole_until, ..Seizure::default() })
        };
        let paired = told(Pairing::Paired, None);
        assert!(
            paired.starts_with("It was paired with the master until 1970-01-02T00:"),
            "{paired}"
        );
        let alone = told(Pairing::Alone, at(0));
        assert!(alone.contains("alone since 1970-01-01T00:"), "{alone}");
        assert!(alone.contains("acknowledged before 1970-01-02T00:"), "{alone}");
        let unknown = told(Pairing::Unspecified, None);
        assert!(unknown.contains("acknowledged before 1970-01-02T00:"), "{unknown}");
    }
}
