//! openraft's own storage suite, over the disk and over the simulated disk.

use openraft::testing::log::{StoreBuilder, Suite};
use symbolon_store::{DataDir, SimDisk, Store};

use crate::damage::build::header;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::raft_types::TypeConfig;

type StorageError = openraft::StorageError<TypeConfig>;

fn halves(store: &Store) -> (LogStore, Machine) {
    let machine = Machine::load(store.image.clone(), store.snapshots.clone()).unwrap();
    (LogStore::new(store), machine)
}

struct OnDisk;

impl StoreBuilder<TypeConfig, LogStore, Machine, tempfile::TempDir> for OnDisk {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, Machine), StorageError> {
        let folder = tempfile::tempdir().unwrap();
        let store = DataDir::new(folder.path().join("data")).create(header()).unwrap();
        let (log, machine) = halves(&store);
        Ok((folder, log, machine))
    }
}

struct Simulated;

impl StoreBuilder<TypeConfig, LogStore, Machine, SimDisk> for Simulated {
    async fn build(&self) -> Result<(SimDisk, LogStore, Machine), StorageError> {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        let (log, machine) = halves(&store);
        Ok((disk, log, machine))
    }
}

#[tokio::test]
async fn the_suite_holds_over_sled() {
    Suite::test_all(OnDisk).await.unwrap();
}

#[tokio::test]
async fn the_suite_holds_over_the_simulated_disk() {
    Suite::test_all(Simulated).await.unwrap();
}
