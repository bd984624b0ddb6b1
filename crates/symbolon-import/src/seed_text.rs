//! Seeds as people write them: Base32 (RFC 4648 section 6) or hexadecimal.

use data_encoding::{BASE32_NOPAD, HEXUPPER};
use symbolon_core::Secret;
use zeroize::Zeroizing;

use crate::RowError;

/// How seeds are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SeedFormat {
    /// Whichever it is; refused if it could be both.
    #[default]
    Auto,
    /// Base32, with or without padding.
    Base32,
    /// Hexadecimal, with or without `0x`.
    Hex,
}

impl SeedFormat {
    /// Reads `auto`, `base32` or `hex`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match crate::text::folded(text).as_str() {
            "auto" => Some(Self::Auto),
            "base32" => Some(Self::Base32),
            "hex" | "hexadecimal" | "base16" => Some(Self::Hex),
            _ => None,
        }
    }
}

/// The bytes of a seed. Case, spaces and dashes do not matter.
///
/// # Errors
/// [`RowError`] when it is empty, not in the format, or could be in both.
pub(crate) fn parse(text: &str, format: SeedFormat) -> Result<Secret, RowError> {
    let mut clean = Zeroizing::new(String::with_capacity(text.len()));
    let kept = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '-');
    clean.extend(kept.map(|c| c.to_ascii_uppercase()));
    if clean.is_empty() {
        return Err(RowError::Missing { field: "seed" });
    }
    let base32 = || BASE32_NOPAD.decode(clean.trim_end_matches('=').as_bytes()).ok();
    let digits = clean.strip_prefix("0X").unwrap_or(&clean);
    let hex = || HEXUPPER.decode(digits.as_bytes()).ok();
    let error = |format| RowError::SeedText { format };
    match format {
        SeedFormat::Base32 => base32().map(Secret::new).ok_or_else(|| error("Base32")),
        SeedFormat::Hex => hex().map(Secret::new).ok_or_else(|| error("hexadecimal")),
        SeedFormat::Auto => match (base32().map(Secret::new), hex().map(Secret::new)) {
            (Some(_), Some(_)) => Err(RowError::SeedAmbiguous),
            (Some(seed), None) | (None, Some(seed)) => Ok(seed),
            (None, None) => Err(error("Base32 or hexadecimal")),
        },
    }
}

/// The seed of one token, 16 to 64 bytes, as somebody has typed it. Case, spaces and dashes do not
/// matter.
///
/// # Errors
/// [`RowError`] when it is empty, not in the format, could be in both, or is too short or too long.
pub fn read_seed(text: &str, format: SeedFormat) -> Result<Secret, RowError> {
    let seed = parse(text, format)?;
    crate::token::check_seed(seed.expose().len())?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &[u8] = b"12345678901234567890";

    #[test]
    fn both_formats_with_and_without_ornaments() {
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "3132333435363738393031323334353637383930",
            "0x3132333435363738393031323334353637383930",
            "31-32-33-34-35-36-37-38-39-30-31-32-33-34-35-36-37-38-39-30",
        ] {
            assert_eq!(parse(text, SeedFormat::Auto).unwrap().expose(), RFC, "{text}");
        }
        assert_eq!(parse("MFRGG===", SeedFormat::Base32).unwrap().expose(), b"abc");
    }

    #[test]
    fn what_could_be_both_is_refused_unless_told() {
        let text = "A2B3C4D5E6F7A2B3C4D5E6F7A2B3C4D5";
        assert_eq!(parse(text, SeedFormat::Auto), Err(RowError::SeedAmbiguous));
        assert_eq!(parse(text, SeedFormat::Hex).unwrap().expose().len(), 16);
        assert_eq!(parse(text, SeedFormat::Base32).unwrap().expose().len(), 20);
    }

    #[test]
    fn other_text_is_refused_without_being_repeated() {
        for (text, format) in [
            ("not a seed!", SeedFormat::Auto),
            ("GEZDGNBV1", SeedFormat::Base32),
            ("ABC", SeedFormat::Hex),
            ("GEZDGN", SeedFormat::Hex),
        ] {
            let error = parse(text, format).unwrap_err().to_string();
            assert!(!error.contains(text), "{error}");
        }
        assert_eq!(parse(" ", SeedFormat::Auto), Err(RowError::Missing { field: "seed" }));
    }
}
