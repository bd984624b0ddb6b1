//! Why a whole table is refused.

use crate::token_csv::TOKEN_CSV_BYTES_MAX;

/// Why no row of a CSV file is read. Holds nothing from the rows.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CsvError {
    /// Over [`TOKEN_CSV_BYTES_MAX`].
    #[error("the file is larger than {TOKEN_CSV_BYTES_MAX} bytes: divide it")]
    TooLarge,
    /// More rows than one file may have.
    #[error("the file has more than {rows_max} rows: divide it")]
    TooManyRows {
        /// The limit.
        rows_max: usize,
    },
    /// There is no header line.
    #[error("the file is empty: its first line has to name the columns")]
    Empty,
    /// UTF-16, by its first two bytes.
    #[error("the file is UTF-16: save it as \"CSV UTF-8\"")]
    Utf16,
    /// The header line cannot be read.
    #[error("the first line cannot be read: {0}")]
    Header(crate::RowError),
    /// A column that every file needs is not there.
    #[error("there is no column {column}: the first line has to name it; it names {seen}")]
    MissingColumn {
        /// The column.
        column: &'static str,
        /// The names that are there, safe to print.
        seen: String,
    },
    /// Two columns mean the same.
    #[error("there are two columns for {column}: keep one")]
    RepeatedColumn {
        /// The column.
        column: &'static str,
    },
}
