//! `symbolon application`

use std::path::{Path, PathBuf};

use symbolon_proto::v1::{
    CreateApplicationRequest, CreateApplicationResponse,
    application_service_client::ApplicationServiceClient,
};

use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    files::NewSecretFile,
    output::{self, Format},
    view::CreatedApplication,
};

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
        /// Write the API key to this new file instead of showing it
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
}

pub(crate) async fn run(arguments: ApplicationArguments) -> Result<Exit, Failure> {
    let ApplicationArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let ApplicationCommand::Add { name, key_file } = command;
    let (application, api_key) = match &key_file {
        Some(file) => (add_with_key_file(&context, name, file).await?, None),
        None => {
            let mut application = add(&context, name).await?;
            let api_key = std::mem::take(&mut application.api_key);
            (application, Some(api_key))
        }
    };
    match options.output.output {
        Format::Json => output::json(&CreatedApplication {
            id: application.id,
            name: application.name,
            api_key,
            key_file: key_file.map(|file| file.display().to_string()),
            log_index: application.log_index,
        })?,
        Format::Table => {
            let key = match (&api_key, &key_file) {
                (Some(key), _) => {
                    format!("\nAPI key: {key}\nKeep it: it is not shown again.")
                }
                (None, Some(file)) => format!("\nIts API key is in {}.", file.display()),
                (None, None) => String::new(),
            };
            let name = output::printable(&application.name);
            output::line(&format!("Application {name} added.{key}"))?;
        }
    }
    Ok(Exit::Done)
}

async fn add(context: &Context, name: String) -> Result<CreateApplicationResponse, Failure> {
    let question = CreateApplicationRequest { name };
    context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).create_application(request).await
        })
        .await
}

/// The file is made before the application is, as the key is shown only once.
pub(crate) async fn add_with_key_file(
    context: &Context,
    name: String,
    file: &Path,
) -> Result<CreateApplicationResponse, Failure> {
    let shown = file.display();
    let not_written = |error| {
        Failure::configuration(
            format!("The key file {shown} cannot be made: {error}."),
            "Name a file that does not exist in a directory where you may write.",
        )
    };
    let key_file = NewSecretFile::create(file).map_err(not_written)?;
    let mut application = add(context, name).await?;
    let api_key = std::mem::take(&mut application.api_key);
    key_file.write(&api_key).map_err(not_written)?;
    Ok(application)
}
