//! `symbolon user`

mod bypass;
mod personal;
mod pin;
mod profile;

use symbolon_proto::v1::{
    self, BlockUserRequest, CreateUserRequest, CreateUserResponse, DeleteUserRequest,
    GetUserRequest, ListUsersRequest, UnblockUserRequest, UpdateUserRequest,
    user_service_client::UserServiceClient,
};

pub(crate) use self::profile::Like;
use self::profile::Profile;
use super::import::users::{self, ImportUsers};
use super::present;
use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    table,
    view::{self, CreatedUser, DeletedUser, User},
};

/// Users fetched with one question.
const PAGE_USERS: u32 = 1000;

/// Arguments of `symbolon user`.
#[derive(clap::Args)]
pub struct UserArguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(clap::Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user
    Add {
        /// Name to sign in with
        name: String,
        /// Name for people to read
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        display_name: String,
        #[command(flatten)]
        profile: Profile,
        #[command(flatten)]
        like: Like,
    },
    /// Show a user and its tokens
    Show {
        /// Name to sign in with
        name: String,
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// List all users by name
    List {
        /// Only those in this group
        #[arg(long, default_value = "", hide_default_value = true)]
        group: String,
        /// Only those with this tag
        #[arg(long, default_value = "", hide_default_value = true)]
        tag: String,
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Change what people read about a user
    Set {
        /// Name to sign in with
        name: String,
        /// Name for people to read; may be empty
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        #[command(flatten)]
        profile: Profile,
    },
    /// Add the users of a CSV file
    Import(ImportUsers),
    /// Let a user sign in again whose account was switched off
    Enable {
        /// Name to sign in with
        name: String,
    },
    /// Switch an account off: no code of the user's is taken
    Disable {
        /// Name to sign in with
        name: String,
    },
    /// Take no code of a user's for a while: a phone was lost, an account is attacked
    Block {
        /// Name to sign in with
        name: String,
        /// Why; kept in the audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// For how many days
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// Lift a block, and a lock after too many wrong codes
    Unblock {
        /// Name to sign in with
        name: String,
        /// Why; kept in the audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Give a user a PIN to type with each code, or take it away
    Pin(pin::PinArguments),
    /// Let a user in once without a code: a token was left at home
    Bypass(bypass::BypassArguments),
    /// Give a user ten codes for when the token is lost; older ones are void
    RecoveryCodes(bypass::RecoveryArguments),
    /// Write down all that is held about a person, and what the audit says of them, as JSON
    ExportPersonalData(personal::ExportArguments),
    /// Remove a user with all tokens, for good
    Delete {
        /// Name to sign in with
        name: String,
    },
}

pub(crate) async fn run(arguments: UserArguments) -> Result<Exit, Failure> {
    let UserArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        UserCommand::Add { name, display_name, profile, like } => {
            let like = like.look(&context).await?;
            let made = add_with(&context, name, display_name, profile, like).await?;
            let CreateUserResponse { user, log_index } = made;
            said(user, log_index, "added", format)?;
        }
        UserCommand::Show { name, stale } => {
            let user = User::from(get(&context, name, stale).await?);
            match format {
                Format::Json => output::json(&user)?,
                Format::Table => output::line(&details(&user))?,
            }
        }
        UserCommand::List { group, tag, stale } => {
            list(&context, (group, tag), stale, format).await?;
        }
        UserCommand::Set { name, display_name, profile } => {
            let mut user = v1::User { username: name, ..v1::User::default() };
            let mut fields = profile.put_into(&mut user)?;
            if let Some(display_name) = display_name {
                user.display_name = display_name;
                fields.push("display_name");
            }
            update(&context, user, &fields, "changed", format).await?;
        }
        UserCommand::Import(file) => return users::import(&context, file, format).await,
        UserCommand::Enable { name } => {
            let user = v1::User { username: name, enabled: true, ..v1::User::default() };
            update(&context, user, &["enabled"], "can sign in again", format).await?;
        }
        UserCommand::Disable { name } => {
            let user = v1::User { username: name, enabled: false, ..v1::User::default() };
            update(&context, user, &["enabled"], "is switched off", format).await?;
        }
        UserCommand::Block { name, reason, days } => {
            block(&context, name, reason, days, format).await?;
        }
        UserCommand::Unblock { name, reason } => unblock(&context, name, reason, format).await?,
        UserCommand::Bypass(arguments) => bypass::bypass(&context, arguments, format).await?,
        UserCommand::RecoveryCodes(arguments) => {
            bypass::recovery_codes(&context, arguments, format).await?;
        }
        UserCommand::Pin(arguments) => pin::run(&context, arguments, format).await?,
        UserCommand::ExportPersonalData(arguments) => {
            personal::run(&context, arguments, format).await?;
        }
        UserCommand::Delete { name } => delete(&context, name, format).await?,
    }
    Ok(Exit::Done)
}

/// Tells what became of a user.
fn said(user: Option<v1::User>, log_index: u64, what: &str, format: Format) -> Result<(), Failure> {
    let user = User::from(present(user)?);
    match format {
        Format::Json => output::json(&CreatedUser { user, log_index }),
        Format::Table => output::line(&format!("User {} {what}.", shown_name(&user))),
    }
}

async fn update(
    context: &Context,
    user: v1::User,
    fields: &[&str],
    what: &str,
    format: Format,
) -> Result<(), Failure> {
    let paths = fields.iter().map(|field| (*field).to_owned()).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    let question = UpdateUserRequest { user: Some(user), update_mask };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).update_user(request).await
        })
        .await?;
    said(answer.user, answer.log_index, what, format)
}

async fn block(
    context: &Context,
    username: String,
    reason: String,
    days: u32,
    format: Format,
) -> Result<(), Failure> {
    let question = BlockUserRequest { username, reason, seconds: days.saturating_mul(24 * 3600) };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).block_user(request).await
        })
        .await?;
    said(answer.user, answer.log_index, &format!("is blocked for {days} days"), format)
}

async fn unblock(
    context: &Context,
    username: String,
    reason: String,
    format: Format,
) -> Result<(), Failure> {
    let question = UnblockUserRequest { username, reason };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).unblock_user(request).await
        })
        .await?;
    said(answer.user, answer.log_index, "can sign in again", format)
}

async fn delete(context: &Context, username: String, format: Format) -> Result<(), Failure> {
    let question = DeleteUserRequest { username: username.clone(), etag: String::new() };
    let answer = context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).delete_user(request).await
        })
        .await?;
    match format {
        Format::Json => output::json(&DeletedUser { deleted: true, log_index: answer.log_index }),
        Format::Table => output::line(&format!("User {} is gone.", output::printable(&username))),
    }
}

pub(crate) async fn add(
    context: &Context,
    username: String,
    display_name: String,
) -> Result<CreateUserResponse, Failure> {
    add_with(context, username, display_name, Profile::default(), v1::User::default()).await
}

async fn add_with(
    context: &Context,
    username: String,
    display_name: String,
    profile: Profile,
    like: v1::User,
) -> Result<CreateUserResponse, Failure> {
    let mut user = like;
    profile.put_into(&mut user)?;
    let v1::User { email, phones, groups, tags, language, .. } = user;
    let question =
        CreateUserRequest { username, display_name, email, phones, groups, tags, language };
    context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).create_user(request).await
        })
        .await
}

pub(crate) async fn get(
    context: &Context,
    username: String,
    allow_stale: bool,
) -> Result<v1::User, Failure> {
    let question = GetUserRequest { username, allow_stale };
    let answer = context
        .read(question, async |channel, request| {
            UserServiceClient::new(channel).get_user(request).await
        })
        .await?;
    present(answer.user)
}

/// Prints each page as it comes, so that a large cluster needs no memory here.
async fn list(
    context: &Context,
    (group, tag): (String, String),
    allow_stale: bool,
    format: Format,
) -> Result<(), Failure> {
    let page_token = String::new();
    let mut question =
        ListUsersRequest { page_size: PAGE_USERS, page_token, allow_stale, group, tag };
    let mut page = Page::First;
    loop {
        let answer = context
            .read(question.clone(), async |channel, request| {
                UserServiceClient::new(channel).list_users(request).await
            })
            .await?;
        let users: Vec<_> = answer.users.into_iter().map(User::from).collect();
        let is_last = answer.next_page_token.is_empty();
        match format {
            Format::Table => output::line(&page_as_table(&users))?,
            Format::Json => output::part(&page_as_json(&users, page)?)?,
        }
        if is_last {
            return match format {
                Format::Table => Ok(()),
                Format::Json => output::line("]}"),
            };
        }
        question.page_token = answer.next_page_token;
        page = Page::Further;
    }
}

#[derive(Clone, Copy)]
enum Page {
    First,
    Further,
}

/// A part of one JSON document, which still has to be closed.
fn page_as_json(users: &[User], page: Page) -> Result<String, Failure> {
    let mut text = match page {
        Page::First => "{\"users\":[".to_owned(),
        Page::Further => String::new(),
    };
    let mut separator = match page {
        Page::First => "",
        Page::Further => ",",
    };
    for user in users {
        let user = serde_json::to_string(user).map_err(|error| {
            Failure::new(
                Exit::Software,
                format!("A user cannot be written as JSON: {error}."),
                "Report this as a defect.",
            )
        })?;
        text.push_str(separator);
        text.push_str(&user);
        separator = ",";
    }
    Ok(text)
}

fn page_as_table(users: &[User]) -> String {
    let rows = users.iter().map(|user| {
        vec![
            user.username.clone(),
            table::or_dash(Some(&user.display_name)),
            user.tokens.len().to_string(),
            user.failures.to_string(),
            table::or_dash(user.created_at.as_deref()),
        ]
    });
    table::rows(&["USERNAME", "DISPLAY NAME", "TOKENS", "FAILURES", "CREATED"], rows)
}

fn details(user: &User) -> String {
    let properties = table::properties([
        ("Username", user.username.clone()),
        ("Display name", table::or_dash(Some(&user.display_name))),
        ("E-mail", table::or_dash(Some(&user.email))),
        ("Phones", table::or_dash(Some(&profile::phones(&user.phones)))),
        ("Groups", table::or_dash(Some(&user.groups.join(", ")))),
        ("Tags", table::or_dash(Some(&user.tags.join(", ")))),
        ("Language", table::or_dash(Some(&user.language))),
        ("Id", user.id.clone()),
        ("State", standing(user)),
        ("PIN", pin::shown(user)),
        ("Bypass", bypass::shown(user)),
        ("Recovery codes", user.recovery_codes_left.to_string()),
        ("Failures in a row", user.failures.to_string()),
        ("Created", table::or_dash(user.created_at.as_deref())),
    ]);
    if user.tokens.is_empty() {
        return format!("{properties}\n\nNo token yet.");
    }
    format!("{properties}\n\n{}", tokens(&user.tokens))
}

/// Whether the user can sign in, and if not, why and what helps.
fn standing(user: &User) -> String {
    if !user.enabled {
        return "switched off; `symbolon user enable` switches it on".to_owned();
    }
    if let Some(block) = &user.block {
        let until = block.until.as_deref().unwrap_or_default();
        let reason = output::printable(&block.reason);
        return format!("blocked until {until}: {reason}; `symbolon user unblock` lifts it");
    }
    if let Some(until) = &user.waits_until {
        let count = user.failures;
        return format!(
            "after {count} wrong codes in a row no code is taken until {until}; `symbolon user \
             unblock` ends the wait"
        );
    }
    match user.locked {
        true => "locked after too many wrong codes; `symbolon user unblock` lifts it".to_owned(),
        false => "can sign in".to_owned(),
    }
}

pub(super) fn tokens(tokens: &[view::Token]) -> String {
    let rows = tokens.iter().map(|token| {
        vec![
            token.id.clone(),
            table::or_dash(token.serial.as_deref()),
            match token.counter {
                Some(counter) => format!("HOTP, next {counter}"),
                None => format!("TOTP, {} s", token.period_seconds),
            },
            token.algorithm.to_owned(),
            token.digits.to_string(),
            match (token.pending, token.used) {
                (true, _) => "pending".to_owned(),
                (false, true) => "used".to_owned(),
                (false, false) => "new".to_owned(),
            },
            table::or_dash(token.created_at.as_deref()),
        ]
    });
    table::rows(&["TOKEN", "SERIAL", "TYPE", "ALGORITHM", "DIGITS", "STATE", "CREATED"], rows)
}

fn shown_name(user: &User) -> String {
    output::printable(&user.username)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        v1::User { username: name.to_owned(), ..v1::User::default() }.into()
    }

    #[test]
    fn pages_make_one_document() {
        let first = page_as_json(&[user("a"), user("b")], Page::First).unwrap();
        let further = page_as_json(&[user("c")], Page::Further).unwrap();
        let none = page_as_json(&[], Page::Further).unwrap();
        for (pages, names) in [
            (vec![&first, &further, &none], vec!["a", "b", "c"]),
            (vec![&first], vec!["a", "b"]),
            (vec![&page_as_json(&[], Page::First).unwrap()], vec![]),
        ] {
            let text: String = pages.into_iter().map(String::as_str).collect();
            let document: serde_json::Value = serde_json::from_str(&(text + "]}")).unwrap();
            let users = document["users"].as_array().unwrap().iter();
            let found: Vec<_> = users.map(|user| user["username"].as_str().unwrap()).collect();
            assert_eq!(found, names);
        }
    }
}
