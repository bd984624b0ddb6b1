//! What a node takes from its peers besides messages: entries and votes of the log, memberships,
//! statements about epochs, and certificates, which a stranger shows too.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    symbolon_cluster::fuzzing::decode(*kind, bytes);
});
