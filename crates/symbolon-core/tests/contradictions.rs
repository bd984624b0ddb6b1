//! Rows that no state can have: a node that finds them on its disk does not start.

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use symbolon_core::limits::{RADIUS_CLIENTS_MAX, RADIUS_SIGNERS_MAX};
    use symbolon_core::{
        Administrator, AdministratorId, Application, ApplicationId, CertificateNames, Cluster,
        ClusterId, DisplayName, Exemptions, JoinToken, JoinTokenId, KeyHash, KeyPin, LineageId,
        LogIndex, Name, Node, NodeId, RadiusClient, RadiusPolicy, RadiusTarget, RestoreError,
        Rights, Role, Row, Scalars, Sealed, SourceRange, Sources, State, Strangers, Timestamp,
        User, UserId, UserName, Violation,
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

    fn application(id: u64) -> Row {
        Row::Application(Application {
            id: ApplicationId(id),
            name: name(&format!("app{id}")),
            key: KeyHash([2; 32]),
            old_key: None,
            reveal: None,
            rights: Rights::VERIFY,
            sources: Sources::default(),
            disabled: false,
            exempt: Exemptions::default(),
            strangers: Strangers::default(),
            created_at: Timestamp(1),
            changed_at: LogIndex(1),
        })
    }

    fn radius(id: u64, ranges: &[&str]) -> RadiusClient {
        let ranges = ranges.iter().map(|range| SourceRange::parse(range).unwrap());
        let ranges = Sources::new(ranges).unwrap();
        RadiusClient {
            id: ApplicationId(id),
            policy: RadiusPolicy { ranges, ..RadiusPolicy::default() },
            secrets: Sealed::new(vec![1, 0, 0, 0, 1, 7]),
            old_secret_until: None,
            signers: Vec::new(),
            changed_at: LogIndex(1),
        }
    }

    /// What clients of two applications break.
    fn of_clients(clients: &[RadiusClient]) -> Option<Violation> {
        let mut rows = whole(application(1));
        rows.push(application(2));
        rows.extend(clients.iter().cloned().map(Row::RadiusClient));
        broken(&rows)
    }

    #[test]
    fn devices_ask_as_an_application_that_there_is_and_no_range_is_two_applications() {
        let (one, wide) = (["192.0.2.0/24"], ["192.0.2.0/23", "2001:db8::/64"]);
        assert_eq!(of_clients(&[radius(1, &one), radius(2, &wide)]), None);
        let stray = Some(Violation::RadiusClient(ApplicationId(3)));
        assert_eq!(of_clients(&[radius(3, &one)]), stray);
        let shared = Some(Violation::RadiusClient(ApplicationId(1)));
        for also in [&one[..], &["198.51.100.0/24", "192.0.2.0/24"]] {
            assert_eq!(of_clients(&[radius(1, &one), radius(2, also)]), shared, "{also:?}");
            assert_eq!(of_clients(&[radius(1, also), radius(2, &one)]), shared, "{also:?}");
        }
    }

    #[test]
    fn no_name_of_a_certificate_is_two_applications() {
        let named = |id, names: &[&str]| {
            let certificates = CertificateNames::parse(names.iter().copied()).unwrap();
            let policy = RadiusPolicy { certificates, ..RadiusPolicy::default() };
            RadiusClient { policy, ..radius(id, &[]) }
        };
        let (one, other) = (named(1, &["a.example"]), named(2, &["b.example", "192.0.2.1"]));
        assert_eq!(of_clients(&[one.clone(), other]), None);
        let shared = Some(Violation::RadiusClient(ApplicationId(1)));
        assert_eq!(of_clients(&[one, named(2, &["b.example", "A.example"])]), shared);
    }

    #[test]
    fn a_radius_client_has_what_one_can_have() {
        let devices = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let good = radius(1, &["192.0.2.0/24"]);
        let with = |signers| RadiusClient { signers, ..good.clone() };
        let many = |count: usize| {
            let host = |place: usize| IpAddr::from(u32::to_be_bytes(u32::try_from(place).unwrap()));
            (0..count).map(host).collect::<Vec<_>>()
        };
        for signers in
            [devices(&["192.0.2.7", "192.0.2.9", "2001:db8::1"]), many(RADIUS_SIGNERS_MAX)]
        {
            assert_eq!(of_clients(&[with(signers)]), None);
        }
        let target = RadiusTarget { address: "r1:1812".to_owned(), timeout_milliseconds: 99 };
        let odd = RadiusPolicy { targets: vec![target], ..good.policy.clone() };
        for bad in [
            with(devices(&["192.0.2.9", "192.0.2.7"])),
            with(devices(&["192.0.2.9", "192.0.2.9"])),
            with(devices(&["2001:db8::1", "192.0.2.9"])),
            with(many(RADIUS_SIGNERS_MAX + 1)),
            radius(1, &[]),
            RadiusClient { policy: odd, ..good.clone() },
        ] {
            let violation = Violation::RadiusClient(ApplicationId(1));
            assert_eq!(of_clients(std::slice::from_ref(&bad)), Some(violation), "{bad:?}");
        }
    }

    #[test]
    fn no_more_applications_have_devices_than_may() {
        let rows = |count: usize| {
            let mut rows = whole(application(0));
            for place in 1..=count as u64 {
                let range = format!("10.{}.{}.0/24", place / 256, place % 256);
                rows.push(application(place));
                rows.push(Row::RadiusClient(radius(place, &[&range])));
            }
            rows
        };
        assert_eq!(broken(&rows(RADIUS_CLIENTS_MAX)), None);
        assert_eq!(broken(&rows(RADIUS_CLIENTS_MAX + 1)), Some(Violation::Limit));
    }

    #[test]
    fn failures_are_counted_once_for_each_application() {
        assert_eq!(broken(&whole(user(3, &[(1, 1), (2, 2)]))), None);
        let twice = [(1, 1), (1, 1)];
        assert_eq!(broken(&whole(user(3, &twice))), Some(Violation::Failures(UserId(1))));
    }
}
