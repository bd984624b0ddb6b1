//! A data directory from its first day on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use prost::Message as _;
use symbolon_store::{DataDir, Header, ImageBatch, SimDisk, Store, StoreError};
use tempfile::TempDir;

use crate::support::header;

fn use_store(store: &Store) {
    store.log.append([(0, vec![1])]).unwrap();
    store.log.put_vote(*b"vote").unwrap();
    let rows = vec![(b"row".to_vec(), Some(b"value".to_vec()))];
    store.image.write(ImageBatch { rows, ..ImageBatch::default() }).unwrap();
    store.image.write_out().unwrap();
    store.kv.sync_blocking().unwrap();
    let mut snapshot = store.snapshots.create("1").unwrap();
    snapshot.chunk(b"chunk").unwrap();
    snapshot.finish().unwrap();
}

fn check_store(store: &Store) {
    assert_eq!(store.header, header());
    assert_eq!(store.log.read(..).unwrap(), [(0, vec![1])]);
    assert_eq!(store.log.vote().unwrap().unwrap(), b"vote");
    assert_eq!(store.image.rows().count(), 1);
    assert_eq!(store.snapshots.latest().unwrap().unwrap().name, "1");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn created_directory_opens_with_what_was_put_into_it() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path().join("var/symbolon"));
    use_store(&directory.create(header()).unwrap());
    check_store(&directory.open().unwrap());
}

#[test]
fn nobody_else_can_look_in() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("symbolon");
    let _store = DataDir::new(&path).create(header()).unwrap();
    for folder in ["", "store", "snapshots", "run"] {
        assert_eq!(mode(&path.join(folder)), 0o700, "{folder}");
    }
    for file in ["header", "tip"] {
        assert_eq!(mode(&path.join(file)), 0o600, "{file}");
    }
}

#[test]
fn node_is_not_created_over_another() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    use_store(&directory.create(header()).unwrap());
    let error = directory.create(header()).err().unwrap();
    assert!(matches!(error, StoreError::HeaderExists { .. }), "{error}");
    std::fs::remove_file(place.path().join("header")).unwrap();
    let error = directory.create(header()).err().unwrap();
    assert!(matches!(error, StoreError::StoreWithoutHeader { .. }), "{error}");
}

#[test]
fn interrupted_creation_can_be_repeated() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    drop(directory.create(header()).unwrap());
    // The header is the last step, so without it nothing has been done that counts.
    std::fs::remove_file(place.path().join("header")).unwrap();
    assert!(matches!(directory.open(), Err(StoreError::HeaderMissing { .. })));
    directory.create(header()).unwrap();
}

#[test]
fn incomplete_directory_is_refused() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    let error = directory.open().err().unwrap();
    assert!(error.to_string().contains("create a cluster or join one first"), "{error}");
    use_store(&directory.create(header()).unwrap());
    std::fs::remove_dir_all(place.path().join("store")).unwrap();
    let error = directory.open().err().unwrap();
    assert!(
        matches!(error, StoreError::StoreMissing { .. }),
        "an empty one forgets the vote: {error}"
    );
}

#[test]
fn refused_header_leaves_the_rest_alone() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    drop(directory.create(header()).unwrap());
    std::fs::write(place.path().join("header"), b"something else").unwrap();
    std::fs::remove_dir_all(place.path().join("run")).unwrap();
    let error = directory.open().err().unwrap();
    assert!(matches!(error, StoreError::CorruptFile { .. }), "{error}");
    assert!(error.to_string().starts_with(place.path().to_str().unwrap()), "{error}");
    assert!(!place.path().join("run").exists());
}

#[test]
fn header_of_a_newer_layout_is_refused() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    drop(directory.create(header()).unwrap());
    assert_eq!(directory.layout_version().unwrap(), 1);
    let path = place.path().join("header");
    let bytes = std::fs::read(&path).unwrap();
    let body = symbolon_proto::store::v1::Header::decode(&bytes[12..]).unwrap();
    let newer = symbolon_proto::store::v1::Header { version: 2, min_compatible: 2, ..body };
    let newer = newer.encode_to_vec();
    let bytes = [&bytes[..8], &crc32fast::hash(&newer).to_le_bytes(), &newer].concat();
    std::fs::write(&path, bytes).unwrap();
    let error = directory.open().err().unwrap();
    assert!(matches!(error, StoreError::NewerVersion { found: 2, readable: 1, .. }), "{error}");
    assert!(error.to_string().contains("; run the release that wrote it"), "{error}");
}

#[test]
fn directory_in_use_is_refused_but_its_header_can_be_read() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    let store = directory.create(header()).unwrap();
    assert!(matches!(directory.open(), Err(StoreError::Locked { .. })));
    assert_eq!(directory.header().unwrap(), header());
    drop(store.clone());
    assert!(matches!(directory.open(), Err(StoreError::Locked { .. })), "a clone is not the last");
    drop(store);
    directory.open().unwrap();
}

#[test]
fn header_is_replaced() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    let mut store = directory.create(header()).unwrap();
    let newer = Header { epoch: 2, ..header() };
    store.replace_header(newer.clone()).unwrap();
    assert_eq!(store.header, newer);
    assert_eq!(directory.header().unwrap(), newer);
    assert_eq!(mode(&place.path().join("header")), 0o600);
    assert!(!place.path().join("header.tmp").exists());
}

#[test]
fn simulated_directory_behaves_alike() {
    let disk = SimDisk::new();
    assert!(matches!(Store::simulated(&disk), Err(StoreError::HeaderMissing { .. })));
    let store = Store::create_simulated(&disk, header()).unwrap();
    assert!(matches!(Store::simulated(&disk), Err(StoreError::Locked { .. })));
    use_store(&store);
    store.log.put_vote(*b"unsynced").unwrap();
    disk.crash();
    drop(store);
    let mut store = Store::simulated(&disk).unwrap();
    check_store(&store);
    assert!(matches!(
        Store::create_simulated(&disk, header()),
        Err(StoreError::HeaderExists { .. })
    ));
    store.replace_header(Header { epoch: 2, ..header() }).unwrap();
    disk.crash();
    assert_eq!(Store::simulated(&disk).unwrap().header.epoch, 2);
}
