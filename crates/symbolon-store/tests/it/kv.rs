//! What every [`Kv`] does, simulated or not.

use symbolon_store::{Batch, Pair};

use crate::support::{Disk, insert, on_both_disks, remove};

on_both_disks!(
    batch_is_applied_in_order,
    scans_run_from_both_ends_and_meet,
    scan_of_nothing_is_empty,
    writes_show_before_they_are_synced,
    closed_store_opens_with_what_it_held,
    syncs_call_back_in_order,
);

fn batch_is_applied_in_order(disk: &Disk) {
    let kv = disk.kv();
    kv.write(insert(b"gone", b"1")).unwrap();
    let mut batch = Batch::new();
    batch.insert(*b"kept", *b"1");
    batch.insert(*b"kept", *b"2");
    batch.insert(*b"gone", *b"2");
    batch.remove(*b"gone");
    batch.remove(*b"back");
    batch.insert(*b"back", *b"3");
    kv.write(batch).unwrap();
    assert_eq!(kv.get(b"kept").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(kv.get(b"gone").unwrap(), None);
    assert_eq!(kv.get(b"back").unwrap().as_deref(), Some(&b"3"[..]));
}

fn scans_run_from_both_ends_and_meet(disk: &Disk) {
    let kv = disk.kv();
    for key in 0..10_u8 {
        kv.write(insert(&[key], &[key, key])).unwrap();
    }
    let keys = |pairs: Vec<Pair>| pairs.into_iter().map(|(key, _)| key[0]).collect::<Vec<_>>();
    let forwards = kv.scan(&[2], &[7]).map(Result::unwrap).collect();
    assert_eq!(keys(forwards), [2, 3, 4, 5, 6]);
    let backwards = kv.scan(&[2], &[7]).rev().map(Result::unwrap).collect();
    assert_eq!(keys(backwards), [6, 5, 4, 3, 2]);

    let mut both = kv.scan(&[2], &[7]);
    let mut met = Vec::new();
    while let Some(front) = both.next() {
        met.push(front.unwrap());
        met.extend(both.next_back().map(Result::unwrap));
    }
    assert_eq!(keys(met), [2, 6, 3, 5, 4], "each pair comes once");
}

fn scan_of_nothing_is_empty(disk: &Disk) {
    let kv = disk.kv();
    kv.write(insert(&[5], b"")).unwrap();
    assert_eq!(kv.scan(&[5], &[5]).count(), 0);
    assert_eq!(kv.scan(&[6], &[4]).count(), 0);
    assert_eq!(kv.scan(&[6], &[9]).rev().count(), 0);
}

fn writes_show_before_they_are_synced(disk: &Disk) {
    let kv = disk.kv();
    kv.write(insert(b"key", b"value")).unwrap();
    assert_eq!(kv.get(b"key").unwrap().as_deref(), Some(&b"value"[..]));
    kv.write(remove(b"key")).unwrap();
    assert_eq!(kv.get(b"key").unwrap(), None);
    assert_eq!(kv.stats().batches, 2);
    assert_eq!(kv.stats().syncs, 0);
}

fn closed_store_opens_with_what_it_held(disk: &Disk) {
    let kv = disk.kv();
    for key in 0..100_u8 {
        kv.write(insert(&[3, key], &[key; 300])).unwrap();
    }
    kv.sync_blocking().unwrap();
    drop(kv);
    let kv = disk.kv();
    let pairs: Vec<_> = kv.scan(&[3], &[4]).map(Result::unwrap).collect();
    assert_eq!(pairs, (0..100).map(|key| (vec![3, key], vec![key; 300])).collect::<Vec<_>>());
}

fn syncs_call_back_in_order(disk: &Disk) {
    let kv = disk.kv();
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..20 {
        let sender = sender.clone();
        kv.sync(Box::new(move |result| sender.send(result.map(|()| number)).unwrap()));
    }
    let called: Vec<_> = receiver.iter().take(20).map(Result::unwrap).collect();
    assert_eq!(called, (0..20).collect::<Vec<_>>());
}
