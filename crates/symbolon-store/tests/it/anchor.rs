//! A store that has lost something is refused, and one that has not never is.

use std::sync::{Arc, Mutex};

use symbolon_store::{DataDir, Framed, ImageBatch, Kv as _, Log, Loss, SimDisk, Store, StoreError};
use tempfile::TempDir;

use crate::support::{Dice, copy_tree, header, insert, sled};

const VOTE: &[u8] = b"\x01log/vote";
const REVISION: &[u8] = b"\x01log/revision";
const PURGED: &[u8] = b"\x01log/purged";
const VERSION: &[u8] = b"\x01image/version";
const ROUND: &[u8] = b"\x01anchor/round";

fn entry_key(index: u64) -> Vec<u8> {
    [&[2][..], &index.to_be_bytes()].concat()
}

fn apply(store: &Store, number: u64) {
    let rows = vec![(b"row".to_vec(), Some(number.to_be_bytes().to_vec()))];
    let scalars = number.to_be_bytes().to_vec();
    store.image.write(ImageBatch { rows, scalars, ..ImageBatch::default() }).unwrap();
    store.image.write_out().unwrap();
}

/// A disk with a bit of everything, synced.
fn used_disk() -> SimDisk {
    let disk = SimDisk::new();
    let store = Store::create_simulated(&disk, header()).unwrap();
    store.log.put_vote(*b"vote 1").unwrap();
    store.log.append((1..=20).map(|index| (index, vec![1; 9]))).unwrap();
    store.log.purge_to(5, b"id 5").unwrap();
    (1..=10).for_each(|number| apply(&store, number));
    store.kv.sync_blocking().unwrap();
    disk
}

fn raw(disk: &SimDisk, key: &[u8]) -> Vec<u8> {
    let value = Mutex::new(Vec::new());
    assert!(disk.damage(key, |stored| value.lock().unwrap().clone_from(stored)));
    value.into_inner().unwrap()
}

fn set_raw(disk: &SimDisk, key: &[u8], value: &[u8]) {
    assert!(disk.damage(key, |stored| *stored = value.to_vec()));
}

#[track_caller]
fn refused(disk: &SimDisk) -> StoreError {
    // It stays refused: what was found is not overwritten.
    let first = Store::simulated(disk).err().expect("accepted");
    let second = Store::simulated(disk).err().expect("accepted at the second attempt");
    assert_eq!(first.to_string(), second.to_string());
    assert!(first.to_string().contains("; "), "no remedy: {first}");
    first
}

#[track_caller]
fn lost(disk: &SimDisk) -> Loss {
    match refused(disk) {
        StoreError::Lost { loss, .. } => loss,
        error => panic!("{error}"),
    }
}

#[test]
fn an_end_that_is_lost_is_noticed_whatever_it_held() {
    let writes: [fn(&Store); 6] = [
        |store| store.log.append([(21, vec![2])]).unwrap(),
        |store| store.log.put_vote(*b"vote 2").unwrap(),
        |store| store.log.truncate_from(15).unwrap(),
        |store| store.log.purge_to(8, b"id 8").unwrap(),
        |store| apply(store, 11),
        |store| store.image.begin_install().unwrap().commit(b"new", b"").unwrap(),
    ];
    for (number, write) in writes.into_iter().enumerate() {
        let disk = used_disk();
        let store = Store::simulated(&disk).unwrap();
        let before = disk.copy();
        write(&store);
        store.kv.sync_blocking().unwrap();
        drop(store);
        disk.put_back(before);
        assert!(matches!(lost(&disk), Loss::Round { .. }), "write {number}");
    }
}

#[test]
fn a_single_change_that_is_lost_is_noticed() {
    let disk = used_disk();
    let old = [VOTE, REVISION, PURGED, VERSION].map(|key| raw(&disk, key));
    let store = Store::simulated(&disk).unwrap();
    store.log.put_vote(*b"vote 2").unwrap();
    store.log.purge_to(8, b"id 8").unwrap();
    apply(&store, 11);
    store.kv.sync_blocking().unwrap();
    drop(store);
    let new = [VOTE, REVISION, PURGED, VERSION].map(|key| raw(&disk, key));
    let losses = [
        Loss::Vote,
        Loss::Revision { found: 1, expected: 2 },
        Loss::Purged { found: Some(5), expected: 8 },
        Loss::Image { found: 10, expected: 11 },
    ];
    for (place, key) in [VOTE, REVISION, PURGED, VERSION].into_iter().enumerate() {
        set_raw(&disk, key, &old[place]);
        assert_eq!(lost(&disk), losses[place]);
        set_raw(&disk, key, &new[place]);
    }
    Store::simulated(&disk).unwrap();
}

#[test]
fn a_log_entry_of_another_time_is_noticed() {
    let disk = used_disk();
    let old = [19, 20].map(|index| raw(&disk, &entry_key(index)));
    let store = Store::simulated(&disk).unwrap();
    store.log.truncate_from(19).unwrap();
    store.log.append([(19, vec![2]), (20, vec![2])]).unwrap();
    store.kv.sync_blocking().unwrap();
    drop(store);
    let new = [19, 20].map(|index| raw(&disk, &entry_key(index)));

    set_raw(&disk, &entry_key(19), &old[0]);
    let error = refused(&disk).to_string();
    assert!(error.contains("not written after the log entry before it"), "{error}");
    set_raw(&disk, &entry_key(19), &new[0]);

    // A tail that is sound in itself is not the one that was acknowledged.
    set_raw(&disk, &entry_key(19), &old[0]);
    set_raw(&disk, &entry_key(20), &old[1]);
    assert_eq!(lost(&disk), Loss::LogEntry(20));
}

#[test]
fn a_store_without_its_round_is_refused() {
    let disk = used_disk();
    let round = raw(&disk, ROUND);
    disk.damage(ROUND, |stored| stored[0] ^= 1);
    assert!(matches!(refused(&disk), StoreError::Corrupt { .. }));
    set_raw(&disk, ROUND, &round);
    Store::simulated(&disk).unwrap();
}

#[test]
fn rows_of_a_write_without_those_of_the_one_before_are_refused() {
    let disk = SimDisk::new();
    let kv = Framed::open(Arc::new(disk.open().unwrap())).unwrap();
    let number = |number: u64| number.to_be_bytes();
    kv.write(insert(&[&[6, 2][..], &number(4)].concat(), &[0; 28])).unwrap();
    kv.write(insert(VERSION, &number(3))).unwrap();
    let error = symbolon_store::Image::open(kv).err().unwrap();
    assert!(error.to_string().contains("is missing, and others are there"), "{error}");
}

/// Random work with a model of what was acknowledged.
struct Work {
    disk: SimDisk,
    dice: Dice,
    /// What was held at the last sync that was acknowledged.
    acknowledged: Held,
    written: u64,
}

impl Work {
    fn choose(&mut self, choices: u64) -> u64 {
        self.dice.roll(choices)
    }

    /// One process, until it ends in one way or another.
    fn live(&mut self) {
        let store = Store::simulated(&self.disk)
            .unwrap_or_else(|error| panic!("a healthy store was refused: {error}"));
        let (log, vote, image) = held(&store);
        let (known_log, known_vote, known_image) = &self.acknowledged;
        assert!(image >= *known_image, "image {image} of {known_image}");
        if vote == *known_vote {
            let common = log.len().min(known_log.len());
            assert_eq!(log[..common], known_log[..common]);
        }
        assert!(vote >= *known_vote);
        self.acknowledged = (log, vote, image);
        for _ in 0..self.choose(12) {
            self.step(&store);
        }
        match self.choose(5) {
            0 => self.disk.crash(),
            3 => {
                self.disk.fail_next_sync();
                store.kv.sync_blocking().unwrap_err();
                self.disk.crash();
            }
            1 => {
                let kept = self.choose(5);
                self.disk.crash_keeping(usize::try_from(kept).unwrap());
            }
            2 => {
                self.disk.tear_next_tip();
                store.kv.sync_blocking().unwrap_err();
                self.disk.crash();
            }
            _ => drop(store),
        }
        if self.choose(3) == 0 {
            self.end_while_starting();
        }
    }

    /// A process that dies while it leaves its incarnation.
    fn end_while_starting(&mut self) {
        let kv = Arc::new(self.disk.open().unwrap());
        self.disk.tear_next_tip();
        kv.sync_blocking().unwrap_err();
        self.disk.crash();
    }

    fn step(&mut self, store: &Store) {
        self.written += 1;
        let next = store.log.last_index().unwrap_or(0) + 1;
        match self.choose(6) {
            0 | 1 => store.log.append([(next, self.written.to_be_bytes())]).unwrap(),
            2 => store.log.put_vote(self.written.to_be_bytes()).unwrap(),
            3 => apply(store, self.written),
            4 => {
                // Votes mark the times of truncations for the model.
                store.log.put_vote(self.written.to_be_bytes()).unwrap();
                store.log.truncate_from(next.saturating_sub(2).max(1)).unwrap();
            }
            _ => {
                store.kv.sync_blocking().unwrap();
                self.acknowledged = held(store);
            }
        }
    }
}

/// Log, vote, and the number of the last image write.
type Held = (Vec<(u64, Vec<u8>)>, Option<Vec<u8>>, u64);

fn held(store: &Store) -> Held {
    let image = store
        .image
        .scalars()
        .unwrap()
        .map_or(0, |scalars| u64::from_be_bytes(scalars.try_into().unwrap()));
    (store.log.read(..).unwrap(), store.log.vote().unwrap(), image)
}

#[test]
fn a_healthy_store_is_opened_after_any_crash() {
    for seed in 1..=300_u64 {
        let disk = SimDisk::new();
        drop(Store::create_simulated(&disk, header()).unwrap());
        let mut work = Work {
            disk,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            acknowledged: Held::default(),
            written: 0,
        };
        for _ in 0..10 {
            work.live();
        }
    }
}

#[test]
fn each_start_has_a_higher_incarnation_in_either_slot() {
    let place = TempDir::new().unwrap();
    let live = place.path().join("live");
    let directory = DataDir::new(&live);
    drop(directory.create(header()).unwrap());
    for incarnation in 2..5 {
        assert_eq!(directory.open().unwrap().tip().incarnation, incarnation);
        for slot in 0..2 {
            let torn = place.path().join(format!("{incarnation}-{slot}"));
            copy_tree(&live, &torn);
            let mut bytes = std::fs::read(torn.join("tip")).unwrap();
            bytes[slot * 4096..][..4096].fill(0);
            std::fs::write(torn.join("tip"), bytes).unwrap();
            let store = DataDir::new(&torn).open().unwrap();
            assert_eq!(store.tip().incarnation, incarnation + 1, "without slot {slot}");
        }
    }
}

#[test]
fn parts_of_a_directory_that_are_put_back_are_noticed() {
    let place = TempDir::new().unwrap();
    let (live, old) = (place.path().join("live"), place.path().join("old"));
    let directory = DataDir::new(&live);
    let store = directory.create(header()).unwrap();
    store.log.append([(1, b"a")]).unwrap();
    store.kv.sync_blocking().unwrap();
    drop(store);
    copy_tree(&live, &old);
    let store = directory.open().unwrap();
    store.log.append([(2, b"b")]).unwrap();
    store.kv.sync_blocking().unwrap();
    drop(store);

    let (store, tip) = (live.join("store"), live.join("tip"));
    let newest = (place.path().join("store"), std::fs::read(&tip).unwrap());
    std::fs::rename(&store, &newest.0).unwrap();
    copy_tree(&old.join("store"), &store);
    let error = directory.open().err().unwrap();
    assert!(matches!(error, StoreError::Lost { loss: Loss::Round { .. }, .. }), "{error}");
    assert!(error.to_string().contains(store.to_str().unwrap()), "{error}");

    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(&newest.0, &store).unwrap();
    std::fs::copy(old.join("tip"), &tip).unwrap();
    let error = directory.open().err().unwrap();
    assert!(matches!(error, StoreError::TipBehind { .. }), "{error}");
    assert!(error.to_string().starts_with(tip.to_str().unwrap()), "{error}");

    std::fs::remove_file(&tip).unwrap();
    let error = directory.open().err().unwrap();
    assert!(matches!(error, StoreError::TipMissing { .. }), "{error}");

    std::fs::write(&tip, newest.1).unwrap();
    assert_eq!(directory.open().unwrap().log.read(..).unwrap().len(), 2);
}

#[test]
fn nothing_is_acknowledged_before_the_anchor_is_written() {
    let place = TempDir::new().unwrap();
    let kv = Arc::new(sled(place.path()));
    let log = Log::open(Framed::open(Arc::clone(&kv) as _).unwrap()).unwrap();
    let mut before = std::fs::read(place.path().join("tip")).unwrap();
    for index in 1..20_u64 {
        log.append([(index, b"x")]).unwrap();
        kv.sync_blocking().unwrap();
        let after = std::fs::read(place.path().join("tip")).unwrap();
        assert_eq!(after.len(), 8192);
        assert_ne!(before, after, "sync {index}");
        before = after;
    }
}
