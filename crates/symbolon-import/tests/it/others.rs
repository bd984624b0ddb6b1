//! Containers made by other programs: see `data/make.py`.

use symbolon_core::otp::Algorithm;
use symbolon_import::{FileKey, Imported, ImportedToken, PskcError, TokenKind, Warning, read_pskc};

use super::{passphrase, pre_shared};

const SEED: &[u8] = b"12345678901234567890";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const AES128: &str = include_str!("../data/aes128-sha1.xml");
const AES192: &str = include_str!("../data/aes192-sha512.xml");
const AES256: &str = include_str!("../data/aes256-sha256-all.xml");
const WRAP: &str = include_str!("../data/kw-aes256.xml");
const PBKDF2: &str = include_str!("../data/pbkdf2-sha256.xml");
const SIGNED: &str = include_str!("../data/signed.xml");

fn check(imported: &Imported<ImportedToken>, drift_steps: i32) {
    let [clock, button] = imported.rows.as_slice() else { panic!("{:?}", imported.report) };
    assert_eq!((clock.serial.as_str(), clock.key_id.as_deref()), ("T-1", Some("k1")));
    assert_eq!(clock.model.as_deref(), Some("Clock"));
    assert_eq!(clock.user.as_deref(), Some("UID=alice,DC=example"));
    assert_eq!(clock.kind, TokenKind::Totp { period_seconds: 60, drift_steps });
    assert_eq!((clock.hash, clock.digits), (Algorithm::Sha256, 8));
    assert_eq!(clock.parameters().unwrap().period_seconds(), Some(60));
    assert_eq!(clock.seed.expose(), SEED);
    assert_eq!(button.kind, TokenKind::Hotp { counter: 1000 });
    assert_eq!((button.hash, button.digits), (Algorithm::Sha1, 6));
    assert_eq!(button.seed.expose(), b"12345678901234567890abcd");
    assert_eq!((&imported.report.refused[..], &imported.report.warnings[..]), (&[][..], &[][..]));
}

#[test]
fn aes_cbc_with_three_key_sizes_and_three_macs() {
    for (text, key_bytes) in [(AES128, 16), (AES192, 24), (AES256, 32)] {
        let key = pre_shared(&KEY[..2 * key_bytes]);
        check(&read_pskc(text.as_bytes(), &key).unwrap(), -2);
    }
}

#[test]
fn line_ends_of_windows_and_a_mark_make_no_difference() {
    let text = format!("\u{feff}{}", AES128.replace('\n', "\r\n"));
    let imported = read_pskc(text.as_bytes(), &pre_shared(&KEY[..32])).unwrap();
    check(&imported, -2);
    let lines = |imported: &Imported<ImportedToken>| {
        imported.rows.iter().map(|token| token.line).collect::<Vec<_>>()
    };
    let plain = read_pskc(AES128.as_bytes(), &pre_shared(&KEY[..32])).unwrap();
    assert_eq!(lines(&imported), lines(&plain));
}

#[test]
fn pbkdf2_with_another_function_than_sha_1() {
    check(&read_pskc(PBKDF2.as_bytes(), &passphrase("correct horse")).unwrap(), -2);
    let error = read_pskc(PBKDF2.as_bytes(), &passphrase("wrong horse")).unwrap_err();
    assert!(matches!(error, PskcError::WrongKeyOrChanged { .. }), "{error}");
}

#[test]
fn key_wrap_needs_no_mac() {
    let imported = read_pskc(WRAP.as_bytes(), &pre_shared(KEY)).unwrap();
    let seeds: Vec<_> = imported.rows.iter().map(|token| token.seed.expose().len()).collect();
    assert_eq!(seeds, [16, 32]);
    let wrong = KEY.replace("1f", "2f");
    let error = read_pskc(WRAP.as_bytes(), &pre_shared(&wrong)).unwrap_err();
    assert!(matches!(error, PskcError::WrongKeyOrChanged { .. }), "{error}");
}

#[test]
fn a_signed_file_is_read_with_a_warning() {
    let imported = read_pskc(SIGNED.as_bytes(), &FileKey::None).unwrap();
    assert_eq!(imported.rows[0].seed.expose(), SEED);
    let [warning] = imported.report.warnings.as_slice() else { panic!("{:?}", imported.report) };
    assert_eq!((warning.line, &warning.reason), (0, &Warning::SignatureNotVerified));
}

#[test]
fn a_key_that_nothing_needs_is_told() {
    let imported = read_pskc(SIGNED.as_bytes(), &pre_shared(KEY)).unwrap();
    let reasons: Vec<_> = imported.report.warnings.iter().map(|w| &w.reason).collect();
    assert_eq!(reasons, [&Warning::SignatureNotVerified, &Warning::KeyNotNeeded]);
}

#[test]
fn every_wrong_key_is_one_clear_sentence() {
    for text in [AES128, include_str!("../data/rfc6030/figure6.xml")] {
        for last in 0..=255_u8 {
            let key = pre_shared(&format!("{}{last:02x}", "77".repeat(15)));
            let error = read_pskc(text.as_bytes(), &key).unwrap_err();
            assert!(matches!(error, PskcError::WrongKeyOrChanged { .. }), "{error}");
            assert!(error.to_string().starts_with("the key or passphrase is wrong, or the file"));
        }
    }
}

#[test]
fn a_changed_value_or_mac_refuses_the_whole_file() {
    // The second key's values, so the first one was good; and a counter, not only seeds.
    for (name, nth) in [("<xenc:CipherValue>", 1), ("<xenc:CipherValue>", 5), ("ValueMAC>", 8)] {
        let at = AES256.match_indices(name).nth(nth).unwrap().0 + name.len();
        let mut text = AES256.to_owned();
        let flipped = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        text.replace_range(at..=at, flipped);
        let error = read_pskc(text.as_bytes(), &pre_shared(KEY)).unwrap_err();
        assert!(matches!(error, PskcError::WrongKeyOrChanged { .. }), "{name} {nth}: {error}");
    }
}

#[test]
fn a_bad_key_does_not_hide_that_the_file_was_changed() {
    // An algorithm that is refused, in front of a MAC that is wrong.
    let text = AES128.replace("pskc:totp", "pskc:ocra");
    let imported = read_pskc(text.as_bytes(), &pre_shared(&KEY[..32])).unwrap();
    assert_eq!((imported.report.accepted, imported.report.refused.len()), (1, 1));
    let at = text.find("ValueMAC>").unwrap() + "ValueMAC>".len();
    let mut changed = text.clone();
    let flipped = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    changed.replace_range(at..=at, flipped);
    let error = read_pskc(changed.as_bytes(), &pre_shared(&KEY[..32])).unwrap_err();
    assert!(matches!(error, PskcError::WrongKeyOrChanged { .. }), "{error}");
}

#[test]
fn cbc_without_a_mac_is_refused() {
    let start = AES128.find("<pskc:ValueMAC>").unwrap();
    let end = AES128.find("</pskc:ValueMAC>").unwrap() + "</pskc:ValueMAC>".len();
    let mut text = AES128.to_owned();
    text.replace_range(start..end, "");
    let error = read_pskc(text.as_bytes(), &pre_shared(&KEY[..32])).unwrap_err();
    assert!(matches!(error, PskcError::NoMac { .. }), "{error}");
    let start = AES128.find("<pskc:MACMethod").unwrap();
    let end = AES128.find("</pskc:MACMethod>").unwrap() + "</pskc:MACMethod>".len();
    let mut text = AES128.to_owned();
    text.replace_range(start..end, "");
    let error = read_pskc(text.as_bytes(), &pre_shared(&KEY[..32])).unwrap_err();
    assert!(matches!(error, PskcError::NoMac { .. }), "{error}");
}

#[test]
fn a_seed_in_clear_among_encrypted_ones_is_told() {
    let start = AES128.find("<pskc:EncryptedValue>").unwrap();
    let end = AES128.find("</pskc:ValueMAC>").unwrap() + "</pskc:ValueMAC>".len();
    let mut text = AES128.to_owned();
    let plain = "<pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>";
    text.replace_range(start..end, plain);
    let imported = read_pskc(text.as_bytes(), &pre_shared(&KEY[..32])).unwrap();
    assert_eq!(imported.rows.len(), 2);
    assert_eq!(imported.report.warnings[0].reason, Warning::PlainSeed);
}
