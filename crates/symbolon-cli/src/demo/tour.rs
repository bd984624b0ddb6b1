//! Tells what is tried, and whether it held.

use std::fmt;

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    error::Failure,
    output::{self, Format},
};

/// What a step found out.
pub(super) struct Held<T = ()> {
    /// A sentence about it.
    pub(super) detail: String,
    pub(super) value: T,
}

impl Held {
    pub(super) fn because(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), value: () }
    }
}

/// Why a step did not hold.
pub(super) struct NotHeld(String);

impl NotHeld {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl From<Failure> for NotHeld {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) type Outcome<T = ()> = Result<Held<T>, NotHeld>;

/// The tour ends at the first step that did not hold.
pub(super) struct Ended;

pub(super) struct Tour {
    format: Format,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    step: &'static str,
    held: bool,
    detail: String,
    seconds: f64,
}

#[derive(Serialize)]
struct Report<'a> {
    held: bool,
    steps: &'a [Step],
}

impl Tour {
    pub(super) fn new(format: Format) -> Self {
        Self { format, steps: Vec::new() }
    }

    /// Tries `trial` and tells how it came out.
    pub(super) async fn step<T>(
        &mut self,
        step: &'static str,
        trial: impl Future<Output = Outcome<T>>,
    ) -> Result<T, Ended> {
        self.say(&format!("\n{}. {step}", self.steps.len() + 1));
        let start = Instant::now();
        let outcome = trial.await;
        let seconds = start.elapsed().as_secs_f64();
        let (held, detail, value) = match outcome {
            Ok(Held { detail, value }) => (true, detail, Some(value)),
            Err(why) => (false, why.to_string(), None),
        };
        let verdict = if held { "held" } else { "DID NOT HOLD" };
        self.say(&format!("   {verdict} ({seconds:.1} s): {detail}"));
        self.steps.push(Step { step, held, detail, seconds: (seconds * 1000.0).round() / 1000.0 });
        value.ok_or(Ended)
    }

    /// Tells something. Where the result is for programs, it goes to standard error.
    pub(super) fn say(&self, text: &str) {
        match self.format {
            // Nobody left to tell: the exit code still says how it ended.
            Format::Table => drop(output::line(text)),
            Format::Json => output::note(text),
        }
    }

    /// Whether every step held and none was left out.
    pub(super) fn finish(&self, ended: bool) -> Result<bool, Failure> {
        let held = ended && self.steps.iter().all(|step| step.held);
        match self.format {
            Format::Table if held => output::line("\nEvery step held.")?,
            Format::Table => output::line("\nNot every step held.")?,
            Format::Json => output::json(&Report { held, steps: &self.steps })?,
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_step_that_does_not_hold_decides() {
        let mut tour = Tour::new(Format::Json);
        let held = tour.step("one", async { Ok(Held { detail: "Yes.".to_owned(), value: 5 }) });
        assert!(matches!(held.await, Ok(5)));
        assert!(tour.finish(true).unwrap());
        assert!(!tour.finish(false).unwrap());

        let not_held = tour.step("two", async { Outcome::<()>::Err(NotHeld::because("No.")) });
        assert!(not_held.await.is_err());
        assert!(!tour.finish(true).unwrap());
        let report = serde_json::to_value(Report { held: false, steps: &tour.steps });
        let report = report.unwrap();
        assert_eq!(report["steps"][1]["step"], "two");
        assert_eq!(report["steps"][1]["held"], false);
        assert_eq!(report["steps"][1]["detail"], "No.");
    }
}
