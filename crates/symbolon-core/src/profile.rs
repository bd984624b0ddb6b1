//! What is known about a user besides the name: nothing here decides a verification.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::digest::{Canonical, CanonicalWriter};
use crate::limits::{
    EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, GROUPS_PER_USER_MAX, LABEL_BYTES_MAX,
    LANGUAGE_BYTES_MAX, PHONE_DIGITS_MAX, PHONE_DIGITS_MIN, PHONE_EXTENSION_DIGITS_MAX,
    PHONES_PER_USER_MAX, TAGS_PER_USER_MAX,
};

/// A part of a profile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProfileField {
    /// See [`Profile::email`].
    Email,
    /// See [`Profile::phones`].
    Phones,
    /// See [`Profile::groups`].
    Groups,
    /// See [`Profile::tags`].
    Tags,
    /// See [`Profile::language`].
    Language,
}

impl ProfileField {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Email, Self::Phones, Self::Groups, Self::Tags, Self::Language];

    /// Number in formats and the digest; the same for ever.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Email => 1,
            Self::Phones => 2,
            Self::Groups => 3,
            Self::Tags => 4,
            Self::Language => 5,
        }
    }

    /// Name for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phones => "phones",
            Self::Groups => "groups",
            Self::Tags => "tags",
            Self::Language => "language",
        }
    }
}

/// What a telephone is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PhoneKind {
    /// Carried about.
    Mobile,
    /// At work.
    Office,
    /// For when the others are lost.
    Backup,
}

impl PhoneKind {
    /// Number in formats and the digest; the same for ever.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Mobile => 1,
            Self::Office => 2,
            Self::Backup => 3,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Mobile),
            2 => Some(Self::Office),
            3 => Some(Self::Backup),
            _ => None,
        }
    }
}

/// A telephone of a user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Phone {
    kind: PhoneKind,
    number: String,
    extension: String,
}

impl Phone {
    /// Takes a number in the form of E.164: `+` and 8 to 15 digits; an extension has up to 10, or none.
    ///
    /// # Errors
    /// [`ProfileError::Phone`].
    pub fn new(kind: PhoneKind, number: String, extension: String) -> Result<Self, ProfileError> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = number.strip_prefix('+').is_some_and(|digits| {
            (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len())
                && is_digits(digits)
                && !digits.starts_with('0')
        });
        let is_extension = extension.len() <= PHONE_EXTENSION_DIGITS_MAX && is_digits(&extension);
        if is_number && is_extension {
            Ok(Self { kind, number, extension })
        } else {
            Err(ProfileError::Phone)
        }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> PhoneKind {
        self.kind
    }

    /// `+` and 8 to 15 digits.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Up to ten digits; may be empty.
    #[must_use]
    pub fn extension(&self) -> &str {
        &self.extension
    }
}

/// Why something is no part of a profile. Says what to change; never repeats it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProfileError {
    /// No address.
    #[error("it is not NAME@DOMAIN of at most {EMAIL_BYTES_MAX} bytes")]
    Email,
    /// No telephone number.
    #[error("a number is + and 8 to 15 digits (E.164), and an extension at most 10 digits")]
    Phone,
    /// Too many telephones.
    #[error("there are over {PHONES_PER_USER_MAX}")]
    Phones,
    /// No name of a group.
    #[error(
        "there are over {GROUPS_PER_USER_MAX}, or one is not 1 to {LABEL_BYTES_MAX} bytes without control characters, `;` and `|`"
    )]
    Groups,
    /// No tag.
    #[error(
        "there are over {TAGS_PER_USER_MAX}, or one is not 1 to {LABEL_BYTES_MAX} bytes without control characters, `;` and `|`"
    )]
    Tags,
    /// No language.
    #[error("it is no language tag like de or de-AT (RFC 5646)")]
    Language,
}

impl ProfileError {
    /// What it is about.
    #[must_use]
    pub const fn field(self) -> ProfileField {
        match self {
            Self::Email => ProfileField::Email,
            Self::Phone | Self::Phones => ProfileField::Phones,
            Self::Groups => ProfileField::Groups,
            Self::Tags => ProfileField::Tags,
            Self::Language => ProfileField::Language,
        }
    }
}

/// See the module. Groups, tags and telephones are sets: each once, in order. Empty is not known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    email: String,
    phones: Vec<Phone>,
    groups: Vec<String>,
    tags: Vec<String>,
    language: String,
}

static EMPTY: Profile = Profile {
    email: String::new(),
    phones: Vec::new(),
    groups: Vec::new(),
    tags: Vec::new(),
    language: String::new(),
};

impl Profile {
    /// Takes a profile. Names of groups and tags are compared as they are written.
    ///
    /// # Errors
    /// [`ProfileError`] for the first part that is not in order.
    pub fn new(
        email: String,
        phones: Vec<Phone>,
        groups: Vec<String>,
        tags: Vec<String>,
        language: String,
    ) -> Result<Self, ProfileError> {
        if !email.is_empty() && !is_email(&email) {
            return Err(ProfileError::Email);
        }
        if !language.is_empty() && !is_language(&language) {
            return Err(ProfileError::Language);
        }
        let phones = set(phones, PHONES_PER_USER_MAX).ok_or(ProfileError::Phones)?;
        let groups = labels(groups, GROUPS_PER_USER_MAX).ok_or(ProfileError::Groups)?;
        let tags = labels(tags, TAGS_PER_USER_MAX).ok_or(ProfileError::Tags)?;
        Ok(Self { email, phones, groups, tags, language })
    }

    /// An address; may be empty.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Telephones by kind.
    #[must_use]
    pub fn phones(&self) -> &[Phone] {
        &self.phones
    }

    /// Groups by name.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Tags by name.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// A language tag; may be empty.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Fields in which two profiles differ, of those that are named.
    #[must_use]
    pub fn differing(&self, other: &Self, fields: &[ProfileField]) -> Vec<ProfileField> {
        let differs = |field: &&ProfileField| match field {
            ProfileField::Email => self.email != other.email,
            ProfileField::Phones => self.phones != other.phones,
            ProfileField::Groups => self.groups != other.groups,
            ProfileField::Tags => self.tags != other.tags,
            ProfileField::Language => self.language != other.language,
        };
        ProfileField::ALL
            .iter()
            .filter(|field| fields.contains(field))
            .filter(differs)
            .copied()
            .collect()
    }

    /// This one with these fields of another.
    #[must_use]
    pub fn with(&self, other: &Self, fields: &[ProfileField]) -> Self {
        let mut profile = self.clone();
        for field in fields {
            match field {
                ProfileField::Email => profile.email.clone_from(&other.email),
                ProfileField::Phones => profile.phones.clone_from(&other.phones),
                ProfileField::Groups => profile.groups.clone_from(&other.groups),
                ProfileField::Tags => profile.tags.clone_from(&other.tags),
                ProfileField::Language => profile.language.clone_from(&other.language),
            }
        }
        profile
    }

    /// Nothing is known.
    pub(crate) fn empty() -> &'static Self {
        &EMPTY
    }

    /// As a row keeps it: a user of whom nothing is known costs nothing.
    #[must_use]
    pub fn kept(self) -> Option<Arc<Self>> {
        (self != EMPTY).then(|| Arc::new(self))
    }
}

/// What is to be another in a profile.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProfileChange {
    /// Fields that become what `values` has for them.
    pub fields: Vec<ProfileField>,
    /// Of other fields it says nothing.
    pub values: Profile,
}

impl Canonical for Profile {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.bytes(self.email.as_bytes()).bytes(self.language.as_bytes());
        w.number(self.phones.len() as u64);
        for phone in &self.phones {
            w.number(phone.kind.number().into()).bytes(phone.number.as_bytes());
            w.bytes(phone.extension.as_bytes());
        }
        for labels in [&self.groups, &self.tags] {
            w.number(labels.len() as u64);
            for label in labels {
                w.bytes(label.as_bytes());
            }
        }
    }
}

/// Whether something stands on both sides of the one `@`. Whether it exists, only a message tells.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    text.len() <= EMAIL_BYTES_MAX
        && (1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len())
        && !domain.is_empty()
        && !domain.contains('@')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"\\".contains(c))
}

/// Whether it has the shape of a language tag (RFC 5646 section 2.1).
#[must_use]
pub fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_language = |part: &str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_more = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= LANGUAGE_BYTES_MAX && parts.next().is_some_and(is_language) && parts.all(is_more)
}

/// Whether a text can be the name of a group or a tag.
pub(crate) fn is_label(text: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && !text.contains(|c: char| c.is_control() || c == ';' || c == '|')
        && text.trim() == text
}

fn labels(labels: Vec<String>, count_max: usize) -> Option<Vec<String>> {
    if labels.iter().all(|label| is_label(label)) { set(labels, count_max) } else { None }
}

fn set<T: Ord>(mut values: Vec<T>, count_max: usize) -> Option<Vec<T>> {
    values.sort_unstable();
    values.dedup();
    (values.len() <= count_max).then_some(values)
}
