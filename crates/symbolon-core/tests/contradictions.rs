//! Rows that no state can have: a node that finds them on its disk does not start.

#[cfg(test)]
mod tests {
    use symbolon_core::{
        Administrator, AdministratorId, ApplicationId, Cluster, ClusterId, DisplayName, JoinToken,
        JoinTokenId, KeyHash, KeyPin, LineageId, LogIndex, Name, Node, NodeId, RestoreError, Role,
        Row, Scalars, Sealed, State, Timestamp, User, UserId, UserName, Violation,
    };

    /// What the rows break, whatever digest they have.
    fn broken(rows: &[Row]) -> Option<Violation> {
        let Err(RestoreError::Digest { found, .. }) =
            State::restore(rows.to_vec(), Scalars::default(), [])
        else {
            panic!("nothing has the digest 0");
        };
        let scalars = Scalars { digest: found, ..Scalars::default() };
        match State::restore(rows.to_vec(), scalars, []) {
            Ok(_) => None,
            Err(RestoreError::Violation(violation)) => Some(violation),
            Err(other) => panic!("{other}"),
        }
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn cluster() -> Row {
        of_last_node(0)
    }

    fn of_last_node(last_node: u64) -> Row {
        Row::Cluster(Cluster {
            id: ClusterId([1; 16]),
            name: name("main"),
            epoch: 1,
            lineage: LineageId([2; 16]),
            ca_certificate: vec![3],
            ca_key: Sealed::new(vec![4]),
            floor: None,
            last_node,
            others: Vec::new(),
            doubles: 0,
            removed: Vec::new(),
            created_at: Timestamp(5),
        })
    }

    fn administrator(id: u64, text: &str) -> Administrator {
        Administrator::first(AdministratorId(id), name(text), KeyHash([1; 32]))
    }

    fn node() -> Row {
        numbered(1)
    }

    fn numbered(id: u64) -> Row {
        Row::Node(Node {
            id: NodeId(id),
            name: name("n1"),
            pin: KeyPin([1; 32]),
            peer_address: "n1:8444".to_owned(),
            api_address: "https://n1:8443".to_owned(),
            superseded: false,
            changed_at: LogIndex(1),
        })
    }

    fn user(failures: u32, failed_by: &[(u64, u32)]) -> Row {
        let failed_by = failed_by.iter().map(|(id, times)| (ApplicationId(*id), *times));
        Row::User(User {
            id: UserId(1),
            name: UserName::new("alice").unwrap(),
            display_name: DisplayName::new("").unwrap(),
            failures,
            failed_at: Timestamp(9),
            failed_by: failed_by.collect(),
            tokens: Vec::new(),
            disabled: false,
            block: None,
            bypass: None,
            recovery_codes: None,
            pin: None,
            profile: None,
            created_at: Timestamp(1),
            changed_at: LogIndex(1),
            revision: LogIndex(1),
        })
    }

    fn whole(more: Row) -> Vec<Row> {
        vec![cluster(), Row::Administrator(administrator(1, "root")), node(), more]
    }

    #[test]
    fn there_is_nothing_before_the_cluster_is() {
        assert_eq!(broken(&whole(user(0, &[]))), None);
        for row in [user(0, &[]), node(), Row::Administrator(administrator(1, "root"))] {
            assert_eq!(broken(&[row]), Some(Violation::NoCluster));
        }
    }

    #[test]
    fn somebody_may_do_everything_and_no_two_administrators_have_one_name() {
        let namesake = Row::Administrator(administrator(2, "root"));
        assert_eq!(broken(&whole(namesake)), Some(Violation::Administrators));
        let other = Row::Administrator(administrator(2, "toor"));
        assert_eq!(broken(&whole(other)), None);
        let helen = Administrator { role: Role::HelpDesk, ..administrator(1, "helen") };
        let off = Administrator { disabled: true, ..administrator(1, "root") };
        for nobody in [helen, off] {
            let rows = [cluster(), Row::Administrator(nobody), node()];
            assert_eq!(broken(&rows), Some(Violation::Administrators));
        }
    }

    #[test]
    fn no_node_has_an_id_that_was_never_given() {
        let rows = |last_node| {
            [of_last_node(last_node), Row::Administrator(administrator(1, "root")), numbered(3)]
        };
        for noted in [0, 3, 4] {
            assert_eq!(broken(&rows(noted)), None, "{noted}");
        }
        assert_eq!(broken(&rows(2)), Some(Violation::NodeUnnoted(NodeId(3))));
    }

    #[test]
    fn a_join_token_was_used_by_a_node_that_there_is_or_was() {
        let rows = |last_node, used_by| {
            let token = Row::JoinToken(JoinToken {
                id: JoinTokenId(4),
                secret: KeyHash([5; 32]),
                reveal: None,
                expires_at: Timestamp(6),
                used_by: Some(NodeId(used_by)),
                changed_at: LogIndex(7),
            });
            [of_last_node(last_node), Row::Administrator(administrator(1, "root")), node(), token]
        };
        for (last_node, used_by) in [(0, 1), (3, 1), (3, 2), (3, 3)] {
            assert_eq!(broken(&rows(last_node, used_by)), None, "{last_node} {used_by}");
        }
        for (last_node, used_by) in [(0, 2), (0, 0), (3, 4)] {
            let violation = Violation::JoinToken(JoinTokenId(4));
            assert_eq!(broken(&rows(last_node, used_by)), Some(violation));
        }
    }

    #[test]
    fn failures_are_counted_once_for_each_application() {
        assert_eq!(broken(&whole(user(3, &[(1, 1), (2, 2)]))), None);
        let twice = [(1, 1), (1, 1)];
        assert_eq!(broken(&whole(user(3, &twice))), Some(Violation::Failures(UserId(1))));
    }
}
