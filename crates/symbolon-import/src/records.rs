//! Records of a CSV file (RFC 4180), one after the other, in memory that does not grow.
//!
//! `csv_core`, the parser within the `csv` crate, is used directly: so a quotation mark that is
//! never closed cannot fill the memory, the buffers through which seeds pass are wiped, and a line
//! number is that of the row whatever ends the lines.

use std::io::{ErrorKind, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use zeroize::Zeroizing;

use crate::{CsvError, RowError};

/// Bytes of a row without its quotation marks.
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Fields of a row.
const FIELDS_MAX: usize = 64;
const CHUNK_BYTES: usize = 16 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A CSV file that is being read.
pub(crate) struct Records<R> {
    input: R,
    parser: Reader,
    chunk: Zeroizing<Vec<u8>>,
    /// What of the chunk is still to be read.
    start: usize,
    end: usize,
    /// The line of the next byte, from 1.
    line: u64,
    text: Zeroizing<Vec<u8>>,
    ends: Vec<usize>,
}

/// The fields of a row.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// Number of fields.
    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    /// A field, trimmed; empty if there is none.
    pub(crate) fn field(self, at: usize) -> &'a str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let start = if at == 0 { Some(0) } else { start };
        let range = start.zip(self.ends.get(at).copied());
        range.and_then(|(start, end)| self.text.get(start..end)).unwrap_or_default().trim()
    }

    /// All fields.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |at| self.field(at))
    }

    /// Whether nothing stands in it: what spreadsheets leave behind below a table.
    pub(crate) fn is_blank(self) -> bool {
        self.text.trim().is_empty()
    }
}

impl<R: Read> Records<R> {
    /// Looks at the start of a file: its mark and its delimiter.
    ///
    /// # Errors
    /// [`CsvError`] when it is empty, UTF-16, or cannot be read.
    pub(crate) fn new(input: R) -> Result<Self, CsvError> {
        let mut records = Self {
            input,
            parser: Reader::new(),
            chunk: Zeroizing::new(vec![0; CHUNK_BYTES]),
            start: 0,
            end: 0,
            line: 1,
            text: Zeroizing::new(vec![0; RECORD_BYTES_MAX]),
            ends: vec![0; FIELDS_MAX],
        };
        // A reader may give a byte at a time; the delimiter needs the whole line.
        while records.end < CHUNK_BYTES && !records.ahead().contains(&b'\n') {
            let more = records.fill().map_err(CsvError::Header)?;
            if !more {
                break;
            }
        }
        if UTF16_MARKS.iter().any(|mark| records.ahead().starts_with(mark)) {
            return Err(CsvError::Utf16);
        }
        if records.ahead().starts_with(BOM) {
            records.start = BOM.len();
        }
        let delimiter = delimiter(records.ahead());
        records.parser = ReaderBuilder::new().delimiter(delimiter).build();
        Ok(records)
    }

    /// The next row with the line on which it starts; nothing at the end.
    pub(crate) fn next(&mut self) -> Option<(u64, Result<Record<'_>, RowError>)> {
        let more = self.skip_line_ends();
        let line = self.line;
        match more {
            Err(error) => return Some((line, Err(error))),
            Ok(false) => return None,
            Ok(true) => {}
        }
        let read = self.read();
        let last_line = self.line;
        Some((line, read.and_then(|(bytes, fields)| self.record(bytes, fields, last_line))))
    }

    fn record(&self, bytes: usize, fields: usize, last_line: u64) -> Result<Record<'_>, RowError> {
        let text = self.text.get(..bytes).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| RowError::NotUtf8)?;
        if text.contains(['\n', '\r']) {
            return Err(RowError::LineBreak { last_line });
        }
        Ok(Record { text, ends: self.ends.get(..fields).unwrap_or_default() })
    }

    /// Reads a record into the buffers and says how much of them it fills.
    fn read(&mut self) -> Result<(usize, usize), RowError> {
        let (mut bytes, mut fields) = (0, 0);
        let mut is_too_long = false;
        loop {
            if self.start == self.end {
                self.fill()?;
            }
            let input = self.chunk.get(self.start..self.end).unwrap_or_default();
            let text = self.text.get_mut(bytes..).unwrap_or_default();
            let ends = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, read, written, ended) = self.parser.read_record(input, text, ends);
            let taken = input.get(..read).unwrap_or_default();
            self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.start += read;
            bytes += written;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // The rest of it is read over what was read, and the record then refused.
                    is_too_long = true;
                    (bytes, fields) = (0, 0);
                }
                ReadRecordResult::Record | ReadRecordResult::End if is_too_long => {
                    return Err(RowError::RowTooLong { last_line: self.line });
                }
                ReadRecordResult::Record | ReadRecordResult::End => return Ok((bytes, fields)),
            }
        }
    }

    /// Passes over the end of the last line and over empty ones; false at the end of the file.
    fn skip_line_ends(&mut self) -> Result<bool, RowError> {
        loop {
            match self.ahead().first().copied() {
                Some(b'\n') => self.line += 1,
                Some(b'\r') => {}
                Some(_) => return Ok(true),
                None if self.fill()? => continue,
                None => return Ok(false),
            }
            self.start += 1;
        }
    }

    fn ahead(&self) -> &[u8] {
        self.chunk.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more into the chunk, from its front if all of it was used; false at the end.
    fn fill(&mut self) -> Result<bool, RowError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let room = self.chunk.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.input.read(room) {
                Ok(bytes) => {
                    self.end = (self.end + bytes).min(CHUNK_BYTES);
                    return Ok(bytes > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(RowError::Read { kind: error.kind() }),
            }
        }
    }
}

/// The comma, or the semicolon that spreadsheets write where the comma divides decimals: whichever
/// the first line has more of outside of quotation marks.
fn delimiter(ahead: &[u8]) -> u8 {
    let (mut commas, mut semicolons, mut quoted) = (0, 0, false);
    for byte in ahead.iter().take_while(|byte| **byte != b'\n') {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => commas += 1,
            b';' if !quoted => semicolons += 1,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}
