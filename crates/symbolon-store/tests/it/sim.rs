//! The simulated disk forgets what a real one may forget, and nothing else.

use std::sync::{Arc, Mutex};

use symbolon_store::{Batch, Kv, SimDisk, SimKv, StoreError};

use crate::support::insert;

fn numbers(kv: &SimKv) -> Vec<u8> {
    // The anchor's key is longer.
    let keys = kv.scan(&[], &[u8::MAX]).map(|pair| pair.unwrap().0);
    keys.filter(|key| key.len() == 1).map(|key| key[0]).collect()
}

fn write(kv: &SimKv, numbers: std::ops::Range<u8>) {
    numbers.for_each(|number| kv.write(insert(&[number], b"")).unwrap());
}

#[test]
fn crash_forgets_what_was_not_synced() {
    let disk = SimDisk::new();
    let kv = disk.open().unwrap();
    write(&kv, 0..3);
    kv.sync_blocking().unwrap();
    write(&kv, 3..6);
    assert_eq!(disk.unsynced(), 3);
    disk.crash();
    assert_eq!(numbers(&disk.open().unwrap()), [0, 1, 2]);
}

#[test]
fn crash_keeps_whole_batches_from_the_first_on() {
    let disk = SimDisk::new();
    let kv = disk.open().unwrap();
    for number in [0, 10, 20] {
        let mut batch = Batch::new();
        batch.insert([number], []);
        batch.insert([number + 1], []);
        kv.write(batch).unwrap();
    }
    disk.crash_keeping(2);
    assert_eq!(numbers(&disk.open().unwrap()), [0, 1, 10, 11]);
}

#[test]
fn seed_decides_what_a_crash_keeps() {
    let kept = |seed| {
        let disk = SimDisk::new();
        let kv = disk.open().unwrap();
        write(&kv, 0..9);
        disk.crash_seeded(seed);
        numbers(&disk.open().unwrap())
    };
    // Two of these are of the log, one is of the rows, and six are of the rest.
    let all: Vec<_> = (0..42).map(kept).collect();
    assert_eq!(all, (0..42).map(kept).collect::<Vec<_>>());
    assert!(all.iter().any(Vec::is_empty) && all.iter().any(|kept| kept.len() == 9));
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 42);
    for side in [&[2, 5][..], &[6], &[0, 1, 3, 4, 7, 8]] {
        for kept in &all {
            let kept: Vec<_> = kept.iter().filter(|number| side.contains(number)).collect();
            assert!(side.iter().take(kept.len()).eq(kept), "the first of a side");
        }
    }
}

#[test]
fn killed_process_leaves_what_it_wrote() {
    let disk = SimDisk::new();
    let kv = disk.open().unwrap();
    write(&kv, 0..2);
    drop(kv);
    let kv = disk.open().unwrap();
    assert_eq!(numbers(&kv), [0, 1]);
    disk.crash();
    drop(kv);
    assert_eq!(numbers(&disk.open().unwrap()), [0; 0]);
}

#[test]
fn handle_of_a_crashed_process_is_dead() {
    let disk = SimDisk::new();
    let old = disk.open().unwrap();
    assert!(matches!(disk.open(), Err(StoreError::Locked { .. })));
    disk.crash();
    let new = disk.open().unwrap();
    write(&new, 0..1);
    assert!(matches!(old.write(insert(b"x", b"")), Err(StoreError::SimDead)));
    assert!(matches!(old.get(b"x"), Err(StoreError::SimDead)));
    assert!(matches!(old.sync_blocking(), Err(StoreError::SimDead)));
    assert!(matches!(old.scan(&[], &[9]).next(), Some(Err(StoreError::SimDead))));
    drop(old);
    assert_eq!(numbers(&new), [0], "the old handle's end is not the new one's");
}

#[test]
fn deferred_sync_covers_what_was_written_before_it() {
    let disk = SimDisk::new();
    disk.defer_syncs(true);
    let kv = disk.open().unwrap();
    let called = Arc::new(Mutex::new(Vec::new()));
    let sync = |name| {
        let called = Arc::clone(&called);
        kv.sync(Box::new(move |result| called.lock().unwrap().push((name, result.is_ok()))));
    };
    write(&kv, 0..1);
    sync("first");
    write(&kv, 1..2);
    sync("second");
    sync("third");
    write(&kv, 2..3);
    assert_eq!((disk.waiting_syncs(), disk.unsynced()), (3, 3));
    assert!(called.lock().unwrap().is_empty());

    assert!(disk.complete_one_sync());
    assert_eq!(*called.lock().unwrap(), [("first", true)]);
    assert_eq!(disk.unsynced(), 2);
    assert_eq!(disk.complete_syncs(), 2);
    assert_eq!(disk.unsynced(), 1);
    assert_eq!((kv.stats().syncs, kv.stats().callbacks), (2, 3));
    disk.crash();
    assert_eq!(numbers(&disk.open().unwrap()), [0, 1]);
}

#[test]
fn sync_under_way_in_a_crash_never_calls_back() {
    let disk = SimDisk::new();
    disk.defer_syncs(true);
    let kv = disk.open().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    kv.sync(Box::new(move |result| sender.send(result).unwrap()));
    disk.crash();
    assert_eq!(disk.complete_syncs(), 0);
    assert!(receiver.recv().is_err(), "the callback is gone");
}

#[test]
fn failed_sync_is_final() {
    let disk = SimDisk::new();
    let kv = disk.open().unwrap();
    write(&kv, 0..1);
    disk.fail_next_sync();
    assert!(matches!(kv.sync_blocking(), Err(StoreError::SimFault)));
    assert!(matches!(kv.sync_blocking(), Err(StoreError::SimFault)), "no second try");
    assert!(matches!(kv.write(insert(b"x", b"")), Err(StoreError::SimFault)));
    assert_eq!(numbers(&kv), [0], "reads go on");
    disk.crash();
    let kv = disk.open().unwrap();
    assert_eq!(numbers(&kv), [0; 0]);
    write(&kv, 5..6);
    kv.sync_blocking().unwrap();
}
