//! Runs the steps and sums them up.

use std::time::{Duration, Instant};

use crate::{
    Result,
    args::VerifyOptions,
    steps::{STEPS, Step},
    workspace::Workspace,
};

pub(crate) fn run(workspace: &Workspace, options: &VerifyOptions) -> Result {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in selected(&options.only) {
        let failed_before = outcomes.iter().any(|outcome| outcome.verdict == Verdict::Failed);
        outcomes.push(match failed_before && !step.cheap && !options.keep_going {
            true => Outcome { name: step.name, verdict: Verdict::Skipped, took: Duration::ZERO },
            false => perform(workspace, step),
        });
    }
    print!("\n{}", summary(&outcomes));
    match outcomes.iter().all(|outcome| outcome.verdict == Verdict::Passed) {
        true => Ok(()),
        false => Err("verify failed".into()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

struct Outcome {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
}

/// In the order of the table, whatever the order on the command line.
fn selected(only: &[String]) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| only.is_empty() || only.iter().any(|name| name == step.name))
}

fn perform(workspace: &Workspace, step: &'static Step) -> Outcome {
    println!("\n==> {}: {}", step.name, step.command_shown(workspace));
    let start = Instant::now();
    let verdict = match step.run(workspace) {
        Ok(()) => Verdict::Passed,
        Err(error) => {
            println!("{error}");
            Verdict::Failed
        }
    };
    let took = start.elapsed();
    println!("<== {}: {} in {:.1} s", step.name, word(verdict), took.as_secs_f64());
    Outcome { name: step.name, verdict, took }
}

fn summary(outcomes: &[Outcome]) -> String {
    let mut table = format!("{:<10}{:<10}{:>8}\n", "step", "result", "seconds");
    for Outcome { name, verdict, took } in outcomes {
        let seconds = took.as_secs_f64();
        table += &format!("{name:<10}{:<10}{seconds:>8.1}\n", word(*verdict));
    }
    table
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_keeps_the_order_of_the_table() {
        let names = |only: &[&str]| -> Vec<&str> {
            let only: Vec<_> = only.iter().map(|&name| name.to_owned()).collect();
            selected(&only).map(|step| step.name).collect()
        };
        assert_eq!(names(&["tidy", "fmt"]), ["fmt", "tidy"]);
        assert_eq!(names(&[]).len(), STEPS.len());
    }

    #[test]
    fn the_summary_has_a_line_for_each_step() {
        let outcome = |name, verdict| Outcome { name, verdict, took: Duration::from_millis(1500) };
        let table = summary(&[outcome("fmt", Verdict::Passed), outcome("test", Verdict::Failed)]);
        assert_eq!(
            table,
            "step      result     seconds\n\
             fmt       ok             1.5\n\
             test      FAILED         1.5\n"
        );
    }
}
