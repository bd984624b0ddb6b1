//! Checks of text that need no state.

use crate::RowError;

/// `text` trimmed; nothing if nothing is left.
///
/// # Errors
/// [`RowError::TooLong`] and [`RowError::BadCharacter`] for a control character.
pub(crate) fn optional(
    field: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<Option<String>, RowError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > bytes_max {
        return Err(RowError::TooLong { field, bytes_max });
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(RowError::BadCharacter { field, at }),
        None => Ok(Some(text.to_owned())),
    }
}

/// Like [`optional`], for what must be there.
///
/// # Errors
/// [`RowError::Missing`] too.
pub(crate) fn required(
    field: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<String, RowError> {
    optional(field, text, bytes_max)?.ok_or(RowError::Missing { field })
}

/// `text` as a whole number; nothing if it is empty.
///
/// # Errors
/// [`RowError::Number`].
pub(crate) fn number<T: std::str::FromStr>(
    field: &'static str,
    text: &str,
) -> Result<Option<T>, RowError> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| RowError::Number { field }),
    }
}

/// A word in the form in which words are compared: lower case, without spaces and punctuation.
pub(crate) fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
