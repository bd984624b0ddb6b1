//! Disks to test on.

use std::path::Path;
use std::sync::Arc;

use symbolon_core::{ClusterId, KeyPin, LineageId, NodeId};
use symbolon_store::{Batch, DiskKv, Framed, Header, KnownNode, Kv, SimDisk, WrappedKeys};
use tempfile::TempDir;

/// A disk that outlives the stores opened on it.
pub(crate) enum Disk {
    Sled(TempDir),
    Sim(SimDisk),
}

impl Disk {
    pub(crate) fn sled() -> Self {
        Self::Sled(TempDir::new().unwrap())
    }

    pub(crate) fn sim() -> Self {
        Self::Sim(SimDisk::new())
    }

    pub(crate) fn kv(&self) -> Arc<dyn Kv> {
        match self {
            Self::Sled(directory) => Arc::new(sled(directory.path())),
            Self::Sim(disk) => Arc::new(disk.open().unwrap()),
        }
    }

    pub(crate) fn framed(&self) -> Framed {
        Framed::open(self.kv()).unwrap()
    }
}

/// A store in `directory`, made if it is not there, with its anchor.
pub(crate) fn sled(directory: &Path) -> DiskKv {
    DiskKv::create(&directory.join("store"), &directory.join("tip")).unwrap()
}

/// Copies a directory as a crash of the process leaves it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Makes two tests of each function that takes a [`Disk`].
macro_rules! on_both_disks {
    ($($name:ident),* $(,)?) => {
        mod on_sled {
            $(#[test] fn $name() { super::$name(&crate::support::Disk::sled()); })*
        }
        mod on_sim {
            $(#[test] fn $name() { super::$name(&crate::support::Disk::sim()); })*
        }
    };
}
pub(crate) use on_both_disks;

pub(crate) fn insert(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.insert(key, value);
    batch
}

pub(crate) fn remove(key: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.remove(key);
    batch
}

/// Random numbers, the same for the same seed, which is not 0.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.step() % sides
    }

    fn step(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..length).map(|_| dice.step().to_le_bytes()[3]).collect()
}

pub(crate) fn header() -> Header {
    Header {
        cluster: ClusterId([1; 16]),
        epoch: 1,
        lineage: LineageId([2; 16]),
        node: NodeId(1),
        node_name: "vienna".into(),
        keys: WrappedKeys {
            data_keys: vec![vec![3; 77]],
            node_key: vec![4; 99],
            fingerprint_key: Vec::new(),
        },
        next_keys: None,
        ca_certificate: vec![5; 200],
        known_nodes: vec![KnownNode {
            node: NodeId(1),
            pin: KeyPin([6; 32]),
            peer_address: "192.0.2.1:8444".into(),
            name: "vienna".into(),
        }],
    }
}
