//! What only a real disk can get wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use symbolon_store::{DiskKv, Framed, Image, ImageBatch, Kv, Log, StoreError};
use tempfile::TempDir;

use crate::support::{bytes, copy_tree, insert, sled};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn syncs_that_wait_together_share_a_trip_to_the_disk() {
    let directory = TempDir::new().unwrap();
    let kv = Arc::new(sled(directory.path()));
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..4_u8)
        .map(|thread| {
            let (kv, sender) = (Arc::clone(&kv), sender.clone());
            std::thread::spawn(move || {
                for number in 0..250_u32 {
                    kv.write(insert(&[&[thread][..], &number.to_be_bytes()].concat(), b"x"))
                        .unwrap();
                    let sender = sender.clone();
                    kv.sync(Box::new(move |result| sender.send(result).unwrap()));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for _ in 0..1000 {
        receiver.recv_timeout(PATIENCE).unwrap().unwrap();
    }
    let stats = kv.stats();
    assert_eq!((stats.batches, stats.callbacks), (1000, 1000));
    assert!(stats.syncs < 500, "{} syncs for 1000 that waited", stats.syncs);
}

#[test]
fn store_in_use_is_refused() {
    let directory = TempDir::new().unwrap();
    let kv = sled(directory.path());
    let error =
        DiskKv::open(&directory.path().join("store"), &directory.path().join("tip")).err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
    drop(kv);
    sled(directory.path());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what a process that died has left")]
fn a_start_that_was_cut_off_is_no_damage() {
    let directory = TempDir::new().unwrap();
    let kv = sled(directory.path());
    kv.write(insert(b"key", b"value")).unwrap();
    kv.sync_blocking().unwrap();
    drop(kv);
    let half = directory.path().join("store/snap.FFFFFFFFFFFFFFFF.generating");
    std::fs::write(&half, b"half of it").unwrap();
    let kv = sled(directory.path());
    assert!(kv.get(b"key").unwrap().is_some() && !half.exists());
}

#[test]
fn closed_store_can_be_opened_at_once() {
    // Several stores, because they share sled's threads: those of one are then still busy with its
    // file when its handle is dropped.
    let open_and_close = || {
        let directory = TempDir::new().unwrap();
        for round in 0..20_u8 {
            let kv = sled(directory.path());
            for number in 0..100_u8 {
                kv.write(insert(&[1, number], &bytes(round.into(), 3000))).unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open_and_close)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn panic_in_a_callback_strands_nobody() {
    let directory = TempDir::new().unwrap();
    let kv = sled(directory.path());
    kv.sync(Box::new(|_| panic!("a callback's bug")));
    kv.sync_blocking().unwrap();
}

#[test]
fn last_handle_may_be_dropped_by_a_callback() {
    let directory = TempDir::new().unwrap();
    let kv = Arc::new(sled(directory.path()));
    let (dropped, wait_for_drop) = mpsc::channel();
    let (may_go_on, go_on) = mpsc::channel();
    let held = Arc::clone(&kv);
    kv.sync(Box::new(move |_| {
        go_on.recv().unwrap();
        drop(held);
        dropped.send(()).unwrap();
    }));
    drop(kv);
    may_go_on.send(()).unwrap();
    wait_for_drop.recv_timeout(PATIENCE).expect("joined itself");
}

#[test]
fn pending_syncs_complete_when_the_store_is_closed() {
    let directory = TempDir::new().unwrap();
    let kv = sled(directory.path());
    let (sender, receiver) = mpsc::channel();
    for _ in 0..50 {
        let sender = sender.clone();
        kv.sync(Box::new(move |result| sender.send(result).unwrap()));
    }
    drop((kv, sender));
    assert_eq!(receiver.iter().map(Result::unwrap).count(), 50);
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let directory = TempDir::new().unwrap();
    let written = 20_000;
    {
        let kv = Framed::open(Arc::new(sled(directory.path()))).unwrap();
        let log = Log::open(kv.clone()).unwrap();
        let image = Image::open(kv.clone()).unwrap();
        for first in (0..written).step_by(100) {
            log.append((first..first + 100).map(|index| (index, bytes(index, 300)))).unwrap();
            let value = bytes(first, 3000);
            let audit = vec![(first, value.clone())];
            let rows = vec![(first.to_be_bytes().to_vec(), Some(value))];
            image.write(ImageBatch { rows, audit, ..ImageBatch::default() }).unwrap();
            image.write_out().unwrap();
        }
        kv.sync_blocking().unwrap();
    }
    for file in ["store/db", "store/log/0000000000000001.log", "store/rows/0000000000000001.log"] {
        let sound = std::fs::read(directory.path().join(file)).unwrap();
        let mut refused = 0;
        for place in (0..20).map(|trial| trial * 1_040_009 % sound.len()) {
            let copy = TempDir::new().unwrap();
            copy_tree(directory.path(), copy.path());
            let mut damaged = sound.clone();
            damaged[place] ^= 0x40;
            std::fs::write(copy.path().join(file), damaged).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| read_all(copy.path())));
            let outcome =
                outcome.unwrap_or_else(|_| panic!("panicked on damage at byte {place} of {file}"));
            match outcome {
                Ok((entries, rows)) => {
                    let is_right = |(key, row): &(Vec<u8>, Vec<u8>)| {
                        let first = u64::from_be_bytes(key.as_slice().try_into().unwrap());
                        *row == bytes(first, 3000)
                    };
                    assert!(rows.len() as u64 == written / 100 && rows.iter().all(is_right));
                    let right = |(index, entry): &(u64, Vec<u8>)| *entry == bytes(*index, 300);
                    let is_whole = entries.len() as u64 == written && entries.iter().all(right);
                    assert!(is_whole, "other entries after damage at byte {place} of {file}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains(';'), "no remedy in: {error}");
                }
            }
        }
        assert!(refused > 0, "no damage to {file} was found at all");
    }
}

type Read = (Vec<(u64, Vec<u8>)>, Vec<(Vec<u8>, Vec<u8>)>);

fn read_all(path: &Path) -> Result<Read, StoreError> {
    let kv = Framed::open(Arc::new(DiskKv::open(&path.join("store"), &path.join("tip"))?))?;
    kv.check()?;
    let entries = Log::open(kv.clone())?.read(..)?;
    let rows = Image::open(kv)?.rows().collect::<Result<_, _>>()?;
    Ok((entries, rows))
}
