//! What a node decides that no quorum is in reach of.

#[cfg(test)]
mod tests {
    use symbolon_core::limits::{ISLAND_AFTER_MILLISECONDS, ISLAND_LIFE_MILLISECONDS};
    use symbolon_core::otp::{Algorithm, Parameters};
    use symbolon_core::{
        Administrator, AdministratorId, Agreement, Alone, Apart, ApplicationId, Caller,
        ChallengeId, ClusterId, Command, CreateApplication, CreateCluster, CreateRecoveryCodes,
        CreateUser, Denial, DisplayName, EnrollToken, Exemptions, Fingerprint, FirstFactor,
        GrantBypass, Hold, Holder, Isolation, JournalId, KeyHash, KeyPin, LineageId, LogIndex,
        Match, Method, Name, Node, NodeId, NotAlone, Outcome, Output, Profile, Proposal, Reason,
        RecordId, Refusal, Reply, RequestId, Rights, Sealed, SetPin, Setting, Sources, Stamp,
        State, Timestamp, TokenId, UpdateSettings, UserId, UserName,
    };

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const STEP: u64 = NOW.0 / 30_000;
    const USER: UserId = UserId(1);
    const TOTP: TokenId = TokenId(1);
    const HOTP: TokenId = TokenId(2);
    const ROOT: Caller = Caller::Administrator(AdministratorId(1));
    const VPN: ApplicationId = ApplicationId(1);
    const JOURNAL: JournalId = JournalId([7; 16]);

    fn name(text: &str) -> Name {
        Name::new(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn sealed(content: u8) -> Sealed {
        Sealed::new(vec![1, 0, 0, 0, 1, content])
    }

    /// An island: what it knew of the cluster, and what it decided since.
    struct Island {
        state: State,
        index: u64,
        apart: Apart,
        records: u64,
        now: Timestamp,
    }

    impl Island {
        fn new() -> Self {
            Self::with(&[])
        }

        /// After these commands of an administrator.
        fn with(commands: &[Command]) -> Self {
            let mut island = Self {
                state: State::default(),
                index: 0,
                apart: Apart::default(),
                records: 0,
                now: NOW,
            };
            let first = [Command::CreateCluster(cluster())].into_iter().chain(everybody());
            for command in first.chain(commands.iter().cloned()) {
                island.apply(command);
            }
            island
        }

        fn apply(&mut self, command: Command) {
            self.index += 1;
            let caller = if self.index == 1 { Caller::Node(NodeId(1)) } else { ROOT };
            let id = u128::from(self.index).to_be_bytes();
            let proposal = proposal(caller, id, self.index, command);
            let stamp = Stamp { index: LogIndex(self.index), at: NOW };
            let answer = self.state.apply(stamp, &proposal, &mut Output::default());
            assert!(!matches!(answer.reply, Reply::Refused(_)), "{answer:?}");
        }

        fn decide(&self, id: u8, outcome: Outcome) -> Result<Alone, NotAlone> {
            let caller = Caller::Application(VPN);
            let mut proposal = proposal(caller, [id; 16], self.index, Command::Verify(outcome));
            proposal.made_at = self.now;
            let at = (LogIndex(self.index), self.now, NOW);
            self.state.decide_alone(&self.apart, at, &proposal)
        }

        /// Decides, keeps what came of it, and tells why it was denied.
        fn ask(&mut self, id: u8, outcome: Outcome) -> Option<Denial> {
            let alone = self.decide(id, outcome).unwrap_or_else(|why| panic!("{why:?}"));
            if let Some(event) = &alone.event {
                self.records += 1;
                self.apart.note(RecordId { journal: JOURNAL, number: self.records }, event);
                self.apart.remember(event);
            }
            denial(&alone.reply)
        }
    }

    fn denial(reply: &Reply) -> Option<Denial> {
        let Reply::Verified(verdict) = reply else { panic!("{reply:?}") };
        assert!(verdict.is_allow() || verdict.denial().is_some(), "nothing is asked: {verdict:?}");
        verdict.denial()
    }

    fn proposal(caller: Caller, id: [u8; 16], seen: u64, command: Command) -> Proposal {
        Proposal {
            caller,
            request_id: RequestId(id),
            fingerprint: Fingerprint([id[0]; 16]),
            seen: LogIndex(seen),
            made_at: NOW,
            node: NodeId(1),
            command,
        }
    }

    fn cluster() -> CreateCluster {
        CreateCluster {
            cluster: ClusterId([1; 16]),
            name: name("main"),
            lineage: LineageId([1; 16]),
            ca_certificate: Vec::new(),
            ca_key: sealed(1),
            administrator: Box::new(Administrator::first(
                AdministratorId(1),
                name("root"),
                KeyHash([1; 32]),
            )),
            node: Node {
                id: NodeId(1),
                name: name("n1"),
                pin: KeyPin([1; 32]),
                peer_address: "n1:8444".to_owned(),
                api_address: "https://n1:8443".to_owned(),
                superseded: false,
                changed_at: LogIndex(0),
            },
        }
    }

    fn application(exempt: Exemptions) -> Command {
        Command::CreateApplication(CreateApplication {
            application: VPN,
            name: name("vpn"),
            key: KeyHash([2; 32]),
            secret: sealed(5),
            rights: Rights::VERIFY,
            sources: Sources::default(),
            exempt,
        })
    }

    /// A user with a clock token and one that counts.
    fn user() -> [Command; 3] {
        let totp = Parameters::totp(Algorithm::Sha1, 6, 30);
        let hotp = Parameters::hotp(Algorithm::Sha1, 6);
        let [totp, hotp] = [totp, hotp].map(|it| it.unwrap_or_else(|error| panic!("{error}")));
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
        let created = Command::CreateUser(CreateUser {
            user: USER,
            name: UserName::new("alice").unwrap_or_else(|error| panic!("{error}")),
            display_name: DisplayName::new("").unwrap_or_else(|error| panic!("{error}")),
            profile: Profile::default(),
        });
        [created, token(TOTP, totp, 2), token(HOTP, hotp, 3)]
    }

    fn everybody() -> impl Iterator<Item = Command> {
        user().into_iter().chain([application(Exemptions::default())])
    }

    fn outcome() -> Outcome {
        Outcome {
            user_name: UserName::new("alice").unwrap_or_else(|error| panic!("{error}")),
            user: Some(USER),
            application: VPN,
            method: Method::Otp,
            client_ip: String::new(),
            matches: Vec::new(),
            wrong_pin: Vec::new(),
            recovery_code: None,
            challenge: ChallengeId([9; 16]),
            answer: None,
            first_factor: FirstFactor::Good,
        }
    }

    fn code(token: TokenId, step: u64) -> Outcome {
        Outcome { matches: vec![Match { token, step }], ..outcome() }
    }

    #[test]
    fn a_code_is_taken_once_and_its_request_is_answered_again() {
        let mut island = Island::new();
        for token in [TOTP, HOTP] {
            let step = if token == TOTP { STEP } else { 3 };
            let id = u8::try_from(token.0).unwrap_or_default();
            assert_eq!(island.ask(id, code(token, step)), None);
            assert_eq!(island.ask(id, code(token, step)), None, "the same request");
            let again = island.ask(10 + id, code(token, step));
            assert_eq!(again, Some(Denial::CodeAlreadyUsed));
        }
        let before = island.ask(20, code(TOTP, STEP - 1));
        assert_eq!(before, Some(Denial::CodeAlreadyUsed));
        assert_eq!(island.ask(3, code(TOTP, STEP + 1)), None);
        assert_eq!(island.ask(4, code(HOTP, 4)), None);
        assert_eq!(island.records, 4, "what used nothing is not kept");
        let mut other = proposal(
            Caller::Application(VPN),
            [1; 16],
            island.index,
            Command::Verify(code(TOTP, STEP)),
        );
        other.fingerprint = Fingerprint([0; 16]);
        let at = (LogIndex(island.index), NOW, NOW);
        let reused = island.state.decide_alone(&island.apart, at, &other);
        let reply = reused.map(|alone| alone.reply);
        assert_eq!(reply, Ok(Reply::Refused(Refusal::FingerprintMismatch)));
    }

    #[test]
    fn a_counter_goes_on_where_it_is_by_the_decisions_of_the_island() {
        let mut island = Island::new();
        for counter in 1..=40 {
            let id = u8::try_from(counter).unwrap_or_default();
            let holder =
                Holder { request_id: RequestId([id; 16]), caller: Caller::Application(VPN) };
            let user = island.state.user(USER).cloned().unwrap_or_else(|| panic!("a user"));
            let seen = island.apart.laid_over(&island.state, &user, holder);
            let mark = seen.and_then(|state| state.token(HOTP).map(|row| row.mark));
            assert_eq!(mark.unwrap_or(0), counter - 1, "by that a code is looked for");
            assert_eq!(island.ask(id, code(HOTP, counter)), None, "{counter}");
        }
    }

    #[test]
    fn an_account_takes_as_many_failures_as_the_allowance_says_and_no_success_gives_them_back() {
        let mut island = Island::new();
        for id in 1..=2 {
            assert_eq!(island.ask(id, outcome()), Some(Denial::CodeMismatch));
        }
        assert_eq!(island.ask(3, code(TOTP, STEP)), None);
        assert_eq!(island.ask(4, outcome()), Some(Denial::CodeMismatch));
        for id in 5..10 {
            assert_eq!(island.ask(id, code(TOTP, STEP + 1)), Some(Denial::AllowanceSpent));
        }
        assert_eq!(island.apart.failures(USER), 3);
        assert_eq!(island.records, 4);
        let none =
            UpdateSettings { changes: vec![(Setting::IslandAllowance, Some(0))], revision: None };
        let mut closed = Island::with(&[Command::UpdateSettings(none)]);
        assert_eq!(closed.ask(1, code(TOTP, STEP)), Some(Denial::AllowanceSpent));
    }

    /// Whoever knows no password spends nothing here either, and no failure waits for the log.
    #[test]
    fn a_first_factor_that_failed_is_denied_and_leaves_no_record() {
        let mut island = Island::new();
        for (id, first_factor, denial) in [
            (1, FirstFactor::Denied, Denial::FirstFactorDenied),
            (2, FirstFactor::Unreachable, Denial::FirstFactorUnreachable),
        ] {
            for outcome in [code(TOTP, STEP), outcome()] {
                let asked = Outcome { first_factor, ..outcome };
                let alone = island.decide(id, asked).unwrap_or_else(|why| panic!("{why:?}"));
                let Reply::Verified(verdict) = alone.reply else {
                    panic!("{:?}", alone.reply);
                };
                assert_eq!((verdict.denial(), verdict.failures), (Some(denial), 0));
                assert!(alone.event.is_none(), "{:?}", alone.event);
            }
        }
        assert_eq!((island.apart.failures(USER), island.apart.is_empty()), (0, true));
        let unknown = UserName::new("mallory").unwrap_or_else(|error| panic!("{error}"));
        let stranger = Outcome {
            user_name: unknown,
            user: None,
            first_factor: FirstFactor::Denied,
            ..outcome()
        };
        assert_eq!(island.ask(3, stranger), Some(Denial::FirstFactorDenied));
        assert_eq!(island.records, 0);
        assert_eq!(island.ask(4, code(TOTP, STEP)), None, "the code is as good as before");
    }

    /// A bypass is none for whoever knows no password, and neither is an exemption.
    #[test]
    fn nobody_is_let_in_by_help_whose_first_factor_failed() {
        let reason = Reason::new("lost").unwrap_or_else(|error| panic!("{error}"));
        let bypass = GrantBypass { user: USER, reason, milliseconds: 300_000 };
        let island = Island::with(&[Command::GrantBypass(bypass)]);
        for first_factor in [FirstFactor::Denied, FirstFactor::Unreachable] {
            let asked = Outcome { first_factor, ..code(TOTP, STEP) };
            let told = island.decide(1, asked).map(|alone| alone.reply);
            let is_let_in = matches!(told, Ok(Reply::Verified(verdict)) if verdict.is_allow());
            assert!(!is_let_in, "{told:?}");
        }
    }

    #[test]
    fn what_was_merged_is_held_no_longer() {
        let mut island = Island::new();
        let mut events = Vec::new();
        for (id, outcome) in [(1, code(TOTP, STEP)), (2, outcome()), (3, outcome())] {
            let alone = island.decide(id, outcome).unwrap_or_else(|why| panic!("{why:?}"));
            let event = alone.event.unwrap_or_else(|| panic!("a record"));
            island.apart.note(RecordId { journal: JOURNAL, number: u64::from(id) }, &event);
            events.push(event);
        }
        let holder = Holder { request_id: RequestId([8; 16]), caller: ROOT };
        let shown = [Match { token: TOTP, step: STEP }];
        assert!(island.apart.is_held(&shown, holder));
        assert!(!island.apart.is_held(&shown, Holder::of(&events[0])), "it is its own");
        for (number, event) in (1..).zip(&events) {
            assert!(!island.apart.is_empty());
            island.apart.merged(RecordId { journal: JOURNAL, number }, event);
        }
        assert!(island.apart.is_empty() && !island.apart.is_held(&shown, holder));
    }

    #[test]
    fn what_counts_once_in_the_whole_cluster_waits_for_a_master() {
        let codes = CreateRecoveryCodes { user: USER, codes: sealed(4) };
        let reason = Reason::new("lost").unwrap_or_else(|error| panic!("{error}"));
        let bypass = GrantBypass { user: USER, reason, milliseconds: 300_000 };
        let mut island =
            Island::with(&[Command::CreateRecoveryCodes(codes), Command::GrantBypass(bypass)]);
        let recovery = Outcome { recovery_code: Some(1), ..outcome() };
        assert_eq!(island.decide(1, recovery), Err(NotAlone::NeedsMaster));
        assert_eq!(island.decide(2, outcome()), Err(NotAlone::NeedsMaster), "the bypass");
        assert_eq!(island.ask(3, code(TOTP, STEP)), None, "a code needs no bypass");
    }

    #[test]
    fn a_pin_that_must_be_changed_is_taken_and_the_change_waits() {
        let pin = SetPin { user: USER, pin: Some(sealed(6)), must_change: true };
        let mut island = Island::with(&[Command::SetPin(pin)]);
        assert_eq!(island.ask(1, code(TOTP, STEP)), None);
        let wrong = Outcome { wrong_pin: vec![Match { token: TOTP, step: STEP + 1 }], ..outcome() };
        assert_eq!(island.ask(2, wrong), Some(Denial::WrongPin));
        assert_eq!(island.apart.failures(USER), 1);
        assert_eq!(island.ask(3, code(TOTP, STEP + 1)), Some(Denial::CodeAlreadyUsed), "spent");
    }

    #[test]
    fn an_application_may_do_without_islands_and_no_island_lasts_for_ever() {
        let mut island = Island::new();
        assert_eq!(island.ask(1, code(TOTP, STEP)), None);
        island.now = NOW.plus(ISLAND_LIFE_MILLISECONDS + 1);
        let step = island.now.0 / 30_000;
        assert_eq!(island.decide(2, code(TOTP, step)), Err(NotAlone::TooLong));
        island.now = NOW.plus(ISLAND_LIFE_MILLISECONDS);
        assert_eq!(island.ask(2, code(TOTP, step - 1)), None);

        let mut without = Island {
            state: State::default(),
            index: 0,
            apart: Apart::default(),
            records: 0,
            now: NOW,
        };
        without.apply(Command::CreateCluster(cluster()));
        user().into_iter().for_each(|command| without.apply(command));
        without.apply(application(Exemptions { islands: true, ..Exemptions::default() }));
        assert_eq!(without.decide(1, code(TOTP, STEP)), Err(NotAlone::Application));
    }

    #[test]
    fn of_two_that_offer_one_code_to_each_other_one_takes_it() {
        let holder = |id| Holder { request_id: RequestId([id; 16]), caller: ROOT };
        let offer = |id: u8| Hold {
            shown: Match { token: TOTP, step: STEP },
            holder: holder(id),
            record: RecordId { journal: JournalId([id; 16]), number: 1 },
        };
        let (state, now) = (Island::new().state, NOW);
        let begun = |id| {
            let mut apart = Apart::default();
            apart.hold(offer(id));
            apart.open(holder(id), true);
            apart
        };
        // They cross: the lower one has it.
        let (mut low, mut high) = (begun(1), begun(2));
        assert_eq!(low.agree(&state, now, offer(2)), Agreement::Held);
        assert_eq!(high.agree(&state, now, offer(1)), Agreement::Agreed);
        assert!(low.close(holder(1)) && !high.close(holder(2)));
        assert_eq!(high.agree(&state, now, offer(1)), Agreement::Agreed, "the same joins");
        assert_eq!(high.agree(&state, now, offer(0)), Agreement::Held, "it is given");
        // One was through before the other began.
        let mut done = begun(2);
        assert!(done.close(holder(2)));
        assert_eq!(done.agree(&state, now, offer(1)), Agreement::Held);
        // Who is not on offer gives way to nobody.
        let mut lone = Apart::default();
        lone.hold(offer(2));
        lone.open(holder(2), false);
        assert_eq!(lone.agree(&state, now, offer(1)), Agreement::Held);
        // No code: far in the future.
        let mut far = offer(1);
        far.shown.step = STEP + 1_000;
        assert_eq!(Apart::default().agree(&state, now, far), Agreement::Held);
    }

    #[test]
    fn a_node_is_an_island_after_five_seconds_of_looking_and_finding_nothing() {
        let mut isolation = Isolation::default();
        let steps = ISLAND_AFTER_MILLISECONDS / 100;
        for step in 1..=steps {
            assert_eq!(isolation.look(100, None), step == steps, "{step}");
        }
        assert!(!isolation.look(100, Some(0)), "a proof ends it");
        // The newest proof is a while old already when it does not hold any more.
        assert!(!isolation.look(100, Some(1_900)));
        let more = (ISLAND_AFTER_MILLISECONDS - 1_900) / 100;
        for step in 1..=more {
            assert_eq!(isolation.look(100, None), step == more, "{step}");
        }
        assert!(!isolation.look(30_000, None), "it was asleep");
        assert!(!isolation.look(100, None));
    }
}
