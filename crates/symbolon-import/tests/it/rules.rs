//! What is refused of a container whose bytes are sound.

use symbolon_core::Timestamp;
use symbolon_core::otp::{Algorithm, ParametersError};
use symbolon_import::{
    FileKey, Imported, ImportedToken, PskcError, RowError, TokenKind, Warning, read_pskc,
};

const SEED: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";

/// A container with one key, in which `from` is replaced by `to`.
fn with(from: &str, to: &str) -> Result<Imported<ImportedToken>, PskcError> {
    let text = format!(
        "<KeyContainer Version='1.0' xmlns='urn:ietf:params:xml:ns:keyprov:pskc'>\n<KeyPackage>\n\
         <DeviceInfo><SerialNo>S1</SerialNo></DeviceInfo>\n\
         <Key Id='k' Algorithm='urn:ietf:params:xml:ns:keyprov:pskc:totp'>\n\
         <AlgorithmParameters><Suite>HMAC-SHA512</Suite>\
         <ResponseFormat Length='6' Encoding='DECIMAL'/></AlgorithmParameters>\n\
         <Data><Secret><PlainValue>{SEED}</PlainValue></Secret>\
         <Time><PlainValue>0</PlainValue></Time>\
         <TimeInterval><PlainValue>30</PlainValue></TimeInterval>\
         <TimeDrift><PlainValue>-1</PlainValue></TimeDrift></Data>\n\
         <Policy><KeyUsage>OTP</KeyUsage></Policy></Key></KeyPackage></KeyContainer>"
    );
    assert!(text.contains(from), "{from}");
    read_pskc(text.replacen(from, to, 1).as_bytes(), &FileKey::None)
}

fn good(from: &str, to: &str) -> ImportedToken {
    let mut imported = with(from, to).unwrap();
    assert_eq!(imported.report.refused, [], "{to}");
    imported.rows.remove(0)
}

fn refused(from: &str, to: &str) -> RowError {
    let imported = with(from, to).unwrap();
    assert_eq!(imported.rows, [], "{to}");
    let finding = &imported.report.refused[0];
    assert_eq!(finding.line, 4);
    finding.reason.clone()
}

fn warned(from: &str, to: &str) -> Warning {
    let imported = with(from, to).unwrap();
    let [warning] = imported.report.warnings.as_slice() else { panic!("{:?}", imported.report) };
    warning.reason.clone()
}

#[test]
fn the_sample_itself_is_good() {
    let token = good("S1", "S1");
    assert_eq!(token.kind, TokenKind::Totp { period_seconds: 30, drift_steps: -1 });
    assert_eq!(token.hash, Algorithm::Sha512);
    let shown = format!("{token:?}");
    assert!(shown.contains("Secret(..)") && !shown.contains("49, 50"), "{shown}");
}

#[test]
fn algorithms_by_all_their_names() {
    let uri = "urn:ietf:params:xml:ns:keyprov:pskc:totp";
    for name in ["urn:ietf:params:xml:ns:keyprov:pskc#totp", "TOTP", "urn:x:pskc:TOTP"] {
        assert!(matches!(good(uri, name).kind, TokenKind::Totp { .. }), "{name}");
    }
    let hotp = good(uri, "urn:ietf:params:xml:ns:keyprov:pskc#hotp");
    assert_eq!(hotp.kind, TokenKind::Hotp { counter: 0 });
    let found = "urn:ietf:params:xml:ns:keyprov:pskc:ocra".to_owned();
    assert_eq!(refused(uri, &found), RowError::Algorithm { found: found.clone() });
    assert_eq!(refused(uri, ""), RowError::Missing { field: "algorithm" });
    assert_eq!(refused("HMAC-SHA512", "MD5"), RowError::Hash { found: "MD5".to_owned() });
}

#[test]
fn parameters_out_of_range() {
    for digits in ["5", "9"] {
        let reason = refused("Length='6'", &format!("Length='{digits}'"));
        assert_eq!(reason, RowError::Parameters(ParametersError::Digits));
    }
    assert_eq!(refused("Length='6'", "Length='six'"), RowError::Number { field: "digits" });
    for interval in ["0", "29", "3600"] {
        let reason = refused(">30<", &format!(">{interval}<"));
        assert_eq!(reason, RowError::Parameters(ParametersError::Period));
    }
    for interval in ["-30", "x", "99999999999999999999"] {
        let reason = refused(">30<", &format!(">{interval}<"));
        assert_eq!(reason, RowError::Number { field: "time interval" });
    }
    assert_eq!(refused("DECIMAL", "HEXADECIMAL"), RowError::ResponseFormat);
    assert_eq!(refused("Encoding=", "CheckDigits='true' Encoding="), RowError::ResponseFormat);
    good("Encoding=", "CheckDigits='false' Encoding=");
}

#[test]
fn seeds_of_other_lengths_and_no_seeds() {
    assert_eq!(refused(SEED, "MTIzNDU2Nzg5MDEyMzQ1"), RowError::SeedTooShort { bytes: 15 });
    assert_eq!(good(SEED, "MTIzNDU2Nzg5MDEyMzQ1Ng==").seed.expose().len(), 16);
    let long = "MTIz".repeat(22);
    assert_eq!(refused(SEED, &long), RowError::SeedTooLong { bytes: 66 });
    assert_eq!(refused(SEED, "§"), RowError::SeedText { format: "Base64" });
    let plain = format!("<PlainValue>{SEED}</PlainValue>");
    assert_eq!(refused(&plain, ""), RowError::NoSeed);
    // A comment within divides the text for a parser, and for nobody else.
    assert_eq!(good("MTIz", "MT<!-- c -->Iz").seed.expose(), b"12345678901234567890");
}

#[test]
fn serial_numbers() {
    let device = "<DeviceInfo><SerialNo>S1</SerialNo></DeviceInfo>";
    assert_eq!(good(device, "").serial, "k");
    let long = "9".repeat(65);
    let reason = RowError::TooLong { field: "serial number", bytes_max: 64 };
    assert_eq!(refused(">S1<", &format!(">{long}<")), reason);
    let reason = RowError::BadCharacter { field: "serial number", at: 1 };
    assert_eq!(refused(">S1<", ">S&#9;1<"), reason);
    let imported = with(">S1<", ">S&#x85;&#x202e;1<").unwrap();
    assert_eq!(imported.report.refused[0].what, "S\u{fffd}\u{fffd}1");
}

#[test]
fn policies() {
    let usage = "<KeyUsage>OTP</KeyUsage>";
    assert_eq!(refused(usage, "<KeyUsage>Encrypt</KeyUsage>"), RowError::KeyUsage);
    good(usage, "<KeyUsage>Verify</KeyUsage><KeyUsage>OTP</KeyUsage>");
    let found = "Moon".to_owned();
    assert_eq!(refused(usage, "<Moon phase='full'/>"), RowError::Policy { found });
    assert_eq!(warned(usage, "<PINPolicy MinLength='4'/>"), Warning::PinPolicyIgnored);
    let limit = "<NumberOfTransactions>9</NumberOfTransactions>";
    assert_eq!(warned(usage, limit), Warning::UseLimitIgnored);
    let reason = RowError::Date { field: "expiry date" };
    assert_eq!(refused(usage, "<ExpiryDate>tomorrow</ExpiryDate>"), reason);
}

#[test]
fn the_narrower_of_two_validities_counts() {
    let device = "<DeviceInfo><SerialNo>S1</SerialNo><StartDate>2020-01-01T00:00:00Z</StartDate>\
                  <ExpiryDate>2030-01-01T00:00:00Z</ExpiryDate></DeviceInfo>";
    let text = format!(
        "<KeyContainer><KeyPackage>{device}<Key Id='k' Algorithm='hotp'><Data><Secret><PlainValue>\
         {SEED}</PlainValue></Secret></Data><Policy><StartDate>2019-01-01T00:00:00Z</StartDate>\
         <ExpiryDate>2029-01-01T00:00:00Z</ExpiryDate></Policy></Key></KeyPackage></KeyContainer>"
    );
    let imported = read_pskc(text.as_bytes(), &FileKey::None).unwrap();
    assert_eq!(imported.rows[0].not_before, Some(Timestamp(1_577_836_800_000)));
    assert_eq!(imported.rows[0].expires, Some(Timestamp(1_861_920_000_000)));
}

#[test]
fn what_is_left_open_is_assumed_and_told() {
    let interval = "<TimeInterval><PlainValue>30</PlainValue></TimeInterval>";
    let assumed = Warning::Assumed { field: "time interval", value: 30 };
    assert_eq!(warned(interval, ""), assumed);
    let assumed = Warning::Assumed { field: "number of digits", value: 6 };
    assert_eq!(warned(" Length='6'", ""), assumed);
    assert_eq!(
        warned("<Time><PlainValue>0", "<Time><PlainValue>7"),
        Warning::StartTimeIgnored { steps: 7 }
    );
}

#[test]
fn the_same_key_twice_is_refused_once() {
    let key = format!(
        "<Key Id='k' Algorithm='hotp'><Data><Secret><PlainValue>{SEED}</PlainValue></Secret></Data>\
         </Key>"
    );
    let text = format!("<KeyContainer><KeyPackage>{key}{key}</KeyPackage></KeyContainer>");
    let imported = read_pskc(text.as_bytes(), &FileKey::None).unwrap();
    assert_eq!((imported.report.accepted, imported.report.refused.len()), (1, 1));
    let reason = &imported.report.refused[0].reason;
    assert!(matches!(reason, RowError::Repeated { first_line: 1, .. }), "{reason:?}");
}

#[test]
fn two_values_where_one_may_be_refuse_the_file() {
    let plain = format!("<PlainValue>{SEED}</PlainValue>");
    let error = with(&plain, &format!("{plain}{plain}")).unwrap_err();
    assert!(matches!(error, PskcError::Structure { line: 6, .. }), "{error:?}");
}

#[test]
fn the_form_of_drafts_is_read() {
    let text = format!(
        "<KeyContainer Version='1.0' xmlns='urn:ietf:params:xml:ns:keyprov:pskc:1.0'><Device>\
         <DeviceInfo><SerialNo>987654323</SerialNo></DeviceInfo>\
         <Key KeyAlgorithm='urn:ietf:params:xml:ns:keyprov:pskc#totp' KeyId='987654323'>\
         <Usage OTP='true'><ResponseFormat Length='6' Format='DECIMAL'/></Usage>\
         <Data><Secret><PlainValue>\n{SEED}\n</PlainValue></Secret>\
         <TimeInterval><PlainValue>30</PlainValue></TimeInterval></Data></Key></Device></KeyContainer>"
    );
    let imported = read_pskc(text.as_bytes(), &FileKey::None).unwrap();
    assert_eq!(imported.rows[0].serial, "987654323");
    assert_eq!(imported.rows[0].key_id.as_deref(), Some("987654323"));
}

/// A container of the drafts before the working group's, with one value for the encryption.
fn early(encryption: &str, expiry: &str) -> String {
    format!(
        "<KeyContainer xmlns='urn:ietf:params:xml:ns:keyprov:container'>\n\
         <EncryptionMethod algorithm='{encryption}'/><Device><DeviceId>\
         <Manufacturer>Token Manufacturer</Manufacturer><SerialNo>98765432187</SerialNo>\
         <Expiry>{expiry}</Expiry></DeviceId><Key KeyAlgorithm='HOTP' KeyId='98765432187'>\
         <Usage><ResponseFormat format='DECIMAL' length='6'/></Usage>\
         <Data Name='SECRET'><Value>{SEED}</Value></Data>\
         <Data Name='COUNTER'><Value>AAAAAAAAACo=</Value></Data></Key></Device></KeyContainer>"
    )
}

#[test]
fn the_form_of_early_drafts_is_read_in_clear_only() {
    let text = early("NONE", "2030-01-01T00:00:00Z");
    let imported = read_pskc(text.as_bytes(), &FileKey::None).unwrap();
    assert_eq!(imported.rows[0].kind, TokenKind::Hotp { counter: 42 });
    assert_eq!(imported.rows[0].seed.expose(), b"12345678901234567890");
    assert!(imported.rows[0].expires.is_some());
    let uri = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
    let error = read_pskc(early(uri, "").as_bytes(), &FileKey::None).unwrap_err();
    assert_eq!(error, PskcError::Encryption { line: 2, found: uri.to_owned() });
    // Day and month could be exchanged, so nobody guesses.
    let imported = read_pskc(early("none", "01/02/2030").as_bytes(), &FileKey::None).unwrap();
    let reason = &imported.report.refused[0].reason;
    assert_eq!(reason, &RowError::Date { field: "expiry date" });
    let twice = early("NONE", "").replace("COUNTER", "secret");
    let error = read_pskc(twice.as_bytes(), &FileKey::None).unwrap_err();
    assert!(matches!(error, PskcError::Structure { line: 2, .. }), "{error}");
}
