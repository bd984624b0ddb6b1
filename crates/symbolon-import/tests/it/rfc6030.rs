//! The containers that RFC 6030 prints.

use symbolon_core::Timestamp;
use symbolon_core::otp::Algorithm;
use symbolon_import::{
    FileKey, Imported, ImportedToken, PskcError, RowError, TokenKind, Warning, read_pskc,
};

use super::{passphrase, pre_shared};

const SEED: &[u8] = b"12345678901234567890";

fn read(text: &str) -> Imported<ImportedToken> {
    read_pskc(text.as_bytes(), &FileKey::None).unwrap()
}

fn refused(imported: &Imported<ImportedToken>) -> Vec<(u64, &str, RowError)> {
    let refused = imported.report.refused.iter();
    refused.map(|finding| (finding.line, finding.what.as_str(), finding.reason.clone())).collect()
}

#[test]
fn figure_2_has_a_seed_that_is_too_short() {
    let imported = read(include_str!("../data/rfc6030/figure2.xml"));
    // No device either, so the key's id stands for the serial number.
    let reason = RowError::SeedTooShort { bytes: 4 };
    assert_eq!(refused(&imported), [(5, "12345678", reason)]);
    assert_eq!((imported.report.accepted, imported.report.rows()), (0, 1));
}

#[test]
fn figure_3_has_device_and_user() {
    let imported = read(include_str!("../data/rfc6030/figure3.xml"));
    let [token] = imported.rows.as_slice() else { panic!("{:?}", imported.report) };
    assert_eq!(token.serial, "987654321");
    assert_eq!(token.key_id.as_deref(), Some("12345678"));
    assert_eq!(token.manufacturer.as_deref(), Some("Manufacturer"));
    assert_eq!(token.issuer.as_deref(), Some("Issuer"));
    assert_eq!(token.user.as_deref(), Some("UID=jsmith,DC=example-bank,DC=net"));
    assert_eq!(token.kind, TokenKind::Hotp { counter: 0 });
    assert_eq!((token.hash, token.digits), (Algorithm::Sha1, 8));
    assert_eq!(token.seed.expose(), SEED);
    assert_eq!(token.parameters().unwrap().period_seconds(), None);
    assert_eq!(imported.report.warnings, []);
}

#[test]
fn figure_4_does_not_carry_the_seed() {
    let imported = read(include_str!("../data/rfc6030/figure4.xml"));
    assert_eq!(refused(&imported), [(10, "987654321", RowError::NoSeed)]);
}

#[test]
fn figure_5_has_a_pin_policy_and_a_pin() {
    let imported = read(include_str!("../data/rfc6030/figure5.xml"));
    assert_eq!(imported.rows[0].seed.expose(), SEED);
    assert_eq!(imported.report.warnings[0].reason, Warning::PinPolicyIgnored);
    assert_eq!(imported.report.warnings.len(), 1);
    let found = "urn:ietf:params:xml:ns:keyprov:pskc:pin".to_owned();
    assert_eq!(refused(&imported), [(37, "987654321", RowError::Algorithm { found })]);
}

#[test]
fn figure_6_opens_with_the_pre_shared_key() {
    let text = include_str!("../data/rfc6030/figure6.xml");
    let key = pre_shared("12345678901234567890123456789012");
    let imported = read_pskc(text.as_bytes(), &key).unwrap();
    assert_eq!(imported.rows[0].seed.expose(), SEED);
    assert_eq!((imported.rows[0].serial.as_str(), imported.rows[0].digits), ("987654321", 8));
    assert_eq!(imported.report.warnings, []);

    let name = "Pre-shared-key".to_owned();
    for key in [FileKey::None, passphrase("qwerty")] {
        let error = read_pskc(text.as_bytes(), &key).unwrap_err();
        assert_eq!(error, PskcError::NeedsPreSharedKey { name: name.clone() });
    }
    let error = read_pskc(text.as_bytes(), &pre_shared("00112233")).unwrap_err();
    assert_eq!(error, PskcError::KeyLength { line: 10, needed_bytes: 16, given_bytes: 4 });
}

#[test]
fn figure_7_opens_with_the_passphrase() {
    let text = include_str!("../data/rfc6030/figure7.xml");
    let imported = read_pskc(text.as_bytes(), &passphrase("qwerty")).unwrap();
    assert_eq!(imported.rows[0].seed.expose(), SEED);
    let assumed = Warning::Assumed { field: "counter", value: 0 };
    assert_eq!(imported.report.warnings[0].reason, assumed);

    let name = "My Password 1".to_owned();
    for key in [FileKey::None, pre_shared("651e63cd57008476af1ff6422cd02e41")] {
        let error = read_pskc(text.as_bytes(), &key).unwrap_err();
        assert_eq!(error, PskcError::NeedsPassphrase { name: name.clone() });
    }
}

#[test]
fn figure_8_is_encrypted_to_a_certificate() {
    let text = include_bytes!("../data/rfc6030/figure8.xml");
    assert_eq!(read_pskc(text, &FileKey::None).unwrap_err(), PskcError::Certificate);
}

#[test]
fn figure_9_is_signed() {
    let imported = read(include_str!("../data/rfc6030/figure9.xml"));
    assert_eq!(imported.rows[0].serial, "0755225266");
    assert_eq!(imported.report.warnings[0].reason, Warning::SignatureNotVerified);
}

#[test]
fn figure_10_has_dates_and_a_device_with_two_keys() {
    let imported = read(include_str!("../data/rfc6030/figure10.xml"));
    let serials: Vec<_> = imported.rows.iter().map(|token| token.serial.as_str()).collect();
    assert_eq!(serials, ["654321", "123456", "9999999", "9999999"]);
    assert_eq!(imported.rows[0].not_before, Some(Timestamp(1_146_441_600_000)));
    assert_eq!(imported.rows[0].expires, Some(Timestamp(1_149_033_600_000)));
    assert_eq!(imported.report.refused, []);
}
