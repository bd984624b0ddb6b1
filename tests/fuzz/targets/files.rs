//! The files of a data directory, also behind checksums that fit.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    symbolon_store::fuzzing::decode(*kind, bytes);
});
