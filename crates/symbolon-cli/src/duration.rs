//! Times as people write them: 90s, 15m, 2h, 7d.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 24 * 3600), ('h', 3600), ('m', 60), ('s', 1)];

pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| unit.starts_with(*name))?;
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(*seconds).map(Duration::from_secs)
}

/// In the largest unit that leaves nothing over.
pub(crate) fn shown(seconds: u64) -> String {
    let whole = |(_, unit): &&(char, u64)| seconds > 0 && seconds.is_multiple_of(*unit);
    let (name, unit) = UNITS.iter().find(whole).unwrap_or(&('s', 1));
    format!("{}{name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        for (seconds, text) in
            [(0, "0s"), (90, "90s"), (120, "2m"), (7200, "2h"), (86_400, "1d"), (90_000, "25h")]
        {
            assert_eq!(shown(seconds), text);
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)));
        }
        for bad in ["", "h", "2", "2w", "-2h", "99999999999999999999d", "1é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
