//! Snapshots, as files and in memory.

use std::os::unix::fs::PermissionsExt as _;

use symbolon_store::{CHUNK_BYTES_MAX, FileFinding, Snapshots, StoreError};
use tempfile::TempDir;

use crate::support::bytes;

/// Runs a test on a directory and on memory.
fn both(test: impl Fn(&Snapshots)) {
    let directory = TempDir::new().unwrap();
    test(&Snapshots::open(directory.path()).unwrap());
    test(&Snapshots::default());
}

fn write(snapshots: &Snapshots, name: &str, chunks: &[Vec<u8>]) {
    let mut writer = snapshots.create(name).unwrap();
    chunks.iter().for_each(|chunk| writer.chunk(chunk).unwrap());
    let info = writer.finish().unwrap();
    assert_eq!(info.name, name);
    assert!(snapshots.list().unwrap().contains(&info), "with its size");
}

fn read(snapshots: &Snapshots, name: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut reader = snapshots.read(name)?;
    std::iter::from_fn(|| reader.next_chunk().transpose()).collect()
}

fn names(snapshots: &Snapshots) -> Vec<String> {
    snapshots.list().unwrap().into_iter().map(|info| info.name).collect()
}

#[test]
fn snapshot_is_read_as_it_was_written() {
    both(|snapshots| {
        let chunks = [vec![1], bytes(1, 100_000), bytes(2, CHUNK_BYTES_MAX)];
        write(snapshots, "5-a", &chunks);
        assert_eq!(read(snapshots, "5-a").unwrap(), chunks);
        write(snapshots, "6-empty", &[]);
        assert_eq!(read(snapshots, "6-empty").unwrap(), Vec::<Vec<u8>>::new());
        let mut ended = snapshots.read("6-empty").unwrap();
        assert_eq!(ended.next_chunk().unwrap(), None);
        assert_eq!(ended.next_chunk().unwrap(), None, "again");
    });
}

#[test]
fn chunk_lengths_are_bounded() {
    both(|snapshots| {
        let mut writer = snapshots.create("a").unwrap();
        for bytes in [0, CHUNK_BYTES_MAX + 1] {
            let error = writer.chunk(&vec![0; bytes]).unwrap_err();
            assert!(matches!(error, StoreError::Chunk { bytes: found } if found == bytes));
        }
    });
}

#[test]
fn unfinished_snapshot_is_none() {
    both(|snapshots| {
        write(snapshots, "1", &[vec![1]]);
        let mut writer = snapshots.create("2").unwrap();
        writer.chunk(&[2]).unwrap();
        assert_eq!(names(snapshots), ["1"]);
        drop(writer);
        assert_eq!(names(snapshots), ["1"]);
        assert!(matches!(read(snapshots, "2"), Err(StoreError::SnapshotMissing { .. })));
    });
}

#[test]
fn latest_is_last_by_name_and_older_ones_can_be_removed() {
    both(|snapshots| {
        assert_eq!(snapshots.latest().unwrap(), None);
        for name in ["00000000000000000010-a", "00000000000000000009-b", "00000000000000000100-c"] {
            write(snapshots, name, &[vec![1]]);
        }
        assert_eq!(snapshots.latest().unwrap().unwrap().name, "00000000000000000100-c");
        snapshots.remove_older("00000000000000000010-a").unwrap();
        assert_eq!(names(snapshots), ["00000000000000000010-a", "00000000000000000100-c"]);
        snapshots.remove("00000000000000000100-c").unwrap();
        snapshots.remove("00000000000000000100-c").unwrap();
        assert_eq!(snapshots.latest().unwrap().unwrap().name, "00000000000000000010-a");
    });
}

#[test]
fn snapshot_of_the_same_name_is_replaced_whole() {
    both(|snapshots| {
        write(snapshots, "1", &[vec![1; 1000]]);
        write(snapshots, "1", &[vec![2]]);
        assert_eq!(read(snapshots, "1").unwrap(), [[2]]);
        assert_eq!(names(snapshots), ["1"]);
    });
}

#[test]
fn names_stay_in_their_directory() {
    both(|snapshots| {
        for name in ["", ".", "..", "../header", "a/b", ".hidden", "a\0", "ä", &"a".repeat(201)] {
            assert!(
                matches!(snapshots.create(name), Err(StoreError::SnapshotName { .. })),
                "{name}"
            );
            assert!(matches!(snapshots.read(name), Err(StoreError::SnapshotName { .. })), "{name}");
            assert!(snapshots.remove(name).is_err(), "{name}");
        }
        write(snapshots, "T1-N2.50_1", &[vec![1]]);
    });
}

#[test]
fn interrupted_write_is_cleaned_up_when_opened() {
    let directory = TempDir::new().unwrap();
    let snapshots = Snapshots::open(directory.path()).unwrap();
    let mut writer = snapshots.create("2").unwrap();
    writer.chunk(&[2]).unwrap();
    std::mem::forget(writer);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    Snapshots::open(directory.path()).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn file_is_private() {
    let directory = TempDir::new().unwrap();
    write(&Snapshots::open(directory.path()).unwrap(), "1", &[vec![1]]);
    let mode = std::fs::metadata(directory.path().join("1.snap")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

/// Reads a snapshot of these bytes from a file.
fn read_bytes(bytes: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("1.snap"), bytes).unwrap();
    read(&Snapshots::open(directory.path()).unwrap(), "1")
}

fn finding(bytes: &[u8]) -> FileFinding {
    match read_bytes(bytes) {
        Err(StoreError::CorruptFile { finding, .. }) => finding,
        other => panic!("{other:?}"),
    }
}

/// Head (12), chunk of 10 (18), chunk of 10 (18), end (36).
fn sample() -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    write(&Snapshots::open(directory.path()).unwrap(), "1", &[bytes(1, 10), bytes(2, 10)]);
    let bytes = std::fs::read(directory.path().join("1.snap")).unwrap();
    assert_eq!(bytes.len(), 12 + 18 + 18 + 36);
    assert_eq!(read_bytes(&bytes).unwrap().len(), 2);
    bytes
}

#[test]
fn torn_snapshot_is_refused_wherever_it_is_torn() {
    let bytes = sample();
    for length in 0..bytes.len() {
        assert_eq!(finding(&bytes[..length]), FileFinding::Torn, "{length} bytes");
    }
}

#[test]
fn damaged_snapshot_is_refused_wherever_it_is_damaged() {
    let bytes = sample();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x04;
        assert!(read_bytes(&damaged).is_err(), "byte {place}");
    }
    assert_eq!(finding(b"PK\x03\x04 some other file"), FileFinding::Magic);
}

#[test]
fn chunks_cannot_be_moved_left_out_or_added() {
    let bytes = sample();
    let (head, one, other, end) = (&bytes[..12], &bytes[12..30], &bytes[30..48], &bytes[48..]);
    for parts in [[head, other, one, end].concat(), [head, one, end].concat()] {
        assert_eq!(finding(&parts), FileFinding::Checksum);
    }
    assert_eq!(finding(&[head, one, other, other, end].concat()), FileFinding::Checksum);
    assert_eq!(finding(&[&bytes[..], b"x"].concat()), FileFinding::Trailing);
    let mut huge = bytes.clone();
    huge[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(finding(&huge), FileFinding::ChunkLength(0));
}

#[test]
fn newer_format_is_refused() {
    let mut bytes = sample();
    bytes[8] = 2;
    let error = read_bytes(&bytes).unwrap_err();
    assert!(matches!(error, StoreError::NewerVersion { found: 2, readable: 1, .. }), "{error}");
}
