//! One-time passwords against `totp-rs`, which knows nothing of this crate.
//!
//! `SYMBOLON_OTP_SEED` sets the seed of the first trial, `SYMBOLON_OTP_TRIALS` how many there are.

#[cfg(test)]
#[path = "model/dice.rs"]
mod dice;

#[cfg(test)]
mod tests {
    use symbolon_core::otp::{Algorithm, Code, Parameters, Position, code_at, matching_step};
    use symbolon_core::{Secret, Timestamp};
    use totp_rs::{Builder, Totp};

    use crate::dice::Dice;

    const TRIALS: u64 = 100_000;

    #[expect(clippy::disallowed_methods, reason = "whoever runs the test sets them")]
    fn number(name: &str, default: u64) -> u64 {
        std::env::var(name).map_or(default, |number| number.parse().unwrap())
    }

    /// A token as both sides know it.
    struct Token {
        seed: Secret,
        algorithm: Algorithm,
        digits: u8,
        period: u32,
        oracle: Totp,
    }

    impl Token {
        fn draw(dice: &mut Dice) -> Self {
            let bytes = 16 + dice.number(49);
            let seed: Vec<u8> = (0..bytes).map(|_| dice.roll().to_be_bytes()[0]).collect();
            let (algorithm, theirs) = dice.pick(&[
                (Algorithm::Sha1, totp_rs::Algorithm::SHA1),
                (Algorithm::Sha256, totp_rs::Algorithm::SHA256),
                (Algorithm::Sha512, totp_rs::Algorithm::SHA512),
            ]);
            let digits = dice.pick(&[6, 7, 8]);
            let period = dice.pick(&[30, 60]);
            let oracle = Builder::new()
                .with_algorithm(theirs)
                .with_digits(digits)
                .with_step_duration(period.into())
                .with_skew(1)
                .with_secret(seed.clone())
                .build()
                .unwrap();
            Self { seed: Secret::new(seed), algorithm, digits, period, oracle }
        }

        fn shown(&self, value: u32) -> String {
            format!("{value:0digits$}", digits = usize::from(self.digits))
        }
    }

    /// What differs in one trial.
    fn trial(seed: u64) -> Result<(), String> {
        let mut dice = Dice(seed);
        let token = Token::draw(&mut dice);
        // Now and then a time that is not for a long while.
        let seconds = 120 + dice.roll() % dice.pick(&[4_000_000_000, 4_000_000_000, 1 << 40]);
        let totp = Parameters::totp(token.algorithm, token.digits, token.period).unwrap();
        let step = totp.step(Timestamp(seconds * 1000 + dice.below(1000)), 0);
        let code = token.shown(code_at(&token.seed, step, totp));
        equal("the code", &token.oracle.generate(seconds).to_string(), &code)?;

        // A code of a step that is near, or far, or any number.
        let shown = match dice.below(4) {
            0 => dice.below(10_u64.pow(token.digits.into())).try_into().unwrap(),
            _ => code_at(&token.seed, step + 2 - dice.below(5), totp),
        };
        let code = Code::parse(&token.shown(shown)).unwrap();
        let at = Timestamp(seconds * 1000);
        let found = matching_step(&token.seed, totp, Position::default(), code, at);
        let expected = token.oracle.check(&token.shown(shown), seconds);
        // Of two steps that show one code each side may take another.
        equal("whether it is taken", &expected.is_some(), &found.is_some())?;

        // Steps of a counter begin at 1, counters at 0.
        let hotp = Parameters::hotp(token.algorithm, token.digits).unwrap();
        let counter = dice.below(1_000_000);
        let code = token.shown(code_at(&token.seed, counter + 1, hotp));
        let expected = token.oracle.generate(counter * u64::from(token.period)).to_string();
        equal("the code of a counter", &expected, &code)
    }

    fn equal<T: PartialEq + std::fmt::Debug>(
        what: &str,
        oracle: &T,
        core: &T,
    ) -> Result<(), String> {
        let differs = || format!("{what}: totp-rs says {oracle:?}, the core {core:?}");
        if oracle == core { Ok(()) } else { Err(differs()) }
    }

    #[test]
    fn codes_are_those_of_totp_rs() {
        let first = number("SYMBOLON_OTP_SEED", 1);
        for seed in first..first + number("SYMBOLON_OTP_TRIALS", TRIALS) {
            if let Err(differs) = trial(seed) {
                panic!("SYMBOLON_OTP_SEED={seed} SYMBOLON_OTP_TRIALS=1 runs it alone: {differs}");
            }
        }
    }
}
