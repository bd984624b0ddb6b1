//! Checks of what is said about people.

use symbolon_core::limits::{
    EMAIL_BYTES_MAX, GROUPS_PER_USER_MAX, LABEL_BYTES_MAX, LANGUAGE_BYTES_MAX, TAGS_PER_USER_MAX,
    USER_NAME_BYTES_MAX,
};
use symbolon_core::{is_email, is_language};

use crate::RowError;
use crate::text::{optional, required};

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
    if is_email(&address) { Ok(Some(address)) } else { Err(RowError::Email) }
}

/// A language tag by its shape (RFC 5646 section 2.1).
pub(crate) fn language(text: &str) -> Result<Option<String>, RowError> {
    let Some(tag) = optional("language", text, LANGUAGE_BYTES_MAX)? else {
        return Ok(None);
    };
    if is_language(&tag) { Ok(Some(tag)) } else { Err(RowError::Language) }
}

/// Groups as [`labels`].
pub(crate) fn groups(text: &str) -> Result<Vec<String>, RowError> {
    labels("groups", text, GROUPS_PER_USER_MAX)
}

/// Tags as [`labels`].
pub(crate) fn tags(text: &str) -> Result<Vec<String>, RowError> {
    labels("tags", text, TAGS_PER_USER_MAX)
}

/// Names divided by `;` or `|`, each once, in their order, and no more than a user can have.
fn labels(field: &'static str, text: &str, count_max: usize) -> Result<Vec<String>, RowError> {
    let mut labels = Vec::new();
    for label in text.split([';', '|']) {
        let Some(label) = optional(field, label, LABEL_BYTES_MAX)? else {
            continue;
        };
        if labels.contains(&label) {
            continue;
        }
        if labels.len() == count_max {
            return Err(RowError::TooMany { field, count_max });
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
    use symbolon_core::Profile;

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
        assert_eq!(groups("a; b|a||c "), Ok(vec!["a".into(), "b".into(), "c".into()]));
        let many: Vec<_> = (0..33).map(|i| i.to_string()).collect();
        let too_many = |field| Err(RowError::TooMany { field, count_max: 32 });
        assert_eq!(groups(&many.join("|")), too_many("groups"));
        assert_eq!(tags(&many.join("|")), too_many("tags"));
        // As many as a user can have, one of them twice.
        let most = format!("{}|0", many[..32].join("|"));
        let (read, none) = (groups(&most).unwrap(), Vec::new());
        assert_eq!(read.len(), 32);
        Profile::new(String::new(), Vec::new(), read, none, String::new()).unwrap();
        let found = tags(&"x".repeat(65));
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
