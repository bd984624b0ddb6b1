//! Files that bring tokens and users: PSKC (RFC 6030) and CSV.

#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_core::Secret;
use symbolon_import::{FileKey, SeedFormat, UserRows, read_pskc, read_token_csv};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => drop(read_pskc(bytes, &FileKey::None)),
        1 => drop(read_pskc(bytes, &FileKey::PreShared(Secret::new(vec![7; 16])))),
        2 => drop(read_token_csv(bytes, SeedFormat::Hex)),
        _ => {
            let Ok(rows) = UserRows::new(bytes, None) else { return };
            assert!(rows.count() <= bytes.len());
        }
    }
});
