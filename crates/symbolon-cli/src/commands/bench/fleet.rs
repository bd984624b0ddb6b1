//! The people of a benchmark: users with a token each, and an application that asks about them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use symbolon_proto::v1::{
    self, CreateApplicationRequest, DeleteApplicationRequest, DeleteUserRequest,
    EnrollTokenRequest, ImportTokensRequest, ImportUsersRequest, ImportedUser, ListUsersRequest,
    application_service_client::ApplicationServiceClient, user_service_client::UserServiceClient,
};

use super::lines::Lines;
use crate::{
    commands::{application, import::patiently},
    context::{BearerToken, Context},
    error::Failure,
    exit::Exit,
    output,
    request_id::{RequestId, random_bytes},
};

/// Rows of one question.
const ROWS: usize = 64;
/// Questions under way at once while people are made and removed.
const AT_ONCE: usize = 8;
/// Bytes of a seed, as the server makes them for SHA-1.
const SEED_BYTES: usize = 20;
/// Seconds of a time step.
const PERIOD: u64 = 30;
/// What names of benchmarks begin with: nothing else is ever removed.
const PREFIX: &str = "bench-";

/// Somebody with a token, and the last time step whose code was shown.
pub(super) struct Person {
    pub(super) username: String,
    seed: [u8; SEED_BYTES],
    shown: AtomicU64,
}

/// All of them, and who asks.
pub(super) struct Fleet {
    people: Vec<Person>,
    next: AtomicUsize,
    pub(super) key: BearerToken,
}

/// A name that no other benchmark has.
pub(super) fn draw_name() -> Result<String, Failure> {
    let drawn = RequestId::random()?.to_string();
    Ok(format!("{PREFIX}{}", drawn.get(..8).unwrap_or_default()))
}

impl Fleet {
    pub(super) async fn make(context: &Context, name: &str, users: u32) -> Result<Self, Failure> {
        let people: Vec<_> =
            (0..users).map(|number| Person::draw(name, number)).collect::<Result<_, _>>()?;
        let done = AtomicUsize::new(0);
        let made = stream::iter(people.chunks(ROWS).map(Ok::<_, Failure>));
        let (made_so_far, all) = (&done, people.len());
        made.try_for_each_concurrent(AT_ONCE, async |some| {
            enroll(context, name, some).await?;
            let done = made_so_far.fetch_add(some.len(), Ordering::Relaxed) + some.len();
            output::progress(&format!("{done} of {all} users made"));
            Ok(())
        })
        .await?;
        let question = CreateApplicationRequest { name: name.to_owned(), ..Default::default() };
        let (_, secret) = application::add(context, question, None).await?;
        let key = secret.shown.as_deref().and_then(BearerToken::new).ok_or_else(|| {
            Failure::new(Exit::Software, "The API key is none.", "Report this as a defect.")
        })?;
        Ok(Self { people, next: AtomicUsize::new(0), key })
    }

    /// Somebody, and a code that was not shown before: of the present time step, or of the next.
    /// `None`: all codes of now were shown.
    pub(super) fn next(&self, now: u64) -> Option<(&Person, String)> {
        for _ in 0..self.people.len() {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.people.len();
            let person = self.people.get(turn)?;
            if let Some(step) = person.take(now / PERIOD) {
                return Some((person, person.code(step)));
            }
        }
        None
    }
}

impl Person {
    fn draw(name: &str, number: u32) -> Result<Self, Failure> {
        let username = format!("{name}-{number:07}");
        Ok(Self { username, seed: random_bytes()?, shown: AtomicU64::new(0) })
    }

    /// The next time step whose code was not shown, if it is no further off than one.
    fn take(&self, now: u64) -> Option<u64> {
        // The step before may be too old when the code arrives.
        let next = |shown: u64| (shown + 1).max(now);
        let taken = self.shown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |shown| {
            Some(next(shown)).filter(|step| *step <= now + 1)
        });
        taken.ok().map(next)
    }

    /// By an implementation that is not the server's.
    fn code(&self, step: u64) -> String {
        let secret = totp_rs::Secret::new_stack(self.seed);
        let totp = totp_rs::Builder::new().with_step_duration(PERIOD).with_secret(secret).build();
        totp.map_or_else(|_| String::new(), |totp| totp.generate(step * PERIOD).to_string())
    }
}

async fn enroll(context: &Context, name: &str, people: &[Person]) -> Result<(), Failure> {
    let users = people.iter().map(|person| ImportedUser {
        username: person.username.clone(),
        groups: vec![name.to_owned()],
        ..ImportedUser::default()
    });
    let users = ImportUsersRequest { users: users.collect(), ..Default::default() };
    let made = async || {
        context
            .write(users.clone(), async |channel, request| {
                UserServiceClient::new(channel).import_users(request).await
            })
            .await
    };
    let results = patiently(made).await?.results;
    let tokens = people.iter().map(|person| EnrollTokenRequest {
        username: person.username.clone(),
        serial: person.username.clone(),
        seed: person.seed.to_vec(),
        ..EnrollTokenRequest::default()
    });
    let tokens = ImportTokensRequest { tokens: tokens.collect(), ..Default::default() };
    let given = async || {
        context
            .write(tokens.clone(), async |channel, request| {
                UserServiceClient::new(channel).import_tokens(request).await
            })
            .await
    };
    let results = results.into_iter().chain(patiently(given).await?.results);
    for result in results {
        if result.outcome() != v1::import_result::Outcome::Created {
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
    let mut removed = 0;
    loop {
        let question =
            ListUsersRequest { group: name.to_owned(), page_size: 1_000, ..Default::default() };
        let page = context
            .read(question, async |channel, request| {
                UserServiceClient::new(channel).list_users(request).await
            })
            .await?;
        if page.users.is_empty() {
            return Ok(());
        }
        let each = stream::iter(page.users).map(|user| remove_user(lines, user.username));
        let done: Vec<_> = each.buffer_unordered(AT_ONCE).collect().await;
        // Those who are left are listed again, unless it leads nowhere.
        let gone = done.iter().filter(|one| one.is_ok()).count();
        if gone == 0 {
            return done.into_iter().collect();
        }
        removed += gone;
        output::progress(&format!("{removed} users removed"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_shown_twice_and_none_that_is_too_far_off() {
        let person = Person::draw("bench-1", 7).unwrap();
        assert_eq!(person.username, "bench-1-0000007");
        let taken = |now| std::iter::from_fn(|| person.take(now)).collect::<Vec<_>>();
        assert_eq!(taken(100), [100, 101]);
        assert_eq!(taken(101), [102]);
        assert_eq!(taken(200), [200, 201]);
        assert_eq!(person.code(100).len(), 6);
        assert_ne!(person.code(100), person.code(101));
    }
}
