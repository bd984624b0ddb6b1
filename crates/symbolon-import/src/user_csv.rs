//! Users as CSV, one a line, read one at a time.

use std::collections::BTreeMap;
use std::io::Read;

use symbolon_core::limits::{DISPLAY_NAME_BYTES_MAX, USERS_MAX};

use crate::columns::{Column, Columns};
use crate::people::{email, groups, language, tags, user_name, yes_or_no};
use crate::phone::{CountryCode, is_extension, normalise, split_extension};
use crate::records::{Record, Records};
use crate::text::optional;
use crate::{CsvError, RowError};

/// Rows of a file.
pub const USER_CSV_ROWS_MAX: usize = USERS_MAX;

/// A telephone number with what is dialled after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phone {
    /// `+` and 8 to 15 digits (E.164).
    pub number: String,
    /// One to ten digits.
    pub extension: Option<String>,
}

/// A user from a file. Texts are trimmed, without control characters, and within
/// `symbolon_core::limits`; what is empty in the file is `None` here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserRow {
    /// The user name as written, 1 to 256 bytes, without white space.
    pub username: String,
    /// What people read.
    pub display_name: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// An address with one `@`.
    pub email: Option<String>,
    /// The telephone at work or at home.
    pub phone: Option<Phone>,
    /// The mobile telephone, `+` and 8 to 15 digits.
    pub mobile_phone: Option<String>,
    /// Groups, each once.
    pub groups: Vec<String>,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// A language tag like `de-AT`.
    pub language: Option<String>,
    /// Whether the user may sign in.
    pub enabled: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Username,
    DisplayName,
    FirstName,
    LastName,
    Email,
    Phone,
    Extension,
    MobilePhone,
    Groups,
    Tags,
    Language,
    Enabled,
}

const COLUMNS: &[Column<Field>] = &[
    Column {
        field: Field::Username,
        names: &["username", "user", "upn", "user principal name", "login", "user id"],
    },
    Column { field: Field::DisplayName, names: &["display_name", "full name", "name"] },
    Column { field: Field::FirstName, names: &["first_name", "given name", "forename"] },
    Column { field: Field::LastName, names: &["last_name", "surname", "family name", "sn"] },
    Column { field: Field::Email, names: &["email", "email address", "mail"] },
    Column {
        field: Field::Phone,
        names: &["phone", "phone number", "telephone", "telephone number", "business phone"],
    },
    Column { field: Field::Extension, names: &["phone_extension", "extension", "ext"] },
    Column {
        field: Field::MobilePhone,
        names: &["mobile_phone", "mobile", "mobile number", "mobile phone number", "cell phone"],
    },
    Column { field: Field::Groups, names: &["groups", "group", "user group", "user groups"] },
    Column { field: Field::Tags, names: &["tags", "tag", "labels"] },
    Column { field: Field::Language, names: &["language", "lang", "preferred language"] },
    Column {
        field: Field::Enabled,
        names: &["enabled", "is enabled", "active", "account enabled"],
    },
];

/// The users of a CSV file with a header line, UTF-8, comma or semicolon.
///
/// The column `username` is needed; the others may be absent or empty: `display_name`,
/// `first_name`, `last_name`, `email`, `phone`, `phone_extension`, `mobile_phone`, `groups` and
/// `tags` (divided by `;` or `|`), `language`, `enabled`. Yields each row with its line, from 1; a
/// bad row does not end the file. What is kept of rows that were read is their user names.
pub struct UserRows<R> {
    records: Records<R>,
    columns: Columns<Field>,
    country: Option<CountryCode>,
    /// Where each user name was seen first. Compared in lower case, which is near enough to what
    /// the server compares to find mistakes in a file.
    seen: BTreeMap<String, u64>,
    rows: usize,
    is_over: bool,
}

impl<R: Read> UserRows<R> {
    /// Reads the header. `country` is that of telephone numbers that are written without one.
    ///
    /// # Errors
    /// [`CsvError`] when no row can be read.
    pub fn new(input: R, country: Option<CountryCode>) -> Result<Self, CsvError> {
        let mut records = Records::new(input)?;
        let columns = Columns::read(&mut records, COLUMNS, &[Field::Username])?;
        Ok(Self { records, columns, country, seen: BTreeMap::new(), rows: 0, is_over: false })
    }

    /// Names of columns that are ignored, safe to print.
    #[must_use]
    pub fn unknown_columns(&self) -> &[String] {
        &self.columns.unknown
    }
}

impl<R: Read> Iterator for UserRows<R> {
    type Item = (u64, Result<UserRow, RowError>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        loop {
            let (line, record) = self.records.next()?;
            let record = match record {
                Ok(record) if record.is_blank() => continue,
                Ok(record) => record,
                Err(error) => {
                    self.is_over = matches!(error, RowError::Read { .. });
                    return Some((line, Err(error)));
                }
            };
            if self.rows == USER_CSV_ROWS_MAX {
                self.is_over = true;
                let rows_max = USER_CSV_ROWS_MAX;
                return Some((line, Err(RowError::TooManyRows { rows_max })));
            }
            self.rows += 1;
            let row = user(line, record, &self.columns, self.country, &mut self.seen);
            return Some((line, row));
        }
    }
}

fn user(
    line: u64,
    record: Record<'_>,
    columns: &Columns<Field>,
    country: Option<CountryCode>,
    seen: &mut BTreeMap<String, u64>,
) -> Result<UserRow, RowError> {
    columns.check(record)?;
    let get = |field| columns.get(record, field);
    let name = |name, field| optional(name, get(field), DISPLAY_NAME_BYTES_MAX);
    let username = user_name(get(Field::Username))?;
    let first_line = *seen.entry(username.to_lowercase()).or_insert(line);
    if first_line != line {
        return Err(RowError::Repeated { field: "username", first_line });
    }
    let mobile_phone = match get(Field::MobilePhone) {
        "" => None,
        text => {
            let field = "mobile_phone";
            Some(normalise(text, country).ok_or(RowError::Phone { field })?)
        }
    };
    Ok(UserRow {
        username,
        display_name: name("display_name", Field::DisplayName)?,
        first_name: name("first_name", Field::FirstName)?,
        last_name: name("last_name", Field::LastName)?,
        email: email(get(Field::Email))?,
        phone: phone(get(Field::Phone), get(Field::Extension), country)?,
        mobile_phone,
        groups: groups(get(Field::Groups))?,
        tags: tags(get(Field::Tags))?,
        language: language(get(Field::Language))?,
        enabled: yes_or_no("enabled", get(Field::Enabled))?,
    })
}

fn phone(
    text: &str,
    extension: &str,
    country: Option<CountryCode>,
) -> Result<Option<Phone>, RowError> {
    let (number, within) = split_extension(text);
    let extension = match (extension, within) {
        ("", within) => within,
        (extension, None) => Some(extension),
        (_, Some(_)) => return Err(RowError::ExtensionMisplaced),
    };
    if extension.is_some_and(|extension| !is_extension(extension)) {
        return Err(RowError::Extension);
    }
    match (number.trim(), extension) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err(RowError::ExtensionMisplaced),
        (number, extension) => {
            let number = normalise(number, country).ok_or(RowError::Phone { field: "phone" })?;
            Ok(Some(Phone { number, extension: extension.map(str::to_owned) }))
        }
    }
}
