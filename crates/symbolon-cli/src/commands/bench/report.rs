//! What was measured, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::check::Check;
use super::load::Level;
use crate::{output, table};

/// Of one command.
#[derive(Serialize)]
pub(super) struct Report {
    name: String,
    users: u32,
    servers: usize,
    levels: Vec<Measured>,
    /// Null where nothing was decided.
    check: Option<Check>,
}

/// Times are in milliseconds, from when a request was to be sent to its answer.
#[derive(Serialize)]
pub(super) struct Measured {
    concurrency: u32,
    /// To each server.
    connections: u32,
    /// Null: as fast as answers came.
    rate: Option<u32>,
    wrong_codes: bool,
    seconds: f64,
    /// Answered as expected.
    answered: usize,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    longest_ms: f64,
    /// Answered otherwise.
    unexpected: u64,
    /// Answered otherwise, and rightly: the code was that of another time step too.
    twins: u64,
    /// Not answered.
    failed: u64,
    /// What was said of the first of these.
    first_failure: Option<String>,
    /// Due, and not sent when the time was over.
    not_sent: u64,
    /// Ended early: there were too few users for codes that were not shown before.
    ran_out: bool,
}

impl Report {
    pub(super) fn new(
        name: &str,
        users: u32,
        servers: usize,
        levels: Vec<Measured>,
        check: Option<Check>,
    ) -> Self {
        Self { name: name.to_owned(), users, servers, levels, check }
    }

    /// Whether each request was answered, and as expected.
    pub(super) fn is_as_expected(&self) -> bool {
        self.levels.iter().all(|level| level.unexpected == 0 && level.failed == 0)
    }

    /// Whether each code was there once, as far as that was looked at.
    pub(super) fn is_once(&self) -> bool {
        self.check.as_ref().is_none_or(|check| check.is_once(self.users.into()))
    }

    pub(super) fn to_text(&self) -> String {
        let headings = [
            "AT ONCE",
            "CONNECTIONS",
            "RATE",
            "ANSWERED",
            "PER SECOND",
            "P50 MS",
            "P99 MS",
            "P99.9 MS",
            "LONGEST MS",
            "UNEXPECTED",
            "FAILED",
        ];
        let rows = self.levels.iter().map(|level| {
            vec![
                level.concurrency.to_string(),
                level.connections.to_string(),
                table::or_dash(level.rate.map(|rate| rate.to_string()).as_deref()),
                level.answered.to_string(),
                format!("{:.0}", level.per_second),
                format!("{:.2}", level.p50_ms),
                format!("{:.2}", level.p99_ms),
                format!("{:.2}", level.p999_ms),
                format!("{:.2}", level.longest_ms),
                level.unexpected.to_string(),
                level.failed.to_string(),
            ]
        });
        let mut text = table::rows(&headings, rows);
        if self.levels.iter().any(|level| level.ran_out) {
            text += "\nIt ended early: each code is shown once, and there were no more. Give more --users, or \
                     fewer --seconds.";
        }
        if let Some(failure) = self.levels.iter().find_map(|level| level.first_failure.as_ref()) {
            text += "\nThe first call that failed: ";
            text += &output::printable(failure);
        }
        if let Some(check) = &self.check {
            text += "\n";
            text += &check.to_text();
        }
        text
    }
}

impl From<Level> for Measured {
    fn from(level: Level) -> Self {
        let seen = level.seen;
        let answered = level.times.len();
        let seconds = level.took.as_secs_f64();
        // A part of all as thousandths: the time within which so many were answered.
        let within = |thousandths: usize| {
            let place = (answered * thousandths).div_ceil(1_000).saturating_sub(1);
            milliseconds(level.times.get(place).copied().unwrap_or_default())
        };
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
        let per_second = if seconds > 0.0 { answered as f64 / seconds } else { 0.0 };
        Self {
            concurrency: level.plan.concurrency,
            connections: level.plan.connections,
            rate: level.plan.rate,
            wrong_codes: level.plan.wrong,
            seconds,
            answered,
            per_second,
            p50_ms: within(500),
            p99_ms: within(990),
            p999_ms: within(999),
            longest_ms: within(1_000),
            unexpected: seen.unexpected,
            twins: seen.twins,
            failed: seen.failed,
            first_failure: seen.first_failure,
            not_sent: level.not_sent,
            ran_out: seen.ran_out,
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::super::load::{Plan, Seen};
    use super::*;

    fn level(times: impl IntoIterator<Item = u64>) -> Measured {
        let time = Duration::from_secs(2);
        let plan =
            Plan { concurrency: 4, connections: 2, threads: 1, time, rate: None, wrong: false };
        let times = times.into_iter().map(Duration::from_millis).collect();
        Level { plan, took: time, times, seen: Seen::default(), not_sent: 0 }.into()
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let thousand = level(1..=1_000);
        assert_eq!(
            [thousand.p50_ms, thousand.p99_ms, thousand.p999_ms, thousand.longest_ms],
            [500.0, 990.0, 999.0, 1_000.0]
        );
        assert_eq!(thousand.per_second, 500.0);
        let one = level([7]);
        assert_eq!([one.p50_ms, one.p999_ms, one.longest_ms], [7.0; 3]);
        assert_eq!(level([]).longest_ms, 0.0);
    }
}
