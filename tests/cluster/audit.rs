//! What the nodes wrote down, read from their disks: no answer of theirs is asked for.

use std::collections::BTreeMap;

use symbolon_core::{AuditRow, LogIndex, TokenId};
use symbolon_proto::audit_decode;
use symbolon_store::DataDir;
use symbolon_testkit::{Cluster, Node};

/// Ends the cluster, and asserts that every node has written down so many marks, each moved by
/// one ALLOW.
pub(crate) async fn assert_each_mark_moved_once(cluster: &Cluster, marks: usize) {
    cluster.assert_same_state().await;
    cluster.terminate_all().await;
    for node in cluster.nodes() {
        let allows = allows(node);
        let twice = allows.values().filter(|times| **times != 1).count();
        assert_eq!((allows.len(), twice), (marks, 0), "{}", node.name());
    }
}

/// How often each mark was moved to by an ALLOW.
fn allows(node: &Node) -> BTreeMap<(TokenId, u64), usize> {
    let store = DataDir::new(node.data_dir()).open().unwrap();
    let mut allows = BTreeMap::new();
    for entry in store.image.audit(..) {
        let (index, rows) = entry.unwrap();
        for event in audit_decode(LogIndex(index), &rows).unwrap() {
            if let AuditRow::Verified(verified) = event.row {
                for spent in verified.spent {
                    *allows.entry((spent.token, spent.step)).or_default() += 1;
                }
            }
        }
    }
    allows
}
