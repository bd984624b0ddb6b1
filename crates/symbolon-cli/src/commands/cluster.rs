//! `symbolon cluster`

mod quarantine;
mod remove;

use std::str::FromStr;

use serde::Serialize;
use symbolon_proto::v1::{
    AcknowledgeDoublesRequest, AcknowledgeDoublesResponse, ConfirmClockRequest,
    ConfirmClockResponse, CreateJoinTokenRequest, CreateJoinTokenResponse, DiscardEpochRequest,
    DiscardEpochResponse, GetStatusRequest, GetStatusResponse, ReleaseRecoveryCodesRequest,
    ReleaseRecoveryCodesResponse, RotateDataKeyRequest, RotateDataKeyResponse,
    cluster_service_client::ClusterServiceClient,
};

use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    table,
    view::{
        self, Acknowledged, Confirmed, DataKey, DataKeyRotation, Discarded, JoinToken, Released,
        Status,
    },
};

/// Arguments of `symbolon cluster`.
#[derive(clap::Args)]
pub struct ClusterArguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(clap::Subcommand)]
enum ClusterCommand {
    /// Show how the cluster and its nodes are
    Status,
    /// Tokens with which nodes join
    #[command(subcommand)]
    JoinToken(JoinTokenCommand),
    /// Change the key that seals every secret; `status` shows how far that is
    RotateDataKey,
    /// Remove a node for good, and change the data key, which it has
    RemoveNode {
        /// The node; not the master
        node: String,
    },
    /// Take recovery codes again that were made before a seize
    ReleaseRecoveryCodes,
    /// End an epoch apart: this side goes on, and the nodes of the other come back to it, empty
    DiscardEpoch {
        /// The epoch that ends, as `status` warns of it
        #[arg(value_name = "EPOCH/LINEAGE")]
        epoch: EpochName,
        /// Name of the cluster, to show that this is meant
        #[arg(long, value_name = "CLUSTER")]
        confirm: String,
    },
    /// Say that you know of the codes that were accepted twice, which ends the warning of them
    AcknowledgeDoubles,
    /// Say that the master's clock is right as it is now, however far it has jumped
    ConfirmClock,
    /// What nodes took that the cluster went on without
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
}

#[derive(clap::Subcommand)]
enum JoinTokenCommand {
    /// Make a token with which one node can join
    Create {
        /// How long it can be used
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = 86_400,
            value_parser = clap::value_parser!(u32).range(60..=604_800)
        )]
        life: u32,
    },
}

pub(crate) async fn run(arguments: ClusterArguments) -> Result<Exit, Failure> {
    let ClusterArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        ClusterCommand::Status => {
            let status = Status::from(status(&context).await?);
            match format {
                Format::Json => output::json(&status)?,
                Format::Table => output::line(&in_words(&status))?,
            }
        }
        ClusterCommand::Quarantine(command) => {
            return quarantine::run(&context, command, format).await;
        }
        ClusterCommand::RemoveNode { node } => remove::node(&context, node, format).await?,
        ClusterCommand::ReleaseRecoveryCodes => {
            let log_index = release_recovery_codes(&context).await?.log_index;
            let words = "Recovery codes of before the seize are taken again.";
            tell(format, &Released { released: true, log_index }, words)?;
        }
        ClusterCommand::DiscardEpoch { epoch, confirm } => {
            let EpochName { epoch, lineage } = epoch;
            let question = DiscardEpochRequest { epoch, lineage: lineage.clone(), confirm };
            let log_index = discard_epoch(&context, question).await?.log_index;
            let words = format!(
                "Epoch {epoch} of lineage {lineage} is discarded. Each of its nodes comes back, empty, when \
                 it reaches a node of this side."
            );
            tell(format, &Discarded { epoch, lineage, log_index }, &words)?;
        }
        ClusterCommand::AcknowledgeDoubles => {
            let log_index = acknowledge_doubles(&context).await?.log_index;
            let words =
                "The codes that were accepted twice are acknowledged; the audit keeps them.";
            tell(format, &Acknowledged { acknowledged: true, log_index }, words)?;
        }
        ClusterCommand::ConfirmClock => {
            let log_index = confirm_clock(&context).await?.log_index;
            let words = "The cluster goes by the master's clock.";
            tell(format, &Confirmed { confirmed: true, log_index }, words)?;
        }
        ClusterCommand::RotateDataKey => {
            let started = rotate_data_key(&context).await?;
            let started = DataKeyRotation { key: started.key, log_index: started.log_index };
            let words = format!(
                "Data key {} is on its way. `symbolon cluster status` shows how far it is.",
                started.key
            );
            tell(format, &started, &words)?;
        }
        ClusterCommand::JoinToken(JoinTokenCommand::Create { life }) => {
            join_token(&context, life, format).await?;
        }
    }
    Ok(Exit::Done)
}

async fn join_token(context: &Context, life: u32, format: Format) -> Result<(), Failure> {
    let token = create_join_token(context, life).await?;
    let token = JoinToken {
        expires_at: view::time(token.expires_at.as_ref()),
        join_token: token.join_token,
        log_index: token.log_index,
    };
    match format {
        Format::Json => output::json(&token)?,
        Format::Table => {
            // The token alone, so that it can go into a file.
            output::line(&token.join_token)?;
            output::note(&format!(
                "It lets one node join until {} and is not shown again.",
                table::or_dash(token.expires_at.as_deref()),
            ));
        }
    }
    Ok(())
}

/// Tells what was done, to programs or to people.
fn tell(format: Format, done: &impl Serialize, words: &str) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(done),
        Format::Table => output::line(words),
    }
}

pub(crate) async fn status(context: &Context) -> Result<GetStatusResponse, Failure> {
    context
        .read(GetStatusRequest {}, async |channel, request| {
            ClusterServiceClient::new(channel).get_status(request).await
        })
        .await
}

pub(crate) async fn create_join_token(
    context: &Context,
    life_seconds: u32,
) -> Result<CreateJoinTokenResponse, Failure> {
    context
        .write(CreateJoinTokenRequest { life_seconds }, async |channel, request| {
            ClusterServiceClient::new(channel).create_join_token(request).await
        })
        .await
}

async fn rotate_data_key(context: &Context) -> Result<RotateDataKeyResponse, Failure> {
    context
        .write(RotateDataKeyRequest {}, async |channel, request| {
            ClusterServiceClient::new(channel).rotate_data_key(request).await
        })
        .await
}

async fn confirm_clock(context: &Context) -> Result<ConfirmClockResponse, Failure> {
    context
        .write(ConfirmClockRequest {}, async |channel, request| {
            ClusterServiceClient::new(channel).confirm_clock(request).await
        })
        .await
}

async fn release_recovery_codes(
    context: &Context,
) -> Result<ReleaseRecoveryCodesResponse, Failure> {
    context
        .write(ReleaseRecoveryCodesRequest {}, async |channel, request| {
            ClusterServiceClient::new(channel).release_recovery_codes(request).await
        })
        .await
}

async fn discard_epoch(
    context: &Context,
    question: DiscardEpochRequest,
) -> Result<DiscardEpochResponse, Failure> {
    context
        .write(question, async |channel, request| {
            ClusterServiceClient::new(channel).discard_epoch(request).await
        })
        .await
}

/// An epoch, as warnings name it: number and lineage.
#[derive(Clone, Debug)]
struct EpochName {
    epoch: u64,
    lineage: String,
}

impl FromStr for EpochName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, lineage) = text.split_once('/').ok_or("it is not EPOCH/LINEAGE")?;
        let epoch = epoch.parse().map_err(|_| "the number of the epoch is no number")?;
        Ok(Self { epoch, lineage: lineage.to_owned() })
    }
}

async fn acknowledge_doubles(context: &Context) -> Result<AcknowledgeDoublesResponse, Failure> {
    context
        .write(AcknowledgeDoublesRequest {}, async |channel, request| {
            ClusterServiceClient::new(channel).acknowledge_doubles(request).await
        })
        .await
}

fn data_key_in_words(key: &DataKey) -> String {
    match key.phase {
        "DISTRIBUTING" if key.waiting_for.is_empty() => {
            format!("{}; {} is being distributed", key.active, key.next.unwrap_or_default())
        }
        "DISTRIBUTING" => format!(
            "{}; {} is being distributed and waits for {}",
            key.active,
            key.next.unwrap_or_default(),
            key.waiting_for.join(", ")
        ),
        "RESEALING" if key.fields_left == 0 && !key.waiting_for.is_empty() => {
            format!("{}; waits for {}", key.active, key.waiting_for.join(", "))
        }
        "RESEALING" => format!("{}; {} fields are left to seal again", key.active, key.fields_left),
        _ => key.active.to_string(),
    }
}

fn pairing_in_words(status: &Status) -> String {
    match (status.pairing, &status.alone_since) {
        (Some(pairing), Some(since)) => format!("{pairing} since {since}"),
        (pairing, _) => table::or_dash(pairing),
    }
}

fn in_words(status: &Status) -> String {
    let properties = table::properties([
        ("Cluster", status.cluster_name.clone()),
        ("Cluster id", status.cluster_id.clone()),
        ("Answered by", status.node.clone()),
        ("Master", table::or_dash(status.master.as_deref())),
        ("Epoch", format!("{} (lineage {})", status.epoch, status.lineage)),
        ("Term", status.term.to_string()),
        ("Applied index", status.applied_index.to_string()),
        ("Log ends at", status.last_log_index.to_string()),
        ("Digest", status.digest.clone()),
        ("Users", status.users.to_string()),
        ("Data key", table::or_dash(status.data_key.as_ref().map(data_key_in_words).as_deref())),
        ("Pairing", pairing_in_words(status)),
    ]);
    let rows = status.nodes.iter().map(|node| {
        vec![
            node.name.clone(),
            node.role.to_owned(),
            table::yes_no(node.reachable),
            node.applied_index.to_string(),
            node.lag.to_string(),
            format!("{:+.3} s", node.clock_offset_seconds),
            table::or_dash(Some(&node.api_address)),
            table::or_dash(Some(&node.peer_address)),
            table::or_dash(node.heard_at.as_deref()),
        ]
    });
    let headings = ["NODE", "ROLE", "REACHABLE", "APPLIED", "LAG", "CLOCK", "API", "PEER", "HEARD"];
    let mut text = format!("{properties}\n\n{}", table::rows(&headings, rows));
    if !status.warnings.is_empty() {
        text.push_str("\n\nWarnings:");
        for warning in &status.warnings {
            text.push_str("\n- ");
            text.push_str(&output::printable(warning));
        }
    }
    text
}
