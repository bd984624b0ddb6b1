//! Makes the people of a benchmark at the cluster, and removes them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, future::try_join_all, stream};
use symbolon_proto::v1::{
    CreateApplicationRequest, DeleteApplicationRequest, DeleteUserRequest, EnrollTokenRequest,
    ImportTokensRequest, ImportUsersRequest, ImportedUser, ListUsersRequest,
    application_service_client::ApplicationServiceClient, import_result::Outcome,
    user_service_client::UserServiceClient,
};
use tonic::transport::Channel;

use super::fleet::{PREFIX, Person};
use super::lines::Lines;
use crate::{
    commands::{application, import::patiently},
    context::{BearerToken, Context},
    error::Failure,
    exit::Exit,
    output,
};

/// Rows of one question.
const ROWS: usize = 64;
/// Users who are removed at once.
const AT_ONCE: usize = 16;

/// Makes users with a token each, in a group of that name if they are to be removed again.
pub(super) async fn make_people(
    lines: &Lines,
    group: Option<&str>,
    people: &[Person],
) -> Result<(), Failure> {
    let (next, done) = (Mutex::new(people.chunks(ROWS)), AtomicUsize::new(0));
    let (next, done, all) = (&next, &done, people.len());
    // A question at a time over each connection: nodes take no more imports at once.
    let makers = lines.channels.iter().map(|channel| async move {
        let chunk = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some(some) = chunk() {
            make_some(lines, channel, group, some).await?;
            let done = done.fetch_add(some.len(), Ordering::Relaxed) + some.len();
            output::progress(&format!("{done} of {all} users made"));
        }
        Ok(())
    });
    try_join_all(makers).await.map(drop)
}

/// Makes the application that asks about them.
pub(super) async fn make_application(
    context: &Context,
    name: &str,
) -> Result<BearerToken, Failure> {
    let question = CreateApplicationRequest { name: name.to_owned(), ..Default::default() };
    let (_, secret) = application::add(context, question, None).await?;
    secret.shown.as_deref().and_then(BearerToken::new).ok_or_else(|| {
        Failure::new(Exit::Software, "The API key is none.", "Report this as a defect.")
    })
}

async fn make_some(
    lines: &Lines,
    channel: &Channel,
    group: Option<&str>,
    people: &[Person],
) -> Result<(), Failure> {
    let users = people.iter().map(|person| ImportedUser {
        username: person.username.to_string(),
        groups: group.map(ToOwned::to_owned).into_iter().collect(),
        ..ImportedUser::default()
    });
    let users = ImportUsersRequest { users: users.collect(), ..Default::default() };
    let made = patiently(async || {
        let mut client = UserServiceClient::new(channel.clone());
        let answer = client.import_users(lines.request(users.clone())).await;
        answer.map_err(|status| Failure::status("A node", &status))
    });
    let results = made.await?.into_inner().results;
    let tokens = people.iter().map(|person| EnrollTokenRequest {
        username: person.username.to_string(),
        serial: person.username.to_string(),
        seed: person.seed.to_vec(),
        ..EnrollTokenRequest::default()
    });
    let tokens = ImportTokensRequest { tokens: tokens.collect(), ..Default::default() };
    let given = patiently(async || {
        let mut client = UserServiceClient::new(channel.clone());
        let answer = client.import_tokens(lines.request(tokens.clone())).await;
        answer.map_err(|status| Failure::status("A node", &status))
    });
    let results = results.into_iter().chain(given.await?.into_inner().results);
    for result in results {
        // What is there already was made by a question whose answer got lost.
        if !matches!(result.outcome(), Outcome::Created | Outcome::Unchanged) {
            let what = format!("A user or a token was not made: {}.", result.reason);
            return Err(Failure::new(Exit::No, what, "Run it again; see the log of the nodes."));
        }
    }
    Ok(())
}

/// Removes the users of a benchmark and its application; what is not there any more is no error.
pub(super) async fn remove(context: &Context, lines: &Lines, name: &str) -> Result<(), Failure> {
    if !name.starts_with(PREFIX) {
        return Err(Failure::usage(
            format!("{} is no benchmark.", output::printable(name)),
            format!("Give the name that it told of at its start; it begins with {PREFIX}."),
        ));
    }
    let question = DeleteApplicationRequest { name: name.to_owned(), ..Default::default() };
    let gone = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).delete_application(request).await
        })
        .await;
    if let Err(failure) = gone
        && failure.exit != Exit::No
    {
        return Err(failure);
    }
    let (mut removed, mut page_token) = (0, String::new());
    loop {
        let group = name.to_owned();
        let question =
            ListUsersRequest { group, page_size: 1_000, page_token, ..Default::default() };
        let page = context
            .read(question, async |channel, request| {
                UserServiceClient::new(channel).list_users(request).await
            })
            .await?;
        let each = stream::iter(page.users).map(|user| remove_user(lines, user.username));
        let done: Vec<_> = each.buffer_unordered(AT_ONCE).collect().await;
        removed += done.len();
        done.into_iter().collect::<Result<(), _>>()?;
        output::progress(&format!("{removed} users removed"));
        // A page may be empty and others follow.
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// Over a connection that stays: there may be a million.
async fn remove_user(lines: &Lines, username: String) -> Result<(), Failure> {
    let question = DeleteUserRequest { username, ..DeleteUserRequest::default() };
    let gone = async || {
        let mut client = UserServiceClient::new(lines.channel()?);
        let answer = client.delete_user(lines.request(question.clone())).await;
        answer.map(drop).map_err(|status| Failure::status("A node", &status))
    };
    match patiently(gone).await {
        Err(failure) if failure.exit != Exit::No => Err(failure),
        _ => Ok(()),
    }
}
