//! Whether a code is there once: used codes are shown again, and what was allowed is compared with the
//! audit and with the marks of the tokens.

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use symbolon_proto::v1::{
    AuditFilter, AuditOrder, Decision, ListUsersRequest, QueryAuditRequest, VerifyRequest,
    audit_service_client::AuditServiceClient, user_service_client::UserServiceClient,
    verification_service_client::VerificationServiceClient,
};
use tokio::time::{Duration, Instant, sleep};

use super::fleet::Fleet;
use super::lines::Lines;
use super::load::Seen;
use crate::{call::bearing, context::Context, error::Failure, exit::Exit, output};

/// Used codes under way at once.
const AT_ONCE: usize = 16;
/// Events of one question.
const EVENTS_MAX: u32 = 100_000;
/// For the node that answers to have what the others have.
const CATCH_UP_TIME_MAX: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Default, Serialize)]
pub(super) struct Check {
    /// Used codes that were shown again.
    pub(super) replayed: u64,
    /// Of these, those that were allowed.
    pub(super) replays_allowed: u64,
    /// Answers that were ALLOW.
    pub(super) allowed: u64,
    /// Calls that failed: each may have been allowed or not.
    pub(super) unsure: u64,
    /// What the audit says of these.
    pub(super) audited: u64,
    /// Tokens whose marks were compared with the last code that was allowed.
    pub(super) marks: u64,
    /// Of these, those that had another.
    pub(super) marks_wrong: u64,
    #[serde(skip)]
    log_index: u64,
    #[serde(skip)]
    used: Vec<(usize, u64)>,
}

/// Of used codes that were shown again.
#[derive(Serialize)]
pub(super) struct Replayed {
    pub(super) replayed: u64,
    pub(super) replays_allowed: u64,
}

impl Check {
    /// Takes note of a level.
    pub(super) fn saw(&mut self, seen: &mut Seen) {
        self.allowed += seen.allowed;
        self.unsure += seen.failed;
        self.log_index = self.log_index.max(seen.log_index);
        self.used = std::mem::take(&mut seen.used);
    }

    /// Shows used codes of the last level again.
    pub(super) async fn replay(
        &mut self,
        lines: &Lines,
        fleet: &Fleet,
    ) -> Result<Replayed, Failure> {
        let used = std::mem::take(&mut self.used);
        let again =
            stream::iter(&used).map(|(number, step)| show_again(lines, fleet, *number, *step));
        let answers: Vec<_> = again.buffer_unordered(AT_ONCE).collect().await;
        let mut told = Replayed { replayed: 0, replays_allowed: 0 };
        for answer in answers {
            told.replayed += 1;
            told.replays_allowed += u64::from(answer? != Decision::Deny);
        }
        self.replayed += told.replayed;
        self.replays_allowed += told.replays_allowed;
        Ok(told)
    }

    /// Compares with the audit and the marks.
    pub(super) async fn finish(
        &mut self,
        context: &Context,
        fleet: &Fleet,
        group: Option<&str>,
    ) -> Result<(), Failure> {
        output::progress("comparing with the audit");
        self.audited = audited(context, fleet, self.log_index).await?;
        output::progress("comparing with the marks of the tokens");
        self.compare_marks(context, fleet, group).await
    }

    async fn compare_marks(
        &mut self,
        context: &Context,
        fleet: &Fleet,
        group: Option<&str>,
    ) -> Result<(), Failure> {
        let group = group.unwrap_or_default().to_owned();
        let mut page_token = String::new();
        loop {
            let question = ListUsersRequest {
                group: group.clone(),
                page_size: 1_000,
                page_token,
                ..Default::default()
            };
            let page = context
                .read(question, async |channel, request| {
                    UserServiceClient::new(channel).list_users(request).await
                })
                .await?;
            for user in page.users {
                let Some(person) =
                    number(&fleet.name, &user.username).and_then(|number| fleet.people.get(number))
                else {
                    continue;
                };
                let marks = user.tokens.iter().map(|token| token.last_time_step);
                let mark = marks.max().unwrap_or(0);
                self.marks += 1;
                self.marks_wrong += u64::from(!person.may_be_marked(mark, self.unsure > 0));
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }

    /// Whether each code was there once. `users`: whose marks must have been compared.
    pub(super) fn is_once(&self, users: u64) -> bool {
        let counted = self.allowed..=self.allowed + self.unsure;
        self.replays_allowed == 0
            && counted.contains(&self.audited)
            && self.marks == users
            && self.marks_wrong == 0
    }

    pub(super) fn to_text(&self) -> String {
        let Self { replayed, replays_allowed, allowed, unsure, audited, .. } = self;
        format!(
            "Of {replayed} used codes that were shown again, {replays_allowed} were accepted. {allowed} \
             answers were ALLOW and {unsure} calls failed; the audit has {audited}. Of the marks of {} \
             tokens, {} are not those of the last code that was accepted.",
            self.marks, self.marks_wrong
        )
    }
}

/// Asked again when a node has no time for it.
async fn show_again(
    lines: &Lines,
    fleet: &Fleet,
    number: usize,
    step: u64,
) -> Result<Decision, Failure> {
    let defect =
        || Failure::new(Exit::Software, "Nobody has that number.", "Report this as a defect.");
    let person = fleet.people.get(number).ok_or_else(defect)?;
    let ask = async || {
        let question = VerifyRequest {
            username: person.username.to_string(),
            code: person.code(step),
            ..VerifyRequest::default()
        };
        let mut client = VerificationServiceClient::new(lines.channel()?);
        let answer = client.verify(bearing(question, Some(&fleet.key))).await;
        answer.map_err(|status| Failure::status("A node", &status))
    };
    Ok(crate::commands::import::patiently(ask).await?.get_ref().decision())
}

/// How many verifications of this benchmark the audit calls allowed.
async fn audited(context: &Context, fleet: &Fleet, log_index: u64) -> Result<u64, Failure> {
    let end = Instant::now() + CATCH_UP_TIME_MAX;
    let (mut count, mut after) = (0, None);
    loop {
        let filter = AuditFilter {
            application: fleet.name.clone(),
            decision: Decision::Allow.into(),
            ..AuditFilter::default()
        };
        let question = QueryAuditRequest {
            filter: Some(filter),
            limit: EVENTS_MAX,
            order: AuditOrder::OldestFirst.into(),
            after,
            ..QueryAuditRequest::default()
        };
        let mut answers = context
            .follow(question, async |channel, request| {
                AuditServiceClient::new(channel).query(request).await
            })
            .await?;
        loop {
            let answer = context
                .next_part(&mut answers)
                .await
                .map_err(|status| Failure::status("The node that answered", &status))?;
            count += answer.events.len() as u64;
            let Some(told) = answer.end else { continue };
            if let Some(next) = told.next {
                after = Some(next);
                break;
            }
            let extent = answer.extent.unwrap_or_default();
            if extent.to_index >= log_index && extent.missing.is_none() {
                return Ok(count);
            }
            if Instant::now() >= end {
                let what = "A node does not get the audit of the last verifications.";
                return Err(Failure::new(Exit::No, what, "See the log of the nodes."));
            }
            sleep(PAUSE).await;
            (count, after) = (0, None);
            break;
        }
    }
}

/// Which of the people of a benchmark somebody is.
fn number(name: &str, username: &str) -> Option<usize> {
    username.strip_prefix(name)?.strip_prefix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_there_once_if_all_agree() {
        let check = |change: fn(&mut Check)| {
            let mut check =
                Check { replayed: 9, allowed: 50, audited: 50, marks: 4, ..Check::default() };
            change(&mut check);
            check.is_once(4)
        };
        assert!(check(|_| ()));
        assert!(!check(|check| check.replays_allowed = 1));
        assert!(!check(|check| check.audited = 49));
        assert!(!check(|check| check.audited = 51));
        assert!(check(|check| (check.audited, check.unsure) = (51, 1)));
        assert!(!check(|check| (check.audited, check.unsure) = (49, 1)));
        assert!(!check(|check| check.marks = 3));
        assert!(!check(|check| check.marks_wrong = 1));
    }

    #[test]
    fn people_are_known_by_their_numbers() {
        assert_eq!(number("bench-12", "bench-12-0000007"), Some(7));
        assert_eq!(number("bench-12", "bench-123-0000007"), None);
        assert_eq!(number("bench-12", "alice"), None);
    }
}
