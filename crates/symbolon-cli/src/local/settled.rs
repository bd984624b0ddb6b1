//! Whether a cluster has become what it is meant to be.

use crate::view::Status;

/// With 1 or 2 nodes there is one voter, with 3 or 4 there are three, with more there are five.
pub(super) fn is_settled(status: &Status, nodes: usize) -> bool {
    let count = |role: &str| status.nodes.iter().filter(|node| node.role == role).count();
    let voters = match nodes {
        0..=2 => 1,
        3 | 4 => 3,
        _ => 5,
    };
    status.nodes.len() == nodes
        && count("MASTER") == 1
        && count("SUBORDINATE") == voters - 1
        && count("LEARNER") == nodes - voters
        && status.nodes.iter().all(|node| node.reachable || node.name == status.node)
}

#[cfg(test)]
mod tests {
    use symbolon_proto::v1::{GetStatusResponse, NodeStatus, Role};

    use super::*;

    fn status(roles: &[(Role, bool)]) -> Status {
        let nodes = roles
            .iter()
            .enumerate()
            .map(|(number, (role, reachable))| NodeStatus {
                name: format!("node-{}", number + 1),
                role: (*role).into(),
                reachable: *reachable,
                ..NodeStatus::default()
            })
            .collect();
        GetStatusResponse { node: "node-1".to_owned(), nodes, ..GetStatusResponse::default() }
            .into()
    }

    #[test]
    fn a_cluster_is_settled_when_every_node_has_its_role_and_is_heard_from() {
        let master = (Role::Master, true);
        let subordinate = (Role::Subordinate, true);
        let learner = (Role::Learner, true);
        let silent = (Role::Subordinate, false);
        for (number, (roles, nodes, settled)) in [
            (&[(Role::Master, false)][..], 1, true),
            (&[master, learner], 2, true),
            (&[master, subordinate], 2, false),
            (&[master, subordinate, subordinate], 3, true),
            (&[silent, subordinate, master], 3, true),
            (&[subordinate, silent, master], 3, false),
            (&[master, subordinate, learner], 3, false),
            (&[subordinate, subordinate, subordinate], 3, false),
            (&[master, subordinate], 3, false),
            (&[master, subordinate, subordinate, subordinate, subordinate], 5, true),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(is_settled(&status(roles), nodes), settled, "{number}");
        }
    }
}
