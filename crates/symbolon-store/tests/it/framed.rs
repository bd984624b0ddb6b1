//! Checksums, and large values.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use symbolon_store::{
    Anchor, Batch, Finding, Framed, KEY_BYTES_MAX, Kv, Op, Scan, SimDisk, Space, StoreError,
    SyncDone, SyncStats,
};

use crate::support::{Disk, bytes, insert, on_both_disks, remove};

on_both_disks!(
    values_of_any_size_come_back,
    large_values_are_replaced_and_removed_whole,
    range_is_deleted_and_no_more,
    readers_never_see_parts_of_two_values,
);

const SIZES: [usize; 10] = [0, 1, 4090, 4091, 4092, 4096, 4097, 8192, 50_000, 300_000];

fn key(number: usize) -> Vec<u8> {
    Space::Audit.key(&(number as u64).to_be_bytes())
}

fn all(store: &Framed) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (from, to) = Space::Audit.bounds();
    store.scan(&from, &to).map(Result::unwrap).collect()
}

fn values_of_any_size_come_back(disk: &Disk) {
    let expected: Vec<_> = SIZES.into_iter().enumerate().collect();
    let check = |store: &Framed| {
        for (number, size) in &expected {
            let value = bytes(*number as u64, *size);
            assert_eq!(store.get(&key(*number)).unwrap(), Some(value), "{size} bytes");
        }
        let scanned: Vec<_> = all(store).into_iter().map(|(_, value)| value.len()).collect();
        assert_eq!(scanned, SIZES, "parts do not show");
    };
    let store = disk.framed();
    let mut batch = Batch::new();
    for (number, size) in &expected {
        batch.insert(key(*number), bytes(*number as u64, *size));
    }
    store.write(batch).unwrap();
    check(&store);
    drop(store);
    check(&disk.framed());
}

fn large_values_are_replaced_and_removed_whole(disk: &Disk) {
    let mut store = disk.framed();
    let (from, to) = Space::Parts.bounds();
    for (round, size) in [50_000, 300_000, 9000, 10, 20_000, 0].into_iter().enumerate() {
        let value = bytes(round as u64, size);
        store.write(insert(&key(1), &value)).unwrap();
        assert_eq!(store.get(&key(1)).unwrap(), Some(value));
        drop(store);
        let kv = disk.kv();
        let parts = kv.scan(&from, &to).count();
        drop(kv);
        assert_eq!(parts, if size > 4091 { size.div_ceil(4096) } else { 0 }, "of {size} bytes");
        // What is known of large values after opening must do as well as what was learnt.
        store = disk.framed();
    }
    store.write(insert(&key(1), &bytes(1, 20_000))).unwrap();
    store.write(remove(&key(1))).unwrap();
    drop(store);
    assert_eq!(disk.kv().scan(&[], &[u8::MAX]).count(), 0);
}

fn range_is_deleted_and_no_more(disk: &Disk) {
    let store = disk.framed();
    for number in 0..2500 {
        store
            .write(insert(&key(number), &bytes(1, if number % 500 == 0 { 9000 } else { 10 })))
            .unwrap();
    }
    store.delete_range(&key(10), &key(2490)).unwrap();
    let left: Vec<_> = all(&store).into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, (0..10).chain(2490..2500).map(key).collect::<Vec<_>>());
    drop(store);
    let (from, to) = Space::Parts.bounds();
    assert_eq!(disk.kv().scan(&from, &to).count(), 3, "those of row 0");
}

fn readers_never_see_parts_of_two_values(disk: &Disk) {
    let store = disk.framed();
    store.write(insert(&key(1), &[0; 40_000])).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !stop.load(Ordering::Relaxed) || seen == 0 {
                let direct = store.get(&key(1)).unwrap();
                let scanned = all(&store).pop().map(|(_, value)| value);
                for value in [direct, scanned].into_iter().flatten() {
                    assert!(value.iter().all(|byte| *byte == value[0]));
                    seen += 1;
                }
            }
        });
        for round in 0..300_usize {
            let length = 20_000 + 100 * (round % 200);
            let value = vec![u8::try_from(round % 251).unwrap(); length];
            store
                .write(if round % 7 == 0 { remove(&key(1)) } else { insert(&key(1), &value) })
                .unwrap();
        }
        store.write(insert(&key(1), &[9; 10_000])).unwrap();
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}

#[test]
fn large_values_leave_no_blob_file_of_sleds() {
    let disk = Disk::sled();
    let Disk::Sled(directory) = &disk else { unreachable!() };
    let blobs = || std::fs::read_dir(directory.path().join("store/blobs")).unwrap().count();
    let store = disk.framed();
    for size in [50_000, 300_000] {
        for number in 0..100 {
            store.write(insert(&key(number), &bytes(number as u64, size))).unwrap();
        }
    }
    store.sync_blocking().unwrap();
    assert_eq!(blobs(), 0);
    for number in 0..100 {
        store.write(insert(&key(number), &bytes(number as u64, 5000))).unwrap();
    }
    drop(store);
    assert_eq!(blobs(), 0);
    let store = disk.framed();
    for number in 0..100 {
        assert_eq!(store.get(&key(number)).unwrap(), Some(bytes(number as u64, 5000)));
    }
    drop(store);

    // Without the layer there would be some: the test can fail.
    let kv = disk.kv();
    kv.write(insert(&key(1000), &bytes(1, 300_000))).unwrap();
    kv.sync_blocking().unwrap();
    assert_ne!(blobs(), 0);
}

#[test]
fn damaged_value_is_an_error_wherever_it_is_damaged() {
    for size in [0, 20, 10_000] {
        let disk = SimDisk::new();
        let store = Framed::open(Arc::new(disk.open().unwrap())).unwrap();
        store.write(insert(&key(7), &bytes(1, size))).unwrap();
        for stored in disk.keys() {
            let length = std::cell::Cell::new(0);
            disk.damage(&stored, |value| length.set(value.len()));
            for place in 0..length.get() {
                disk.damage(&stored, |value| value[place] ^= 0x20);
                let error = store.get(&key(7)).unwrap_err();
                assert!(matches!(error, StoreError::Corrupt { .. }), "byte {place}: {error}");
                disk.damage(&stored, |value| value[place] ^= 0x20);
            }
            disk.damage(&stored, |value| value.truncate(3));
            assert!(store.get(&key(7)).is_err(), "a torn value");
        }
    }
}

#[test]
fn corrupt_error_says_where_and_what() {
    let disk = SimDisk::new();
    let store = Framed::open(Arc::new(disk.open().unwrap())).unwrap();
    store.write(insert(&key(7), b"value")).unwrap();
    disk.damage(&key(7), |value| value[0] = 9);
    let error = store.get(&key(7)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the audit value under key 040000000000000007 is corrupt: its schema byte is 9, which this \
         release does not know; move the data directory away and join again under a new node name"
    );
}

#[test]
fn value_under_another_key_is_corrupt() {
    let disk = Disk::sim();
    let store = disk.framed();
    store.write(insert(&key(1), b"one")).unwrap();
    drop(store);
    let kv = disk.kv();
    let moved = kv.get(&key(1)).unwrap().unwrap();
    kv.write(insert(&key(2), &moved)).unwrap();
    drop(kv);
    let error = disk.framed().get(&key(2)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { finding: Finding::Checksum, .. }), "{error}");
}

#[test]
fn missing_and_stray_parts_are_found_when_opened() {
    type Change<'a> = &'a dyn Fn(&dyn Kv, Vec<Vec<u8>>);
    let open = |change: Change<'_>| {
        let disk = Disk::sim();
        disk.framed().write(insert(&key(1), &bytes(1, 20_000))).unwrap();
        let kv = disk.kv();
        let (from, to) = Space::Parts.bounds();
        let parts = kv.scan(&from, &to).map(|pair| pair.unwrap().0).collect();
        change(&*kv, parts);
        drop(kv);
        Framed::open(disk.kv()).err().map(|error| match error {
            StoreError::Corrupt { finding, .. } => finding,
            error => panic!("{error}"),
        })
    };
    assert_eq!(open(&|_, _| {}), None);
    assert_eq!(
        open(&|kv, parts| kv.write(remove(&parts[2])).unwrap()),
        Some(Finding::PartMissing(2))
    );
    assert_eq!(
        open(&|kv, parts| kv.write(remove(&parts[4])).unwrap()),
        Some(Finding::PartOrphaned)
    );
    assert_eq!(open(&|kv, _| kv.write(remove(&key(1))).unwrap()), Some(Finding::PartOrphaned));
}

#[test]
fn bad_keys_and_values_are_refused_before_anything_is_written() {
    let disk = Disk::sim();
    let store = disk.framed();
    for bad in
        [vec![], vec![0xee, 1], Space::Parts.key(b"x"), Space::Audit.key(&[0; KEY_BYTES_MAX])]
    {
        let mut batch = insert(&key(1), b"good");
        batch.insert(bad, b"bad");
        assert!(matches!(store.write(batch), Err(StoreError::Key { .. })));
    }
    let mut batch = insert(&key(1), b"good");
    batch.insert(key(2), vec![0; symbolon_store::VALUE_BYTES_MAX + 1]);
    assert!(matches!(store.write(batch), Err(StoreError::ValueTooLong { .. })));
    assert_eq!(all(&store), []);
    store.write(insert(&Space::Audit.key(&[0; KEY_BYTES_MAX - 1]), b"longest")).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u8, Option<usize>)>),
    Reopen,
    Crash { keep: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0..20_usize, 4080..4100_usize, 8000..20_000_usize];
    let batch = prop::collection::vec((0..6_u8, prop::option::weighted(0.7, size)), 0..5);
    prop_oneof![
        8 => batch.prop_map(Step::Write),
        1 => Just(Step::Reopen),
        1 => (0..4_usize).prop_map(|keep| Step::Crash { keep }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Against a map: whatever is written, reopened and crashed, what is there is what a map would
    /// hold after the same batches.
    #[test]
    fn behaves_as_a_map(steps in prop::collection::vec(step(), 0..40)) {
        let disk = SimDisk::new();
        let open = || Framed::open(Arc::new(disk.open().unwrap())).unwrap();
        let mut store = Some(open());
        let mut states = vec![BTreeMap::new()];
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write(ops) => {
                    let mut state = states.last().unwrap().clone();
                    let mut batch = Batch::new();
                    for (name, size) in ops {
                        let key = key(name.into());
                        if let Some(size) = size {
                            let value = bytes(number as u64, size);
                            batch.insert(key.clone(), value.clone());
                            state.insert(key, value);
                        } else {
                            batch.remove(key.clone());
                            state.remove(&key);
                        }
                    }
                    store.as_ref().unwrap().write(batch).unwrap();
                    states.push(state);
                }
                Step::Reopen => {
                    store = None;
                    store = Some(open()).or(store);
                }
                Step::Crash { keep } => {
                    disk.crash_keeping(keep);
                    store = Some(open());
                    let kept = states.len().min(keep + 1) - 1;
                    states = vec![states[kept].clone()];
                }
            }
            let expected: Vec<_> = states.last().unwrap().clone().into_iter().collect();
            prop_assert_eq!(all(store.as_ref().unwrap()), expected);
        }
    }
}

#[test]
fn check_reads_all_values_and_knows_all_keys() {
    let disk = SimDisk::new();
    let store = Framed::open(Arc::new(disk.open().unwrap())).unwrap();
    // Rows are checked when their journal is opened, and when they are loaded.
    let others = [Space::Parts, Space::Rows];
    for space in Space::ALL.into_iter().filter(|space| !others.contains(space)) {
        store.write(insert(&space.key(b"small"), b"value")).unwrap();
        store.write(insert(&space.key(b"large"), &bytes(1, 10_000))).unwrap();
    }
    store.check().unwrap();
    for key in disk.keys() {
        disk.damage(&key, |stored| *stored.last_mut().unwrap() ^= 1);
        let error = store.check().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{key:x?}: {error}");
        disk.damage(&key, |stored| *stored.last_mut().unwrap() ^= 1);
    }
    store.check().unwrap();
    drop(store);
    for stray in [&[][..], &[0], &[3, 1], &[7, 1], &[0xf1], &[0xff, 0xff, 1]] {
        let disk = SimDisk::new();
        let kv = Arc::new(disk.open().unwrap());
        kv.write(insert(stray, b"")).unwrap();
        let error = Framed::open(kv).unwrap().check().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{stray:x?}: {error}");
    }
}

/// A store whose writes to the image take as long as somebody wants.
struct Slow {
    kv: Arc<dyn Kv>,
    begun: mpsc::Sender<()>,
    goes_on: Mutex<mpsc::Receiver<()>>,
}

impl Kv for Slow {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.kv.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8]) -> Scan<'_> {
        self.kv.scan(from, to)
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let ops = batch.clone().into_ops();
        if ops.iter().any(|op| matches!(op, Op::Insert(key, _) if *key == self::key(1))) {
            self.begun.send(()).unwrap();
            self.goes_on.lock().unwrap().recv().unwrap();
        }
        self.kv.write(batch)
    }

    fn sync(&self, done: SyncDone) {
        self.kv.sync(done);
    }

    fn sync_log(&self, done: SyncDone) {
        self.kv.sync_log(done);
    }

    fn stats(&self) -> SyncStats {
        self.kv.stats()
    }

    fn failure(&self) -> Option<StoreError> {
        self.kv.failure()
    }

    fn anchor(&self) -> &Anchor {
        self.kv.anchor()
    }
}

#[test]
fn the_log_does_not_wait_for_the_image() {
    let ((begun, begins), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let kv = Disk::sim().kv();
    let store = Framed::open(Arc::new(Slow { kv, begun, goes_on: Mutex::new(goes_on) })).unwrap();
    let (image, log) = (store.clone(), store.clone());
    let image = thread::spawn(move || image.write(insert(&key(1), b"a row")));
    begins.recv().unwrap();
    let (written, is_written) = mpsc::channel();
    let entry = Space::Log.key(&1_u64.to_be_bytes());
    let at = entry.clone();
    let log = thread::spawn(move || {
        log.write(insert(&at, b"an entry")).unwrap();
        written.send(log.get(&at).unwrap()).unwrap();
    });
    let found = is_written.recv_timeout(Duration::from_secs(30));
    go_on.send(()).unwrap();
    image.join().unwrap().unwrap();
    log.join().unwrap();
    assert_eq!(found.unwrap().as_deref(), Some(&b"an entry"[..]));
    assert_eq!(store.get(&key(1)).unwrap().as_deref(), Some(&b"a row"[..]));
}
