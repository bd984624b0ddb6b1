//! Names, valid by construction.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::limits::{
    DISPLAY_NAME_BYTES_MAX, NAME_BYTES_MAX, REASON_BYTES_MAX, SERIAL_BYTES_MAX, USER_NAME_BYTES_MAX,
};

/// Why a text is no name. Says what to change; never repeats the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Longer than its limit.
    #[error("it is longer than {bytes_max} bytes")]
    TooLong {
        /// The limit, in bytes of UTF-8.
        bytes_max: usize,
    },
    /// A character that has no place in a name.
    #[error("it holds a character that is not allowed at byte {at}")]
    BadCharacter {
        /// Where, in bytes from 0.
        at: usize,
    },
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// A user's name in its one normal form (RFC 8265, UsernameCaseMapped). The service normalises;
    /// here only the shape is checked, so equal names are equal bytes.
    UserName
);
name_type!(
    /// The name of a cluster, node, application or administrator: letters, digits, `-`, `_`, `.`;
    /// what can stand unquoted in a shell, a file name and a metric.
    Name
);
name_type!(
    /// What people read about a user.
    DisplayName
);
name_type!(
    /// Why an administrator did something, in their words.
    Reason
);

name_type!(
    /// What is printed on a token. Letters, digits, spaces and `._-:/`.
    Serial
);

impl Serial {
    /// Takes a serial number.
    ///
    /// # Errors
    /// [`NameError`] when it is empty, too long, or holds another character.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = sized(text.into(), SERIAL_BYTES_MAX)?;
        refuse(&text, |c| !(c.is_ascii_alphanumeric() || " ._-:/".contains(c)))?;
        Ok(Self(text.into()))
    }
}

impl UserName {
    /// Takes a normalised name.
    ///
    /// # Errors
    /// [`NameError`] when it is empty, too long, or holds a control character or white space.
    pub fn new(normalised: impl Into<String>) -> Result<Self, NameError> {
        let text = sized(normalised.into(), USER_NAME_BYTES_MAX)?;
        refuse(&text, |c| c.is_control() || c.is_whitespace())?;
        Ok(Self(text.into()))
    }
}

impl Name {
    /// Takes a name.
    ///
    /// # Errors
    /// [`NameError`] when it is empty, too long, or holds anything but `A-Za-z0-9._-`.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = sized(text.into(), NAME_BYTES_MAX)?;
        refuse(&text, |c| !(c.is_ascii_alphanumeric() || "._-".contains(c)))?;
        Ok(Self(text.into()))
    }
}

impl Reason {
    /// Takes a reason.
    ///
    /// # Errors
    /// [`NameError`] when it is empty, too long or holds a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = sized(text.into(), REASON_BYTES_MAX)?;
        refuse(&text, char::is_control)?;
        Ok(Self(text.into()))
    }
}

impl DisplayName {
    /// Takes a display name; empty means none.
    ///
    /// # Errors
    /// [`NameError`] when it is too long or holds a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.len() > DISPLAY_NAME_BYTES_MAX {
            return Err(NameError::TooLong { bytes_max: DISPLAY_NAME_BYTES_MAX });
        }
        refuse(&text, char::is_control)?;
        Ok(Self(text.into()))
    }
}

fn sized(text: String, bytes_max: usize) -> Result<String, NameError> {
    if text.is_empty() {
        Err(NameError::Empty)
    } else if text.len() > bytes_max {
        Err(NameError::TooLong { bytes_max })
    } else {
        Ok(text)
    }
}

fn refuse(text: &str, bad: impl Fn(char) -> bool) -> Result<(), NameError> {
    match text.char_indices().find(|&(_, c)| bad(c)) {
        Some((at, _)) => Err(NameError::BadCharacter { at }),
        None => Ok(()),
    }
}
