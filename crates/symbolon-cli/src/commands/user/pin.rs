//! `symbolon user pin`

use std::path::{Path, PathBuf};

use serde::Serialize;
use symbolon_proto::v1::{
    SetPinRequest, set_pin_request::Change, user_service_client::UserServiceClient,
};

use crate::{
    commands::present,
    context::Context,
    error::Failure,
    files,
    output::{self, Format},
    view::User,
};

/// More than any PIN has, with the end of a line.
const FILE_BYTES_MAX: u64 = 256;

#[derive(clap::Args)]
pub(crate) struct PinArguments {
    /// Name to sign in with
    name: String,
    #[command(flatten)]
    change: PinChange,
    /// The user must choose another at the next sign-in
    #[arg(long, conflicts_with = "clear")]
    must_change: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct PinChange {
    /// File that holds the PIN; - is the standard input
    #[arg(long, value_name = "FILE")]
    set_file: Option<PathBuf>,
    /// Let the server draw a PIN, which is shown once
    #[arg(long)]
    generate: bool,
    /// Take the PIN away: the code alone is enough from then on
    #[arg(long)]
    clear: bool,
}

/// What has become of a PIN, in JSON.
#[derive(Serialize)]
struct ChangedPin {
    user: User,
    /// The PIN that the server drew; null: it drew none.
    pin: Option<String>,
    log_index: u64,
}

pub(super) async fn run(
    context: &Context,
    arguments: PinArguments,
    format: Format,
) -> Result<(), Failure> {
    let PinArguments { name, change, must_change } = arguments;
    let change = match change {
        PinChange { set_file: Some(file), .. } => Change::Pin(read(&file)?),
        PinChange { generate: true, .. } => Change::Generate(true),
        PinChange { .. } => Change::Clear(true),
    };
    let cleared = matches!(change, Change::Clear(_));
    let question = SetPinRequest { username: name, change: Some(change), must_change };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).set_pin(request).await
        })
        .await?;
    let user = User::from(present(answer.user)?);
    let pin = Some(answer.generated_pin).filter(|pin| !pin.is_empty());
    if format == Format::Json {
        return output::json(&ChangedPin { user, pin, log_index: answer.log_index });
    }
    let name = super::shown_name(&user);
    output::line(&match (&pin, cleared) {
        (Some(pin), _) => format!("The PIN of user {name} is {pin}. It is not shown again."),
        (None, true) => format!("User {name} has no PIN any more."),
        (None, false) => format!("User {name} has a new PIN."),
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    let bytes = files::read_bytes(file, FILE_BYTES_MAX).map_err(|error| {
        Failure::configuration(
            format!("{} cannot be read: {error}.", file.display()),
            "Name a file that holds the PIN and nothing else, or - for the standard input.",
        )
    })?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(Failure::usage(
            format!("{} holds no PIN.", file.display()),
            "Write the digits of the PIN into it, or let the server draw one: --generate.",
        )),
        pin => Ok(pin.to_owned()),
    }
}

/// Whether a user has one, and from when on they must choose another.
pub(super) fn shown(user: &User) -> String {
    match (&user.pin_set_at, &user.pin_due_at) {
        (None, _) => "none".to_owned(),
        (Some(set_at), None) => format!("set {set_at}"),
        (Some(set_at), Some(due_at)) => {
            format!("set {set_at}, to be changed at the first sign-in from {due_at} on")
        }
    }
}
