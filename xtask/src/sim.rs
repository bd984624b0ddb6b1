//! Runs the simulator: one process a seed, as many at once as there are processors.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::Output,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    args::SimOptions,
    workspace::{self, Workspace},
};

/// In the gate, new seeds are begun for so long, after those that found something once.
const GATE_TIME: Duration = Duration::from_secs(600);
/// Seeds that found a defect of the product, and the defect.
const REGRESSIONS: &str = include_str!("../sim-regressions.txt");

/// What all runs came to.
#[derive(Default)]
struct Sum {
    failed: Vec<u64>,
    ran: u64,
    simulated_seconds: u64,
    counts: BTreeMap<String, u64>,
}

/// The step of the gate.
pub(crate) fn gate(workspace: &Workspace) -> Result {
    build(workspace, None)?;
    let options = SimOptions { seconds: Some(300), ..SimOptions::default() };
    let known = regressions();
    let mut sum = Sum::default();
    run_all(workspace, &options, known.into_iter(), None, &mut sum);
    let until = Instant::now() + GATE_TIME;
    run_all(workspace, &options, 1.., Some(until), &mut sum);
    tell(&sum)
}

/// `cargo xtask sim`
pub(crate) fn run(workspace: &Workspace, options: &SimOptions) -> Result {
    build(workspace, options.plant.as_deref())?;
    let first = options.first_seed;
    if options.trace {
        let mut command = command(workspace, options, first);
        return workspace::run(command.arg("--trace"));
    }
    let mut sum = Sum::default();
    let until = options.within.map(|within| Instant::now() + Duration::from_secs(within));
    let known = if options.regressions { regressions() } else { Vec::new() };
    run_all(workspace, options, known.into_iter(), None, &mut sum);
    run_all(workspace, options, first..first + options.seeds, until, &mut sum);
    tell(&sum)
}

fn regressions() -> Vec<u64> {
    let lines = REGRESSIONS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

fn build(workspace: &Workspace, plant: Option<&str>) -> Result {
    let mut cargo = workspace.command("cargo");
    cargo.args(["build", "--locked", "--profile", "sim", "--package", "symbolon-sim"]);
    if plant.is_some() {
        cargo.args(["--features", "planted"]);
    }
    workspace::run(&mut cargo)
}

fn command(workspace: &Workspace, options: &SimOptions, seed: u64) -> std::process::Command {
    let mut command = workspace.command("target/sim/symbolon-sim");
    command.args(["--seed", &seed.to_string()]);
    if let Some(seconds) = options.seconds {
        command.args(["--seconds", &seconds.to_string()]);
    }
    if let Some(plant) = &options.plant {
        command.args(["--plant", plant]);
    }
    command
}

/// Runs seeds until there are no more, or the time is over, or, with a planted bug, one has found it.
fn run_all(
    workspace: &Workspace,
    options: &SimOptions,
    seeds: impl Iterator<Item = u64> + Send,
    until: Option<Instant>,
    sum: &mut Sum,
) {
    let (seeds, found) = (Mutex::new(seeds), AtomicBool::new(false));
    let (shared, ended) = (Mutex::new(sum), AtomicU64::new(0));
    let next = || {
        let is_late = until.is_some_and(|until| Instant::now() > until);
        if is_late || found.load(Ordering::Relaxed) {
            return None;
        }
        seeds.lock().unwrap_or_else(PoisonError::into_inner).next()
    };
    let work = || {
        while let Some(seed) = next() {
            let output = command(workspace, options, seed).output();
            let is_good = output.as_ref().is_ok_and(|output| output.status.success());
            found.fetch_or(options.plant.is_some() && !is_good, Ordering::Relaxed);
            let mut sum = shared.lock().unwrap_or_else(PoisonError::into_inner);
            sum.add(seed, output, is_good);
            if ended.fetch_add(1, Ordering::Relaxed) % 50 == 49 {
                println!("{} seeds, {} failed", sum.ran, sum.failed.len());
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
}

impl Sum {
    fn add(&mut self, seed: u64, output: std::io::Result<Output>, is_good: bool) {
        self.ran += 1;
        let text = match &output {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => format!("seed {seed} could not be run: {error}"),
        };
        if !is_good {
            self.failed.push(seed);
            // As it is: a timeline, what failed, and the command that shows it again.
            let _ = writeln!(std::io::stdout(), "{text}");
            if let Ok(output) = &output {
                let _ = std::io::stdout().write_all(&output.stderr);
                println!("seed {seed} ended with {}", output.status);
            }
        }
        let last = text.lines().last().unwrap_or_default();
        let words: Vec<_> = last.split_whitespace().collect();
        for pair in words.windows(2) {
            let &[name, number] = pair else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match name {
                "seed" => {}
                "simulated" => self.simulated_seconds += number,
                _ => *self.counts.entry(name.to_owned()).or_default() += number,
            }
        }
    }
}

fn tell(sum: &Sum) -> Result {
    println!("{} seeds, {} simulated seconds", sum.ran, sum.simulated_seconds);
    for (name, count) in &sum.counts {
        println!("  {name:<22}{count:>10}");
    }
    if sum.failed.is_empty() {
        return Ok(());
    }
    Err(format!("these seeds failed: {:?}", sum.failed).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_regression_has_a_seed_and_says_what_it_found() {
        let lines: Vec<_> = REGRESSIONS.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(regressions().len(), lines.len());
        assert!(lines.iter().all(|line| line.split_whitespace().count() > 3), "{lines:?}");
    }
}
