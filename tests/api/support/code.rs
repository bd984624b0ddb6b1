//! Codes as an authenticator app makes them, by arithmetic that is not the product's.

use totp_rs::{Builder, Secret};

use super::machine;

/// The code of now, from an otpauth URI of SHA-1, six digits and 30 s with a seed of 20 bytes.
pub(crate) fn of(otpauth: &str) -> String {
    let (_, rest) = otpauth.split_once("?secret=").unwrap();
    let (secret, _) = rest.split_once('&').unwrap();
    let seed = data_encoding::BASE32_NOPAD
        .decode(secret.as_bytes())
        .unwrap();
    at(seed.try_into().unwrap(), machine::now().as_secs())
}

/// The code at a time.
pub(crate) fn at(seed: [u8; 20], seconds: u64) -> String {
    let totp = Builder::new()
        .with_secret(Secret::new_stack(seed))
        .build()
        .unwrap();
    totp.generate(seconds).to_string()
}

/// A code that the seed does not make at any time near now.
pub(crate) fn wrong(seed: [u8; 20]) -> String {
    let now = machine::now().as_secs();
    let near: Vec<_> = [now - 60, now - 30, now, now + 30, now + 60]
        .map(|seconds| at(seed, seconds))
        .into();
    (0..)
        .map(|number| format!("{number:06}"))
        .find(|code| !near.contains(code))
        .unwrap()
}
