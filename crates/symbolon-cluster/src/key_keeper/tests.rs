//! A cluster of one node changes its keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{DataKeyId, Name, Retention};
use symbolon_service::{Ledger as _, NewToken, Principal, Service};
use symbolon_store::{DataDir, Kek, KekPlace, NodeKeys, Store, kek_successor};
use tokio::time::{Instant, sleep};

use super::*;
use crate::{ClusterNode, NodeSettings, OsEntropy, SystemClock, Tcp, create_cluster};

const SECOND: DataKeyId = DataKeyId(2);

struct Running {
    store: Store,
    node: Arc<ClusterNode>,
    service: Service,
}

fn settings() -> NodeSettings {
    NodeSettings {
        peer_address: "127.0.0.1:1".to_owned(),
        api_address: "https://127.0.0.1:2".to_owned(),
        api_names: vec!["localhost".to_owned()],
        disk_reserve_bytes: 0,
        snapshot_entries: 1_000,
        audit: Retention { rows: 0, at_least_milliseconds: u64::MAX, at_most_milliseconds: 0 },
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        dial: Arc::new(Tcp),
    }
}

async fn start(data_dir: &DataDir, kek: &Path) -> Running {
    let store = data_dir.open().unwrap();
    let keys = NodeKeys::open(store.clone(), KekPlace::File(kek.to_owned())).unwrap();
    let node = ClusterNode::start(store.clone(), keys, settings()).await.unwrap();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let service = Service::new(Arc::clone(&node) as _, node.vault(), clock, entropy).unwrap();
    Running { store, node, service }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < give_up, "{what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// A cluster in a folder, with its administrator's bearer token.
async fn found(folder: &Path) -> (DataDir, String) {
    let kek = Kek::create(&folder.join("kek")).unwrap();
    let data_dir = DataDir::new(folder.join("data"));
    let name = |text| Name::new(text).unwrap();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let settings = settings();
    let addresses = (settings.peer_address, settings.api_address);
    let founded =
        create_cluster(&data_dir, &kek, clock, entropy, name("main"), name("n1"), addresses)
            .await
            .unwrap();
    (data_dir, founded.administrator.to_string())
}

async fn administrator(service: &Service, token: &str) -> Principal {
    service.authenticate(token, None, deadline()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_data_key_is_kept_for_as_long_as_the_log_is_from_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (data_dir, token) = found(folder.path()).await;
    let kek = folder.path().join("kek");
    let running = start(&data_dir, &kek).await;
    let Running { store, node, service } = &running;
    until("a master", || node.master().1).await;
    let admin = administrator(service, &token).await;
    service.create_user(&admin, None, "alice", "", Default::default(), deadline()).await.unwrap();
    service.enroll_token(&admin, None, "alice", NewToken::default(), deadline()).await.unwrap();

    let (id, _) = service.rotate_data_key(&admin, None, deadline()).await.unwrap();
    assert_eq!(id, SECOND);
    let over = || node.view().state.data_keys().retired_at.0 > 0;
    until("the change is over", over).await;
    let retired_at = node.view().state.data_keys().retired_at.0;
    let purged = || store.log.purged().unwrap().map_or(0, |(index, _)| index);
    let let_go = || node.vault().data_keys() == [SECOND];
    until("the old key is let go of", || {
        // In this order: what is purged now was not less before.
        let gone = let_go();
        assert!(!gone || purged() >= retired_at, "the log needs the key");
        gone
    })
    .await;
    assert!(store.snapshots.latest().unwrap().is_some());
    assert_eq!(data_dir.header().unwrap().keys.data_keys.len(), 1);
    assert_eq!(node.view().state.sealed_under_others(), 0);

    node.stop().await;
    drop(running);
    let running = start(&data_dir, &kek).await;
    until("a master", || running.node.master().1).await;
    assert_eq!(running.node.vault().data_keys(), [SECOND]);
    let admin = administrator(&running.service, &token).await;
    let enrolled =
        running.service.enroll_token(&admin, None, "alice", NewToken::default(), deadline());
    enrolled.await.unwrap();
    running.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_kek_is_taken_over_with_all_data_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (data_dir, token) = found(folder.path()).await;
    let kek = folder.path().join("kek");
    let old = Kek::load(&kek).unwrap();
    let running = start(&data_dir, &kek).await;
    until("a master", || running.node.master().1).await;
    let admin = administrator(&running.service, &token).await;
    running.service.rotate_data_key(&admin, None, deadline()).await.unwrap();
    Kek::create_whole(&kek_successor(&kek)).unwrap();
    let settled = || {
        let header = data_dir.header().unwrap();
        !kek_successor(&kek).exists()
            && header.next_keys.is_none()
            && running.node.vault().data_keys() == [SECOND]
    };
    until("both are over", settled).await;
    let header = data_dir.header().unwrap();
    assert!(header.keys.open(&old).is_err());
    let (keyring, _) = header.keys.open(&Kek::load(&kek).unwrap()).unwrap();
    assert!(keyring.holds(SECOND));
    running.node.stop().await;
}

#[test]
fn the_key_before_is_in_use_until_all_fields_are_sealed_again() {
    let next = |id| Rotation {
        id: DataKeyId(id),
        key: symbolon_core::Sealed::new(Vec::new()),
        started_at: symbolon_core::Timestamp(0),
        holders: std::collections::BTreeSet::new(),
    };
    for (active, rotation, oldest) in
        [(1, None, 1), (1, Some(next(2)), 1), (2, Some(next(2)), 1), (2, None, 2)]
    {
        let keys = DataKeys { active: DataKeyId(active), rotation, ..DataKeys::default() };
        assert_eq!(oldest_in_use(&keys), DataKeyId(oldest), "{keys:?}");
    }
}
