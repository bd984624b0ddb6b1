//! A journal comes to the same state however it is cut, and however often its parts are brought.

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use symbolon_core::limits::MERGE_RECORDS_MAX;
    use symbolon_core::otp::{Algorithm, Parameters};
    use symbolon_core::{
        Administrator, AdministratorId, ApplicationId, Caller, ClusterId, Command, CreateCluster,
        CreateRecoveryCodes, CreateUser, DisplayName, EnrollToken, Fingerprint, Here, JournalId,
        KeyHash, KeyPin, LineageId, LogIndex, Match, Merge, MergeKind, MergeMark, MergeRecord,
        Name, Node, NodeId, Origin, Output, Profile, Proposal, Reply, RequestId, Row, Sealed,
        Stamp, State, Timestamp, TokenId, UserId, UserName,
    };

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const USER: UserId = UserId(1);
    const TOTP: TokenId = TokenId(1);
    const HOTP: TokenId = TokenId(2);
    const JOURNAL: JournalId = JournalId([7; 16]);
    const ROOT: Caller = Caller::Administrator(AdministratorId(1));
    const NODE: Caller = Caller::Node(NodeId(1));

    struct World {
        state: State,
        out: Output,
        index: u64,
    }

    impl World {
        fn apply(&mut self, caller: Caller, command: Command) {
            let id = match caller {
                // Nothing of a merge is remembered by its id.
                NODE if self.index > 1 => [1; 16],
                _ => u128::from(self.index).to_be_bytes(),
            };
            let proposal = Proposal {
                caller,
                request_id: RequestId(id),
                fingerprint: Fingerprint([0; 16]),
                seen: LogIndex(self.index),
                made_at: NOW,
                node: NodeId(1),
                command,
            };
            let stamp = Stamp { index: LogIndex(self.index), at: NOW };
            let answer = self.state.apply(stamp, &proposal, &mut self.out);
            assert!(!matches!(answer.reply, Reply::Refused(_)), "{answer:?}");
        }

        /// Brings records as their node does: with the marks as they stand.
        fn merge(&mut self, first: u64, records: &[Option<MergeRecord>]) {
            let mut records = records.to_vec();
            for mark in records.iter_mut().flatten().flat_map(|record| &mut record.marks) {
                mark.mark = self.state.token(mark.shown.token).map_or(0, |token| token.mark);
            }
            self.apply(NODE, Command::Merge(Merge { journal: JOURNAL, first, records }));
        }

        fn merged(&self) -> u64 {
            self.state.journal(JOURNAL).map_or(0, |journal| journal.merged)
        }
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn sealed(content: u8) -> Sealed {
        Sealed::new(vec![1, 0, 0, 0, 1, content])
    }

    /// A cluster of one node, and a user with a clock token, one that counts, and recovery codes.
    fn world() -> World {
        let mut world = World { state: State::default(), out: Output::default(), index: 0 };
        let administrator =
            Administrator::first(AdministratorId(1), name("root"), KeyHash([1; 32]));
        let node = Node {
            id: NodeId(1),
            name: name("n1"),
            pin: KeyPin([1; 32]),
            peer_address: "n1:8444".to_owned(),
            api_address: "https://n1:8443".to_owned(),
            superseded: false,
            changed_at: LogIndex(0),
        };
        let cluster = CreateCluster {
            cluster: ClusterId([1; 16]),
            name: name("main"),
            lineage: LineageId([1; 16]),
            ca_certificate: Vec::new(),
            ca_key: sealed(1),
            administrator: Box::new(administrator),
            node,
        };
        let user = CreateUser {
            user: USER,
            name: UserName::new("alice").unwrap_or_else(|error| panic!("{error}")),
            display_name: DisplayName::new("").unwrap_or_else(|error| panic!("{error}")),
            profile: Profile::default(),
        };
        let token = |token, parameters, content| {
            Command::EnrollToken(EnrollToken {
                user: USER,
                token,
                parameters,
                seed: sealed(content),
                serial: None,
                mark: 0,
                pending: false,
            })
        };
        let totp = Parameters::totp(Algorithm::Sha1, 6, 30);
        let hotp = Parameters::hotp(Algorithm::Sha1, 6);
        let [totp, hotp] = [totp, hotp].map(|it| it.unwrap_or_else(|error| panic!("{error}")));
        for (caller, command) in [
            (NODE, Command::CreateCluster(cluster)),
            (ROOT, Command::CreateUser(user)),
            (ROOT, token(TOTP, totp, 2)),
            (ROOT, token(HOTP, hotp, 3)),
            (
                ROOT,
                Command::CreateRecoveryCodes(CreateRecoveryCodes { user: USER, codes: sealed(4) }),
            ),
        ] {
            world.index += 1;
            world.apply(caller, command);
        }
        world.index += 1;
        world.out = Output::default();
        world
    }

    fn record() -> impl Strategy<Value = Option<MergeRecord>> {
        let totp = (0..125_u64).prop_map(|off| (TOTP, NOW.0 / 30_000 - 10 + off));
        let hotp = (1..40_u64).prop_map(|step| (HOTP, step));
        let marks = vec(prop_oneof![totp, hotp], 0..3);
        let here =
            prop_oneof![Just(Here::Nobody), Just(Here::Unknown), Just(Here::Accepted(origin(9)))];
        let kind = proptest::sample::select(&MergeKind::ALL[..]);
        let record = (kind, marks, here, any::<u8>(), proptest::option::of(1..=10_u8), 0..2_u64);
        let record = record.prop_map(|(kind, marks, here, id, recovery_code, user)| MergeRecord {
            origin: origin(id),
            user: UserId(USER.0 + user),
            kind,
            marks: marks
                .into_iter()
                .map(|(token, step)| MergeMark { shown: Match { token, step }, mark: 0, here })
                .collect(),
            recovery_code,
        });
        proptest::option::weighted(0.9, record)
    }

    const fn origin(id: u8) -> Origin {
        Origin {
            caller: Caller::Application(ApplicationId(1)),
            request_id: RequestId([id; 16]),
            application: Some(ApplicationId(1)),
            node: NodeId(2),
            at: Timestamp(NOW.0 - id as u64),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_cut_and_any_repetition_come_to_one_state(
            records in vec(record(), 1..60),
            cuts in vec((0..20_u64, 1..=MERGE_RECORDS_MAX), 0..40),
        ) {
            let mut whole = world();
            for (first, record) in (1..).zip(&records) {
                whole.merge(first, std::slice::from_ref(record));
            }
            let mut cut = world();
            let rest = std::iter::repeat((0, MERGE_RECORDS_MAX));
            for (back, count) in cuts.into_iter().chain(rest) {
                let first = (cut.merged() + 1).saturating_sub(back).max(1);
                let from = usize::try_from(first - 1).unwrap_or_default();
                if from >= records.len() {
                    break;
                }
                let to = (from + count).min(records.len());
                cut.merge(first, &records[from..to]);
            }
            prop_assert_eq!(cut.merged(), records.len() as u64);
            prop_assert_eq!(cut.state.digest(), whole.state.digest());
            prop_assert_eq!(&cut.out.events, &whole.out.events);
            prop_assert_eq!(cut.state.check(), Ok(()));
        }

        #[test]
        fn a_merge_can_only_deny(records in vec(record(), 1..60)) {
            let mut world = world();
            for (first, record) in (1..).zip(&records) {
                let before = world.state.clone();
                world.merge(first, std::slice::from_ref(record));
                for row in before.rows() {
                    match row {
                        Row::Token(old) => {
                            let new = world.state.token(old.id).map_or(0, |token| token.mark);
                            prop_assert!(new >= old.mark);
                        }
                        Row::User(old) => {
                            let new = world.state.user(old.id).cloned().unwrap_or_else(|| old.clone());
                            prop_assert!(new.failures >= old.failures);
                            prop_assert!(new.failed_at >= old.failed_at);
                            let used = |codes: &symbolon_core::User| {
                                codes.recovery_codes.as_ref().map_or(0, |codes| codes.used)
                            };
                            prop_assert_eq!(used(&old) & !used(&new), 0);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
