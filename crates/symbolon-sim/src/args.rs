//! The command line.

use std::path::PathBuf;

use crate::scenario::Plan;

const USAGE: &str = "symbolon-sim --seed N [--seconds S] [--trace] [--plant NAME] [--logs FILTER] [--place DIRECTORY]";

/// What is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    pub(crate) plan: Plan,
    /// Each line is printed as it comes.
    pub(crate) trace: bool,
    /// What of the nodes' logs is in the timeline.
    pub(crate) logs: String,
    /// Where the machines' files lie: in memory, where there is such a place.
    pub(crate) place: PathBuf,
}

impl Args {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let plan = Plan { seed: 1, seconds: 300 };
        let mut args = Self { plan, trace: false, logs: "info".to_owned(), place };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            let number = |text: String| text.parse().map_err(|_| USAGE);
            match &*name {
                "--seed" => args.plan.seed = number(value()?)?,
                "--seconds" => args.plan.seconds = number(value()?)?,
                "--plant" => plant(&value()?)?,
                "--trace" => args.trace = true,
                "--logs" => args.logs = value()?,
                "--place" => args.place = value()?.into(),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(args)
    }
}

/// Puts a bug in.
#[cfg(feature = "planted")]
fn plant(name: &str) -> Result<(), String> {
    let names = symbolon_core::planted::NAMES.join(", ");
    symbolon_core::planted::plant(name)
        .then_some(())
        .ok_or_else(|| format!("the bugs are: {names}"))
}

#[cfg(not(feature = "planted"))]
fn plant(name: &str) -> Result<(), String> {
    Err(format!("there are no bugs in this build, so not {name}: use `cargo xtask sim --plant`"))
}
