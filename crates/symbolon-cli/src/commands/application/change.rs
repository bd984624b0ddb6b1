//! Changing an application, and its key.

use std::path::Path;

use symbolon_proto::v1::{
    self, RetireApplicationKeyRequest, RotateApplicationKeyRequest, UpdateApplicationRequest,
    application_service_client::ApplicationServiceClient,
};

use super::super::{SecretPlace, said};
use super::{DecisionName, RightName, numbers};
use crate::{
    context::Context,
    error::Failure,
    output::Format,
    view::{Application, NewSecret},
};

/// What is to be another than it is.
#[derive(clap::Args)]
#[group(id = "changes", multiple = true)]
pub(super) struct Changes {
    /// The name that it has
    name: String,
    #[command(flatten)]
    fields: Fields,
    /// Only if it has not changed since it was shown with this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct Fields {
    /// Another name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// What it may do from now on; may be given more than once
    #[arg(long = "right", value_name = "RIGHT")]
    rights: Vec<RightName>,
    /// Range of addresses from which its keys are taken from now on; may be given more than once
    #[arg(long = "source", value_name = "RANGE", conflicts_with = "any_source")]
    sources: Vec<String>,
    /// Take its keys from everywhere
    #[arg(long)]
    any_source: bool,
    /// What becomes of names that are nobody's: `allow` lets them in without a code, and is a standing
    /// warning
    #[arg(long, value_name = "DECISION")]
    unknown_users: Option<DecisionName>,
    /// What becomes of users who are switched off: `allow` lets them in without a code, unless they are
    /// blocked, locked or waiting, and is a standing warning
    #[arg(long, value_name = "DECISION")]
    disabled_users: Option<DecisionName>,
    /// Whether it is given decisions of a node that no quorum is in reach of
    #[arg(long, value_name = "DECISION")]
    islands: Option<DecisionName>,
}

pub(super) async fn set(
    context: &Context,
    changes: Changes,
    format: Format,
) -> Result<(), Failure> {
    let Changes { name, fields, etag } = changes;
    let mut paths = Vec::new();
    let mut application = v1::Application { etag, ..v1::Application::default() };
    if let Some(rename) = fields.rename {
        application.name = rename;
        paths.push("name");
    }
    if !fields.rights.is_empty() {
        application.rights = numbers(fields.rights);
        paths.push("rights");
    }
    if fields.any_source || !fields.sources.is_empty() {
        application.sources = fields.sources;
        paths.push("sources");
    }
    if let Some(decision) = fields.unknown_users {
        application.set_unknown_users(decision.into());
        paths.push("unknown_users");
    }
    if let Some(decision) = fields.disabled_users {
        application.set_disabled_users(decision.into());
        paths.push("disabled_users");
    }
    if let Some(decision) = fields.islands {
        application.set_islands(decision.into());
        paths.push("islands");
    }
    update(context, name, application, &paths, "is changed", format).await
}

pub(super) async fn enable(
    context: &Context,
    name: String,
    enabled: bool,
    format: Format,
) -> Result<(), Failure> {
    let application = v1::Application { enabled, ..v1::Application::default() };
    let what = if enabled { "can ask again" } else { "is switched off" };
    update(context, name, application, &["enabled"], what, format).await
}

async fn update(
    context: &Context,
    name: String,
    application: v1::Application,
    paths: &[&str],
    what: &str,
    format: Format,
) -> Result<(), Failure> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    let question = UpdateApplicationRequest { name, application: Some(application), update_mask };
    let answer = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).update_application(request).await
        })
        .await?;
    said::<_, Application>(answer.application, NewSecret::default(), answer.log_index, what, format)
}

/// The file is made before the key is, as the key is shown only once.
pub(super) async fn rotate(
    context: &Context,
    name: String,
    overlap_seconds: u32,
    key_file: Option<&Path>,
    format: Format,
) -> Result<(), Failure> {
    let place = SecretPlace::make(key_file)?;
    let question = RotateApplicationKeyRequest { name, overlap_seconds };
    let answer = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).rotate_application_key(request).await
        })
        .await?;
    let secret = place.put(answer.api_key)?;
    let until = answer.application.as_ref().and_then(|row| row.old_key_until);
    let what = match until {
        Some(until) => format!("has another key; the one before is taken until {until}"),
        None => "has another key; the one before is taken no more".to_owned(),
    };
    said::<_, Application>(answer.application, secret, answer.log_index, &what, format)
}

pub(super) async fn retire(context: &Context, name: String, format: Format) -> Result<(), Failure> {
    let question = RetireApplicationKeyRequest { name };
    let answer = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).retire_application_key(request).await
        })
        .await?;
    let what = "has one key from now on, the newest";
    said::<_, Application>(answer.application, NewSecret::default(), answer.log_index, what, format)
}
