//! The command line.

use std::path::PathBuf;

const USAGE: &str = "\
symbolon-torture --binary PROGRAM [--minutes M] [--seed S] [--nodes N] [--only KIND,KIND] [--plant NAME]
    Use `cargo xtask torture`, which builds both programs. It must be root.";

/// What a run is told.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    /// The program that is tortured.
    pub(crate) binary: PathBuf,
    pub(crate) minutes: u64,
    pub(crate) seed: u64,
    /// How many nodes; chosen by the seed if nothing is said.
    pub(crate) nodes: Option<usize>,
    /// The kinds of faults; all if none is named.
    pub(crate) only: Vec<String>,
    pub(crate) plant: Option<String>,
    /// This process is in the namespaces already.
    pub(crate) inside: bool,
}

impl Args {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            binary: PathBuf::new(),
            minutes: 5,
            seed: u64::from(std::process::id()),
            nodes: None,
            only: Vec::new(),
            plant: None,
            inside: false,
        };
        let mut has_seed = false;
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            let number = |text: String| text.parse::<u64>().map_err(|_| USAGE);
            match &*name {
                "--binary" => args.binary = value()?.into(),
                "--minutes" => args.minutes = number(value()?)?,
                "--seed" => (args.seed, has_seed) = (number(value()?)?, true),
                "--nodes" => args.nodes = Some(value()?.parse().map_err(|_| USAGE)?),
                "--only" => args.only = value()?.split(',').map(str::to_owned).collect(),
                "--plant" => args.plant = Some(value()?),
                "--inside" => args.inside = true,
                _ => return Err(USAGE.to_owned()),
            }
        }
        if !has_seed {
            args.seed = symbolon_testkit::now_seconds();
        }
        if args.binary.as_os_str().is_empty() {
            return Err(USAGE.to_owned());
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_taken() {
        let words = "--binary x --minutes 30 --seed 7 --only kill,cut";
        let args = Args::parse(words.split(' ').map(str::to_owned)).unwrap();
        assert_eq!((args.minutes, args.seed, args.only.len()), (30, 7, 2));
        assert!(Args::parse(["--minutes".to_owned()].into_iter()).is_err());
        assert!(Args::parse(std::iter::empty()).is_err());
    }
}
