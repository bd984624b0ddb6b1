//! Load: so many verifications at once, or so many in a second, for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use symbolon_proto::v1::{
    Decision, VerifyRequest, verification_service_client::VerificationServiceClient,
};
use tokio::time::{Instant, sleep_until};

use super::fleet::Fleet;
use super::lines::Lines;
use crate::{call::bearing, clock};

/// What is asked of the cluster.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) concurrency: u32,
    pub(super) time: Duration,
    /// Per second; `None`: as fast as answers come.
    pub(super) rate: Option<u32>,
    pub(super) wrong: bool,
}

/// What came of it.
pub(super) struct Level {
    pub(super) plan: Plan,
    pub(super) took: Duration,
    /// Of answers as expected, shortest first.
    pub(super) times: Vec<Duration>,
    /// Answers that were not expected.
    pub(super) unexpected: u64,
    /// Calls that failed.
    pub(super) failed: u64,
    /// Whether it ended early, because every code of now had been shown.
    pub(super) ran_out: bool,
}

/// What one of those who ask at once has seen.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    unexpected: u64,
    failed: u64,
    ran_out: bool,
}

pub(super) async fn run(lines: &Lines, fleet: &Fleet, plan: Plan) -> Level {
    let begin = Instant::now();
    let tickets = AtomicU64::new(0);
    let askers = (0..plan.concurrency).map(|_| ask(lines, fleet, plan, begin, &tickets));
    let all = join_all(askers).await;
    let took = begin.elapsed();
    let mut level =
        Level { plan, took, times: Vec::new(), unexpected: 0, failed: 0, ran_out: false };
    for seen in all {
        level.times.extend(seen.times);
        level.unexpected += seen.unexpected;
        level.failed += seen.failed;
        level.ran_out |= seen.ran_out;
    }
    level.times.sort_unstable();
    level
}

async fn ask(
    lines: &Lines,
    fleet: &Fleet,
    plan: Plan,
    begin: Instant,
    tickets: &AtomicU64,
) -> Seen {
    let mut seen = Seen::default();
    let Ok(channel) = lines.channel() else {
        seen.failed += 1;
        return seen;
    };
    let mut client = VerificationServiceClient::new(channel);
    let expected = if plan.wrong { Decision::Deny } else { Decision::Allow };
    while begin.elapsed() < plan.time {
        // Measured from when it was to be sent: whoever waits for a slow answer has sent too late.
        let mut due = Instant::now();
        if let Some(rate) = plan.rate {
            let ticket = tickets.fetch_add(1, Ordering::Relaxed);
            due = begin
                + Duration::from_nanos(ticket.saturating_mul(1_000_000_000) / u64::from(rate));
            sleep_until(due).await;
        }
        let Some((person, code)) = fleet.next(clock::seconds()) else {
            seen.ran_out = true;
            return seen;
        };
        let code = if plan.wrong { wrong(&code) } else { code };
        let question =
            VerifyRequest { username: person.username.clone(), code, ..VerifyRequest::default() };
        match client.verify(bearing(question, Some(&fleet.key))).await {
            Ok(answer) if answer.get_ref().decision() == expected => seen.times.push(due.elapsed()),
            Ok(_) => seen.unexpected += 1,
            Err(_) => seen.failed += 1,
        }
    }
    seen
}

/// A code of the same length that is another.
fn wrong(code: &str) -> String {
    let last = code.chars().last().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
    let other = (last + 5) % 10;
    let head = code.get(..code.len().saturating_sub(1)).unwrap_or_default();
    format!("{head}{other}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_code_is_another() {
        assert_eq!(wrong("123456"), "123451");
        assert_eq!(wrong("123459"), "123454");
    }
}
