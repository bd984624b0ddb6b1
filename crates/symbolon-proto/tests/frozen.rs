//! Bytes that releases have written, and that every later release must read.
//!
//! A vector in `tests/frozen` is never updated, only added: the file name starts with the release
//! that wrote it. A test that fails here says that data directories in the field cannot be read any
//! more. New kinds of messages are added by running this test once with `SYMBOLON_FREEZE=1`, which
//! writes files that are absent and leaves the others alone.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the vectors, and writes new ones when asked to"
)]

#[cfg(test)]
mod samples;
#[cfg(test)]
#[path = "frozen/vectors.rs"]
mod vectors;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    use symbolon_core::{
        AdministratorId, ApplicationId, ChallengeId, JoinTokenId, JournalId, NodeId, RowKey,
        TokenId, UserId,
    };
    use symbolon_proto::row_key_encode;

    use crate::vectors::{Vector, vectors};

    #[test]
    fn every_vector_is_read_as_it_was_written() {
        let freeze = std::env::var("SYMBOLON_FREEZE").is_ok_and(|value| value == "1");
        for Vector { name, encoded, reads_back, .. } in vectors() {
            let path = folder().join(format!("{name}.bin"));
            if freeze && !path.exists() {
                File::create_new(&path).unwrap().write_all(&encoded).unwrap();
            }
            let stored = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(reads_back(&stored), "{name} is read as something else");
            assert_eq!(hex(&encoded), hex(&stored), "{name} is written otherwise");
        }
    }

    #[test]
    fn no_vector_is_without_its_test() {
        let expected: BTreeSet<_> =
            vectors().iter().map(|vector| format!("{}.bin", vector.name)).collect();
        assert_eq!(expected.len(), vectors().len(), "names differ");
        assert_eq!(files("bin", &folder()), expected);
    }

    /// A message that is added to store.v1 has to be frozen too.
    #[test]
    fn every_message_has_a_vector() {
        let protos = root().join("../../proto/symbolon/store/v1");
        let mut declared = BTreeSet::new();
        for file in files("proto", &protos) {
            let text = fs::read_to_string(protos.join(file)).unwrap();
            let messages = text
                .lines()
                .filter_map(|line| line.trim_start().strip_prefix("message "))
                .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned));
            declared.extend(messages);
        }
        let frozen: BTreeSet<_> = vectors()
            .iter()
            .flat_map(|vector| vector.messages)
            .map(|&message| message.to_owned())
            .collect();
        assert_eq!(frozen, declared);
    }

    /// Row keys are written by hand, not by protobuf.
    #[test]
    fn row_keys_are_a_letter_and_eight_bytes() {
        const ID: u64 = 0x0102_0304_0506_0708;
        for (key, expected) in [
            (RowKey::Cluster, "430000000000000000"),
            (RowKey::Administrator(AdministratorId(ID)), "4d0102030405060708"),
            (RowKey::Application(ApplicationId(ID)), "500102030405060708"),
            (RowKey::User(UserId(ID)), "550102030405060708"),
            (RowKey::Token(TokenId(ID)), "540102030405060708"),
            (RowKey::Node(NodeId(ID)), "4e0102030405060708"),
            (RowKey::JoinToken(JoinTokenId(ID)), "4a0102030405060708"),
            (RowKey::RadiusClient(ApplicationId(ID)), "520102030405060708"),
            (RowKey::DataKeys, "4b0000000000000000"),
            (RowKey::Settings, "530000000000000000"),
            // Its id is longer.
            (RowKey::Challenge(ChallengeId([7; 16])), "4807070707070707070707070707070707"),
            (RowKey::Journal(JournalId([7; 16])), "4c07070707070707070707070707070707"),
        ] {
            assert_eq!(hex(&row_key_encode(key)), expected, "{key:?}");
        }
    }

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn folder() -> PathBuf {
        root().join("tests/frozen")
    }

    fn files(extension: &str, folder: &Path) -> BTreeSet<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(&format!(".{extension}")))
            .collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
