//! Everything that an audit event says counts in the audit chain, and so in the digest.

use std::collections::BTreeMap;

use symbolon_core::otp::Parameters;
use symbolon_core::{
    Administrator, AdministratorId, AdmitNode, ApplicationId, Caller, ChallengeId, ClusterId,
    Command, CreateApplication, CreateCluster, CreateJoinToken, CreateUser, Digest, DisplayName,
    EnrollToken, Exemptions, Fingerprint, FirstFactor, JoinTokenId, KeyHash, KeyPin, LineageId,
    LogIndex, Match, Method, Name, Node, NodeId, Outcome, Output, Proposal, RequestId, Rights,
    Sealed, SetNodeAddresses, Sources, Stamp, State, Timestamp, TokenId, UserId, UserName,
};

const ROOT: Caller = Caller::Administrator(AdministratorId(1));
const NODE: Caller = Caller::Node(NodeId(1));
const VPN: ApplicationId = ApplicationId(30);

#[test]
fn who_asked_when_and_how_counts() {
    let (state, stamp) = world();
    let asked = proposal(ROOT, verify("alice", 10));
    let mut chains = Chains::default();
    chains.add("as it is", &state, stamp, &asked);

    let mut other = asked.clone();
    other.caller = Caller::Application(VPN);
    chains.add("caller", &state, stamp, &other);
    let mut other = asked.clone();
    other.request_id = RequestId([9; 16]);
    chains.add("request id", &state, stamp, &other);
    let mut other = asked.clone();
    other.fingerprint = Fingerprint([9; 16]);
    chains.add("fingerprint", &state, stamp, &other);
    let mut other = asked.clone();
    other.node = NodeId(9);
    chains.add("node", &state, stamp, &other);

    let index = LogIndex(stamp.index.0 + 1);
    chains.add("index", &state, Stamp { index, ..stamp }, &asked);
    let at = stamp.at.plus(1);
    chains.add("time", &state, Stamp { at, ..stamp }, &asked);
}

/// Events of one log entry are told apart by their place among them.
#[test]
fn the_place_within_the_entry_counts() {
    let (state, stamp) = world();
    let asked = proposal(ROOT, create_user(50, "carol"));
    let mut earlier = Output::default();
    let other = Proposal { request_id: RequestId([9; 16]), ..proposal(ROOT, enroll(10, 60)) };
    let mut state_before = state.clone();
    state_before.apply(stamp, &other, &mut earlier);

    let (mut first, mut second) = (state_before.clone(), state_before);
    first.apply(stamp, &asked, &mut Output::default());
    second.apply(stamp, &asked, &mut earlier);
    let ordinals: Vec<_> = earlier.events.iter().map(|event| event.ordinal).collect();
    assert_eq!(ordinals, [0, 1]);
    assert_ne!(first.scalars().audit_chain, second.scalars().audit_chain);
}

#[test]
fn what_was_decided_counts() {
    let (state, stamp) = world();
    let mut chains = Chains::default();
    let mut add = |what, command| chains.add(what, &state, stamp, &proposal(ROOT, command));
    add("allow", verify("alice", 10));
    add("another mark", verify("alice", 11));
    add("mismatch", verify("alice", 50));
    add("unknown", verify("mallory", 50));
    add("another unknown", verify("trudy", 50));
    add("no token", verify("bob", 50));
    let Command::Verify(mut outcome) = verify("alice", 10) else {
        panic!("a verification");
    };
    outcome.client_ip = "192.0.2.8".to_owned();
    add("client", Command::Verify(outcome.clone()));
    outcome.application = ApplicationId(31);
    add("application", Command::Verify(outcome.clone()));
    for (what, first_factor) in
        [("denied", FirstFactor::Denied), ("unreachable", FirstFactor::Unreachable)]
    {
        add(what, Command::Verify(Outcome { first_factor, ..outcome.clone() }));
    }
}

#[test]
fn what_was_created_counts() {
    let (state, stamp) = world();
    let mut chains = Chains::default();
    let mut add = |what, command| chains.add(what, &state, stamp, &proposal(ROOT, command));
    add("user", create_user(50, "carol"));
    add("user of another id", create_user(51, "carol"));
    add("user of another name", create_user(50, "dora"));
    add("token", enroll(10, 60));
    add("another token", enroll(10, 61));
    add("a token for another", enroll(11, 60));
    add("application", create_application(32, "mail"));
    add("application of another id", create_application(33, "mail"));
    add("application of another name", create_application(32, "wiki"));
    add("join token", create_join_token(41, 1000));
    add("another join token", create_join_token(42, 1000));
    add("a longer life", create_join_token(41, 1001));
}

#[test]
fn what_was_told_of_nodes_counts() {
    let (state, stamp) = world();
    let mut chains = Chains::default();
    let mut add = |what, command| chains.add(what, &state, stamp, &proposal(NODE, command));
    add("join", admit(40, "n2", 2));
    add("another name", admit(40, "n3", 2));
    add("another key", admit(40, "n2", 3));
    add("another token", admit(43, "n2", 2));
    add("address", set_addresses("peer", "api"));
    add("another peer address", set_addresses("peers", "api"));
    add("another API address", set_addresses("peer", "apis"));
    // The same letters, cut in two elsewhere.
    add("shifted addresses", set_addresses("peera", "pi"));
    // One of the two join tokens is over then.
    let at = stamp.at.plus(10_000);
    let tick = proposal(NODE, Command::Tick);
    chains.add("expiry", &state, Stamp { at, ..stamp }, &tick);
}

#[test]
fn how_the_cluster_began_counts() {
    let mut chains = Chains::default();
    let empty = State::default();
    let mut add = |what, command| chains.add(what, &empty, stamp(1), &proposal(NODE, command));
    let cluster = create_cluster();
    let command = |change: fn(&mut CreateCluster)| {
        let mut cluster = cluster.clone();
        change(&mut cluster);
        Command::CreateCluster(cluster)
    };
    add("as it is", command(|_| {}));
    add("id", command(|c| c.cluster = ClusterId([9; 16])));
    add("name", command(|c| c.name = name("mail")));
    add("administrator", command(|c| c.administrator.id.0 = 9));
    add("node", command(|c| c.node.id.0 = 9));
}

/// Nodes of two releases in one cluster compare digests, and the chain is in them.
#[test]
fn the_chain_is_computed_as_release_0_1_0_did() {
    let (mut state, stamp) = world();
    let steps = [
        (ROOT, verify("alice", 10)),
        (ROOT, verify("alice", 10)),
        (ROOT, verify("alice", 50)),
        (ROOT, verify("bob", 50)),
        (ROOT, verify("mallory", 50)),
        (NODE, admit(40, "n2", 2)),
        (NODE, set_addresses("peer", "api")),
        (NODE, Command::Tick),
    ];
    for (number, (caller, command)) in (0_u8..).zip(steps) {
        let mut asked = proposal(caller, command);
        asked.request_id = RequestId([100 + number; 16]);
        let index = LogIndex(stamp.index.0 + u64::from(number));
        // The last step lies after the end of one join token.
        let at = stamp.at.plus(if number == 7 { 10_000 } else { 0 });
        let mut out = Output::default();
        state.apply(Stamp { index, at }, &asked, &mut out);
        assert_eq!(out.events.len(), 1, "{number}");
    }
    let expected = "632177c800122d270028c2be7895e427b7a10c8c243e0cb014aea0b493dfafc8";
    assert_eq!(state.scalars().audit_chain.to_string(), expected);
}

/// Audit chains that must all differ.
#[derive(Default)]
struct Chains(BTreeMap<Digest, &'static str>);

impl Chains {
    /// Applies a proposal to a copy of the state.
    fn add(&mut self, what: &'static str, state: &State, stamp: Stamp, proposal: &Proposal) {
        let mut state = state.clone();
        let mut out = Output::default();
        let answer = state.apply(stamp, proposal, &mut out);
        assert!(!out.events.is_empty(), "{what}: {answer:?}");
        let other = self.0.insert(state.scalars().audit_chain, what);
        assert_eq!(other, None, "{what}");
    }
}

/// A cluster with two applications, alice with a token, bob without, two join tokens.
fn world() -> (State, Stamp) {
    let mut state = State::default();
    let commands = [
        (NODE, Command::CreateCluster(create_cluster())),
        (ROOT, create_application(30, "vpn")),
        (ROOT, create_application(31, "web")),
        (ROOT, create_user(10, "alice")),
        (ROOT, create_user(11, "bob")),
        (ROOT, enroll(10, 20)),
        (ROOT, create_join_token(40, 10_000)),
        (ROOT, create_join_token(43, 20_000)),
    ];
    for (index, (caller, command)) in (1_u8..).zip(commands) {
        let mut asked = proposal(caller, command);
        asked.request_id = RequestId([index; 16]);
        let mut out = Output::default();
        let answer = state.apply(stamp(index.into()), &asked, &mut out);
        assert_eq!(out.events.len(), 1, "{answer:?}");
    }
    (state, stamp(100))
}

/// Step 10 lies at the time of every stamp.
fn stamp(index: u64) -> Stamp {
    Stamp { index: LogIndex(index), at: Timestamp(300_000) }
}

fn proposal(caller: Caller, command: Command) -> Proposal {
    Proposal {
        caller,
        request_id: RequestId([0; 16]),
        fingerprint: Fingerprint([0; 16]),
        seen: LogIndex(99),
        made_at: Timestamp(300_000),
        node: NodeId(1),
        command,
    }
}

fn verify(user: &str, step: u64) -> Command {
    let id = match user {
        "alice" => Some(UserId(10)),
        "bob" => Some(UserId(11)),
        _ => None,
    };
    Command::Verify(Outcome {
        user_name: user_name(user),
        user: id,
        application: VPN,
        method: Method::Otp,
        client_ip: "192.0.2.7".to_owned(),
        matches: vec![Match { token: TokenId(20), step }],
        wrong_pin: Vec::new(),
        recovery_code: None,
        challenge: ChallengeId::default(),
        answer: None,
        first_factor: FirstFactor::Good,
    })
}

/// Under the first data key.
fn sealed() -> Sealed {
    Sealed::new(vec![1, 0, 0, 0, 1, 6, 6, 6])
}

fn create_cluster() -> CreateCluster {
    CreateCluster {
        cluster: ClusterId([1; 16]),
        name: name("main"),
        lineage: LineageId([2; 16]),
        ca_certificate: vec![3; 10],
        ca_key: Sealed::new(vec![4; 10]),
        administrator: Box::new(Administrator::first(
            AdministratorId(1),
            name("root"),
            KeyHash([5; 32]),
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

fn create_user(id: u64, user: &str) -> Command {
    Command::CreateUser(CreateUser {
        user: UserId(id),
        name: user_name(user),
        display_name: DisplayName::new("").unwrap_or_else(|error| panic!("{error}")),
        profile: Default::default(),
    })
}

fn enroll(user: u64, token: u64) -> Command {
    Command::EnrollToken(EnrollToken {
        user: UserId(user),
        token: TokenId(token),
        parameters: Parameters::default(),
        seed: sealed(),
        serial: None,
        mark: 0,
        pending: false,
    })
}

fn create_application(id: u64, text: &str) -> Command {
    Command::CreateApplication(CreateApplication {
        exempt: Exemptions::default(),
        application: ApplicationId(id),
        name: name(text),
        key: KeyHash([7; 32]),
        secret: sealed(),
        rights: Rights::VERIFY,
        sources: Sources::default(),
    })
}

fn create_join_token(id: u64, life_milliseconds: u64) -> Command {
    Command::CreateJoinToken(CreateJoinToken {
        join_token: JoinTokenId(id),
        secret_hash: KeyHash([9; 32]),
        secret: sealed(),
        life_milliseconds,
    })
}

fn admit(token: u64, node: &str, pin: u8) -> Command {
    Command::AdmitNode(AdmitNode {
        join_token: JoinTokenId(token),
        secret: KeyHash([9; 32]),
        name: name(node),
        pin: KeyPin([pin; 32]),
        peer_address: "peer".to_owned(),
        api_address: "api".to_owned(),
    })
}

fn set_addresses(peer: &str, api: &str) -> Command {
    Command::SetNodeAddresses(SetNodeAddresses {
        node: NodeId(1),
        peer_address: peer.to_owned(),
        api_address: api.to_owned(),
    })
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn user_name(text: &str) -> UserName {
    UserName::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
