//! A data directory as a node of some age leaves it.

use std::path::Path;

use bytes::Bytes;
use openraft::storage::{RaftLogStorage as _, RaftSnapshotBuilder as _, RaftStateMachine as _};
use openraft::vote::RaftLeaderId as _;
use symbolon_core::{
    Administrator, AdministratorId, Caller, ClusterId, Command, CreateCluster, CreateUser,
    DisplayName, Fingerprint, KeyHash, KeyPin, LineageId, LogIndex, Name, Node, NodeId, Proposal,
    RequestId, Sealed, Timestamp, UserId, UserName,
};
use symbolon_proto::batch_encode;
use symbolon_store::{DataDir, Header, Store, WrappedKeys};

use crate::convert::{entry_encode, log_id_encode};
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::opening;
use crate::raft_types::{Entry, EntryPayload, LeaderId, LogId, Payload, Vote};

/// Entries of the first life; the second has a fifth of it.
const ENTRIES: u64 = 2_000;
/// Entries that are appended, and then applied, at once.
const STEP: u64 = 200;

/// The header of a node without keys that work.
pub(crate) fn header() -> Header {
    Header {
        cluster: ClusterId([1; 16]),
        epoch: 1,
        lineage: LineageId([2; 16]),
        node: NodeId(1),
        node_name: "n1".to_owned(),
        keys: WrappedKeys {
            data_keys: vec![vec![3; 77]],
            node_key: vec![4; 199],
            fingerprint_key: Vec::new(),
        },
        next_keys: None,
        ca_certificate: vec![5; 400],
        known_nodes: Vec::new(),
    }
}

/// What creates the cluster, or the user of this number.
pub(crate) fn command(index: u64) -> Command {
    if index == 1 {
        return Command::CreateCluster(CreateCluster {
            cluster: ClusterId([1; 16]),
            name: Name::new("damage").unwrap(),
            lineage: LineageId([2; 16]),
            ca_certificate: vec![5; 400],
            ca_key: Sealed::new(vec![6; 200]),
            administrator: Box::new(Administrator::first(
                AdministratorId(1),
                Name::new("admin").unwrap(),
                KeyHash([7; 32]),
            )),
            node: Node {
                id: NodeId(1),
                name: Name::new("n1").unwrap(),
                pin: KeyPin([8; 32]),
                peer_address: "127.0.0.1:1".to_owned(),
                api_address: "https://127.0.0.1:2".to_owned(),
                superseded: false,
                changed_at: LogIndex(0),
            },
        });
    }
    Command::CreateUser(CreateUser {
        user: UserId(index),
        name: UserName::new(format!("user-{index}")).unwrap(),
        display_name: DisplayName::new(format!("User number {index}")).unwrap(),
        profile: Default::default(),
    })
}

fn entry(index: u64, term: u64) -> Entry {
    entry_of(index, term, [command(index)])
}

/// The entry at `index`, with these commands of an administrator; of the first one, of the node.
pub(crate) fn entry_of(
    index: u64,
    term: u64,
    commands: impl IntoIterator<Item = Command>,
) -> Entry {
    let at = Timestamp(1_700_000_000_000 + index * 100);
    let caller = if index == 1 {
        Caller::Node(NodeId(1))
    } else {
        Caller::Administrator(AdministratorId(1))
    };
    let proposals = commands.into_iter().zip(0_u128..).map(|(command, number)| Proposal {
        caller,
        request_id: RequestId((number << 64 | u128::from(index)).to_be_bytes()),
        fingerprint: Fingerprint([9; 16]),
        seen: LogIndex(index - 1),
        made_at: at,
        node: NodeId(1),
        command,
    });
    let proposals: Vec<_> = proposals.collect();
    Entry {
        log_id: LogId { leader_id: LeaderId::new(term, 1), index },
        payload: EntryPayload::Normal(Payload(Bytes::from(batch_encode(at, &proposals)))),
    }
}

async fn live(store: &Store, machine: &mut Machine, indexes: std::ops::Range<u64>, term: u64) {
    let mut log = LogStore::new(store);
    log.save_vote(&Vote::new_committed(term, 1)).await.unwrap();
    for first in indexes.clone().step_by(usize::try_from(STEP).unwrap()) {
        let entries: Vec<_> =
            (first..indexes.end.min(first + STEP)).map(|index| entry(index, term)).collect();
        let encoded = entries.iter().map(|entry| (entry.log_id.index, entry_encode(entry)));
        store.log.append(encoded).unwrap();
        store.log.sync_blocking().unwrap();
        let last = entries.last().unwrap().log_id;
        let applied =
            futures_util::stream::iter(entries.into_iter().map(|entry| Ok((entry, None))));
        machine.apply(applied).await.unwrap();
        log.save_committed(Some(last)).await.unwrap();
    }
    log.settle().await.unwrap();
}

/// Makes the directory. Closed on return.
pub(super) fn data_directory(path: &Path) {
    data_directory_of(path, ENTRIES);
}

/// [`data_directory`] with so many entries in its first life.
pub(crate) fn data_directory_of(path: &Path, count: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory = DataDir::new(path);
    runtime.block_on(async {
        let store = directory.create(header()).unwrap();
        let mut machine = opening::load(&store).unwrap();
        live(&store, &mut machine, 1..count, 1).await;
        let mut builder = machine.get_snapshot_builder().await;
        builder.build_snapshot().await.unwrap();
        LogStore::new(&store).settle().await.unwrap();
        let purged = LogId { leader_id: LeaderId::new(1, 1), index: count / 4 };
        store.log.purge_to(purged.index, &log_id_encode(&purged)).unwrap();
        // Entries that no majority had, and what a new master put in their place.
        store
            .log
            .append((count..count + 5).map(|index| (index, entry_encode(&entry(index, 1)))))
            .unwrap();
        store.log.sync_blocking().unwrap();
    });
    runtime.block_on(async {
        // sled notes where its pages are when it opens a file that has grown.
        let store = directory.open().unwrap();
        let mut machine = opening::load(&store).unwrap();
        let mut log = LogStore::new(&store);
        let last = LogId { leader_id: LeaderId::new(1, 1), index: count - 1 };
        log.truncate_after(Some(last)).await.unwrap();
        live(&store, &mut machine, count..count + count / 5, 2).await;
    });
}
