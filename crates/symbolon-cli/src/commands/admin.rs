//! `symbolon admin`

use std::path::{Path, PathBuf};

use symbolon_proto::v1::{
    self, AdministratorRole, CreateAdministratorRequest, DeleteAdministratorRequest,
    GetAdministratorRequest, ListAdministratorsRequest, RotateAdministratorTokenRequest,
    UpdateAdministratorRequest, administrator_service_client::AdministratorServiceClient,
};

use super::{SecretPlace, present, said};
use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    table,
    view::{Administrator, Administrators, Deleted, NewSecret},
};

/// Arguments of `symbolon admin`.
#[derive(clap::Args)]
pub struct AdminArguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(clap::Subcommand)]
enum AdminCommand {
    /// Add an administrator and make a bearer token
    Add {
        /// Name that the audit shows
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleName,
        /// Of the help desk: users whom they deal with, group:NAME, tag:NAME or domain:NAME; may be
        /// given more than once; none: everybody
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// Write the bearer token to this new file instead of showing it
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// List all administrators by name
    List {
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Show an administrator
    Show {
        /// Their name
        name: String,
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Change what an administrator may do; what is not given stays as it is
    Set(Changes),
    /// Take an administrator's token again
    Enable {
        /// Their name
        name: String,
    },
    /// Refuse an administrator's token for now
    Disable {
        /// Their name
        name: String,
    },
    /// Make another bearer token; the one before is taken no more
    RotateToken {
        /// Their name
        name: String,
        /// Write the bearer token to this new file instead of showing it
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// Remove an administrator, for good
    Delete {
        /// Their name
        name: String,
    },
}

#[derive(clap::Args)]
struct Changes {
    /// Their name
    name: String,
    #[command(flatten)]
    fields: Fields,
    /// Only if they have not changed since they were shown with this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct Fields {
    /// What they may do from now on
    #[arg(long, value_enum)]
    role: Option<RoleName>,
    /// Of the help desk: users whom they deal with from now on; may be given more than once
    #[arg(long, value_name = "SCOPE", conflicts_with = "everybody")]
    scope: Vec<String>,
    /// Of the help desk: they deal with everybody from now on
    #[arg(long)]
    everybody: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum RoleName {
    /// Everything
    Administrator,
    /// To help people, perhaps only some of them
    HelpDesk,
    /// To read
    Auditor,
}

impl From<RoleName> for AdministratorRole {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Administrator => Self::Administrator,
            RoleName::HelpDesk => Self::HelpDesk,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

pub(crate) async fn run(arguments: AdminArguments) -> Result<Exit, Failure> {
    let AdminArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        AdminCommand::Add { name, role, scope, key_file } => {
            let role = AdministratorRole::from(role).into();
            let question = CreateAdministratorRequest { name, role, scope };
            add(&context, question, key_file.as_deref(), format).await?;
        }
        AdminCommand::List { stale } => list(&context, stale, format).await?,
        AdminCommand::Show { name, stale } => show(&context, name, stale, format).await?,
        AdminCommand::Set(changes) => set(&context, changes, format).await?,
        AdminCommand::Enable { name } => {
            let row = v1::Administrator { name, enabled: true, ..v1::Administrator::default() };
            update(&context, row, &["enabled"], "can ask again", format).await?;
        }
        AdminCommand::Disable { name } => {
            let row = v1::Administrator { name, enabled: false, ..v1::Administrator::default() };
            update(&context, row, &["enabled"], "is switched off", format).await?;
        }
        AdminCommand::RotateToken { name, key_file } => {
            rotate(&context, name, key_file.as_deref(), format).await?;
        }
        AdminCommand::Delete { name } => delete(&context, name, format).await?,
    }
    Ok(Exit::Done)
}

/// The file is made before the administrator is, as the token is shown only once.
async fn add(
    context: &Context,
    question: CreateAdministratorRequest,
    key_file: Option<&Path>,
    format: Format,
) -> Result<(), Failure> {
    let place = SecretPlace::make(key_file)?;
    let answer = context
        .write(question, async |channel, request| {
            AdministratorServiceClient::new(channel).create_administrator(request).await
        })
        .await?;
    let secret = place.put(answer.token)?;
    said::<_, Administrator>(answer.administrator, secret, answer.log_index, "added", format)
}

async fn rotate(
    context: &Context,
    name: String,
    key_file: Option<&Path>,
    format: Format,
) -> Result<(), Failure> {
    let place = SecretPlace::make(key_file)?;
    let question = RotateAdministratorTokenRequest { name };
    let answer = context
        .write(question, async |channel, request| {
            AdministratorServiceClient::new(channel).rotate_administrator_token(request).await
        })
        .await?;
    let secret = place.put(answer.token)?;
    let what = "has another token; the one before is taken no more";
    said::<_, Administrator>(answer.administrator, secret, answer.log_index, what, format)
}

async fn list(context: &Context, stale: bool, format: Format) -> Result<(), Failure> {
    let question = ListAdministratorsRequest { allow_stale: stale };
    let answer = context
        .read(question, async |channel, request| {
            AdministratorServiceClient::new(channel).list_administrators(request).await
        })
        .await?;
    let administrators: Vec<_> =
        answer.administrators.into_iter().map(Administrator::from).collect();
    match format {
        Format::Json => output::json(&Administrators { administrators }),
        Format::Table => {
            let rows = administrators.iter().map(|row| {
                vec![
                    row.name.clone(),
                    row.role.to_owned(),
                    table::or_dash(Some(&row.scope.join(" "))),
                    if row.enabled { "on" } else { "off" }.to_owned(),
                    table::or_dash(row.created_at.as_deref()),
                ]
            });
            output::line(&table::rows(&["NAME", "ROLE", "SCOPE", "STATE", "CREATED"], rows))
        }
    }
}

async fn show(context: &Context, name: String, stale: bool, format: Format) -> Result<(), Failure> {
    let question = GetAdministratorRequest { name, allow_stale: stale };
    let answer = context
        .read(question, async |channel, request| {
            AdministratorServiceClient::new(channel).get_administrator(request).await
        })
        .await?;
    let administrator = Administrator::from(present(answer.administrator)?);
    let scope = match &administrator.scope[..] {
        [] => "everybody".to_owned(),
        parts => parts.join(" "),
    };
    match format {
        Format::Json => output::json(&administrator),
        Format::Table => output::line(&table::properties([
            ("Name", administrator.name.clone()),
            ("Id", administrator.id.clone()),
            ("Role", administrator.role.to_owned()),
            ("Deals with", scope),
            ("State", if administrator.enabled { "on" } else { "switched off" }.to_owned()),
            ("Created", table::or_dash(administrator.created_at.as_deref())),
            ("Etag", administrator.etag.clone()),
        ])),
    }
}

async fn set(context: &Context, changes: Changes, format: Format) -> Result<(), Failure> {
    let Changes { name, fields: Fields { role, scope, everybody }, etag } = changes;
    let mut row = v1::Administrator { name, etag, ..v1::Administrator::default() };
    let mut paths = Vec::new();
    if let Some(role) = role {
        row.role = AdministratorRole::from(role).into();
        paths.push("role");
    }
    if everybody || !scope.is_empty() {
        row.scope = scope;
        paths.push("scope");
    }
    update(context, row, &paths, "is changed", format).await
}

async fn update(
    context: &Context,
    row: v1::Administrator,
    paths: &[&str],
    what: &str,
    format: Format,
) -> Result<(), Failure> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    let question = UpdateAdministratorRequest { administrator: Some(row), update_mask };
    let answer = context
        .write(question, async |channel, request| {
            AdministratorServiceClient::new(channel).update_administrator(request).await
        })
        .await?;
    said::<_, Administrator>(
        answer.administrator,
        NewSecret::default(),
        answer.log_index,
        what,
        format,
    )
}

async fn delete(context: &Context, name: String, format: Format) -> Result<(), Failure> {
    let question = DeleteAdministratorRequest { name: name.clone(), etag: String::new() };
    let answer = context
        .write(question, async |channel, request| {
            AdministratorServiceClient::new(channel).delete_administrator(request).await
        })
        .await?;
    match format {
        Format::Json => output::json(&Deleted { deleted: true, log_index: answer.log_index }),
        Format::Table => {
            output::line(&format!("Administrator {} is gone.", output::printable(&name)))
        }
    }
}
