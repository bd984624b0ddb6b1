//! What a cluster holds, as far as its API tells.

use symbolon_proto::v1::User;
use symbolon_testkit::Cluster;

/// All users with their tokens, marks and failures, which every node tells alike.
pub(crate) async fn users(cluster: &Cluster) -> Vec<User> {
    let users = cluster.admin(1).list_users().await.unwrap();
    for number in cluster.numbers() {
        let other = cluster.admin(number).list_users().await.unwrap();
        assert!(other == users, "node {number} tells other users than node 1");
    }
    users
}
