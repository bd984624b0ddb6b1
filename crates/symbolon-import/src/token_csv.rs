//! Tokens as CSV, one a line: what token makers send, and what Azure took for OATH tokens.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use symbolon_core::limits::SERIAL_BYTES_MAX;
use symbolon_core::otp::Algorithm;

use crate::columns::{Column, Columns};
use crate::records::{Record, Records};
use crate::shown::shown;
use crate::text::{folded, number, optional, required};
use crate::token::{
    DIGITS_DEFAULT, Moving, PERIOD_SECONDS_DEFAULT, TEXT_BYTES_MAX, check_parameters, check_seed,
    hash,
};
use crate::{
    CsvError, Imported, ImportedToken, RowError, SeedFormat, TokenKind, Warning, seed_text,
};

/// Bytes of a file.
pub const TOKEN_CSV_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows of a file.
pub const TOKEN_CSV_ROWS_MAX: usize = 100_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Serial,
    Seed,
    SeedFormat,
    User,
    Kind,
    Hash,
    Digits,
    Period,
    Counter,
    Manufacturer,
    Model,
    Issuer,
}

const COLUMNS: &[Column<Field>] = &[
    Column {
        field: Field::Serial,
        names: &["serial", "serial number", "serial no", "token serial", "token serial number"],
    },
    Column {
        field: Field::Seed,
        names: &["seed", "secret", "secret key", "key", "token seed", "shared secret"],
    },
    Column { field: Field::SeedFormat, names: &["seed_format", "secret format", "encoding"] },
    Column {
        field: Field::User,
        names: &["username", "upn", "user", "user principal name", "login", "user id"],
    },
    Column { field: Field::Kind, names: &["type", "token type", "otp type", "kind"] },
    Column {
        field: Field::Hash,
        names: &["algorithm", "hash", "hash algorithm", "hmac", "hash function"],
    },
    Column { field: Field::Digits, names: &["digits", "otp length", "code length", "length"] },
    Column {
        field: Field::Period,
        names: &["interval", "period", "time interval", "time step", "step", "period_seconds"],
    },
    Column {
        field: Field::Counter,
        names: &["counter", "event counter", "initial counter", "moving factor"],
    },
    Column { field: Field::Manufacturer, names: &["manufacturer", "vendor", "maker"] },
    Column { field: Field::Model, names: &["model", "device model", "token model"] },
    Column { field: Field::Issuer, names: &["issuer"] },
];

/// Reads tokens from a CSV file with a header line, UTF-8, comma or semicolon.
///
/// Columns `serial` and `seed` are needed. The others may be absent or empty: `seed_format`
/// (as the argument says), `username`, `type` (TOTP), `algorithm` (SHA1), `digits` (6),
/// `interval` in seconds (30), `counter` (0), `manufacturer`, `model`, `issuer`. Case, spaces and
/// punctuation in names do not matter, and names that others use are known.
///
/// # Errors
/// [`CsvError`] when no row can be read. Rows that are not good are in the report.
pub fn read_token_csv(
    bytes: &[u8],
    seed_format: SeedFormat,
) -> Result<Imported<ImportedToken>, CsvError> {
    if bytes.len() > TOKEN_CSV_BYTES_MAX {
        return Err(CsvError::TooLarge);
    }
    let mut records = Records::new(bytes)?;
    let columns = Columns::read(&mut records, COLUMNS, &[Field::Serial, Field::Seed])?;
    let mut imported = Imported::new();
    for name in &columns.unknown {
        imported.report.warn(1, "", Warning::UnknownColumn { name: name.clone() });
    }
    let mut seen = BTreeMap::new();
    while let Some((line, record)) = records.next() {
        let record = match record {
            Ok(record) if record.is_blank() => continue,
            Ok(record) => record,
            Err(reason) => {
                imported.report.refuse(line, "", reason);
                continue;
            }
        };
        if imported.report.rows() == TOKEN_CSV_ROWS_MAX {
            return Err(CsvError::TooManyRows { rows_max: TOKEN_CSV_ROWS_MAX });
        }
        let what = columns.get(record, Field::Serial);
        let mut warnings = Vec::new();
        let token = token(line, record, &columns, seed_format, &mut warnings);
        match token.and_then(|token| first(&mut seen, token)) {
            Ok(token) => {
                for warning in warnings {
                    imported.report.warn(line, what, warning);
                }
                imported.accept(token);
            }
            Err(reason) => imported.report.refuse(line, what, reason),
        }
    }
    Ok(imported)
}

/// Refuses a serial number of the same maker that was accepted before.
fn first(
    seen: &mut BTreeMap<(Option<String>, String), u64>,
    token: ImportedToken,
) -> Result<ImportedToken, RowError> {
    let name = (token.manufacturer.clone(), token.serial.clone());
    match seen.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(token.line);
            Ok(token)
        }
        Entry::Occupied(entry) => {
            Err(RowError::Repeated { field: "serial number", first_line: *entry.get() })
        }
    }
}

fn token(
    line: u64,
    record: Record<'_>,
    columns: &Columns<Field>,
    seed_format: SeedFormat,
    warnings: &mut Vec<Warning>,
) -> Result<ImportedToken, RowError> {
    columns.check(record)?;
    let get = |field| columns.get(record, field);
    let text = |name, field| optional(name, get(field), TEXT_BYTES_MAX);
    let serial = required("serial number", get(Field::Serial), SERIAL_BYTES_MAX)?;
    let hash = match get(Field::Hash) {
        "" => Algorithm::Sha1,
        name => hash(name).ok_or_else(|| RowError::Hash { found: shown(name) })?,
    };
    let digits = number("digits", get(Field::Digits))?.unwrap_or(DIGITS_DEFAULT);
    let period = number("interval", get(Field::Period))?.unwrap_or(PERIOD_SECONDS_DEFAULT);
    let counter = number("counter", get(Field::Counter))?.unwrap_or(0);
    let (kind, period_seconds) = match moving(get(Field::Kind))? {
        Moving::Time => {
            if counter != 0 {
                warnings.push(Warning::CounterIgnored);
            }
            (TokenKind::Totp { period_seconds: period, drift_steps: 0 }, period)
        }
        // Tables of mixed tokens have an interval in every row.
        Moving::Counter => (TokenKind::Hotp { counter }, PERIOD_SECONDS_DEFAULT),
    };
    check_parameters(hash, digits, period_seconds)?;
    let format = match get(Field::SeedFormat) {
        "" => seed_format,
        text => SeedFormat::parse(text).ok_or(RowError::SeedFormat)?,
    };
    let seed = seed_text::parse(get(Field::Seed), format)?;
    check_seed(seed.expose().len())?;
    Ok(ImportedToken {
        line,
        serial,
        key_id: None,
        manufacturer: text("manufacturer", Field::Manufacturer)?,
        model: text("model", Field::Model)?,
        issuer: text("issuer", Field::Issuer)?,
        user: text("username", Field::User)?,
        kind,
        hash,
        digits,
        seed,
        not_before: None,
        expires: None,
    })
}

fn moving(text: &str) -> Result<Moving, RowError> {
    match folded(text).as_str() {
        "" | "totp" | "time" | "oathtotp" => Ok(Moving::Time),
        "hotp" | "event" | "oathhotp" => Ok(Moving::Counter),
        _ => Err(RowError::Algorithm { found: shown(text) }),
    }
}
