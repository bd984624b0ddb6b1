//! The header line: which column means what.

use std::collections::BTreeMap;
use std::io::Read;

use crate::records::{Record, Records};
use crate::shown::shown;
use crate::text::folded;
use crate::{CsvError, RowError};

/// A column with the names under which it is known. Names are compared without case, spaces and
/// punctuation; the first is the one that messages use.
pub(crate) struct Column<F: 'static> {
    pub(crate) field: F,
    pub(crate) names: &'static [&'static str],
}

/// Where each field stands.
pub(crate) struct Columns<F> {
    places: BTreeMap<F, usize>,
    count: usize,
    /// Names that mean nothing here, safe to print.
    pub(crate) unknown: Vec<String>,
}

impl<F: Copy + Ord> Columns<F> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`CsvError`] when there is none, when a column of `required` is not there, or one is twice.
    pub(crate) fn read<R: Read>(
        records: &mut Records<R>,
        known: &'static [Column<F>],
        required: &[F],
    ) -> Result<Self, CsvError> {
        let (_, record) = records.next().ok_or(CsvError::Empty)?;
        let record = record.map_err(CsvError::Header)?;
        let mut columns =
            Self { places: BTreeMap::new(), count: record.len(), unknown: Vec::new() };
        for (at, name) in record.fields().enumerate() {
            let folded_name = folded(name);
            let is_meant =
                |column: &&Column<F>| column.names.iter().any(|name| folded(name) == folded_name);
            match known.iter().find(is_meant) {
                Some(column) => {
                    if columns.places.insert(column.field, at).is_some() {
                        return Err(CsvError::RepeatedColumn { column: main_name(column) });
                    }
                }
                None if name.is_empty() => {}
                None => columns.unknown.push(shown(name)),
            }
        }
        for field in required {
            if !columns.places.contains_key(field) {
                let column = known.iter().find(|column| column.field == *field);
                let seen: Vec<_> = record.fields().map(shown).collect();
                return Err(CsvError::MissingColumn {
                    column: column.map_or("", main_name),
                    seen: shown(&seen.join(", ")),
                });
            }
        }
        Ok(columns)
    }

    /// A field of a row, trimmed; empty if there is no such column.
    pub(crate) fn get<'a>(&self, record: Record<'a>, field: F) -> &'a str {
        self.places.get(&field).map_or("", |at| record.field(*at))
    }

    /// Refuses a row that has other fields than the header: they would be taken for each other.
    pub(crate) fn check(&self, record: Record<'_>) -> Result<(), RowError> {
        let (found, expected) = (record.len(), self.count);
        if found == expected { Ok(()) } else { Err(RowError::FieldCount { found, expected }) }
    }
}

fn main_name<F>(column: &Column<F>) -> &'static str {
    column.names.first().copied().unwrap_or_default()
}
