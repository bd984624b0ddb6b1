//! What the nodes wrote down, read from their disks: no answer of theirs is asked for.

use std::collections::BTreeMap;

use symbolon_core::{AuditEvent, AuditRow, LogIndex, TokenId};
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

/// All that a node has written down.
pub(crate) fn events(node: &Node) -> Vec<AuditEvent> {
    let store = DataDir::new(node.data_dir()).open().unwrap();
    let entries = store.image.audit(..).map(|entry| {
        let (index, rows) = entry.unwrap();
        audit_decode(LogIndex(index), &rows).unwrap()
    });
    entries.flatten().collect()
}

/// How often each mark was moved to by an ALLOW.
fn allows(node: &Node) -> BTreeMap<(TokenId, u64), usize> {
    let mut allows = BTreeMap::new();
    for event in events(node) {
        if let AuditRow::Verified(verified) = event.row {
            for spent in verified.spent {
                *allows.entry((spent.token, spent.step)).or_default() += 1;
            }
        }
    }
    allows
}
