//! Telephone numbers in international form (ITU-T E.164).
//!
//! Only the shape is checked, `+` and 8 to 15 digits: which numbers exist changes every month and is
//! known to those who dial them.

/// Digits of a number with its country code (E.164 section 6.2.1 has at most 15).
const DIGITS_MIN: usize = 8;
const DIGITS_MAX: usize = 15;

/// The country of numbers that are written without one, such as 49.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CountryCode(u16);

impl CountryCode {
    /// Reads one to three digits, with or without `+`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_code = (1..=3).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        is_code.then(|| digits.parse().ok().map(Self))?
    }

    /// A number as it is dialled within the country, without what is dialled before it only there.
    fn without_trunk_prefix(self, number: &str) -> &str {
        let prefix = match (self.0, number.len()) {
            (1, 11) => "1",
            (7, 11) => "8",
            // North America and Russia with no prefix, and countries whose numbers begin with zero.
            (1 | 7 | 39 | 225 | 242 | 378 | 379, _) => "",
            _ => "0",
        };
        number.strip_prefix(prefix).unwrap_or(number)
    }
}

/// A number in the form `+491234567`; nothing if it is none.
///
/// Spaces, dots, dashes, slashes and brackets do not matter. `00` stands for `+`. Without either the
/// number is one of `country`, whose trunk prefix goes.
pub(crate) fn normalise(text: &str, country: Option<CountryCode>) -> Option<String> {
    let is_ornament = |c: char| c.is_whitespace() || " .-/()\u{a0}\u{2010}\u{2011}".contains(c);
    let text = text.trim();
    // +49 (0)30: the zero in brackets is for callers within the country.
    let is_international = text.starts_with('+') || text.starts_with("00");
    let text = if is_international { text.replace("(0)", "") } else { text.to_owned() };
    let bare: String = text.chars().filter(|c| !is_ornament(*c)).collect();
    let digits = match (bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")), country) {
        (Some(digits), _) => digits.to_owned(),
        (None, Some(country)) => {
            format!("{}{}", country.0, country.without_trunk_prefix(&bare))
        }
        (None, None) => return None,
    };
    let is_number = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    is_number.then(|| format!("+{digits}"))
}

/// Divides `555-123-4567 x890` into number and extension.
pub(crate) fn split_extension(text: &str) -> (&str, Option<&str>) {
    let at = text.find(|c: char| c.is_alphabetic() || c == '#');
    let Some((number, rest)) = at.and_then(|at| text.split_at_checked(at)) else {
        return (text, None);
    };
    let marks = ["extension", "ext.", "ext", "x", "#"];
    let lower = rest.to_ascii_lowercase();
    let mark = marks.iter().find(|mark| lower.starts_with(**mark));
    match mark.and_then(|mark| rest.get(mark.len()..)) {
        Some(extension) => (number, Some(extension.trim_start_matches([':', ' ']).trim())),
        None => (text, None),
    }
}

/// Whether `text` is one to ten digits.
pub(crate) fn is_extension(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(country: &str, text: &str) -> Option<String> {
        normalise(text, CountryCode::parse(country))
    }

    #[test]
    fn numbers_in_many_hands() {
        for text in ["+49 30 1234567", "0049/30-1234567", "+49 (0)30 123 45 67", "+49.30.1234567"] {
            assert_eq!(with("", text).as_deref(), Some("+49301234567"), "{text}");
        }
        assert_eq!(with("49", "030 1234567").as_deref(), Some("+49301234567"));
        assert_eq!(with("+1", "(555) 123-4567").as_deref(), Some("+15551234567"));
        assert_eq!(with("1", "1-555-123-4567").as_deref(), Some("+15551234567"));
        assert_eq!(with("1", "555-123-4567").as_deref(), Some("+15551234567"));
        assert_eq!(with("7", "800 123-45-67").as_deref(), Some("+78001234567"));
        assert_eq!(with("39", "06 12345678").as_deref(), Some("+390612345678"));
        assert_eq!(with("7", "8 495 123-45-67").as_deref(), Some("+74951234567"));
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "+", "030 1234567", "+49 30", "+0123456789", "+49 30 12a4567"] {
            assert_eq!(with("", text), None, "{text}");
        }
        assert_eq!(with("", "+1234567890123456"), None);
        for code in ["", "+", "0", "049", "1234", "4x"] {
            assert_eq!(CountryCode::parse(code), None, "{code}");
        }
    }

    #[test]
    fn extensions() {
        let expected = ("555-123-4567 ", Some("890"));
        for text in ["555-123-4567 x890", "555-123-4567 ext. 890", "555-123-4567 Extension: 890"] {
            assert_eq!(split_extension(text), expected, "{text}");
        }
        assert_eq!(split_extension("555"), ("555", None));
        assert_eq!(split_extension("55a5"), ("55a5", None));
        assert!(is_extension("0890") && !is_extension("") && !is_extension("12345678901"));
    }
}
