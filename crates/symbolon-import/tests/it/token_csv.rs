//! Tables of tokens.

use std::fmt::Write as _;

use symbolon_core::otp::{Algorithm, ParametersError};
use symbolon_import::{
    CsvError, Imported, ImportedToken, RowError, SeedFormat, TokenKind, Warning, read_token_csv,
};

const SEED: &[u8] = b"12345678901234567890";
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const HEX: &str = "3132333435363738393031323334353637383930";

fn read(text: &str) -> Imported<ImportedToken> {
    read_token_csv(text.as_bytes(), SeedFormat::Auto).unwrap()
}

fn error(text: &str) -> CsvError {
    read_token_csv(text.as_bytes(), SeedFormat::Auto).unwrap_err()
}

fn refused(text: &str) -> Vec<(u64, String, RowError)> {
    let refused = read(text).report.refused.into_iter();
    refused.map(|finding| (finding.line, finding.what, finding.reason)).collect()
}

#[test]
fn the_table_that_azure_takes() {
    let text = format!(
        "upn,serial number,secret key,time interval,manufacturer,model\r\n\
         alice@example.com,1234567,{BASE32},60,Contoso,HardwareKey\r\n"
    );
    let imported = read(&text);
    let [token] = imported.rows.as_slice() else { panic!("{:?}", imported.report) };
    assert_eq!((token.line, token.serial.as_str()), (2, "1234567"));
    assert_eq!(token.user.as_deref(), Some("alice@example.com"));
    assert_eq!(token.kind, TokenKind::Totp { period_seconds: 60, drift_steps: 0 });
    assert_eq!((token.hash, token.digits), (Algorithm::Sha1, 6));
    assert_eq!(token.manufacturer.as_deref(), Some("Contoso"));
    assert_eq!(token.model.as_deref(), Some("HardwareKey"));
    assert_eq!(token.seed.expose(), SEED);
}

#[test]
fn names_of_columns_in_many_hands() {
    for serial in ["serial", "Serial Number", "SERIAL_NUMBER", "serialNo", "Token-Serial"] {
        for seed in ["seed", "Secret", "secret key", "SECRETKEY", "shared_secret"] {
            let imported = read(&format!("{seed};{serial}\n{HEX};A1\n"));
            assert_eq!(imported.rows[0].serial, "A1", "{serial} {seed}");
            assert_eq!(imported.rows[0].seed.expose(), SEED);
        }
    }
}

#[test]
fn all_columns() {
    let text = format!(
        "serial,seed,seed_format,username,type,algorithm,digits,interval,counter,manufacturer,\
         model,issuer\n\
         1,{HEX},hex,bob,HOTP,SHA256,8,,42,M,N,I\n\
         2,{BASE32},Base32,,totp,sha-512,7,30,,,,\n"
    );
    let imported = read(&text);
    assert_eq!(imported.report.refused, []);
    let (one, two) = (&imported.rows[0], &imported.rows[1]);
    assert_eq!(one.kind, TokenKind::Hotp { counter: 42 });
    assert_eq!((one.hash, one.digits), (Algorithm::Sha256, 8));
    assert_eq!((one.user.as_deref(), one.issuer.as_deref()), (Some("bob"), Some("I")));
    assert_eq!((two.hash, two.digits, &two.user), (Algorithm::Sha512, 7, &None));
}

#[test]
fn marks_line_ends_quotes_and_blank_lines() {
    let row = |serial: &str| format!("\"{serial}\";\"{BASE32}\"");
    for end in ["\n", "\r\n"] {
        let text = [
            "\u{feff}serial;seed".to_owned(),
            row("1"),
            String::new(),
            "  ; ".to_owned(),
            row("2"),
            "3;x".to_owned(),
            row("a \"\"4\"\""),
        ]
        .join(end);
        let imported = read(&text);
        let found: Vec<_> =
            imported.rows.iter().map(|token| (token.line, token.serial.as_str())).collect();
        assert_eq!(found, [(2, "1"), (5, "2"), (7, "a \"4\"")], "{end:?}");
        assert_eq!(imported.report.refused[0].line, 6);
    }
}

#[test]
fn rows_are_refused_alone_with_line_and_serial() {
    let text = format!(
        "serial,seed,digits,interval,algorithm,type,counter\n\
         1,{BASE32},6,30,,,\n\
         ,{BASE32},6,30,,,\n\
         3,,6,30,,,\n\
         4,GEZDGNBVGY3TQOJQ,6,30,,,\n\
         5,{BASE32},5,30,,,\n\
         6,{BASE32},6,45,,,\n\
         7,{BASE32},6,30,MD5,,\n\
         8,{BASE32},6,30,,ocra,\n\
         9,{BASE32},6,30,,hotp,-1\n\
         10,{BASE32},6\n\
         1,{BASE32},6,30,,,\n\
         A2B3,A2B3C4D5E6F7A2B3C4D5E6F7A2B3C4D5,6,30,,,\n"
    );
    let bytes = |bytes| RowError::SeedTooShort { bytes };
    let found: Vec<_> =
        refused(&text).into_iter().map(|(line, _, reason)| (line, reason)).collect();
    let expected = [
        (3, RowError::Missing { field: "serial number" }),
        (4, RowError::Missing { field: "seed" }),
        (5, bytes(10)),
        (6, RowError::Parameters(ParametersError::Digits)),
        (7, RowError::Parameters(ParametersError::Period)),
        (8, RowError::Hash { found: "MD5".to_owned() }),
        (9, RowError::Algorithm { found: "ocra".to_owned() }),
        (10, RowError::Number { field: "counter" }),
        (11, RowError::FieldCount { found: 3, expected: 7 }),
        (12, RowError::Repeated { field: "serial number", first_line: 2 }),
        (13, RowError::SeedAmbiguous),
    ];
    assert_eq!(found, expected);
    assert_eq!(refused(&text)[4].1, "6");
    for (_, _, reason) in refused(&text) {
        assert!(!reason.to_string().contains("GEZD"), "{reason}");
    }
}

#[test]
fn the_option_for_the_file_decides_where_the_row_does_not() {
    let text = "serial,seed\n1,A2B3C4D5E6F7A2B3C4D5E6F7A2B3C4D5\n";
    let seed =
        |format| read_token_csv(text.as_bytes(), format).unwrap().rows[0].seed.expose().len();
    assert_eq!((seed(SeedFormat::Hex), seed(SeedFormat::Base32)), (16, 20));
    let text = "serial,seed,seed_format\n1,A2B3C4D5E6F7A2B3C4D5E6F7A2B3C4D5,hex\n2,AA,octal\n";
    let imported = read_token_csv(text.as_bytes(), SeedFormat::Base32).unwrap();
    assert_eq!(imported.rows[0].seed.expose().len(), 16);
    assert_eq!(imported.report.refused[0].reason, RowError::SeedFormat);
}

#[test]
fn unknown_columns_and_counters_of_clocks_are_told() {
    let text = format!("serial,seed,colour,counter\n1,{BASE32},red,5\n");
    let warnings = read(&text).report.warnings;
    let unknown = Warning::UnknownColumn { name: "colour".to_owned() };
    assert_eq!(warnings[0].reason, unknown);
    assert_eq!((warnings[1].line, &warnings[1].reason), (2, &Warning::CounterIgnored));
}

#[test]
fn a_table_that_cannot_be_read_is_refused_whole() {
    assert_eq!(error(""), CsvError::Empty);
    assert_eq!(error("\n\n"), CsvError::Empty);
    let missing = |column, seen: &str| CsvError::MissingColumn { column, seen: seen.to_owned() };
    assert_eq!(error("serial,colour\n1,2\n"), missing("seed", "serial, colour"));
    assert_eq!(error("seed\n1\n"), missing("serial", "seed"));
    let twice = CsvError::RepeatedColumn { column: "seed" };
    assert_eq!(error("serial,seed,secret key\n"), twice);
    let utf16: Vec<u8> =
        "\u{feff}serial,seed\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = read_token_csv(&utf16, SeedFormat::Auto).unwrap_err();
    assert_eq!(found, CsvError::Utf16);
    let large = vec![b'a'; 16 * 1024 * 1024 + 1];
    assert_eq!(read_token_csv(&large, SeedFormat::Auto).unwrap_err(), CsvError::TooLarge);
}

#[test]
fn a_quotation_mark_that_is_not_closed_is_told_where_it_opens() {
    let text = format!("serial,seed\n1,{BASE32}\n2,\"{BASE32}\n3,{BASE32}\n");
    let found = refused(&text);
    assert_eq!((found[0].0, &found[0].2), (3, &RowError::LineBreak { last_line: 5 }));
    let mut text = text;
    for serial in 4..2_000 {
        writeln!(text, "{serial},{BASE32}").unwrap();
    }
    let found = refused(&text);
    assert_eq!((found[0].0, &found[0].2), (3, &RowError::RowTooLong { last_line: 2_001 }));
    assert_eq!(found.len(), 1);
}

#[test]
fn bytes_that_are_not_utf_8_refuse_their_row() {
    let mut bytes = format!("serial,seed,model\n1,{BASE32},").into_bytes();
    bytes.extend(b"M\xfcller\n");
    bytes.extend(format!("2,{BASE32},x\n").bytes());
    let imported = read_token_csv(&bytes, SeedFormat::Auto).unwrap();
    assert_eq!(imported.rows[0].serial, "2");
    assert_eq!(imported.report.refused[0].reason, RowError::NotUtf8);
}

#[test]
fn a_hundred_thousand_rows_and_no_more() {
    let mut text = String::from("serial,seed\n");
    for serial in 0..100_000 {
        writeln!(text, "{serial},{BASE32}").unwrap();
    }
    assert_eq!(read(&text).report.accepted, 100_000);
    writeln!(text, "x,{BASE32}").unwrap();
    assert_eq!(error(&text), CsvError::TooManyRows { rows_max: 100_000 });
}
