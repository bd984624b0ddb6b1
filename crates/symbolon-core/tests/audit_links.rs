//! Every field of every event counts in the audit chain: an event that was changed on disk is noticed.

#[cfg(test)]
#[path = "audit_links/epochs.rs"]
mod epochs;
#[cfg(test)]
#[path = "audit_links/events.rs"]
mod events;
#[cfg(test)]
#[path = "audit_links/merges.rs"]
mod merges;
#[cfg(test)]
#[path = "audit_links/radius.rs"]
mod radius;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::mem::discriminant;

    use symbolon_core::{
        AuditEvent, AuditRow, Caller, Digest, Fingerprint, LogIndex, NodeId, RequestId, Timestamp,
    };

    use super::epochs::{of_clocks, of_epochs, of_epochs_apart};
    use super::events::*;
    use super::merges::of_merges;
    use super::radius::{of_radius, of_radsec, of_sessions};

    fn link(chain: Digest, row: &AuditRow) -> Digest {
        let event = AuditEvent {
            index: LogIndex(1),
            ordinal: 0,
            at: Timestamp(2),
            caller: Caller::Node(NodeId(3)),
            request_id: RequestId([4; 16]),
            fingerprint: Fingerprint([5; 16]),
            node: NodeId(6),
            row: row.clone(),
        };
        event.link(chain)
    }

    /// The chain over each group of events, as it ever was.
    const CHAINS: [&str; 18] = [
        "17f462f0fd94b78dfe1be9872e89323172eb48bafd68f701bfa296e8961930b0",
        "33f1a0b0e261d87382271df253b76d32e1b66a0dc13a69a5fe8b76236c4f7301",
        "b65a0399abdedff10c4098129cd946c027f8164c56b5b6e4fdd98135f2f57319",
        "6775b28bfd900cc369e90ed45e61f6fc9a69009239f066651f82d1535a1b0a82",
        "75952cc5dd06aa1eebd3214706dc36bf51b144e6048a0e3d741f3043fd3a3405",
        "cb66746a71f577e8a1f7e1295a688efae3c45da6322ede0b3d7d247c0b1241b4",
        "64ac4793cd2fd457e8e502e23a7b56981d1d795fcf6ac5dc89785c91e6224edb",
        "4b2524c4e4456c053f7c711cbf5443f301631a3d8ebac2efb944ab4847b829ec",
        "aae6e461ea57dfdd0a54097fd7523c5c3aad8874115f14ecc53bbe26711f765c",
        "0a60da58d6296639008e2912cb598b4be1aba6bea48a440ad20f68552e364444",
        "2c5c0c7b4fa8649711329a69735e369387e2afddd416be6cd9472f1d9d82ea19",
        "1ef33731b21d62d484157fac23e320e8d07d5199ed171090c386971c7b3e7b29",
        "3ee0a15162ef130a623cf7df212242efa6729f918e4d130e86f2f9699500e9bd",
        "63d726c92f50d830208f9675156a510c0c9ded8a4595031e6bfcf257361a64f0",
        "2a36bbbcd55129bec040785f547fa8b91bac47904e666ba7984d1fbfb44ba1a8",
        "c54b7b5f113a538906f603451829cd735e0d4a450fc1e0f137cae0433a543095",
        "489e7bfcce79b7edb508c1b8de8eafc703bbb6d7a1ed5f4d06f20976dee6eca2",
        "f05909920d1fa3f980c5ca31962ce579bb6ae96850ec88f55bd4d861c1138969",
    ];

    fn groups() -> [(&'static str, Vec<AuditRow>); 18] {
        [
            ("verifications", of_verifications()),
            ("users", of_users()),
            ("help", of_help()),
            ("challenges", of_challenges()),
            ("tokens", of_tokens()),
            ("applications", of_applications()),
            ("administrators", of_administrators()),
            ("the cluster", of_the_cluster()),
            ("changes", of_changes()),
            ("exemptions", of_exemptions()),
            ("epochs", of_epochs()),
            ("epochs apart", of_epochs_apart()),
            ("merges", of_merges()),
            ("clocks", of_clocks()),
            ("islands", of_islands()),
            ("radius", of_radius()),
            ("radsec", of_radsec()),
            ("sessions", of_sessions()),
        ]
    }

    #[test]
    fn events_that_differ_in_one_field_have_other_links() {
        let (mut known, mut kinds) = (BTreeMap::new(), HashSet::new());
        for row in groups().into_iter().flat_map(|(_, rows)| rows) {
            kinds.insert(discriminant(&row));
            let link = link(Digest::default(), &row);
            if let Some(other) = known.insert(link, row.clone()) {
                panic!("one link for both of:\n{row:?}\n{other:?}");
            }
        }
        assert_eq!(kinds.len(), 50, "an event of each kind");
    }

    /// Links are stored with the audit: computed otherwise, no audit of before could be checked. A new
    /// kind of event is a new group, or the end of one.
    #[test]
    fn links_are_computed_as_ever() {
        let found =
            groups().map(|(of, rows)| (of, rows.iter().fold(Digest::default(), link).to_string()));
        let names = groups().map(|(of, _)| of);
        let expected = names.into_iter().zip(CHAINS.map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(found.to_vec(), expected);
    }
}
