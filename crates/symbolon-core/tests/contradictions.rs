//! Rows that no state can have: a node that finds them on its disk does not start.

#[cfg(test)]
mod tests {
    use symbolon_core::{
        Administrator, AdministratorId, ApplicationId, Cluster, ClusterId, DisplayName, KeyHash,
        KeyPin, LineageId, LogIndex, Name, Node, NodeId, RestoreError, Role, Row, Scalars, Sealed,
        State, Timestamp, User, UserId, UserName, Violation,
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
        Row::Cluster(Cluster {
            id: ClusterId([1; 16]),
            name: name("main"),
            epoch: 1,
            lineage: LineageId([2; 16]),
            ca_certificate: vec![3],
            ca_key: Sealed::new(vec![4]),
            floor: None,
            last_node: 0,
            created_at: Timestamp(5),
        })
    }

    fn administrator(id: u64, text: &str) -> Administrator {
        Administrator::first(AdministratorId(id), name(text), KeyHash([1; 32]))
    }

    fn node() -> Row {
        Row::Node(Node {
            id: NodeId(1),
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
    fn failures_are_counted_once_for_each_application() {
        assert_eq!(broken(&whole(user(3, &[(1, 1), (2, 2)]))), None);
        let twice = [(1, 1), (1, 1)];
        assert_eq!(broken(&whole(user(3, &twice))), Some(Violation::Failures(UserId(1))));
    }
}
