//! Tables of users.

use std::io::{self, Read};

use symbolon_import::{CountryCode, CsvError, Phone, Report, RowError, UserRow, UserRows};

type Row = (u64, Result<UserRow, RowError>);

fn rows(text: &str) -> Vec<Row> {
    UserRows::new(text.as_bytes(), CountryCode::parse("49")).unwrap().collect()
}

fn reasons(text: &str) -> Vec<(u64, RowError)> {
    rows(text).into_iter().filter_map(|(line, row)| Some((line, row.err()?))).collect()
}

#[test]
fn all_columns() {
    let text = "Username;Display Name;First Name;Last Name;E-Mail;Phone;Phone Extension;\
                Mobile;Groups;Tags;Language;Enabled\r\n\
                alice;Alice A.;Alice;Adams;alice@example.com;030 1234567;12;+49 171 1234567;\
                \"vpn;staff\";a|b;de-AT;yes\r\n";
    let (line, row) = rows(text).remove(0);
    let expected = UserRow {
        username: "alice".to_owned(),
        display_name: Some("Alice A.".to_owned()),
        first_name: Some("Alice".to_owned()),
        last_name: Some("Adams".to_owned()),
        email: Some("alice@example.com".to_owned()),
        phone: Some(Phone { number: "+49301234567".to_owned(), extension: Some("12".to_owned()) }),
        mobile_phone: Some("+491711234567".to_owned()),
        groups: vec!["vpn".to_owned(), "staff".to_owned()],
        tags: vec!["a".to_owned(), "b".to_owned()],
        language: Some("de-AT".to_owned()),
        enabled: Some(true),
    };
    assert_eq!((line, row), (2, Ok(expected)));
}

#[test]
fn a_user_name_is_enough() {
    let rows = rows("\u{feff}UPN\nalice@example.com\n");
    let row = rows[0].1.as_ref().unwrap();
    assert_eq!(row.username, "alice@example.com");
    assert_eq!((&row.email, &row.phone, row.enabled), (&None, &None, None));
    assert!(row.groups.is_empty() && row.tags.is_empty());
}

#[test]
fn extensions_where_people_put_them() {
    let text = "user,phone,ext\na,555-123-4567 x890,\nb,+49 30 1234567,7\nc,030 1234567 x1,2\n\
                d,,5\ne,030 1234567,abc\n";
    let rows = rows(text);
    let extension = |at: usize| rows[at].1.clone().unwrap().phone.unwrap().extension;
    assert_eq!(extension(0).as_deref(), Some("890"));
    assert_eq!(extension(1).as_deref(), Some("7"));
    assert_eq!(rows[2].1, Err(RowError::ExtensionMisplaced));
    assert_eq!(rows[3].1, Err(RowError::ExtensionMisplaced));
    assert_eq!(rows[4].1, Err(RowError::Extension));
}

#[test]
fn bad_rows_do_not_stop_the_rest() {
    let long = "x".repeat(257);
    let text = format!(
        "username,email,mobile phone,language,enabled,display_name\n\
         ok1,,,,,\n\
         ,a@b,,,,\n\
         two words,,,,,\n\
         c,nobody,,,,\n\
         d,,12,,,\n\
         e,,,english please,,\n\
         f,,,,perhaps,\n\
         g,,,,,{long}\n\
         h,,,,,\"bell \u{7}.\"\n\
         i,,\n\
         {long},,,,,\n\
         ok2,,,,,\n"
    );
    let expected = [
        (3, RowError::Missing { field: "username" }),
        (4, RowError::BadCharacter { field: "username", at: 3 }),
        (5, RowError::Email),
        (6, RowError::Phone { field: "mobile_phone" }),
        (7, RowError::Language),
        (8, RowError::YesNo { field: "enabled" }),
        (9, RowError::TooLong { field: "display_name", bytes_max: 256 }),
        (10, RowError::BadCharacter { field: "display_name", at: 5 }),
        (11, RowError::FieldCount { found: 3, expected: 6 }),
        (12, RowError::TooLong { field: "username", bytes_max: 256 }),
    ];
    assert_eq!(reasons(&text), expected);
    assert_eq!(rows(&text).iter().filter(|(_, row)| row.is_ok()).count(), 2);
}

#[test]
fn a_user_who_is_there_twice_is_told_with_both_lines() {
    let found = reasons("username\nalice\nbob\nALICE\n\nalice\n");
    let repeated = RowError::Repeated { field: "username", first_line: 2 };
    assert_eq!(found, [(4, repeated.clone()), (6, repeated.clone())]);
    assert!(repeated.to_string().contains("line 2"));
}

#[test]
fn headers() {
    let error = |text: &str| UserRows::new(text.as_bytes(), None).err().unwrap();
    assert_eq!(error(""), CsvError::Empty);
    let seen = "email".to_owned();
    assert_eq!(error("email\n"), CsvError::MissingColumn { column: "username", seen });
    assert_eq!(error("user,login\n"), CsvError::RepeatedColumn { column: "username" });
    let rows = UserRows::new(&b"user,shoe size\na,42\n"[..], None).unwrap();
    assert_eq!(rows.unknown_columns(), ["shoe size"]);
}

/// Gives a row at a time and never holds the file.
struct Generated {
    row: u64,
    pending: Vec<u8>,
}

const BAD: [u64; 7] = [3, 500, 501, 9_999, 50_000, 77_777, 100_000];

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.is_empty() && self.row <= 100_000 {
            let row = self.row;
            self.pending = match row {
                0 => "username,email,phone\r\n".to_owned(),
                _ if BAD.contains(&row) => format!("user{row},no address,\r\n"),
                _ => format!("user{row},user{row}@example.com,+49 30 {:07}\r\n", row),
            }
            .into_bytes();
            self.row += 1;
        }
        let bytes = self.pending.len().min(buffer.len());
        let taken: Vec<u8> = self.pending.drain(..bytes).collect();
        buffer[..bytes].copy_from_slice(&taken);
        Ok(bytes)
    }
}

#[test]
fn a_hundred_thousand_users_with_seven_bad_ones() {
    let input = Generated { row: 0, pending: Vec::new() };
    let mut report = Report::default();
    for (line, row) in UserRows::new(input, None).unwrap() {
        match row {
            Ok(_) => report.accepted += 1,
            Err(reason) => report.refuse(line, "", reason),
        }
    }
    assert_eq!((report.accepted, report.rows()), (99_993, 100_000));
    let lines: Vec<_> = report.refused.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, BAD.map(|row| row + 1));
    assert!(report.refused.iter().all(|finding| finding.reason == RowError::Email));
}

/// A file on a disk that fails.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_file_that_cannot_be_read_further_ends_with_an_error() {
    let rows: Vec<_> = UserRows::new(Failing(b"user\na\nb\n"), None).unwrap().collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2], (4, Err(RowError::Read { kind: io::ErrorKind::TimedOut })));
    let half: Vec<_> = UserRows::new(Failing(b"user\na\nb"), None).unwrap().collect();
    assert_eq!(half[1], (3, Err(RowError::Read { kind: io::ErrorKind::TimedOut })));
}
