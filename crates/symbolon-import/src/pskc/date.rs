//! Dates of XML Schema.

use symbolon_core::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::RowError;

/// Reads an `xs:dateTime`; nothing if it is empty. Without a zone it is UTC, as RFC 6030 section 3
/// wants it.
///
/// # Errors
/// [`RowError::Date`], also for a time before 1970.
pub(super) fn parse(field: &'static str, text: &str) -> Result<Option<Timestamp>, RowError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let date =
        parse(text).or_else(|| parse(&format!("{text}Z"))).ok_or(RowError::Date { field })?;
    let milliseconds = date.unix_timestamp_nanos().div_euclid(1_000_000);
    let milliseconds = u64::try_from(milliseconds).map_err(|_| RowError::Date { field })?;
    Ok(Some(Timestamp(milliseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_and_without_zone() {
        let expected = Ok(Some(Timestamp(1_146_441_600_000)));
        for text in
            ["2006-05-01T00:00:00Z", " 2006-05-01T02:00:00+02:00", "2006-05-01T00:00:00.000"]
        {
            assert_eq!(parse("date", text), expected, "{text}");
        }
        assert_eq!(parse("date", " "), Ok(None));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["01/01/2008", "2006-05-01", "2006-13-01T00:00:00Z", "1969-12-31T23:59:59Z"] {
            assert_eq!(parse("date", text), Err(RowError::Date { field: "date" }), "{text}");
        }
    }
}
