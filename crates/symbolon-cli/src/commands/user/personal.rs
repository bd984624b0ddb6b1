//! `symbolon user export-personal-data`

use std::path::{Path, PathBuf};

use serde::Serialize;
use symbolon_proto::v1::{self, ExportPersonalDataRequest, user_service_client::UserServiceClient};

use crate::{
    context::Context,
    error::Failure,
    files::NewSecretFile,
    output::{self, Format},
    view,
};

#[derive(clap::Args)]
pub(crate) struct ExportArguments {
    /// Name to sign in with; it may be nobody's any more
    name: String,
    /// A new file for it, which nobody else may read; standard output if none is named
    #[arg(short = 'o', long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    file: String,
    events: u64,
    /// Where the event is that tells of this export.
    log_index: u64,
}

/// Writes each part as it comes, so that a long audit needs no memory here.
pub(super) async fn run(
    context: &Context,
    arguments: ExportArguments,
    format: Format,
) -> Result<(), Failure> {
    let ExportArguments { name, file } = arguments;
    let mut place = Place::make(file.as_deref())?;
    let question = ExportPersonalDataRequest { username: name.clone() };
    let mut answers = context
        .follow_recorded(question, async |channel, request| {
            UserServiceClient::new(channel).export_personal_data(request).await
        })
        .await?;
    let (mut events, mut log_index, mut is_begun) = (0, 0, false);
    loop {
        let next = context.next_part(&mut answers).await;
        let answer = next.map_err(|status| Failure::status("The node that answered", &status))?;
        if !is_begun {
            is_begun = true;
            log_index = answer.log_index;
            place.add(&beginning(&name, log_index, answer.data)?)?;
        }
        for event in answer.events {
            let separator = if events == 0 { "\n" } else { ",\n" };
            events += 1;
            place.add(&format!(
                "{separator}{}",
                output::json_text(&view::AuditEvent::from(event))?
            ))?;
        }
        if answer.end {
            let extent = answer.extent.unwrap_or_default();
            say_what_is_missing(&extent);
            place.add(&format!(
                "\n],\"audit\":{}}}\n",
                output::json_text(&view::Extent::from(extent))?
            ))?;
            break;
        }
    }
    place.finish()?;
    let Some(file) = file else {
        return Ok(());
    };
    let file = file.display().to_string();
    match format {
        Format::Json => output::json(&Written { file, events, log_index }),
        Format::Table => output::line(&format!(
            "What is held about {} is in {}, with {events} events of the audit.",
            output::printable(&name),
            output::printable(&file)
        )),
    }
}

/// One JSON document, up to the events.
fn beginning(
    name: &str,
    log_index: u64,
    data: Option<v1::PersonalData>,
) -> Result<String, Failure> {
    let (name, user) =
        (output::json_text(&name)?, output::json_text(&data.map(view::PersonalData::from))?);
    Ok(format!("{{\"username\":{name},\"log_index\":{log_index},\"user\":{user},\"events\":["))
}

/// Nobody is to take a part for all of it.
fn say_what_is_missing(extent: &v1::AuditExtent) {
    let node = output::printable(&extent.node);
    if extent.from_index > 0 {
        let from = extent.from_index;
        output::note(&format!(
            "The audit of {node} reaches back to log index {from}; what came before is pruned."
        ));
    }
    if let Some(v1::AuditGap { from_index, to_index }) = extent.missing {
        let last = to_index.saturating_sub(1);
        output::note(&format!(
            "Log indexes {from_index} to {last} are missing at {node}: export again later, or from \
             another node."
        ));
    }
}

/// Where it goes.
enum Place<'f> {
    Output,
    File(NewSecretFile, &'f Path),
}

impl<'f> Place<'f> {
    fn make(file: Option<&'f Path>) -> Result<Self, Failure> {
        let Some(file) = file else {
            return Ok(Self::Output);
        };
        let made = NewSecretFile::create(file).map_err(|error| {
            Failure::configuration(
                format!("The file {} cannot be made: {error}.", file.display()),
                "Name a file that does not exist in a directory where you may write.",
            )
        })?;
        Ok(Self::File(made, file))
    }

    fn add(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Output => output::part(text),
            Self::File(made, file) => made.add(text).map_err(|error| not_written(file, &error)),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Output => Ok(()),
            Self::File(made, file) => made.finish().map_err(|error| not_written(file, &error)),
        }
    }
}

fn not_written(file: &Path, error: &std::io::Error) -> Failure {
    Failure::configuration(
        format!("{} could not be written: {error}.", file.display()),
        "Make room, or name another file. The export that was begun is in the audit.",
    )
}
