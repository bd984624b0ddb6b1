//! `symbolon application`

mod change;
mod radius;

use std::path::{Path, PathBuf};

use symbolon_proto::v1::{
    self, CreateApplicationRequest, CreateApplicationResponse, DeleteApplicationRequest,
    GetApplicationRequest, ListApplicationsRequest,
    application_service_client::ApplicationServiceClient,
};

use super::{SecretPlace, about_secret, present};
use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    table,
    view::{Application, Applications, Changed as _, CreatedApplication, Deleted, NewSecret},
};
use change::Changes;
use radius::RadiusCommand;

/// Applications fetched with one question.
const PAGE: u32 = 1000;
/// Longest overlap of two keys, seconds.
const OVERLAP_MAX: u64 = 90 * 24 * 3600;

/// Arguments of `symbolon application`.
#[derive(clap::Args)]
pub struct ApplicationArguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: ApplicationCommand,
}

#[derive(clap::Subcommand)]
enum ApplicationCommand {
    /// Add an application and make its API key
    Add {
        /// Name that prompts, audit and policy show
        name: String,
        /// What it may do; may be given more than once
        #[arg(long = "right", value_name = "RIGHT", default_value = "verify")]
        rights: Vec<RightName>,
        /// Range of addresses from which its key is taken, 192.0.2.0/24 for example; may be given more
        /// than once; none: from everywhere
        #[arg(long = "source", value_name = "RANGE")]
        sources: Vec<String>,
        /// What becomes of names that are nobody's: `allow` lets them in without a code, and is a standing
        /// warning
        #[arg(long, value_name = "DECISION", default_value = "deny")]
        unknown_users: DecisionName,
        /// What becomes of users who are switched off: `allow` lets them in without a code, unless they
        /// are blocked, locked or waiting, and is a standing warning
        #[arg(long, value_name = "DECISION", default_value = "deny")]
        disabled_users: DecisionName,
        /// Whether it is given decisions of a node that no quorum is in reach of
        #[arg(long, value_name = "DECISION", default_value = "allow")]
        islands: DecisionName,
        /// Write the API key to this new file instead of showing it
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// List all applications by name
    List {
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Show an application
    Show {
        /// Its name
        name: String,
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Change an application; what is not given stays as it is
    Set(Changes),
    /// Take an application's keys again
    Enable {
        /// Its name
        name: String,
    },
    /// Refuse an application's keys for now
    Disable {
        /// Its name
        name: String,
    },
    /// Make another API key; the one before can be taken for a while yet
    RotateKey {
        /// Its name
        name: String,
        /// For how long the key before is taken too, 24h for example; 0s: not at all
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_overlap)]
        overlap: u32,
        /// Write the API key to this new file instead of showing it
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// Take the key before the present one no more
    RetireKey {
        /// Its name
        name: String,
    },
    /// Devices that ask as an application by RADIUS
    #[command(subcommand)]
    Radius(RadiusCommand),
    /// Remove an application, for good
    Delete {
        /// Its name
        name: String,
    },
}

/// What becomes of a verification.
#[derive(Clone, Copy, clap::ValueEnum)]
enum DecisionName {
    Allow,
    Deny,
}

impl From<DecisionName> for v1::Decision {
    fn from(name: DecisionName) -> Self {
        match name {
            DecisionName::Allow => Self::Allow,
            DecisionName::Deny => Self::Deny,
        }
    }
}

/// What an application can be allowed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum RightName {
    Verify,
    SelfService,
    HelpDesk,
    Auditor,
    Administrator,
}

impl From<RightName> for v1::Right {
    fn from(name: RightName) -> Self {
        match name {
            RightName::Verify => Self::Verify,
            RightName::SelfService => Self::SelfService,
            RightName::HelpDesk => Self::HelpDesk,
            RightName::Auditor => Self::Auditor,
            RightName::Administrator => Self::Administrator,
        }
    }
}

fn numbers(rights: Vec<RightName>) -> Vec<i32> {
    rights.into_iter().map(|right| v1::Right::from(right).into()).collect()
}

fn parse_overlap(text: &str) -> Result<u32, String> {
    let time = crate::duration::parse(text).filter(|time| time.as_secs() <= OVERLAP_MAX);
    let seconds = time.and_then(|time| u32::try_from(time.as_secs()).ok());
    seconds.ok_or_else(|| "write 90s, 15m, 24h or 7d; at most 90d".to_owned())
}

pub(crate) async fn run(arguments: ApplicationArguments) -> Result<Exit, Failure> {
    let ApplicationArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        ApplicationCommand::Add {
            name,
            rights,
            sources,
            unknown_users,
            disabled_users,
            islands,
            key_file,
        } => {
            let question = CreateApplicationRequest {
                name,
                rights: numbers(rights),
                sources,
                unknown_users: v1::Decision::from(unknown_users).into(),
                disabled_users: v1::Decision::from(disabled_users).into(),
                islands: v1::Decision::from(islands).into(),
            };
            added(&context, question, key_file.as_deref(), format).await?;
        }
        ApplicationCommand::List { stale } => list(&context, stale, format).await?,
        ApplicationCommand::Show { name, stale } => {
            let application = Application::from(get(&context, name, stale).await?);
            match format {
                Format::Json => output::json(&application)?,
                Format::Table => output::line(&details(&application))?,
            }
        }
        ApplicationCommand::Set(changes) => change::set(&context, changes, format).await?,
        ApplicationCommand::Enable { name } => {
            change::enable(&context, name, true, format).await?;
        }
        ApplicationCommand::Disable { name } => {
            change::enable(&context, name, false, format).await?;
        }
        ApplicationCommand::RotateKey { name, overlap, key_file } => {
            change::rotate(&context, name, overlap, key_file.as_deref(), format).await?;
        }
        ApplicationCommand::RetireKey { name } => change::retire(&context, name, format).await?,
        ApplicationCommand::Radius(command) => {
            return radius::run(&context, command, format).await;
        }
        ApplicationCommand::Delete { name } => delete(&context, name, format).await?,
    }
    Ok(Exit::Done)
}

async fn added(
    context: &Context,
    question: CreateApplicationRequest,
    key_file: Option<&Path>,
    format: Format,
) -> Result<(), Failure> {
    let (application, secret) = add(context, question, key_file).await?;
    match format {
        Format::Json => output::json(&CreatedApplication {
            id: application.id,
            name: application.name,
            api_key: secret.shown,
            key_file: secret.key_file,
            log_index: application.log_index,
        }),
        Format::Table => {
            let key = about_secret(Application::SECRET, &secret);
            let name = output::printable(&application.name);
            output::line(&format!("Application {name} added.{key}"))
        }
    }
}

/// Adds an application. Its key is returned if there is no file for it.
pub(crate) async fn add(
    context: &Context,
    question: CreateApplicationRequest,
    key_file: Option<&Path>,
) -> Result<(CreateApplicationResponse, NewSecret), Failure> {
    let place = SecretPlace::make(key_file)?;
    let mut application = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).create_application(request).await
        })
        .await?;
    let secret = place.put(std::mem::take(&mut application.api_key))?;
    Ok((application, secret))
}

async fn get(context: &Context, name: String, stale: bool) -> Result<v1::Application, Failure> {
    let question = GetApplicationRequest { name, allow_stale: stale };
    let answer = context
        .read(question, async |channel, request| {
            ApplicationServiceClient::new(channel).get_application(request).await
        })
        .await?;
    present(answer.application)
}

async fn list(context: &Context, stale: bool, format: Format) -> Result<(), Failure> {
    let mut applications = Vec::new();
    let mut page_token = String::new();
    loop {
        let question = ListApplicationsRequest { page_size: PAGE, page_token, allow_stale: stale };
        let answer = context
            .read(question, async |channel, request| {
                ApplicationServiceClient::new(channel).list_applications(request).await
            })
            .await?;
        applications.extend(answer.applications.into_iter().map(Application::from));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    match format {
        Format::Json => output::json(&Applications { applications }),
        Format::Table => {
            let rows = applications.iter().map(|row| {
                vec![
                    row.name.clone(),
                    row.rights.join(" "),
                    if row.enabled { "on" } else { "off" }.to_owned(),
                    table::or_dash(Some(&row.sources.join(" "))),
                    without_code(row),
                    table::or_dash(row.created_at.as_deref()),
                ]
            });
            let text =
                table::rows(&["NAME", "RIGHTS", "STATE", "SOURCES", "LETS IN", "CREATED"], rows);
            output::line(&text)
        }
    }
}

/// Whom an application lets in without a code.
fn without_code(application: &Application) -> String {
    let exempt = [("unknown", application.unknown_users), ("disabled", application.disabled_users)];
    let allowed = exempt.iter().filter(|(_, decision)| *decision == "allow");
    let whom: Vec<_> = allowed.map(|(whom, _)| *whom).collect();
    table::or_dash(Some(&whom.join(" ")))
}

fn details(application: &Application) -> String {
    let state = match application.enabled {
        true => "on",
        false => "switched off; `symbolon application enable` switches it on",
    };
    let sources = match &application.sources[..] {
        [] => "everywhere".to_owned(),
        ranges => ranges.join(" "),
    };
    table::properties([
        ("Name", application.name.clone()),
        ("Id", application.id.clone()),
        ("Rights", application.rights.join(" ")),
        ("State", state.to_owned()),
        ("May ask from", sources),
        ("Unknown users", application.unknown_users.to_owned()),
        ("Disabled users", application.disabled_users.to_owned()),
        ("Islands", application.islands.to_owned()),
        ("Old key until", table::or_dash(application.old_key_until.as_deref())),
        ("Created", table::or_dash(application.created_at.as_deref())),
        ("Etag", application.etag.clone()),
    ])
}

async fn delete(context: &Context, name: String, format: Format) -> Result<(), Failure> {
    let question = DeleteApplicationRequest { name: name.clone(), etag: String::new() };
    let answer = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).delete_application(request).await
        })
        .await?;
    match format {
        Format::Json => output::json(&Deleted { deleted: true, log_index: answer.log_index }),
        Format::Table => {
            output::line(&format!("Application {} is gone.", output::printable(&name)))
        }
    }
}
