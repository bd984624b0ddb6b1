//! One-time passwords as an authenticator app makes them, from an implementation that is not ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE32_NOPAD;
use totp_rs::{Algorithm, Builder, Totp};

use crate::wait_until;

/// Seconds of a time step unless a test asks for another.
pub const PERIOD_SECONDS: u64 = 30;

/// A token in a user's hands.
#[derive(Clone)]
pub struct Otp(Totp);

impl Otp {
    /// Reads an `otpauth://` URI as an app reads it from a QR code.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn from_uri(uri: &str) -> Self {
        let parameters = uri.strip_prefix("otpauth://totp/").and_then(|rest| rest.split_once('?'));
        let Some((_, query)) = parameters else {
            panic!("{uri} is no otpauth URI of a TOTP token");
        };
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let seed = value("secret").and_then(|text| BASE32_NOPAD.decode(text.as_bytes()).ok());
        let algorithm = match value("algorithm") {
            None | Some("SHA1") => Algorithm::SHA1,
            Some("SHA256") => Algorithm::SHA256,
            Some("SHA512") => Algorithm::SHA512,
            Some(other) => panic!("{other} is no algorithm"),
        };
        let number = |key, default| value(key).map_or(Some(default), |text| text.parse().ok());
        let (Some(seed), Some(digits), Some(period)) =
            (seed, number("digits", 6), number("period", PERIOD_SECONDS))
        else {
            panic!("{uri} makes no sense");
        };
        Self::new(&seed, algorithm, u8::try_from(digits).unwrap_or(u8::MAX), period)
    }

    /// A token of six digits, 30 s and SHA-1.
    #[must_use]
    pub fn from_seed(seed: &[u8]) -> Self {
        Self::new(seed, Algorithm::SHA1, 6, PERIOD_SECONDS)
    }

    fn new(seed: &[u8], algorithm: Algorithm, digits: u8, period: u64) -> Self {
        let totp = Builder::new()
            .with_secret(seed)
            .with_algorithm(algorithm)
            .with_digits(digits)
            .with_step_duration(period)
            .build();
        Self(totp.unwrap_or_else(|error| panic!("no token of an authenticator: {error}")))
    }

    /// The code shown at this moment.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_at(now_seconds())
    }

    /// The code shown at that second of the Unix epoch.
    #[must_use]
    pub fn code_at(&self, seconds: u64) -> String {
        self.0.generate(seconds).to_string()
    }

    /// The code of that time step.
    #[must_use]
    pub fn code_of(&self, step: u64) -> String {
        self.code_at(step * self.0.step())
    }

    /// Whether the code of a step is another one than those of the two steps before it. One code in some
    /// hundred thousand is not: whoever showed it then has used it up, as far as servers can tell.
    #[must_use]
    pub fn is_distinct(&self, step: u64) -> bool {
        let code = self.code_of(step);
        (1..=2).all(|back| self.code_of(step - back) != code)
    }

    /// A code that is right at no step near now.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let now = now_seconds() / self.0.step();
        let right: Vec<_> =
            (now.saturating_sub(3)..=now + 3).map(|step| self.code_of(step)).collect();
        let length = right.first().map_or(0, String::len);
        (0_u32..)
            .map(|number| format!("{number:0length$}"))
            .find(|code| !right.contains(code))
            .unwrap_or_default()
    }

    /// Waits until a later step than `step` has begun. For the rare test that needs it: a fresh user
    /// has a fresh code at once.
    pub async fn step_after(&self, step: u64) -> u64 {
        let limit = Duration::from_secs(2 * self.0.step());
        wait_until("a later time step", limit, async || self.step_now() > step).await;
        self.step_now()
    }

    /// This token's time step at this moment.
    #[must_use]
    pub fn step_now(&self) -> u64 {
        now_seconds() / self.0.step()
    }
}

/// The time step of a token of 30 s at this moment.
#[must_use]
pub fn step_now() -> u64 {
    now_seconds() / PERIOD_SECONDS
}

/// The time of whoever uses the cluster.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "an authenticator app reads the clock of its phone")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Seconds since the Unix epoch.
#[must_use]
pub fn now_seconds() -> u64 {
    let since = now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_rfc_6238() {
        let uri = "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A\
                   &algorithm=SHA1&digits=8&period=30";
        let otp = Otp::from_uri(uri);
        assert_eq!(otp.code_at(59), "94287082");
        assert_eq!(otp.code_at(1_111_111_109), "07081804");
        assert_eq!(otp.code_of(1), "94287082");
        assert_eq!(Otp::from_seed(b"12345678901234567890").code_at(59), "287082");
    }

    #[test]
    fn a_wrong_code_looks_like_a_right_one() {
        let otp = Otp::from_seed(b"12345678901234567890");
        assert_eq!(otp.wrong_code().len(), otp.code().len());
        assert_ne!(otp.wrong_code(), otp.code());
    }
}
