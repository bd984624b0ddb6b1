//! `symbolon user`

use symbolon_proto::v1::{
    self, CreateUserRequest, CreateUserResponse, GetUserRequest, ListUsersRequest,
    user_service_client::UserServiceClient,
};

use super::present;
use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    table,
    view::{self, CreatedUser, User},
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
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
}

pub(crate) async fn run(arguments: UserArguments) -> Result<Exit, Failure> {
    let UserArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        UserCommand::Add { name, display_name } => {
            let CreateUserResponse { user, log_index } = add(&context, name, display_name).await?;
            let user = User::from(present(user)?);
            match format {
                Format::Json => output::json(&CreatedUser { user, log_index })?,
                Format::Table => output::line(&format!("User {} added.", shown_name(&user)))?,
            }
        }
        UserCommand::Show { name, stale } => {
            let user = User::from(get(&context, name, stale).await?);
            match format {
                Format::Json => output::json(&user)?,
                Format::Table => output::line(&details(&user))?,
            }
        }
        UserCommand::List { stale } => list(&context, stale, format).await?,
    }
    Ok(Exit::Done)
}

pub(crate) async fn add(
    context: &Context,
    username: String,
    display_name: String,
) -> Result<CreateUserResponse, Failure> {
    let question = CreateUserRequest { username, display_name };
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
async fn list(context: &Context, allow_stale: bool, format: Format) -> Result<(), Failure> {
    let mut question =
        ListUsersRequest { page_size: PAGE_USERS, page_token: String::new(), allow_stale };
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
        ("Id", user.id.clone()),
        ("Failures in a row", user.failures.to_string()),
        ("Created", table::or_dash(user.created_at.as_deref())),
    ]);
    if user.tokens.is_empty() {
        return format!("{properties}\n\nNo token yet.");
    }
    format!("{properties}\n\n{}", tokens(&user.tokens))
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
