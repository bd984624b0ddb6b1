//! The core against a slow and obvious model of it: random scripts go through both, and after every step
//! answers, audit and the whole state must be equal.
//!
//! `SYMBOLON_MODEL_SCRIPTS` sets how many scripts are run, `SYMBOLON_MODEL_SEED` the seed of the first.

#[cfg(test)]
#[path = "model/coverage.rs"]
mod coverage;
#[cfg(test)]
#[path = "model/dice.rs"]
mod dice;
#[cfg(test)]
#[path = "model/entry/mod.rs"]
mod entry;
#[cfg(test)]
#[path = "model/plain/mod.rs"]
mod plain;
#[cfg(test)]
#[path = "model/promises.rs"]
mod promises;
#[cfg(test)]
#[path = "model/run.rs"]
mod run;
#[cfg(test)]
#[path = "model/script/mod.rs"]
mod script;

#[cfg(test)]
mod tests {
    use std::thread;

    use crate::coverage::Coverage;
    use crate::run::run_seed;

    const SCRIPTS: u64 = 12_000;
    const THREADS: u64 = 2;

    #[expect(clippy::disallowed_methods, reason = "whoever runs the test sets them")]
    fn number(name: &str, default: u64) -> u64 {
        std::env::var(name).map_or(default, |number| number.parse().unwrap())
    }

    /// Runs every so many of the scripts, up to the first that fails.
    fn run(seeds: impl Iterator<Item = u64>) -> Result<Coverage, String> {
        let mut coverage = Coverage::default();
        for seed in seeds {
            run_seed(seed, &mut coverage)?;
        }
        Ok(coverage)
    }

    #[test]
    fn random_scripts_come_to_what_the_plain_model_says() {
        let first = number("SYMBOLON_MODEL_SEED", 1);
        let scripts = number("SYMBOLON_MODEL_SCRIPTS", SCRIPTS);
        let mut coverage = Coverage::default();
        thread::scope(|scope| {
            let seeds = |place: u64| (first + place..first + scripts).step_by(THREADS as usize);
            let threads: Vec<_> =
                (0..THREADS).map(|place| scope.spawn(move || run(seeds(place)))).collect();
            for thread in threads {
                match thread.join().unwrap() {
                    Ok(reached) => coverage.add(reached),
                    Err(failure) => panic!("{failure}"),
                }
            }
        });
        if scripts >= SCRIPTS {
            let none: [String; 0] = [];
            println!("{}", coverage.report());
            assert_eq!(coverage.missing(), none, "never reached");
        }
    }
}
