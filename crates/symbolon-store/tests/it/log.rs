//! The log, on both disks.

use symbolon_store::{Finding, Framed, Log, SimDisk, Space, StoreError};

use crate::support::{Disk, bytes, on_both_disks, remove};

on_both_disks!(
    appended_entries_are_read_at_once_and_after_reopening,
    entries_must_be_consecutive,
    append_is_all_or_nothing,
    ranges_are_cut_to_what_is_there,
    bounded_read_stops_in_time,
    truncated_entries_are_gone,
    purged_entries_are_gone_and_remembered,
    purge_beyond_the_end_moves_the_log,
    purged_entries_cannot_be_truncated,
    vote_and_committed_are_kept,
    missing_entry_is_corrupt,
    reading_during_a_purge_is_no_damage,
);

fn entry(index: u64) -> Vec<u8> {
    bytes(index, 20 + usize::try_from(index % 3).unwrap() * 3000)
}

fn append(log: &Log, range: std::ops::Range<u64>) {
    log.append(range.map(|index| (index, entry(index)))).unwrap();
}

fn indexes(log: &Log) -> Vec<u64> {
    let entries = log.read(..).unwrap();
    assert!(entries.iter().all(|(index, bytes)| *bytes == entry(*index)), "wrong bytes");
    entries.into_iter().map(|(index, _)| index).collect()
}

fn reopened(disk: &Disk, log: Log) -> Log {
    drop(log);
    Log::open(disk.framed()).unwrap()
}

fn bounds(log: &Log) -> (Option<u64>, Option<u64>) {
    (log.first_index(), log.last_index())
}

fn appended_entries_are_read_at_once_and_after_reopening(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    assert_eq!(bounds(&log), (None, None));
    append(&log, 0..5);
    append(&log, 5..300);
    assert_eq!(indexes(&log), (0..300).collect::<Vec<_>>());
    let log = reopened(disk, log);
    assert_eq!(bounds(&log), (Some(0), Some(299)));
    assert_eq!(indexes(&log), (0..300).collect::<Vec<_>>());
    append(&log, 300..301);
}

fn entries_must_be_consecutive(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    append(&log, 7..10);
    for wrong in [0, 8, 9, 11] {
        let error = log.append([(wrong, entry(wrong))]).unwrap_err();
        assert!(
            matches!(error, StoreError::NotConsecutive { expected: 10, found } if found == wrong),
            "{error}"
        );
    }
}

fn append_is_all_or_nothing(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    append(&log, 0..2);
    assert!(log.append([(2, entry(2)), (4, entry(4))]).is_err());
    assert_eq!(bounds(&log), (Some(0), Some(1)));
    assert_eq!(indexes(&reopened(disk, log)), [0, 1]);
}

fn ranges_are_cut_to_what_is_there(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    assert_eq!(log.read(3..9).unwrap(), []);
    append(&log, 5..10);
    let read = |range: (std::ops::Bound<u64>, std::ops::Bound<u64>)| {
        log.read(range).unwrap().into_iter().map(|(index, _)| index).collect::<Vec<_>>()
    };
    use std::ops::Bound::{Excluded, Included, Unbounded};
    assert_eq!(read((Included(0), Excluded(7))), [5, 6]);
    assert_eq!(read((Excluded(7), Unbounded)), [8, 9]);
    assert_eq!(read((Included(8), Included(u64::MAX))), [8, 9]);
    assert_eq!(read((Included(8), Excluded(8))), [0; 0]);
    assert_eq!(read((Included(9), Excluded(6))), [0; 0]);
    assert_eq!(read((Included(10), Unbounded)), [0; 0]);
    assert_eq!(read((Excluded(u64::MAX), Unbounded)), [0; 0]);
}

fn bounded_read_stops_in_time(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    log.append((0..10).map(|index| (index, vec![1; 100]))).unwrap();
    let count = |bytes_max| log.read_bounded(2.., bytes_max).unwrap().len();
    assert_eq!(count(399), 3);
    assert_eq!(count(400), 4);
    assert_eq!(count(0), 1, "one entry always, or a reader would never get on");
    assert_eq!(count(usize::MAX), 8);
}

fn truncated_entries_are_gone(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    append(&log, 0..2500);
    log.truncate_from(2600).unwrap();
    log.truncate_from(40).unwrap();
    assert_eq!(bounds(&log), (Some(0), Some(39)));
    assert_eq!(indexes(&log), (0..40).collect::<Vec<_>>());
    append(&log, 40..42);
    let log = reopened(disk, log);
    assert_eq!(indexes(&log), (0..42).collect::<Vec<_>>());
    log.truncate_from(0).unwrap();
    assert_eq!(bounds(&log), (None, None));
    assert_eq!(indexes(&log), [0; 0]);
}

fn purged_entries_are_gone_and_remembered(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    assert_eq!(log.purged().unwrap(), None);
    append(&log, 0..2500);
    log.purge_to(2400, b"id 2400").unwrap();
    log.purge_to(7, b"an older one").unwrap();
    let check = |log: &Log| {
        assert_eq!(log.purged().unwrap(), Some((2400, b"id 2400".to_vec())));
        assert_eq!(bounds(log), (Some(2401), Some(2499)));
        assert_eq!(indexes(log), (2401..2500).collect::<Vec<_>>());
    };
    check(&log);
    check(&reopened(disk, log));
}

fn purge_beyond_the_end_moves_the_log(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    append(&log, 0..10);
    log.purge_to(99, b"id 99").unwrap();
    let log = reopened(disk, log);
    assert_eq!(bounds(&log), (None, None));
    assert!(matches!(
        log.append([(10, entry(10))]),
        Err(StoreError::NotConsecutive { expected: 100, found: 10 })
    ));
    append(&log, 100..102);
    assert_eq!(indexes(&reopened(disk, log)), [100, 101]);
}

fn purged_entries_cannot_be_truncated(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    append(&log, 0..10);
    log.purge_to(4, b"id").unwrap();
    let error = log.truncate_from(4).unwrap_err();
    assert!(matches!(error, StoreError::TruncatesPurged { from: 4, purged: 4 }), "{error}");
    log.truncate_from(5).unwrap();
    append(&log, 5..6);
    assert_eq!(indexes(&log), [5]);
}

fn vote_and_committed_are_kept(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    assert_eq!((log.vote().unwrap(), log.committed().unwrap()), (None, None));
    log.put_vote(*b"vote 1").unwrap();
    log.put_vote(*b"vote 2").unwrap();
    log.put_committed(*b"committed").unwrap();
    let log = reopened(disk, log);
    assert_eq!(log.vote().unwrap().unwrap(), b"vote 2");
    assert_eq!(log.committed().unwrap().unwrap(), b"committed");
}

fn missing_entry_is_corrupt(disk: &Disk) {
    let store = disk.framed();
    let log = Log::open(store.clone()).unwrap();
    append(&log, 0..10);
    let hole = |result: Result<Vec<(u64, Vec<u8>)>, StoreError>| match result {
        Err(StoreError::Corrupt { space: Space::Log, finding: Finding::Hole(index), .. }) => index,
        other => panic!("{other:?}"),
    };
    for missing in [4, 9, 0] {
        store.write(remove(&Space::Log.key(&u64::to_be_bytes(missing)))).unwrap();
        assert_eq!(hole(log.read(missing..)), missing);
    }
    drop((log, store));
    assert_eq!(hole(Log::open(disk.framed()).map(|_| Vec::new())), 4);
}

fn reading_during_a_purge_is_no_damage(disk: &Disk) {
    let log = Log::open(disk.framed()).unwrap();
    append(&log, 0..5000);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while log.first_index() != Some(4900) {
                let read = log.read(..).unwrap();
                assert_eq!(read.last().unwrap().0, 4999);
                assert!(read.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
            }
        });
        for index in (99..4900).step_by(400) {
            log.purge_to(index, b"id").unwrap();
        }
        log.purge_to(4899, b"id").unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn interrupted_purge_is_finished_when_opened() {
    for writes in 0..4 {
        let disk = SimDisk::new();
        let open = || Log::open(Framed::open(std::sync::Arc::new(disk.open().unwrap())).unwrap());
        let log = open().unwrap();
        append(&log, 0..3000);
        log.sync_blocking().unwrap();
        disk.fail_after_writes(writes);
        assert!(log.purge_to(2900, b"id").is_err(), "takes a mark and three batches");
        disk.crash_keeping(usize::MAX);
        drop(log);
        let log = open().unwrap();
        let first = if writes == 0 { 0 } else { 2901 };
        assert_eq!(indexes(&log), (first..3000).collect::<Vec<_>>(), "after {writes} writes");
        assert_eq!(log.purged().unwrap().is_some(), writes > 0);
    }
}

#[test]
fn interrupted_truncation_leaves_no_hole() {
    for writes in 0..3 {
        let disk = SimDisk::new();
        let open = || Log::open(Framed::open(std::sync::Arc::new(disk.open().unwrap())).unwrap());
        let log = open().unwrap();
        append(&log, 0..3000);
        log.sync_blocking().unwrap();
        disk.fail_after_writes(writes);
        assert!(log.truncate_from(100).is_err(), "takes three batches");
        disk.crash_keeping(usize::MAX);
        drop(log);
        let last = 2999 - 1000 * writes;
        assert_eq!(open().unwrap().last_index(), Some(last), "after {writes} writes");
    }
}

#[test]
fn damaged_entry_is_refused() {
    let disk = SimDisk::new();
    let open = || Log::open(Framed::open(std::sync::Arc::new(disk.open().unwrap())).unwrap());
    let log = open().unwrap();
    append(&log, 0..10);
    log.sync_blocking().unwrap();
    disk.damage(&Space::Log.key(&u64::to_be_bytes(6)), |value| *value.last_mut().unwrap() ^= 1);
    assert!(matches!(
        log.read(5..8),
        Err(StoreError::Corrupt { space: Space::Log, finding: Finding::Checksum, .. })
    ));
    assert_eq!(log.read(0..6).unwrap().len(), 6);
    drop(log);
    assert!(open().is_err(), "and when it is opened");
}

#[test]
fn unsynced_vote_is_forgotten_by_a_crash() {
    let disk = SimDisk::new();
    let open = || Log::open(Framed::open(std::sync::Arc::new(disk.open().unwrap())).unwrap());
    let log = open().unwrap();
    log.put_vote(*b"1").unwrap();
    log.sync_blocking().unwrap();
    log.put_vote(*b"2").unwrap();
    disk.crash();
    assert_eq!(open().unwrap().vote().unwrap().unwrap(), b"1");
}
