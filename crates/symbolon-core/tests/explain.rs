//! What is told about a sign-in is what becomes of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use symbolon_core::otp::Parameters;
use symbolon_core::{
    Administrator, AdministratorId, Application, ApplicationId, Block, Bypass, Caller, ChallengeId,
    Cluster, ClusterId, Command, Denial, DisplayName, Exemptions, Finding, Fingerprint,
    FirstFactor, KeyHash, LineageId, LogIndex, Method, Name, NodeId, Outcome, Output, Proposal,
    Reason, RecoveryCodes, Reply, RequestId, RestoreError, Rights, Row, Scalars, Sealed, Setting,
    Settings, Sources, Stamp, State, Strangers, Timestamp, Token, TokenId, User, UserId, UserName,
    UserPin,
};

const USERS: u32 = 1_000;
const VPN: ApplicationId = ApplicationId(30);
const MAIL: ApplicationId = ApplicationId(31);
const AT: Timestamp = Timestamp(10_000_000);

/// What can be wrong with an account, and with the application.
#[derive(Clone, Debug)]
struct Case {
    disabled: bool,
    blocked_until: Option<u64>,
    failures: (u32, u32),
    failed_ago: u64,
    tokens: Vec<bool>,
    bypassed_until: Option<u64>,
    recovery_codes: bool,
    /// Whether there is a PIN, and whether it must be changed.
    pin: Option<bool>,
    /// Whether that may be in a sign-in.
    may_change: bool,
    named: &'static str,
    exempt: Exemptions,
}

fn case() -> impl Strategy<Value = Case> {
    // Fifty by each lock the account.
    let few = || prop_oneof![4 => Just(0_u32), 2 => 8..12_u32, 1 => 48..51_u32, 2 => Just(50)];
    (
        prop::bool::weighted(0.15),
        prop::option::weighted(0.2, AT.0 - 2..AT.0 + 3),
        (few(), few()),
        prop_oneof![Just(1_u64), 29_999..30_002_u64, Just(4_000_000)],
        prop::collection::vec(any::<bool>(), 0..3),
        prop::option::weighted(0.2, AT.0 - 2..AT.0 + 3),
        prop::bool::weighted(0.2),
        (prop::option::weighted(0.5, any::<bool>()), any::<bool>()),
        prop::sample::select(vec!["alice@sales.example", "alice", "alice@sales", "bob", "carol"]),
        (any::<bool>(), prop::bool::weighted(0.5)),
    )
        .prop_map(
            |(
                disabled,
                blocked_until,
                failures,
                failed_ago,
                tokens,
                bypassed_until,
                recovery_codes,
                (pin, may_change),
                named,
                (unknown_users, disabled_users),
            )| Case {
                exempt: Exemptions { unknown_users, disabled_users, islands: false },
                disabled,
                blocked_until,
                failures,
                failed_ago,
                tokens,
                bypassed_until,
                recovery_codes,
                pin,
                may_change,
                named,
            },
        )
}

impl Case {
    fn is_expired(&self) -> bool {
        self.pin == Some(true) && !self.may_change
    }
}

/// What becomes of a sign-in with a wrong code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    Denied(Denial),
    LetIn,
    Evaluated,
}

/// What the table of `docs/settings.md` says of the case, first line first.
fn by_the_table(case: &Case) -> Fate {
    match case.named {
        "carol" => return Fate::Denied(Denial::AmbiguousName),
        "bob" if case.exempt.unknown_users => return Fate::LetIn,
        "bob" => return Fate::Denied(Denial::UnknownUser),
        _ => {}
    }
    let (by_vpn, by_mail) = case.failures;
    let failures = by_vpn + by_mail;
    let waits = |failures: u32| (30_000_u64 << (failures - 10).min(7)).min(3_600_000);
    if case.disabled && !case.exempt.disabled_users {
        Fate::Denied(Denial::Disabled)
    } else if case.blocked_until.is_some_and(|until| AT.0 < until) {
        Fate::Denied(Denial::Blocked)
    } else if failures >= 100 {
        Fate::Denied(Denial::Locked)
    } else if failures >= 10 && case.failed_ago < waits(failures) {
        Fate::Denied(Denial::Waiting)
    } else if by_vpn >= 50 {
        Fate::Denied(Denial::ShareSpent)
    } else if case.disabled || case.bypassed_until.is_some_and(|until| AT.0 < until) {
        Fate::LetIn
    } else if case.recovery_codes {
        Fate::Evaluated
    } else if !case.tokens.contains(&true) {
        Fate::Denied(Denial::NoToken)
    } else if case.is_expired() {
        Fate::Denied(Denial::PinExpired)
    } else {
        Fate::Evaluated
    }
}

/// Whether there is a bypass, which is good at every application.
fn bypassed(case: &Case) -> bool {
    case.bypassed_until.is_some_and(|until| AT.0 < until)
}

fn as_told(findings: &[Finding]) -> Fate {
    let decides = findings.iter().find(|it| it.stands_in_the_way() || it.lets_in());
    match decides.copied() {
        None => Fate::Evaluated,
        Some(finding) if finding.lets_in() => Fate::LetIn,
        Some(finding) => Fate::Denied(finding.denial().unwrap()),
    }
}

#[test]
fn what_is_told_agrees_with_the_table_and_with_what_happens() {
    let config = ProptestConfig { cases: USERS, ..ProptestConfig::default() };
    let seen = RefCell::new(BTreeSet::new());
    let mut runner = TestRunner::new(config);
    let agreed = runner.run(&case(), |case| {
        let state = state(&case);
        let application = state.application(VPN).unwrap();
        let name = UserName::new(case.named).unwrap();
        let findings: Vec<_> = state.explain(&name, Some(application), AT).collect();
        let told = as_told(&findings);
        prop_assert_eq!(told, by_the_table(&case), "{:?}", findings);
        let happens = match told {
            Fate::Denied(denial) => Some(denial),
            Fate::LetIn => None,
            // A code that is none of the recovery codes, and there is nothing else.
            Fate::Evaluated if !case.tokens.contains(&true) => Some(Denial::NoToken),
            Fate::Evaluated if case.is_expired() => Some(Denial::PinExpired),
            Fate::Evaluated => Some(Denial::CodeMismatch),
        };
        prop_assert_eq!(state.needs_no_code(&name, VPN, AT), told == Fate::LetIn);
        prop_assert!(!state.needs_no_code(&name, ApplicationId(32), AT) || bypassed(&case));
        // Whoever does not know the password is told nothing of it, and let in by nothing.
        for first_factor in [FirstFactor::Denied, FirstFactor::Unreachable] {
            let found = self::happens(state.clone(), &name, first_factor);
            prop_assert_eq!(found, first_factor.denial());
        }
        prop_assert_eq!(self::happens(state, &name, FirstFactor::Good), happens);
        seen.borrow_mut().insert(told);
        Ok(())
    });
    agreed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(seen.borrow().len(), 11, "a fate was never met: {:?}", seen.borrow());
}

#[test]
fn an_application_that_is_refused_is_told_first() {
    let case = Case {
        disabled: true,
        blocked_until: None,
        failures: (0, 0),
        failed_ago: 1,
        tokens: Vec::new(),
        bypassed_until: None,
        recovery_codes: false,
        pin: None,
        may_change: true,
        named: "alice",
        exempt: Exemptions::default(),
    };
    let state = state(&case);
    let vpn = state.application(VPN).unwrap().clone();
    let name = UserName::new("alice").unwrap();
    let off = Application { disabled: true, ..vpn.clone() };
    let without_right = Application { rights: Rights::NONE, ..vpn };
    for refused in [off, without_right] {
        let first = state.explain(&name, Some(&refused), AT).next().unwrap();
        assert!(first.refuses() && first.stands_in_the_way(), "{first:?}");
    }
    let of_any: Vec<_> = state.explain(&name, None, AT).map(Finding::rule).collect();
    assert_eq!(
        of_any,
        ["name", "enabled", "block", "lock", "wait", "share", "exempt", "bypass", "token", "pin"]
    );
}

/// What becomes of a wrong code.
fn happens(mut state: State, name: &UserName, first_factor: FirstFactor) -> Option<Denial> {
    let outcome = Outcome {
        user_name: name.clone(),
        user: state.account(name).user().map(|user| user.id),
        application: VPN,
        method: Method::Otp,
        client_ip: String::new(),
        matches: Vec::new(),
        wrong_pin: Vec::new(),
        recovery_code: None,
        challenge: ChallengeId::default(),
        answer: None,
        first_factor,
    };
    let proposal = Proposal {
        caller: Caller::Application(VPN),
        request_id: RequestId([1; 16]),
        fingerprint: Fingerprint([2; 16]),
        seen: LogIndex(9),
        made_at: AT,
        node: NodeId(1),
        command: Command::Verify(outcome),
    };
    let stamp = Stamp { index: LogIndex(10), at: AT };
    match state.apply(stamp, &proposal, &mut Output::default()).reply {
        Reply::Verified(verdict) => verdict.denial(),
        other => panic!("{other:?}"),
    }
}

fn state(case: &Case) -> State {
    let vpn = Application { exempt: case.exempt, ..application(VPN) };
    let mut rows = vec![Row::Application(vpn), Row::Application(application(MAIL))];
    let (by_vpn, by_mail) = case.failures;
    let failed_by = [(VPN, by_vpn), (MAIL, by_mail)];
    let failures = by_vpn + by_mail;
    let tokens = (200..).zip(&case.tokens);
    let block = |until| Block {
        reason: Reason::new("lost").unwrap(),
        since: Timestamp(1),
        until: Timestamp(until),
    };
    let bypass = |until| Bypass {
        reason: Reason::new("lost").unwrap(),
        since: Timestamp(1),
        until: Timestamp(until),
    };
    let codes = RecoveryCodes {
        sealed: Sealed::new(vec![1, 0, 0, 0, 1, 9]),
        used: 1,
        created_at: Timestamp(1),
    };
    let alice = User {
        failures,
        failed_at: Timestamp(if failures > 0 { AT.0 - case.failed_ago } else { 0 }),
        failed_by: failed_by.into_iter().filter(|(_, failures)| *failures > 0).collect(),
        tokens: tokens.clone().map(|(id, _)| TokenId(id)).collect(),
        disabled: case.disabled,
        block: case.blocked_until.map(block),
        bypass: case.bypassed_until.map(bypass).map(Arc::new),
        recovery_codes: case.recovery_codes.then(|| Arc::new(codes)),
        pin: case.pin.map(|must_change| {
            let sealed = Sealed::new(vec![1, 0, 0, 0, 1, 7]);
            Arc::new(UserPin { sealed, set_at: Timestamp(1), must_change })
        }),
        ..user(10, "alice@sales.example")
    };
    rows.extend(tokens.map(|(id, proved)| Row::Token(token(id, *proved))));
    rows.push(Row::Cluster(cluster()));
    let values = vec![(Setting::PinChangeInSignIn, u64::from(case.may_change))];
    rows.push(Row::Settings(Settings { values, changed_at: LogIndex(1) }));
    let root = Name::new("root").unwrap();
    let root = Administrator::first(AdministratorId(2), root, KeyHash([1; 32]));
    rows.push(Row::Administrator(root));
    rows.push(Row::User(alice));
    rows.push(Row::User(user(11, "carol@sales.example")));
    rows.push(Row::User(user(12, "carol@other.example")));
    let scalars = Scalars { clock: AT, ..Scalars::default() };
    let digest = match State::restore(rows.clone(), scalars, []) {
        Err(RestoreError::Digest { found, .. }) => found,
        other => panic!("nothing has the digest 0: {other:?}"),
    };
    State::restore(rows, Scalars { digest, ..scalars }, []).unwrap()
}

fn cluster() -> Cluster {
    Cluster {
        id: ClusterId([1; 16]),
        name: Name::new("main").unwrap(),
        epoch: 1,
        lineage: LineageId([2; 16]),
        ca_certificate: vec![3; 3],
        ca_key: Sealed::new(vec![1, 0, 0, 0, 1, 9]),
        floor: None,
        last_node: 0,
        others: Vec::new(),
        doubles: 0,
        removed: Vec::new(),
        created_at: Timestamp(5),
    }
}

fn application(id: ApplicationId) -> Application {
    Application {
        id,
        name: Name::new(format!("application{id}")).unwrap(),
        key: KeyHash([2; 32]),
        old_key: None,
        exempt: Exemptions::default(),
        strangers: Strangers::default(),
        reveal: None,
        rights: Rights::VERIFY,
        sources: Sources::default(),
        disabled: false,
        created_at: Timestamp(6),
        changed_at: LogIndex(2),
    }
}

fn user(id: u64, name: &str) -> User {
    User {
        id: UserId(id),
        name: UserName::new(name).unwrap(),
        display_name: DisplayName::new("").unwrap(),
        failures: 0,
        failed_at: Timestamp(0),
        failed_by: Vec::new(),
        tokens: Vec::new(),
        disabled: false,
        block: None,
        bypass: None,
        recovery_codes: None,
        pin: None,
        profile: None,
        created_at: Timestamp(7),
        changed_at: LogIndex(3),
        revision: LogIndex(3),
    }
}

fn token(id: u64, proved: bool) -> Token {
    Token {
        id: TokenId(id),
        user: UserId(10),
        parameters: Parameters::default(),
        seed: Sealed::new(vec![1, 0, 0, 0, 1, 9]),
        serial: None,
        pending: !proved,
        mark: 0,
        drift: 0,
        epoch: 0,
        awaits_second: false,
        created_at: Timestamp(8),
        changed_at: LogIndex(4),
    }
}
