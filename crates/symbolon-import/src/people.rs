//! Checks of what is said about people.

use symbolon_core::limits::USER_NAME_BYTES_MAX;

use crate::RowError;
use crate::text::{optional, required};

/// Bytes of an address (RFC 5321 section 4.5.3.1.3, without the brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Bytes before the `@` (RFC 5321 section 4.5.3.1.1).
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Bytes of a language tag (RFC 5646 section 4.4.1).
const LANGUAGE_BYTES_MAX: usize = 35;
/// Bytes of the name of a group or tag.
const LABEL_BYTES_MAX: usize = 64;
/// Groups, or tags, of one user.
const LABELS_MAX: usize = 64;

/// A user name as written. Its one normal form is found where users are created; what cannot be a
/// name in any form is refused here.
pub(crate) fn user_name(text: &str) -> Result<String, RowError> {
    let field = "username";
    let name = required(field, text, USER_NAME_BYTES_MAX)?;
    match name.char_indices().find(|(_, c)| c.is_whitespace()) {
        Some((at, _)) => Err(RowError::BadCharacter { field, at }),
        None => Ok(name),
    }
}

/// An address with something on both sides of its one `@`. Whether it exists, only a message tells.
pub(crate) fn email(text: &str) -> Result<Option<String>, RowError> {
    let Some(address) = optional("e-mail address", text, EMAIL_BYTES_MAX)? else {
        return Ok(None);
    };
    let parts = address.split_once('@').filter(|(local, domain)| {
        (1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len())
            && !domain.is_empty()
            && !domain.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !address.contains(|c: char| c.is_whitespace() || "<>,;\"\\".contains(c))
    });
    if parts.is_some() { Ok(Some(address)) } else { Err(RowError::Email) }
}

/// A language tag by its shape (RFC 5646 section 2.1).
pub(crate) fn language(text: &str) -> Result<Option<String>, RowError> {
    let Some(tag) = optional("language", text, LANGUAGE_BYTES_MAX)? else {
        return Ok(None);
    };
    let mut parts = tag.split('-');
    let is_language = |part: &str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_more = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let is_tag = parts.next().is_some_and(is_language) && parts.all(is_more);
    if is_tag { Ok(Some(tag)) } else { Err(RowError::Language) }
}

/// Names divided by `;` or `|`, each once, in their order.
pub(crate) fn labels(field: &'static str, text: &str) -> Result<Vec<String>, RowError> {
    let mut labels = Vec::new();
    for label in text.split([';', '|']) {
        let Some(label) = optional(field, label, LABEL_BYTES_MAX)? else {
            continue;
        };
        if labels.contains(&label) {
            continue;
        }
        if labels.len() == LABELS_MAX {
            return Err(RowError::TooMany { field, count_max: LABELS_MAX });
        }
        labels.push(label);
    }
    Ok(labels)
}

/// Yes or no, as spreadsheets and people write it; nothing if it is empty.
pub(crate) fn yes_or_no(field: &'static str, text: &str) -> Result<Option<bool>, RowError> {
    match text.trim().to_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "y" | "1" | "enabled" => Ok(Some(true)),
        "false" | "no" | "n" | "0" | "disabled" => Ok(Some(false)),
        _ => Err(RowError::YesNo { field }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(email(" a.b@example.com "), Ok(Some("a.b@example.com".to_owned())));
        assert_eq!(email(""), Ok(None));
        for bad in ["a", "@b", "a@", "a@b@c", "a b@c", "A <a@b>", "a@.b", "a@b.", "a@b,c@d"] {
            assert_eq!(email(bad), Err(RowError::Email), "{bad}");
        }
        assert_eq!(email(&format!("{}@b", "a".repeat(65))), Err(RowError::Email));
    }

    #[test]
    fn languages() {
        for good in ["en", "de-AT", "zh-Hant-TW", "sr-Latn"] {
            assert_eq!(language(good), Ok(Some(good.to_owned())));
        }
        for bad in ["e", "en_US", "1n", "en-", "en-toolongpart", "en: English"] {
            assert_eq!(language(bad), Err(RowError::Language), "{bad}");
        }
    }

    #[test]
    fn labels_are_kept_once_and_bounded() {
        assert_eq!(labels("groups", "a; b|a||c "), Ok(vec!["a".into(), "b".into(), "c".into()]));
        let many: Vec<_> = (0..65).map(|i| i.to_string()).collect();
        let found = labels("groups", &many.join("|"));
        assert_eq!(found, Err(RowError::TooMany { field: "groups", count_max: 64 }));
        let found = labels("tags", &"x".repeat(65));
        assert_eq!(found, Err(RowError::TooLong { field: "tags", bytes_max: 64 }));
    }

    #[test]
    fn yes_no_and_neither() {
        assert_eq!(yes_or_no("enabled", "TRUE"), Ok(Some(true)));
        assert_eq!(yes_or_no("enabled", "no"), Ok(Some(false)));
        assert_eq!(yes_or_no("enabled", " "), Ok(None));
        assert_eq!(yes_or_no("enabled", "maybe"), Err(RowError::YesNo { field: "enabled" }));
    }
}
