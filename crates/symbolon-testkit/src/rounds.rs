//! How much of something a test does.

/// How often a test does what it does: as an environment variable says, or so often.
///
/// # Panics
///
/// When the variable is set to what is no number.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
pub fn rounds(variable: &str, usual: usize) -> usize {
    let set = std::env::var_os(variable).and_then(|text| text.into_string().ok());
    set.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}
