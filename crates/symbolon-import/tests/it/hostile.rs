//! Files that an enemy would make, and files that an accident makes.

use symbolon_import::{
    FileKey, PSKC_BYTES_MAX, PskcError, SeedFormat, UserRows, read_pskc, read_token_csv,
};

use super::{passphrase, pre_shared};

const FIGURE6: &str = include_str!("../data/rfc6030/figure6.xml");
const FIGURE7: &str = include_str!("../data/rfc6030/figure7.xml");
const FIGURE10: &str = include_str!("../data/rfc6030/figure10.xml");
const KEY6: &str = "12345678901234567890123456789012";

fn error(text: &str) -> PskcError {
    read_pskc(text.as_bytes(), &FileKey::None).unwrap_err()
}

#[test]
fn a_file_that_is_cut_off_gives_nothing() {
    for text in [FIGURE6, FIGURE10] {
        let whole = text.trim_end().len();
        for end in (0..whole).step_by(50).chain([whole - 1]) {
            let found = read_pskc(&text.as_bytes()[..end], &pre_shared(KEY6));
            assert!(matches!(found, Err(PskcError::Xml { .. })), "{end}: {found:?}");
        }
    }
}

#[test]
fn no_document_type_no_entities() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]><KeyContainer>&c;</KeyContainer>";
    assert_eq!(error(bomb), PskcError::Doctype);
    let outside = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><KeyContainer/>";
    assert_eq!(error(outside), PskcError::Doctype);
    assert_eq!(error("<KeyContainer>&c;</KeyContainer>"), PskcError::Xml { line: 1 });
}

#[test]
fn what_grows_without_end_is_refused_soon() {
    let padding = " ".repeat(PSKC_BYTES_MAX);
    assert_eq!(error(&format!("<KeyContainer>{padding}</KeyContainer>")), PskcError::TooLarge);
    let empty = "<a/>".repeat(1_600_000);
    let found = error(&format!("<KeyContainer>{empty}</KeyContainer>"));
    assert_eq!(found, PskcError::Overgrown { what: "elements" });
    let deep = "<a>".repeat(500_000);
    assert!(matches!(error(&deep), PskcError::Xml { .. }));
    let attributes: String = (0..100_000).map(|i| format!(" a{i}=''")).collect();
    let found = error(&format!("<KeyContainer{attributes}/>"));
    assert!(matches!(found, PskcError::Overgrown { .. }), "{found}");
    let prefixes: String = (0..100_000).map(|i| format!("<a xmlns:n{i}=''>")).collect();
    let found = error(&prefixes);
    assert!(matches!(found, PskcError::Overgrown { .. }), "{found}");
}

#[test]
fn the_number_of_keys_is_bounded() {
    let keys = |count: usize| {
        let key = "<Key Id='1' Algorithm='x'/>".repeat(count);
        format!("<KeyContainer><KeyPackage>{key}</KeyPackage></KeyContainer>")
    };
    let found = read_pskc(keys(100_000).as_bytes(), &FileKey::None).unwrap();
    assert_eq!(found.report.refused.len(), 100_000);
    assert_eq!(error(&keys(100_001)), PskcError::TooManyKeys);
}

#[test]
fn many_keys_in_a_large_device_cost_no_more_than_both() {
    let key = "<Key Id='1' Algorithm='hotp'/>".repeat(50_000);
    let more = "<a/>".repeat(500_000);
    let serial = "9".repeat(8 * 1024 * 1024);
    let text = format!(
        "<KeyContainer><KeyPackage><DeviceInfo>{more}<SerialNo>{serial}</SerialNo></DeviceInfo>\
         {key}</KeyPackage></KeyContainer>"
    );
    let found = read_pskc(text.as_bytes(), &FileKey::None).unwrap();
    assert_eq!(found.report.refused.len(), 50_000);
    assert!(found.report.refused.iter().all(|finding| finding.what.len() < 80));
}

#[test]
fn pbkdf2_does_not_run_for_ever() {
    for count in ["0", "-1", "2000001", "99999999999999999999", "", "1e3"] {
        let text = FIGURE7.replace("<IterationCount>1000<", &format!("<IterationCount>{count}<"));
        let found = read_pskc(text.as_bytes(), &passphrase("qwerty")).unwrap_err();
        assert!(matches!(found, PskcError::Iterations { .. }), "{count}: {found}");
    }
    let text = FIGURE7.replace("<KeyLength>16<", "<KeyLength>1000000000<");
    let found = read_pskc(text.as_bytes(), &passphrase("qwerty")).unwrap_err();
    assert!(matches!(found, PskcError::Structure { .. }), "{found}");
}

#[test]
fn other_files_are_named() {
    assert_eq!(error("<svg/>"), PskcError::NotPskc { found: "svg".to_owned() });
    assert_eq!(error("serial,seed\n1,2\n"), PskcError::Xml { line: 1 });
    assert_eq!(read_pskc(b"\xff\xfe<", &FileKey::None).unwrap_err(), PskcError::NotUtf8);
    let version = error("<KeyContainer Version=\"2.0\"/>");
    assert_eq!(version, PskcError::Version { found: "2.0".to_owned() });
}

/// A small generator of numbers, so that every run changes the same bytes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"<>&;\"',=\0 \n\xff"[self.below(12)]),
                _ => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
    }
}

#[test]
fn changed_bytes_never_panic_and_never_yield_another_seed() {
    let mut numbers = Numbers(6030);
    for _ in 0..4_000 {
        let mut bytes = FIGURE6.as_bytes().to_vec();
        numbers.change(&mut bytes);
        if let Ok(imported) = read_pskc(&bytes, &pre_shared(KEY6)) {
            for token in imported.rows {
                assert_eq!(token.seed.expose(), b"12345678901234567890");
            }
        }
        let mut bytes = FIGURE10.as_bytes().to_vec();
        numbers.change(&mut bytes);
        drop(read_pskc(&bytes, &FileKey::None));
    }
    for _ in 0..200 {
        let mut bytes = FIGURE7.as_bytes().to_vec();
        numbers.change(&mut bytes);
        // Iterations may have grown to millions, which is allowed and slow.
        if !String::from_utf8_lossy(&bytes).contains("<IterationCount>1000<") {
            continue;
        }
        drop(read_pskc(&bytes, &passphrase("qwerty")));
    }
}

#[test]
fn changed_tables_never_panic() {
    let tokens = "serial;seed;digits\r\n1;\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\";6\r\n2;abc;7\r\n";
    let users = "username,phone,groups\nalice,+49 30 1234567 x12,\"a;b\"\nbob,,c|d\n";
    let mut numbers = Numbers(4180);
    for _ in 0..4_000 {
        let mut bytes = tokens.as_bytes().to_vec();
        numbers.change(&mut bytes);
        drop(read_token_csv(&bytes, SeedFormat::Auto));
        let mut bytes = users.as_bytes().to_vec();
        numbers.change(&mut bytes);
        if let Ok(rows) = UserRows::new(bytes.as_slice(), None) {
            assert!(rows.count() < 50);
        }
    }
}
