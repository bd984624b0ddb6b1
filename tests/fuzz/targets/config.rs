//! The file of settings.

#![no_main]

use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use symbolon_server::config::{Config, Found, Probe};

struct Nothing;

impl Probe for Nothing {
    fn credentials_directory(&self) -> Option<PathBuf> {
        None
    }

    fn look(&self, path: &Path) -> Found {
        if path.to_string_lossy().len().is_multiple_of(2) { Found::Nothing } else { Found::File }
    }
}

fuzz_target!(|text: &str| {
    if let Err(errors) = Config::parse(text, Path::new("/nowhere"), &Nothing) {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(!error.to_string().is_empty());
        }
    }
});
