//! The key file, and what it wraps.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use symbolon_core::Secret;
use symbolon_store::{Kek, KekError, SealError, WrapPurpose};
use tempfile::TempDir;

fn key_file() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kek");
    (directory, path)
}

fn secret() -> Secret {
    Secret::new(b"a key".to_vec())
}

#[test]
fn created_key_is_private_and_the_one_that_is_loaded() {
    let (_directory, path) = key_file();
    let created = Kek::create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let wrapped = created.wrap(WrapPurpose::DataKey, &secret()).unwrap();
    let loaded = Kek::load(&path).unwrap();
    assert_eq!(loaded.unwrap(WrapPurpose::DataKey, &wrapped).unwrap(), secret());
    assert_eq!(format!("{loaded:?}"), "Kek(..)");
}

#[test]
fn existing_key_is_not_replaced() {
    let (_directory, path) = key_file();
    Kek::create(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Kek::create(&path), Err(KekError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn key_that_others_can_read_is_refused() {
    let (_directory, path) = key_file();
    Kek::create(&path).unwrap();
    let load = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Kek::load(&path)
    };
    for mode in [0o640, 0o604, 0o620, 0o644, 0o601] {
        let error = load(mode).unwrap_err();
        assert!(matches!(error, KekError::Exposed { .. }), "{error}");
        assert!(error.to_string().contains("chmod 0600"), "{error}");
    }
    load(0o400).unwrap();
    load(0o600).unwrap();
}

#[test]
fn file_of_wrong_length_is_refused() {
    let (_directory, path) = key_file();
    assert!(matches!(Kek::load(&path), Err(KekError::Read { .. })));
    Kek::create(&path).unwrap();
    for length in [0, 31, 33, 1000] {
        std::fs::write(&path, vec![1; length]).unwrap();
        assert!(matches!(Kek::load(&path), Err(KekError::Length { .. })), "{length} bytes");
    }
}

#[test]
fn wrapped_key_opens_for_its_purpose_under_its_kek_alone() {
    let (_directory, path) = key_file();
    let (_other_directory, other_path) = key_file();
    let (kek, other) = (Kek::create(&path).unwrap(), Kek::create(&other_path).unwrap());
    let wrapped = kek.wrap(WrapPurpose::NodeKey, &secret()).unwrap();
    assert_eq!(kek.unwrap(WrapPurpose::DataKey, &wrapped), Err(SealError::Refused));
    assert_eq!(other.unwrap(WrapPurpose::NodeKey, &wrapped), Err(SealError::Refused));
    for length in 0..wrapped.len() {
        assert!(kek.unwrap(WrapPurpose::NodeKey, &wrapped[..length]).is_err());
    }
    let newer = [&[2], &wrapped[1..]].concat();
    assert_eq!(kek.unwrap(WrapPurpose::NodeKey, &newer), Err(SealError::Version { version: 2 }));
}
