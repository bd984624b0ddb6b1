//! The image, and snapshots on their way into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use symbolon_store::{Framed, Image, ImageBatch, Log, SimDisk, Space, StoreError};

use crate::support::{Disk, bytes, on_both_disks};

on_both_disks!(
    batch_changes_rows_audit_and_scalars,
    install_replaces_all_rows_and_no_audit,
    install_that_is_given_up_leaves_nothing,
    audit_is_read_by_range_from_both_ends,
);

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn rows(image: &Image) -> Rows {
    image.rows().map(Result::unwrap).collect()
}

fn audit(image: &Image) -> Vec<u64> {
    image.audit(..).map(|row| row.unwrap().0).collect()
}

fn put(image: &Image, rows: &Rows, scalars: &[u8]) {
    let rows = rows.clone().into_iter().map(|(key, value)| (key, Some(value))).collect();
    image.write(ImageBatch { rows, scalars: scalars.to_vec(), ..ImageBatch::default() }).unwrap();
}

/// Some small rows and some large ones.
fn sample(seed: u64, count: u64) -> Rows {
    let size = |number| if number % 50 == 0 { 9000 } else { 30 };
    (0..count)
        .map(|number| (number.to_be_bytes().to_vec(), bytes(seed + number, size(number))))
        .collect()
}

fn install(image: &Image, rows: &Rows, scalars: &[u8]) -> Result<(), StoreError> {
    let mut install = image.begin_install()?;
    for (key, value) in rows {
        install.row(key, value)?;
    }
    install.commit(scalars, b"")
}

fn batch_changes_rows_audit_and_scalars(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    assert_eq!(image.scalars().unwrap(), None);
    image
        .write(ImageBatch {
            rows: vec![
                (b"a".to_vec(), None),
                (b"a".to_vec(), Some(b"1".to_vec())),
                (b"b".to_vec(), Some(b"2".to_vec())),
                (b"c".to_vec(), Some(b"3".to_vec())),
                (b"c".to_vec(), None),
                (b"nothing".to_vec(), None),
            ],
            audit: vec![(3, b"audit".to_vec())],
            applied: 3,
            scalars: b"at 3".to_vec(),
        })
        .unwrap();
    image
        .write(ImageBatch {
            rows: vec![(b"b".to_vec(), None), (Vec::new(), Some(b"of an empty key".to_vec()))],
            audit: vec![(4, b"more".to_vec())],
            applied: 4,
            scalars: b"at 4".to_vec(),
        })
        .unwrap();
    drop(image);
    let image = Image::open(disk.framed()).unwrap();
    let expected: Rows =
        [(vec![], b"of an empty key".to_vec()), (b"a".to_vec(), b"1".to_vec())].into();
    assert_eq!(rows(&image), expected, "what is done last to a row counts");
    assert_eq!(image.scalars().unwrap().unwrap(), b"at 4");
    assert_eq!(audit(&image), [3, 4]);
}

fn install_replaces_all_rows_and_no_audit(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    put(&image, &sample(1, 300), b"old");
    image
        .write(ImageBatch {
            audit: vec![(1, b"1".to_vec())],
            scalars: b"old".to_vec(),
            ..ImageBatch::default()
        })
        .unwrap();
    let new = sample(2, 2500);
    let mut install = image.begin_install().unwrap();
    for (key, value) in &new {
        install.row(key, value).unwrap();
    }
    install.audit(2, b"2".to_vec()).unwrap();
    assert_eq!(rows(&image), sample(1, 300), "nothing shows before the commit");
    install.commit(b"new", b"").unwrap();

    assert_eq!(rows(&image), new);
    put(&image, &[(b"later".to_vec(), b"row".to_vec())].into(), b"later");
    drop(image);
    let image = Image::open(disk.framed()).unwrap();
    assert_eq!(rows(&image).len(), new.len() + 1);
    assert_eq!(image.scalars().unwrap().unwrap(), b"later");
    assert_eq!(audit(&image), [1, 2]);
}

fn install_that_is_given_up_leaves_nothing(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    put(&image, &sample(1, 10), b"old");
    let mut given_up = image.begin_install().unwrap();
    assert!(matches!(image.begin_install(), Err(StoreError::InstallUnderWay)));
    for number in 0..1500_u64 {
        given_up.row(&[&b"given up"[..], &number.to_be_bytes()].concat(), &[1; 1000]).unwrap();
    }
    drop(given_up);
    assert_eq!(rows(&image), sample(1, 10));
    install(&image, &sample(2, 20), b"new").unwrap();
    assert_eq!(rows(&image), sample(2, 20));
    drop(image);
    let image = Image::open(disk.framed()).unwrap();
    assert_eq!(rows(&image), sample(2, 20));
    drop(image);
    // Base and head.
    let (from, to) = Space::Rows.bounds();
    assert_eq!(disk.kv().scan(&from, &to).count(), 2);
}

fn audit_is_read_by_range_from_both_ends(disk: &Disk) {
    let image = Image::open(disk.framed()).unwrap();
    let audit = [1, 5, 255, 256, 70_000].map(|index| (index, index.to_string().into_bytes()));
    image.write(ImageBatch { audit: audit.into(), ..ImageBatch::default() }).unwrap();
    let forwards: Vec<_> = image.audit(5..=256).map(Result::unwrap).collect();
    let expected = [5, 255, 256].map(|index: u64| (index, index.to_string().into_bytes()));
    assert_eq!(forwards, expected);
    let newest: Vec<_> = image.audit(..).rev().take(2).map(|row| row.unwrap().0).collect();
    assert_eq!(newest, [70_000, 256]);
    assert_eq!(image.audit(6..6).count(), 0);
    assert_eq!(image.audit(70_001..).count(), 0);
}

#[test]
fn crash_at_any_step_of_an_install_leaves_one_image_whole() {
    let (old, new) = (sample(1, 1500), sample(1000, 2500));
    let new: Rows =
        new.into_iter().map(|(key, value)| (key, [value, vec![0; 2000]].concat())).collect();
    let new_frames = 6;
    let (mut left_old, mut left_new, mut succeeded) = (0, 0, false);
    for writes in 0.. {
        // Nothing that was not synced survives, one batch of it, and all.
        for keep in [0, 1, usize::MAX] {
            let disk = SimDisk::new();
            let open = || Image::open(Framed::open(Arc::new(disk.open().unwrap())).unwrap());
            let image = open().unwrap();
            put(&image, &old, b"old");
            install(&image, &old, b"old").unwrap();
            disk.fail_after_writes(writes);
            succeeded = install(&image, &new, b"new").is_ok();
            disk.crash_keeping(keep);
            drop(image);

            let image = open().unwrap();
            let scalars = image.scalars().unwrap().unwrap();
            if succeeded || scalars == b"new" {
                left_new += 1;
                assert_eq!(scalars, b"new");
                assert!(rows(&image) == new, "torn after {writes} writes, {keep} kept");
            } else {
                left_old += 1;
                assert!(rows(&image) == old, "torn after {writes} writes, {keep} kept");
            }
            // Those of the base, and one of a write.
            let frames = disk.keys().into_iter().filter(|key| Space::of(key) == Some(Space::Rows));
            let of_bases = frames.filter(|key| key[1] == 0).count();
            assert_eq!(of_bases, if scalars == b"new" { new_frames } else { 1 });
        }
        if succeeded {
            break;
        }
    }
    assert!(succeeded && left_old >= 6 && left_new >= 6, "{left_old} old, {left_new} new");
}

#[test]
fn image_is_never_ahead_of_the_log() {
    for keep in 0..=20 {
        let disk = SimDisk::new();
        let open = || {
            let store = Framed::open(Arc::new(disk.open().unwrap())).unwrap();
            (Log::open(store.clone()).unwrap(), Image::open(store).unwrap())
        };
        let (log, image) = open();
        for index in 0..10_u64 {
            log.append([(index, vec![1])]).unwrap();
            put(&image, &Rows::new(), &index.to_be_bytes());
            image.write_out().unwrap();
        }
        disk.crash_keeping(keep);
        let (log, image) = open();
        let applied = image.scalars().unwrap();
        let applied = applied.map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
        // What the image was written from was durable before that; a write of it is two batches.
        assert_eq!(log.last_index(), Some(9));
        assert_eq!(applied.map_or(0, |applied| applied + 1), (keep as u64 / 2).min(10));
    }
}

#[test]
fn what_many_entries_change_is_one_write_that_readers_see_before() {
    let disk = SimDisk::new();
    let image = Image::open(Framed::open(Arc::new(disk.open().unwrap())).unwrap()).unwrap();
    let before = disk.unsynced();
    for index in 0..100_u64 {
        put(&image, &sample(1, 1), &index.to_be_bytes());
        let batch = ImageBatch { audit: vec![(index, vec![1])], ..ImageBatch::default() };
        image.write(ImageBatch { scalars: index.to_be_bytes().to_vec(), ..batch }).unwrap();
    }
    assert_eq!(disk.unsynced(), before);
    assert_eq!(image.rows().count(), 1);
    assert_eq!(audit(&image).len(), 100);
    assert_eq!(image.scalars().unwrap().unwrap(), 99_u64.to_be_bytes());
    assert_eq!(disk.unsynced(), before + 2);
}

#[test]
fn what_is_gathered_has_a_bound() {
    let disk = SimDisk::new();
    let image = Image::open(Framed::open(Arc::new(disk.open().unwrap())).unwrap()).unwrap();
    let before = disk.unsynced();
    for index in 0..4_800_u64 {
        let audit = vec![(index, vec![0; 4_000])];
        image.write(ImageBatch { audit, ..ImageBatch::default() }).unwrap();
    }
    assert_eq!(disk.unsynced(), before + 2);
}
