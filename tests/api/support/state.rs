//! What a cluster holds, as far as its API tells.

use std::collections::BTreeSet;

use prost::Message as _;
use symbolon_proto::v1;

use super::cluster::Cluster;
use super::method::{GET_STATUS, LIST_USERS};
use super::watch;

/// All users with their tokens, marks and failures, as every node tells them.
pub(crate) async fn users(cluster: &Cluster) -> Vec<u8> {
    let mut told = BTreeSet::new();
    for node in 0..cluster.nodes.len() {
        let question = v1::ListUsersRequest {
            page_size: 1000,
            ..v1::ListUsersRequest::default()
        };
        let administrator = cluster.administrator(node).await;
        let answer: v1::ListUsersResponse = administrator.ask(LIST_USERS, &question).await.unwrap();
        assert!(answer.next_page_token.is_empty());
        told.insert(answer.encode_to_vec());
    }
    assert_eq!(told.len(), 1, "the nodes do not tell the same users");
    told.pop_first().unwrap()
}

/// Waits until all nodes have applied the same entries, and compares what they hold.
pub(crate) async fn assert_equal_digests(cluster: &Cluster) {
    watch::until("all nodes hold the same state", async || {
        let mut told = BTreeSet::new();
        for node in 0..cluster.nodes.len() {
            let status = status(cluster, node).await;
            told.insert((status.applied_index, status.digest));
        }
        let indexes: BTreeSet<_> = told.iter().map(|(index, _)| index).collect();
        assert_eq!(indexes.len(), told.len(), "equal logs gave other states");
        told.len() == 1
    })
    .await;
}

pub(crate) async fn status(cluster: &Cluster, node: usize) -> v1::GetStatusResponse {
    let administrator = cluster.administrator(node).await;
    let question = v1::GetStatusRequest {};
    administrator.ask(GET_STATUS, &question).await.unwrap()
}
