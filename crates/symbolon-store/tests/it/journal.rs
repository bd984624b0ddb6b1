//! The log's own files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use symbolon_store::{Batch, DataDir, DiskKv, Framed, Log, Space, Store, StoreError};
use tempfile::TempDir;

use crate::support::{bytes, copy_tree, header};

fn segments(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("store/log")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn open(directory: &Path) -> Result<Store, StoreError> {
    DataDir::new(directory).open()
}

/// Where the records of a segment end: what follows is zeros.
fn end(segment: &[u8]) -> usize {
    segment.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[test]
fn an_append_that_a_crash_has_torn_is_not_there_and_the_log_goes_on() {
    let place = TempDir::new().unwrap();
    let live = place.path().join("live");
    let store = DataDir::new(&live).create(header()).unwrap();
    store.log.append((1..=3).map(|index| (index, bytes(index, 50)))).unwrap();
    // The anchor too: the store has nothing more to do.
    store.kv.sync_blocking().unwrap();
    let before = end(&std::fs::read(&segments(&live)[0]).unwrap());
    store.log.append([(4, bytes(4, 60)), (5, bytes(5, 20_000))]).unwrap();
    let written = std::fs::read(&segments(&live)[0]).unwrap();
    let after = end(&written);
    for (number, torn_at) in (before..after).step_by(701).chain([after - 1, after]).enumerate() {
        let crashed = place.path().join(number.to_string());
        copy_tree(&live, &crashed);
        let mut torn = written.clone();
        torn[torn_at..].fill(0);
        std::fs::write(&segments(&crashed)[0], torn).unwrap();

        let expected = if torn_at == after { 5 } else { 3 };
        let log = open(&crashed).unwrap().log;
        assert_eq!(log.last_index(), Some(expected), "torn at {torn_at}");
        log.append([(expected + 1, bytes(9, 30_000))]).unwrap();
        log.sync_blocking().unwrap();
        drop(log);
        let log = open(&crashed).unwrap().log;
        assert_eq!(log.read(expected + 1..).unwrap(), [(expected + 1, bytes(9, 30_000))]);
        assert_eq!(log.read(..=3).unwrap().len(), 3);
    }
}

#[test]
fn segments_go_when_their_entries_are_purged_and_what_must_last_stays() {
    let place = TempDir::new().unwrap();
    let directory = DataDir::new(place.path());
    let store = directory.create(header()).unwrap();
    store.log.put_vote(*b"vote 1").unwrap();
    let mut most = 0;
    for index in 1..=400_u64 {
        store.log.append([(index, bytes(index, 100_000))]).unwrap();
        if index % 20 == 0 {
            store.log.purge_to(index - 10, &index.to_be_bytes()).unwrap();
            store.log.sync_blocking().unwrap();
        }
        most = most.max(segments(place.path()).len());
    }
    // 40 MB were written.
    assert!((2..=3).contains(&most), "{most} segments");
    assert!(!segments(place.path())[0].ends_with("0000000000000001.log"));
    drop(store);
    let store = directory.open().unwrap();
    assert_eq!(store.log.vote().unwrap().as_deref(), Some(&b"vote 1"[..]));
    assert_eq!(store.log.purged().unwrap().unwrap().0, 390);
    let entries = store.log.read(..).unwrap();
    assert_eq!(entries, (391..=400).map(|at| (at, bytes(at, 100_000))).collect::<Vec<_>>());
}

#[test]
fn a_segment_that_is_missing_damaged_or_of_another_time_is_refused() {
    let place = TempDir::new().unwrap();
    let live = place.path().join("live");
    let store = DataDir::new(&live).create(header()).unwrap();
    let old = place.path().join("old");
    for index in 1..=20_u64 {
        store.log.append([(index, bytes(index, 1_000_000))]).unwrap();
        if index == 4 {
            copy_tree(&live, &old);
        }
    }
    store.log.sync_blocking().unwrap();
    drop(store);
    assert!(segments(&live).len() >= 3);
    type Harm = fn(&Path, &Path);
    let harms: [(&str, Harm); 5] = [
        ("the first is gone", |live, _| std::fs::remove_file(&segments(live)[0]).unwrap()),
        ("one is gone", |live, _| std::fs::remove_file(&segments(live)[1]).unwrap()),
        ("the last is gone", |live, _| {
            std::fs::remove_file(segments(live).last().unwrap()).unwrap();
        }),
        ("one is damaged", |live, _| {
            let mut bytes = std::fs::read(&segments(live)[1]).unwrap();
            bytes[2_000_000] ^= 1;
            std::fs::write(&segments(live)[1], bytes).unwrap();
        }),
        ("one is older", |live, old| {
            std::fs::copy(&segments(old)[0], &segments(live)[0]).unwrap();
        }),
    ];
    for (number, (what, harm)) in harms.into_iter().enumerate() {
        let harmed = place.path().join(number.to_string());
        copy_tree(&live, &harmed);
        harm(&harmed, &old);
        let error = open(&harmed).err().unwrap_or_else(|| panic!("accepted: {what}"));
        assert!(error.to_string().contains(';'), "no remedy in: {error}");
    }
    assert_eq!(open(&live).unwrap().log.read(..).unwrap().len(), 20);
}

#[test]
fn a_batch_of_the_log_and_of_the_rest_is_refused() {
    let place = TempDir::new().unwrap();
    let kv = DiskKv::create(&place.path().join("store"), &place.path().join("tip")).unwrap();
    let kv = Framed::open(Arc::new(kv)).unwrap();
    let mut batch = Batch::new();
    batch.insert(Space::Log.key(&7_u64.to_be_bytes()), *b"entry");
    batch.insert(Space::Audit.key(b"row"), *b"row");
    assert!(matches!(kv.write(batch), Err(StoreError::MixedBatch)));
    assert_eq!(Log::open(kv).unwrap().last_index(), None);
}
