//! What a cluster holds, as far as its API tells.

use std::collections::BTreeSet;

use symbolon_proto::v1::User;
use symbolon_testkit::Cluster;

use super::until;

/// All users with their tokens, marks and failures, which every node tells alike.
pub(crate) async fn users(cluster: &Cluster) -> Vec<User> {
    let users = cluster.admin(1).list_users().await.unwrap();
    for number in cluster.numbers() {
        let other = cluster.admin(number).list_users().await.unwrap();
        assert!(other == users, "node {number} tells other users than node 1");
    }
    users
}

/// Waits until all nodes have applied the same entries, and compares what they hold.
pub(crate) async fn assert_equal_digests(cluster: &Cluster) {
    until("all nodes have applied the same entries", async || {
        let mut told = BTreeSet::new();
        for number in cluster.numbers() {
            let status = cluster.admin(number).status().await.unwrap();
            told.insert((status.applied_index, status.digest));
        }
        let indexes: BTreeSet<_> = told.iter().map(|(index, _)| index).collect();
        assert_eq!(indexes.len(), told.len(), "equal logs gave other states: {told:?}");
        told.len() == 1
    })
    .await;
}
