//! What strangers put into a request before they are known: bearer tokens and join tokens. And texts of
//! people who are known.

#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_core::{Name, UserName};
use symbolon_import::{CountryCode, SeedFormat, read_seed};
use symbolon_service::{Credential, JoinCredential};

fuzz_target!(|text: &str| {
    if let Some(token) = Credential::parse(text) {
        assert!(Credential::parse(&token.to_text()).is_some());
    }
    if let Some(token) = JoinCredential::parse(text) {
        assert!(JoinCredential::parse(&token.to_text()).is_some());
    }
    if let Ok(name) = Name::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(name) = UserName::new(text) {
        assert!(UserName::new(name.as_str()).is_ok_and(|again| again == name));
    }
    let _ = CountryCode::parse(text);
    for format in [SeedFormat::Auto, SeedFormat::Hex, SeedFormat::Base32] {
        let _ = read_seed(text, format);
    }
});
