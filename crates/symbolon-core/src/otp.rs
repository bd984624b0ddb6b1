//! One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238).

use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::limits::{
    CODE_DIGITS_MAX, CODE_DIGITS_MIN, SEED_BYTES_MAX, SEED_BYTES_MIN, TOTP_WINDOW_STEPS,
};
use crate::{Secret, Timestamp};

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

/// How a token makes its codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    algorithm: Algorithm,
    digits: u8,
    period_seconds: u32,
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
        Self { algorithm: Algorithm::Sha1, digits: CODE_DIGITS_MIN, period_seconds: 30 }
    }
}

impl Parameters {
    /// Checks and takes parameters.
    ///
    /// # Errors
    /// [`ParametersError`] names the parameter that is out of range.
    pub const fn new(
        algorithm: Algorithm,
        digits: u8,
        period_seconds: u32,
    ) -> Result<Self, ParametersError> {
        if digits < CODE_DIGITS_MIN || digits > CODE_DIGITS_MAX {
            return Err(ParametersError::Digits);
        }
        if period_seconds != 30 && period_seconds != 60 {
            return Err(ParametersError::Period);
        }
        Ok(Self { algorithm, digits, period_seconds })
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

    /// Seconds of a time step, 30 or 60.
    #[must_use]
    pub const fn period_seconds(self) -> u32 {
        self.period_seconds
    }

    /// Time step at `at` (RFC 6238 section 4.2, with T0 = 0).
    #[must_use]
    pub fn step(self, at: Timestamp) -> u64 {
        at.seconds() / u64::from(self.period_seconds)
    }

    /// First and last step whose code is taken at `at`.
    #[must_use]
    pub fn window(self, at: Timestamp) -> (u64, u64) {
        let step = self.step(at);
        (step.saturating_sub(TOTP_WINDOW_STEPS), step.saturating_add(TOTP_WINDOW_STEPS))
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

/// The code of a token at a time step, as a number below 10^digits.
#[must_use]
pub fn totp(seed: &Secret, step: u64, parameters: Parameters) -> u32 {
    hotp(seed, step, parameters.algorithm) % 10_u32.pow(u32::from(parameters.digits))
}

/// The highest step within the window around `at` at which `code` is right.
///
/// Every step of the window is computed and compared in constant time, whether or not an earlier
/// one matched. The highest match is taken so that a code which is right at two steps cannot be
/// used twice.
#[must_use]
pub fn matching_step(
    seed: &Secret,
    parameters: Parameters,
    code: Code,
    at: Timestamp,
) -> Option<u64> {
    let (first, last) = parameters.window(at);
    let digits_fit = code.digits.ct_eq(&parameters.digits);
    let mut found = 0_u8.ct_eq(&1);
    let mut step_found = 0_u64;
    for step in first..=last {
        let fits = totp(seed, step, parameters).ct_eq(&code.value) & digits_fit;
        step_found.conditional_assign(&step, fits);
        found |= fits;
    }
    bool::from(found).then_some(step_found)
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
