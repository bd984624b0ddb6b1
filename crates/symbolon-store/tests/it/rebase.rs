//! New bases under the image, and crashes that cut the sides of a store off at different places.

use std::collections::BTreeMap;
use std::sync::Arc;

use symbolon_store::{Framed, Image, ImageBatch, SimDisk, Space};

use crate::support::{Dice, Disk, bytes, on_both_disks};

on_both_disks!(
    a_new_base_takes_the_place_of_changes,
    a_base_that_is_given_up_leaves_nothing,
    a_snapshot_that_comes_first_stays,
);

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn rows(image: &Image) -> Rows {
    let all: Vec<_> = image.rows().map(Result::unwrap).collect();
    let count = all.len();
    let rows: Rows = all.into_iter().collect();
    assert_eq!(rows.len(), count, "each row is there once");
    rows
}

/// One entry: sets a row or removes it.
fn entry(image: &Image, model: &mut Rows, applied: u64, row: u64, value: Option<Vec<u8>>) {
    let key = row.to_be_bytes().to_vec();
    match &value {
        Some(value) => model.insert(key.clone(), value.clone()),
        None => model.remove(&key),
    };
    let rows = vec![(key, value)];
    let audit = vec![(applied, applied.to_be_bytes().to_vec())];
    let scalars = applied.to_be_bytes().to_vec();
    image.write(ImageBatch { rows, audit, applied, scalars }).unwrap();
}

/// As a node does it: the rows are of a state that has reached what was applied when it began.
fn rebase(image: &Image, model: &Rows, between: impl FnOnce()) {
    let mut begun = image.begin_rebase().unwrap();
    for (key, value) in model {
        begun.row(key, value).unwrap();
    }
    between();
    begun.commit().unwrap();
}

fn a_new_base_takes_the_place_of_changes(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    assert!(image.begin_rebase().is_none(), "nothing was written yet");
    let mut model = Rows::new();
    for applied in 1..=300 {
        let value = (applied % 7 != 0).then(|| bytes(applied, 20_000));
        entry(&image, &mut model, applied, applied % 50, value);
        image.write_out().unwrap();
    }
    let rows_then = model.clone();
    rebase(&image, &rows_then, || {
        entry(&image, &mut model, 301, 1, None);
        image.write_out().unwrap();
        entry(&image, &mut model, 302, 2, Some(vec![2]));
    });
    assert_eq!(rows(&image), model);
    entry(&image, &mut model, 303, 3, None);
    drop(image);

    let image = Image::open(disk.framed()).unwrap();
    assert_eq!(rows(&image), model);
    assert_eq!(image.scalars().unwrap().unwrap(), 303_u64.to_be_bytes());
    assert_eq!(image.audit(..).count(), 303);
    drop(image);
    // A base of one frame, changes and heads of the three writes since, and nothing else.
    let (from, to) = Space::Rows.bounds();
    let left: Vec<_> = disk.kv().scan(&from, &to).map(|pair| pair.unwrap().0[1]).collect();
    assert_eq!(left, [0, 1, 1, 1, 2]);
}

fn a_base_that_is_given_up_leaves_nothing(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    let mut model = Rows::new();
    entry(&image, &mut model, 1, 1, Some(vec![1]));
    image.write_out().unwrap();
    let mut begun = image.begin_rebase().unwrap();
    for number in 0..3_u8 {
        begun.row(&[number], &vec![number; 1 << 20]).unwrap();
    }
    drop(begun);
    assert_eq!(rows(&image), model);
    drop(image);
    let (from, _) = Space::Rows.bounds();
    assert_eq!(disk.kv().scan(&from, &[from[0], 1]).count(), 0);
}

fn a_snapshot_that_comes_first_stays(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    let mut model = Rows::new();
    entry(&image, &mut model, 1, 1, Some(vec![1]));
    image.write_out().unwrap();
    rebase(&image, &model, || {
        let mut install = image.begin_install().unwrap();
        install.row(b"of the snapshot", b"row").unwrap();
        install.commit(b"snapshot", b"").unwrap();
    });
    let expected: Rows = [(b"of the snapshot".to_vec(), b"row".to_vec())].into();
    assert_eq!(rows(&image), expected);
    drop(image);
    let image = Image::open(disk.framed()).unwrap();
    assert_eq!(rows(&image), expected);
    assert_eq!(image.scalars().unwrap().unwrap(), b"snapshot");
}

#[test]
fn long_changes_want_a_new_base() {
    let disk = SimDisk::new();
    let image = Image::open(Framed::open(Arc::new(disk.open().unwrap())).unwrap()).unwrap();
    let mut model = Rows::new();
    for applied in 1..=64 {
        assert!(!image.wants_rebase(), "{applied}");
        entry(&image, &mut model, applied, applied % 10, Some(vec![1; 1 << 20]));
        image.write_out().unwrap();
    }
    assert!(image.wants_rebase());
    rebase(&image, &model, || {});
    assert!(!image.wants_rebase());
}

/// What the image must hold after each entry.
struct Model {
    states: Vec<Rows>,
    /// Entries that are durable for certain.
    synced: u64,
}

impl Model {
    fn applied(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn entry(&mut self, image: &Image, dice: &mut Dice) {
        let mut rows = self.states.last().unwrap().clone();
        let applied = self.applied() + 1;
        let value = (dice.roll(4) > 0).then(|| bytes(applied, 50));
        entry(image, &mut rows, applied, dice.roll(30), value);
        self.states.push(rows);
    }

    /// Opens the image anew: it is one that was, and not older than it may be.
    fn open(&mut self, disk: &SimDisk) -> Image {
        let store = Framed::open(Arc::new(disk.open().unwrap())).unwrap();
        let image = Image::open(store.clone()).unwrap();
        store.sync_blocking().unwrap();
        let scalars = image.scalars().unwrap();
        let applied = scalars.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
        assert!((self.synced..=self.applied()).contains(&applied), "{applied} {}", self.synced);
        self.states.truncate(usize::try_from(applied).unwrap() + 1);
        self.synced = applied;
        assert_eq!(rows(&image), *self.states.last().unwrap());
        let audit: Vec<_> = image.audit(..=applied).map(|row| row.unwrap().0).collect();
        assert_eq!(audit, (1..=applied).collect::<Vec<_>>());
        image
    }
}

#[test]
fn whatever_a_crash_leaves_is_an_image_that_was() {
    let mut bases = 0;
    for seed in 1..=400_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let disk = SimDisk::new();
        let mut model = Model { states: vec![Rows::new()], synced: 0 };
        for _ in 0..6 {
            let image = model.open(&disk);
            for _ in 0..dice.roll(20) {
                match dice.roll(6) {
                    0..=2 => model.entry(&image, &mut dice),
                    3 => image.write_out().unwrap(),
                    4 => {
                        image.write_out().unwrap();
                        let (sender, receiver) = std::sync::mpsc::channel();
                        image.sync(Box::new(move |result| sender.send(result).unwrap()));
                        receiver.recv().unwrap().unwrap();
                        model.synced = model.applied();
                    }
                    _ => {
                        let Some(mut begun) = image.begin_rebase() else { continue };
                        model.entry(&image, &mut dice);
                        for (key, value) in model.states.last().unwrap() {
                            begun.row(key, value).unwrap();
                        }
                        model.entry(&image, &mut dice);
                        disk.fail_after_writes(dice.roll(8));
                        bases += u32::from(begun.commit().is_ok());
                        break;
                    }
                }
            }
            disk.crash_seeded(dice.roll(u64::MAX));
            drop(image);
        }
    }
    assert!(bases > 100, "{bases}");
}
