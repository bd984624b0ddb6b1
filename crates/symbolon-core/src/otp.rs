//! One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238).

use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::limits::{
    CODE_DIGITS_MAX, CODE_DIGITS_MIN, RESYNC_HOTP_COUNTERS, RESYNC_TOTP_STEPS, SEED_BYTES_MAX,
    SEED_BYTES_MIN,
};
use crate::{Secret, Timestamp};

pub(crate) mod settings;

pub use settings::Tolerance;

/// Hash function of a token (RFC 6238 section 1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Algorithm {
    /// HMAC-SHA-1, what nearly every app and hardware token does.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// What a token counts to make its next code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MovingFactor {
    /// TOTP: the time steps since 1970 (RFC 6238 section 4.2).
    Time {
        /// Seconds of a step, 30 or 60.
        period_seconds: u32,
    },
    /// HOTP: how often a code was made (RFC 4226 section 5.1).
    Counter,
}

/// How a token makes its codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    algorithm: Algorithm,
    digits: u8,
    factor: MovingFactor,
}

/// Why parameters or a seed are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParametersError {
    /// Not 6, 7 or 8 digits.
    #[error("digits must be {CODE_DIGITS_MIN} to {CODE_DIGITS_MAX}")]
    Digits,
    /// Not 30 or 60 seconds.
    #[error("period_seconds must be 30 or 60")]
    Period,
    /// A seed that is too short to be safe or longer than any token's.
    #[error("a seed has {SEED_BYTES_MIN} to {SEED_BYTES_MAX} bytes")]
    Seed,
}

impl Default for Parameters {
    /// 6 digits, 30 s, SHA-1: the one set that every authenticator app shows correctly.
    fn default() -> Self {
        let factor = MovingFactor::Time { period_seconds: 30 };
        Self { algorithm: Algorithm::Sha1, digits: CODE_DIGITS_MIN, factor }
    }
}

impl Parameters {
    /// Checks and takes the parameters of a TOTP token.
    ///
    /// # Errors
    /// [`ParametersError`] names the parameter that is out of range.
    pub const fn totp(
        algorithm: Algorithm,
        digits: u8,
        period_seconds: u32,
    ) -> Result<Self, ParametersError> {
        if period_seconds != 30 && period_seconds != 60 {
            return Err(ParametersError::Period);
        }
        Self::checked(algorithm, digits, MovingFactor::Time { period_seconds })
    }

    /// Checks and takes the parameters of a HOTP token.
    ///
    /// # Errors
    /// [`ParametersError::Digits`].
    pub const fn hotp(algorithm: Algorithm, digits: u8) -> Result<Self, ParametersError> {
        Self::checked(algorithm, digits, MovingFactor::Counter)
    }

    const fn checked(
        algorithm: Algorithm,
        digits: u8,
        factor: MovingFactor,
    ) -> Result<Self, ParametersError> {
        if digits < CODE_DIGITS_MIN || digits > CODE_DIGITS_MAX {
            return Err(ParametersError::Digits);
        }
        Ok(Self { algorithm, digits, factor })
    }

    /// Hash function.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// Digits of a code, 6 to 8.
    #[must_use]
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// What the token counts.
    #[must_use]
    pub const fn factor(self) -> MovingFactor {
        self.factor
    }

    /// Seconds of a time step, 30 or 60; `None` for HOTP.
    #[must_use]
    pub const fn period_seconds(self) -> Option<u32> {
        match self.factor {
            MovingFactor::Time { period_seconds } => Some(period_seconds),
            MovingFactor::Counter => None,
        }
    }

    /// Time step at `at` (RFC 6238 section 4.2, with T0 = 0) by a clock that is `drift` steps ahead;
    /// 0 for HOTP.
    #[must_use]
    pub fn step(self, at: Timestamp, drift: i32) -> u64 {
        let period = self.period_seconds().map(u64::from);
        let step = period.map_or(0, |period| at.seconds().checked_div(period).unwrap_or(0));
        step.saturating_add_signed(drift.into())
    }

    /// The number that the code of a step is made from. Steps of a HOTP token are its counters, counted
    /// from 1, so that a mark of 0 says for every token that nothing was accepted.
    const fn moving_factor(self, step: u64) -> u64 {
        match self.factor {
            MovingFactor::Time { .. } => step,
            MovingFactor::Counter => step.saturating_sub(1),
        }
    }
}

/// Where a token stands, and how far from there its codes are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Highest step accepted so far; 0 before the first.
    pub mark: u64,
    /// Steps by which the token's clock is ahead; 0 for HOTP.
    pub drift: i32,
    /// What the settings say.
    pub tolerance: Tolerance,
}

impl Position {
    /// First and last step whose code is looked at when it comes at `at`. The step of the mark is among
    /// those of a HOTP token, so that a code that is sent twice is told from a wrong one.
    #[must_use]
    pub fn window(self, parameters: Parameters, at: Timestamp) -> (u64, u64) {
        match parameters.factor {
            MovingFactor::Time { .. } => {
                let (step, steps) = (parameters.step(at, self.drift), self.tolerance.totp_steps);
                (step.saturating_sub(steps), step.saturating_add(steps))
            }
            MovingFactor::Counter => {
                (self.mark.max(1), self.mark.saturating_add(self.tolerance.hotp_counters))
            }
        }
    }

    /// Steps by which the clock of a token is ahead that shows the code of `step` at `at`; 0 for HOTP.
    /// `None` beyond what two codes in a row can set, [`RESYNC_TOTP_STEPS`].
    #[must_use]
    pub fn drift_at(parameters: Parameters, step: u64, at: Timestamp) -> Option<i32> {
        if parameters.factor == MovingFactor::Counter {
            return Some(0);
        }
        let ahead = i32::try_from(step.checked_signed_diff(parameters.step(at, 0))?).ok()?;
        Some(ahead).filter(|ahead| u64::from(ahead.unsigned_abs()) <= RESYNC_TOTP_STEPS)
    }

    /// First and last step among which two codes in a row are looked for.
    #[must_use]
    pub fn resync_window(self, parameters: Parameters, at: Timestamp) -> (u64, u64) {
        let (first, last) = match parameters.factor {
            MovingFactor::Time { .. } => {
                let step = parameters.step(at, 0);
                (step.saturating_sub(RESYNC_TOTP_STEPS), step.saturating_add(RESYNC_TOTP_STEPS))
            }
            MovingFactor::Counter => (0, self.mark.saturating_add(RESYNC_HOTP_COUNTERS)),
        };
        (first.max(self.mark.saturating_add(1)), last)
    }
}

/// Checks the length of a seed.
///
/// # Errors
/// [`ParametersError::Seed`] outside 16 to 64 bytes.
pub fn check_seed(seed: &Secret) -> Result<(), ParametersError> {
    if (SEED_BYTES_MIN..=SEED_BYTES_MAX).contains(&seed.expose().len()) {
        Ok(())
    } else {
        Err(ParametersError::Seed)
    }
}

/// A code as typed: 6 to 8 digits. `None` from [`Code::parse`] is still compared against a code
/// that never matches, so that a malformed code takes as long as a wrong one.
#[derive(Clone, Copy)]
pub struct Code {
    value: u32,
    digits: u8,
}

impl core::fmt::Debug for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Code(..)")
    }
}

impl Code {
    /// Equal to no code: no token makes codes of no digits.
    pub const NEVER: Self = Self { value: 0, digits: 0 };

    /// Reads a code; spaces between digits, which people type, do not count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = Self { value: 0, digits: 0 };
        for c in text.chars().filter(|c| *c != ' ') {
            let digit = c.to_digit(10)?;
            if code.digits == CODE_DIGITS_MAX {
                return None;
            }
            code.value = code.value * 10 + digit;
            code.digits += 1;
        }
        (code.digits >= CODE_DIGITS_MIN).then_some(code)
    }
}

/// HOTP value of a counter (RFC 4226 section 5.3), before it is cut to digits: 31 bits.
#[must_use]
pub fn hotp(seed: &Secret, counter: u64, algorithm: Algorithm) -> u32 {
    let message = counter.to_be_bytes();
    match algorithm {
        Algorithm::Sha1 => truncate(&mac::<Hmac<Sha1>>(seed, &message)),
        Algorithm::Sha256 => truncate(&mac::<Hmac<Sha256>>(seed, &message)),
        Algorithm::Sha512 => truncate(&mac::<Hmac<Sha512>>(seed, &message)),
    }
}

/// The code of a token at a step, as a number below 10^digits.
#[must_use]
pub fn code_at(seed: &Secret, step: u64, parameters: Parameters) -> u32 {
    let value = hotp(seed, parameters.moving_factor(step), parameters.algorithm);
    value % 10_u32.pow(u32::from(parameters.digits))
}

/// A step within the window around `at` at which `code` is right.
///
/// Every step of the window is computed and compared in constant time, whether or not an earlier
/// one matched. Of a TOTP token the highest match is taken, so that a code which is right at two steps
/// cannot be used twice; of a HOTP token the lowest above the mark, so that the counter does not run
/// ahead (RFC 4226 section 7.4).
#[must_use]
pub fn matching_step(
    seed: &Secret,
    parameters: Parameters,
    position: Position,
    code: Code,
    at: Timestamp,
) -> Option<u64> {
    let (first, last) = position.window(parameters, at);
    let lowest = matches!(parameters.factor, MovingFactor::Counter);
    let mut found = 0_u8.ct_eq(&1);
    let mut step_found = 0_u64;
    for step in first..=last {
        let fits = is_code(seed, step, parameters, code);
        // The step of the mark gives way to any other.
        let better =
            !found | !subtle::Choice::from(u8::from(lowest)) | step_found.ct_eq(&position.mark);
        step_found.conditional_assign(&step, fits & better);
        found |= fits;
    }
    bool::from(found).then_some(step_found)
}

/// The step of the second of two codes that the token shows one after the other, the first one at or
/// after the start of the window for resynchronising (RFC 4226 section 7.4).
#[must_use]
pub fn resynchronise(
    seed: &Secret,
    parameters: Parameters,
    position: Position,
    codes: [Code; 2],
    at: Timestamp,
) -> Option<u64> {
    let (first, last) = position.resync_window(parameters, at);
    let mut found = None;
    let mut before = subtle::Choice::from(0);
    for step in first..=last {
        let both = before & is_code(seed, step, parameters, codes[1]);
        before = is_code(seed, step, parameters, codes[0]);
        if bool::from(both) {
            found = found.or(Some(step));
        }
    }
    found
}

fn is_code(seed: &Secret, step: u64, parameters: Parameters, code: Code) -> subtle::Choice {
    code.digits.ct_eq(&parameters.digits) & code_at(seed, step, parameters).ct_eq(&code.value)
}

fn mac<M: hmac::Mac + hmac::KeyInit>(seed: &Secret, message: &[u8]) -> hmac::digest::Output<M> {
    match <M as hmac::KeyInit>::new_from_slice(seed.expose()) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes()
        }
        // HMAC takes keys of every length (RFC 2104 section 2), so there is no other arm to reach.
        Err(_) => hmac::digest::Output::<M>::default(),
    }
}

/// Dynamic truncation (RFC 4226 section 5.3).
fn truncate(mac: &[u8]) -> u32 {
    let offset = usize::from(mac.last().copied().unwrap_or(0) & 0x0f);
    mac.get(offset..offset + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, |bytes| u32::from_be_bytes(bytes) & 0x7fff_ffff)
}
