//! Readers of files that bring tokens and users from elsewhere.
//!
//! This crate owns the formats: PSKC key containers (RFC 6030) by [`read_pskc`], tokens as CSV by
//! [`read_token_csv`], users as CSV by [`UserRows`]. It turns bytes into checked values and says of
//! every row that it refuses where it stands and why. Rows that are good do not suffer from rows
//! that are not; a file that cannot be trusted as a whole gives nothing.
//!
//! It must never know a file, a socket, a clock or the state: who may import, whether a serial
//! number or a user is there already, and what becomes of the values, is for others to decide.
//! What it returns about a file never holds a seed, a key or a passphrase.

mod columns;
mod csv_error;
mod people;
mod phone;
mod pskc;
mod records;
mod report;
mod row_error;
mod seed_text;
mod shown;
mod text;
mod token;
mod token_csv;
mod user_csv;

pub use csv_error::CsvError;
pub use phone::CountryCode;
pub use pskc::{FileKey, PSKC_BYTES_MAX, PSKC_KEYS_MAX, PskcError, read_pskc};
pub use report::{Finding, Imported, Report};
pub use row_error::{RowError, Warning};
pub use seed_text::{SeedFormat, read_seed};
pub use token::{ImportedToken, TokenKind};
pub use token_csv::{TOKEN_CSV_BYTES_MAX, TOKEN_CSV_ROWS_MAX, read_token_csv};
pub use user_csv::{Phone, USER_CSV_ROWS_MAX, UserRow, UserRows};
