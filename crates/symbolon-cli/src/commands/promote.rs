//! `symbolon promote-subordinate`

pub(crate) mod seize;

use symbolon_proto::v1::{
    PromoteSubordinateRequest, PromoteSubordinateResponse,
    cluster_service_client::ClusterServiceClient,
};

use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    view::Promotion,
};

/// Arguments of `symbolon promote-subordinate`.
#[derive(clap::Args)]
pub struct PromoteArguments {
    #[command(flatten)]
    options: Options,
    /// The node that is to be the master
    node: String,
    /// The quorum is gone for good: the node goes on without it. Without --confirm nothing is done, and
    /// only said what would be
    #[arg(long)]
    seize: bool,
    /// Name of the cluster, to show that this is meant
    #[arg(long, value_name = "CLUSTER", requires = "seize")]
    confirm: Option<String>,
}

pub(crate) async fn run(arguments: PromoteArguments) -> Result<Exit, Failure> {
    let context = Context::new(&arguments.options)?;
    if arguments.seize {
        let format = arguments.options.output.output;
        return seize::run(&context, arguments.node, arguments.confirm, format).await;
    }
    let done = transfer(&context, arguments.node).await?;
    let previous = Some(done.previous).filter(|name| !name.is_empty());
    let promotion = Promotion { master: done.master, previous };
    match arguments.options.output.output {
        Format::Json => output::json(&promotion)?,
        Format::Table => output::line(&output::printable(&match &promotion.previous {
            Some(previous) => {
                format!("{} is the master now; before it was {previous}.", promotion.master)
            }
            None => format!("{} is the master already.", promotion.master),
        }))?,
    }
    Ok(Exit::Done)
}

/// Has a node be the master while a quorum is there.
pub(crate) async fn transfer(
    context: &Context,
    node: String,
) -> Result<PromoteSubordinateResponse, Failure> {
    let question = PromoteSubordinateRequest { node, ..PromoteSubordinateRequest::default() };
    let ask = async |channel, request| {
        ClusterServiceClient::new(channel).promote_subordinate(request).await
    };
    context.decide(question, ask).await
}
