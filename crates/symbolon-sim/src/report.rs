//! What is said of a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use symbolon_check::{Outcome, Problem, Told};

use crate::args::Args;
use crate::trace::Trace;

/// Lines of the timeline that are shown of a run that failed.
const LINES_SHOWN: usize = 150;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Has each panic written into the timeline.
pub(crate) fn watch_panics(trace: &Trace) {
    let trace = trace.clone();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        trace.say("PANIC", &panic.to_string().replace('\n', " "));
    }));
}

pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// See the module.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) problems: Vec<Problem>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) simulated_seconds: u64,
}

impl Report {
    pub(crate) fn failed(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }

    pub(crate) fn count(&mut self, what: &'static str, number: u64) {
        *self.counts.entry(what).or_default() += number;
    }

    /// Counts what clients were told.
    pub(crate) fn count_told(&mut self, told: &Told) {
        for verify in &told.verified {
            let what = match &verify.outcome {
                Outcome::Told(told) if told.is_allow() => "allowed",
                Outcome::Told(_) => "denied",
                Outcome::Refused(_) => "refused",
                Outcome::Unknown => "unanswered",
            };
            self.count(what, 1);
            let island = verify.outcome.told().is_some_and(|told| told.island);
            self.count("by_islands", u64::from(island));
        }
        for call in &told.calls {
            let done = call.outcome.told().is_some();
            self.count(if done { "calls_done" } else { "calls_failed" }, 1);
        }
    }

    /// Counts what the nodes have said of themselves.
    pub(crate) fn count_lines(&mut self, lines: &[String]) {
        let said = [
            ("snapshots_installed", "installed a snapshot"),
            ("seizes", "SEIZED"),
            ("rejoins", "this node is back; what it had"),
            ("epochs_discarded", "DISCARDED"),
            ("replaced", "JOINED anew"),
        ];
        for (what, words) in said {
            let times = lines.iter().filter(|line| line.contains(words)).count();
            self.count(what, u64::try_from(times).unwrap_or(u64::MAX));
        }
    }

    /// Prints it. Whether all is good.
    pub(crate) fn tell(&self, args: &Args, trace: &Trace, took: f64) -> bool {
        let seed = args.plan.seed;
        let counts: Vec<_> =
            self.counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        let is_good = self.problems.is_empty();
        if !is_good {
            self.tell_timeline(trace);
            for Problem { checker, what } in &self.problems {
                println!("FAILED {checker}: {what}");
            }
            let seconds = args.plan.seconds;
            println!(
                "replay: cargo xtask sim --seeds 1 --first-seed {seed} --seconds {seconds} --trace"
            );
        }
        let verdict = if is_good { "ok" } else { "RED" };
        println!(
            "seed {seed} {verdict} {} simulated {} s in {took:.1} s: {}",
            trace.hash(),
            self.simulated_seconds,
            counts.join(" ")
        );
        is_good
    }

    /// The last lines, without what openraft says.
    fn tell_timeline(&self, trace: &Trace) {
        let lines = trace.lines();
        let lines: Vec<_> = lines.iter().filter(|line| !line.contains(" openraft::")).collect();
        for line in lines.iter().skip(lines.len().saturating_sub(LINES_SHOWN)) {
            println!("{line}");
        }
    }
}
