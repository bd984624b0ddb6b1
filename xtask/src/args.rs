//! The command line.

use crate::{Result, fuzz::FuzzOptions, steps};

pub(crate) const USAGE: &str = "\
cargo xtask verify [--only STEP,STEP] [--keep-going]
    The gate. Runs all steps in order, or only those named:
    setup, fmt, clippy, test, bench, sim, fuzz, doctest, doc, deny, tidy.
    After a failure only cheap steps still run; --keep-going runs the others too.
    Only `setup` installs anything, and nothing outside target/ is written. `bench` is quick here.

cargo xtask tidy
    The house rules alone.

cargo xtask bench [--quick] [--only PART,PART] [--users N] [--seconds N]
                  [--write FILE.md] [--render FILE.json]
    Every figure of docs/performance.md in one run of half an hour, in release mode. Installs etcd, h2load
    and privacyIDEA, which are measured too. Parts: floor, one, three, scale, busy, failover,
    islands, radius, peers.
    --quick takes a minute or two, installs nothing and only shows that it works. --write puts tables and
    charts into the page; --render does so from the figures of an earlier run.

cargo xtask soak [--verifications N] [--people N] [--chart FILE.svg]
    Disk and memory of three nodes, in release mode, over ten million verifications.
cargo xtask soak --away ENTRIES [--people N]
    A node that missed so many log entries catches up while the others work.

cargo xtask fuzz [--seconds N] [TARGET ...]
    Fuzzes every decoder of bytes that others wrote, or those named: N seconds each, 600 if not given.

cargo xtask sim [--seeds N] [--first-seed S] [--seconds S] [--within S] [--regressions] [--trace]
                [--plant NAME]
    Whole clusters on one thread each, whose network, clocks, disks and crashes come from a seed: see
    docs/testing.md. --seconds is how long there are faults, in simulated seconds (300); --within ends
    after so many real ones; --trace shows the first seed's timeline as it comes; --plant puts a bug in.

cargo xtask torture [--minutes M] [--seed S] [--nodes N] [--only KIND,KIND] [--plant NAME]
    Real servers in network namespaces, under load and under every fault that can be made, for 5 minutes
    if nothing is said: see docs/testing.md. Needs root. --only takes faults by a part of their names.

cargo xtask fix
    Applies what clippy and rustfmt can repair.
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Verify(VerifyOptions),
    Fix,
    Tidy,
    /// With the arguments of the program.
    Bench(Vec<String>),
    /// With the arguments of the program.
    Soak(Vec<String>),
    Fuzz(FuzzOptions),
    Sim(SimOptions),
    /// With the arguments of the program.
    Torture(Vec<String>),
    Help,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct VerifyOptions {
    /// Names of the steps to run; all of them when empty.
    pub(crate) only: Vec<String>,
    pub(crate) keep_going: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SimOptions {
    pub(crate) seeds: u64,
    pub(crate) first_seed: u64,
    pub(crate) seconds: Option<u64>,
    pub(crate) within: Option<u64>,
    pub(crate) regressions: bool,
    pub(crate) trace: bool,
    pub(crate) plant: Option<String>,
}

pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Task> {
    let task = args.next().unwrap_or_default();
    match task.as_str() {
        "verify" => Ok(Task::Verify(parse_verify(args)?)),
        "fix" => nothing_more(args, Task::Fix),
        "bench" => Ok(Task::Bench(args.collect())),
        "sim" => Ok(Task::Sim(parse_sim(args)?)),
        "torture" => Ok(Task::Torture(args.collect())),
        "soak" => Ok(Task::Soak(args.collect())),
        "fuzz" => Ok(Task::Fuzz(parse_fuzz(args)?)),
        "tidy" => nothing_more(args, Task::Tidy),
        "" | "help" | "-h" | "--help" => Ok(Task::Help),
        other => Err(format!("no task is called {other:?}\n\n{USAGE}").into()),
    }
}

fn parse_verify(mut args: impl Iterator<Item = String>) -> Result<VerifyOptions> {
    let mut options = VerifyOptions::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--keep-going" => options.keep_going = true,
            "--only" => options.only.extend(step_names(&args.next().unwrap_or_default())?),
            other => match other.strip_prefix("--only=") {
                Some(names) => options.only.extend(step_names(names)?),
                None => return Err(format!("verify does not know {other:?}\n\n{USAGE}").into()),
            },
        }
    }
    Ok(options)
}

fn parse_fuzz(mut args: impl Iterator<Item = String>) -> Result<FuzzOptions> {
    let mut options = FuzzOptions::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let seconds = args.next().and_then(|text| text.parse().ok());
                options.seconds = seconds.ok_or("--seconds wants a number")?;
            }
            other if other.starts_with('-') => {
                return Err(format!("fuzz does not know {other:?}\n\n{USAGE}").into());
            }
            target => options.targets.push(target.to_owned()),
        }
    }
    Ok(options)
}

fn parse_sim(mut args: impl Iterator<Item = String>) -> Result<SimOptions> {
    let mut options = SimOptions { seeds: 10, first_seed: 1, ..SimOptions::default() };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--seeds" => options.seeds = value()?.parse()?,
            "--first-seed" => options.first_seed = value()?.parse()?,
            "--seconds" => options.seconds = Some(value()?.parse()?),
            "--within" => options.within = Some(value()?.parse()?),
            "--plant" => options.plant = Some(value()?),
            "--regressions" => options.regressions = true,
            "--trace" => options.trace = true,
            other => return Err(format!("sim does not know {other:?}\n\n{USAGE}").into()),
        }
    }
    Ok(options)
}

fn step_names(list: &str) -> Result<Vec<String>> {
    let known: Vec<_> = steps::STEPS.iter().map(|step| step.name).collect();
    list.split(',')
        .map(|name| match known.contains(&name) {
            true => Ok(name.to_owned()),
            false => Err(format!("no step is called {name:?}: {}", known.join(", ")).into()),
        })
        .collect()
}

fn nothing_more(mut args: impl Iterator<Item = String>, task: Task) -> Result<Task> {
    match args.next() {
        None => Ok(task),
        Some(arg) => Err(format!("unexpected argument {arg:?}\n\n{USAGE}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn both_spellings_of_only_select_steps() {
        for line in ["verify --only fmt,tidy --keep-going", "verify --keep-going --only=fmt,tidy"] {
            let options =
                VerifyOptions { only: vec!["fmt".into(), "tidy".into()], keep_going: true };
            assert_eq!(parsed(line).unwrap(), Task::Verify(options));
        }
    }

    #[test]
    fn unknown_words_are_refused() {
        for line in ["verfy", "verify --fast", "verify --only", "verify --only fmtt", "tidy now"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_usage_names_every_step() {
        for step in steps::STEPS {
            assert!(USAGE.contains(step.name), "{}", step.name);
        }
    }
}
