//! `symbolon user bypass` and `symbolon user recovery-codes`

use serde::Serialize;
use symbolon_core::Lasting;
use symbolon_proto::v1::{
    CancelBypassRequest, CreateRecoveryCodesRequest, GrantBypassRequest,
    user_service_client::UserServiceClient,
};

use crate::{
    commands::present,
    context::Context,
    error::Failure,
    output::{self, Format},
    view::User,
};

#[derive(clap::Args)]
pub(crate) struct BypassArguments {
    /// Name to sign in with
    name: String,
    /// For how long, from now on
    #[arg(long, default_value_t = 300, conflicts_with = "cancel")]
    seconds: u32,
    /// Why; kept in the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Take the bypass back that is there
    #[arg(long)]
    cancel: bool,
}

#[derive(clap::Args)]
pub(crate) struct RecoveryArguments {
    /// Name to sign in with
    name: String,
}

/// A set that was made, in JSON.
#[derive(Serialize)]
struct NewCodes {
    user: User,
    codes: Vec<String>,
    log_index: u64,
}

pub(super) async fn bypass(
    context: &Context,
    arguments: BypassArguments,
    format: Format,
) -> Result<(), Failure> {
    let BypassArguments { name: username, seconds, reason, cancel } = arguments;
    if cancel {
        let question = CancelBypassRequest { username, reason };
        let answer = context
            .write(question, async |channel, request| {
                UserServiceClient::new(channel).cancel_bypass(request).await
            })
            .await?;
        return super::said(answer.user, answer.log_index, "needs a code again", format);
    }
    let question = GrantBypassRequest { username, reason, seconds };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).grant_bypass(request).await
        })
        .await?;
    if format == Format::Table {
        // Whoever grants it looks at the account once, and not at why it does not help.
        let user = answer.user.clone().unwrap_or_default();
        if !user.enabled || user.block.is_some() || user.locked || user.waits_until.is_some() {
            output::note(
                "The account is barred, and a bypass does not lift that: see `symbolon user show`.",
            );
        }
    }
    let time = Lasting(seconds.into());
    let what = format!("is let in once within the next {time}, whatever the code");
    super::said(answer.user, answer.log_index, &what, format)
}

pub(super) async fn recovery_codes(
    context: &Context,
    arguments: RecoveryArguments,
    format: Format,
) -> Result<(), Failure> {
    let question = CreateRecoveryCodesRequest { username: arguments.name };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).create_recovery_codes(request).await
        })
        .await?;
    let user = User::from(present(answer.user)?);
    if format == Format::Json {
        let (codes, log_index) = (answer.codes, answer.log_index);
        return output::json(&NewCodes { user, codes, log_index });
    }
    let name = super::shown_name(&user);
    output::line(&format!(
        "Recovery codes of user {name}, each good once; they are not shown again:"
    ))?;
    answer.codes.iter().try_for_each(|code| output::line(code))
}

/// Whether the next sign-in needs no code.
pub(super) fn shown(user: &User) -> String {
    user.bypass.as_ref().map_or_else(
        || "none".to_owned(),
        |bypass| {
            let until = bypass.until.as_deref().unwrap_or_default();
            format!("once until {until}: {}", output::printable(&bypass.reason))
        },
    )
}
