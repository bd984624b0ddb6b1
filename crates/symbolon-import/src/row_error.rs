//! Why a row is refused, and what is said about a row that is not.

use symbolon_core::limits::{SEED_BYTES_MAX, SEED_BYTES_MIN};
use symbolon_core::otp::ParametersError;

/// Why a row is refused. Says what to change; holds no seed and no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RowError {
    /// A value that every row needs is not there.
    #[error("it has no {field}: every row needs one")]
    Missing {
        /// Which value.
        field: &'static str,
    },
    /// A value is longer than what can be kept.
    #[error("its {field} is longer than {bytes_max} bytes")]
    TooLong {
        /// Which value.
        field: &'static str,
        /// The limit, in bytes of UTF-8.
        bytes_max: usize,
    },
    /// A control character, or white space where none may be.
    #[error("its {field} holds a character that is not allowed at byte {at}")]
    BadCharacter {
        /// Which value.
        field: &'static str,
        /// Where, in bytes from 0.
        at: usize,
    },
    /// Not a whole number, or one that is out of every range.
    #[error("its {field} is not a whole number that can be used")]
    Number {
        /// Which value.
        field: &'static str,
    },
    /// Too many values in a field that may hold several.
    #[error("it has more than {count_max} {field}")]
    TooMany {
        /// Which values.
        field: &'static str,
        /// The limit.
        count_max: usize,
    },
    /// The same was in the file before.
    #[error("its {field} is that of line {first_line} too: keep one of the two lines")]
    Repeated {
        /// What is the same.
        field: &'static str,
        /// Line of the first, from 1.
        first_line: u64,
    },

    /// Not TOTP and not HOTP.
    #[error("its algorithm {found:?} is not supported: only TOTP and HOTP tokens can be imported")]
    Algorithm {
        /// What the file says, safe to print.
        found: String,
    },
    /// Not a hash function of RFC 6238.
    #[error("its hash {found:?} is not supported: use SHA1, SHA256 or SHA512")]
    Hash {
        /// What the file says, safe to print.
        found: String,
    },
    /// Digits or period out of range.
    #[error("its {0}")]
    Parameters(ParametersError),
    /// The seed is weaker than RFC 4226 section 4 R6 allows.
    #[error(
        "its seed has {bytes} bytes and RFC 4226 section 4 R6 demands {SEED_BYTES_MIN} (128 bits) \
         or more: such a token can be guessed and cannot be used"
    )]
    SeedTooShort {
        /// Bytes of the seed.
        bytes: usize,
    },
    /// The seed is longer than any token's.
    #[error("its seed has {bytes} bytes and {SEED_BYTES_MAX} is the most that can be used")]
    SeedTooLong {
        /// Bytes of the seed.
        bytes: usize,
    },
    /// The seed is not written in the format that it should be in.
    #[error("its seed is not valid {format}")]
    SeedText {
        /// The format that was expected.
        format: &'static str,
    },
    /// The seed can be read in two ways.
    #[error(
        "its seed could be Base32 and hexadecimal: say which by a column seed_format or by the \
         option for the whole file"
    )]
    SeedAmbiguous,
    /// Not one of `auto`, `base32`, `hex`.
    #[error("its seed_format is unknown: use base32, hex or auto")]
    SeedFormat,
    /// The file names the seed and does not carry it (RFC 6030 section 4.2, `KeyReference`).
    #[error("its seed is not in the file: ask the supplier for a file that carries it")]
    NoSeed,
    /// The codes are not plain decimal digits.
    #[error("its codes are not plain decimal digits: such tokens are not supported")]
    ResponseFormat,
    /// RFC 6030 section 5: the policy does not allow what the key is imported for.
    #[error("its policy does not allow to make one-time passwords (RFC 6030 section 5)")]
    KeyUsage,
    /// RFC 6030 section 5: a policy that is not understood forbids every use.
    #[error(
        "its policy holds {found:?}, which is not understood and so forbids its use (RFC 6030 section 5)"
    )]
    Policy {
        /// Name of the element, safe to print.
        found: String,
    },
    /// Not a date.
    #[error("its {field} is no date like 2026-01-31T00:00:00Z")]
    Date {
        /// Which date.
        field: &'static str,
    },

    /// More or fewer fields than the header.
    #[error("it has {found} fields and the header has {expected}")]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A field that goes on over a line end: nearly always a quotation mark that is not closed.
    #[error(
        "a field of it goes on until line {last_line}: close the quotation mark, what stands \
         between was not read"
    )]
    LineBreak {
        /// Last line of the row, from 1.
        last_line: u64,
    },
    /// A row that is longer than any real one: nearly always a quotation mark that is not closed.
    #[error(
        "it is longer than a row can be and goes on until line {last_line}: close the quotation \
         mark, what stands between was not read"
    )]
    RowTooLong {
        /// Last line of the row, from 1.
        last_line: u64,
    },
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8: save the file as \"CSV UTF-8\"")]
    NotUtf8,
    /// The file could not be read further; this is the last row.
    #[error("the file could not be read further ({kind}): nothing after it was read")]
    Read {
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// More rows than one file may have; this is the last row.
    #[error("the file has more than {rows_max} rows: divide it, nothing after this line was read")]
    TooManyRows {
        /// The limit.
        rows_max: usize,
    },

    /// Not an address with one `@`.
    #[error("its e-mail address is not like name@example.com")]
    Email,
    /// Not a telephone number in international form.
    #[error(
        "its {field} is no telephone number: write it like +49 30 1234567, or give a default \
         country code"
    )]
    Phone {
        /// Which number.
        field: &'static str,
    },
    /// Not the digits of an extension.
    #[error("its phone_extension is not one to ten digits")]
    Extension,
    /// An extension without the number that it belongs to, or two of them.
    #[error("its phone_extension does not fit its phone: give the phone, and the extension once")]
    ExtensionMisplaced,
    /// Not a language tag.
    #[error("its language is no tag like en or de-AT")]
    Language,
    /// Neither yes nor no.
    #[error("its {field} is neither true nor false")]
    YesNo {
        /// Which value.
        field: &'static str,
    },
}

/// What to know about something that was accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Warning {
    /// An XML digital signature that nobody checked.
    #[error(
        "the file is signed and the signature was not verified: verify it with another program, \
         such as pskctool, before you use the tokens"
    )]
    SignatureNotVerified,
    /// A key or passphrase was given and nothing was encrypted.
    #[error("a key was given and nothing in the file is encrypted: is it the right file?")]
    KeyNotNeeded,
    /// A seed in clear beside encrypted ones.
    #[error("its seed stands in clear in a file that is otherwise encrypted: was it put in?")]
    PlainSeed,
    /// RFC 6030 section 5, `PINPolicy`.
    #[error("its PIN policy was ignored")]
    PinPolicyIgnored,
    /// RFC 6030 section 5, `NumberOfTransactions`.
    #[error("its limit of uses was ignored")]
    UseLimitIgnored,
    /// RFC 6030 section 4.2, `Time` other than 0.
    #[error("its start time of {steps} time steps was ignored: steps are counted from 1970")]
    StartTimeIgnored {
        /// What the file says.
        steps: i64,
    },
    /// A value that the file leaves open.
    #[error("its {field} is not given: {value} is assumed")]
    Assumed {
        /// Which value.
        field: &'static str,
        /// What is taken, in the unit of the field.
        value: u64,
    },
    /// A counter on a token that counts time.
    #[error("its counter was ignored: it is a TOTP token")]
    CounterIgnored,
    /// A column that means nothing here.
    #[error("the column {name:?} is unknown and was ignored")]
    UnknownColumn {
        /// Its name in the header, safe to print.
        name: String,
    },
}
