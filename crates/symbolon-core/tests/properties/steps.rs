//! Random steps, and the log entries they become.

use proptest::prelude::*;
use symbolon_core::otp::{Algorithm, MovingFactor, Parameters};
use symbolon_core::{
    Administrator, AdministratorId, AdmitNode, ApplicationId, BlockUser, Caller, CancelBypass,
    ChallengeId, ClusterId, Command, ConfirmDataKey, ConfirmToken, CreateApplication,
    CreateCluster, CreateJoinToken, CreateRecoveryCodes, CreateUser, DataKeyId, DeleteUser,
    DisplayName, EnrollToken, ExemptionChange, Exemptions, Fingerprint, FirstFactor, GrantBypass,
    JoinTokenId, KeyHash, KeyPin, LineageId, LogIndex, Match, Method, Name, Node, NodeId,
    NoteRadiusSigner, Outcome, Proposal, RadiusPolicy, Reason, RemoveRadiusClient, RemoveToken,
    RequestId, Reseal, ResyncToken, RetireDataKey, Rights, RotateDataKey, Sealed, SealedField,
    SealedPlace, Serial, SetNodeAddresses, SetPin, SetRadiusClient, Setting, SourceRange, Sources,
    Stamp, State, Timestamp, TokenId, UnblockUser, UpdateApplication, UpdateSettings, UpdateUser,
    UserId, UserName,
};

mod changes;

use changes::{
    application_id, change_key, change_user, create_cluster, exempt, join_token_id, name, radius,
    set, token_id, user_id, user_name,
};

/// One log entry to be. Numbers are drawn from small ranges, so that steps meet.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Milliseconds since the entry before; a master that is behind stamps lower.
    pass: i64,
    /// In the same log entry as the step before.
    same_entry: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    New {
        /// Who asks, when not the one who usually does.
        caller: Option<u8>,
        /// Entries that the proposing node is behind.
        lag: u64,
        /// Milliseconds from the stamp back to when the proposal was made.
        age: i64,
        /// A request id that others may have too.
        shared_id: Option<u8>,
        wish: Wish,
    },
    /// A proposal from before comes once more.
    Again(prop::sample::Index),
    /// Its code comes once more, in a request of its own.
    Replay(prop::sample::Index),
}

/// A token, and steps from where it stands.
type Shown = (u8, i64);

#[derive(Clone, Debug)]
enum Wish {
    User(u8),
    Token(u8, u8),
    /// A token, and steps from where it stands.
    Confirm(u8, i64),
    Resync(u8, i64),
    Remove(u8),
    /// An account is switched off, or on.
    Disable(u8, bool),
    /// For milliseconds.
    Block(u8, u64),
    Unblock(u8),
    /// A PIN, or none.
    Pin(u8, bool),
    /// For milliseconds; 0 takes it back.
    Bypass(u8, u64),
    Recovery(u8),
    Delete(u8),
    Application(u8),
    /// Devices ask as an application from a network, with a secret before that is taken for milliseconds; or
    /// not any more.
    Radius(u8, Option<(u8, u64)>),
    /// One of them signs.
    Signs(u8, u8),
    /// One of them tells of a session of a user.
    Tells(u8, u8),
    /// Whether it lets in names that are nobody's, and users who are switched off.
    Exempt(u8, bool, bool),
    JoinToken(u8, u64),
    Join {
        token: u8,
        secret: bool,
        node: u8,
    },
    Address(u8, u8),
    Tick,
    RotateKey,
    ConfirmKey(u8),
    /// The field in this place among those that are left.
    Reseal(u8),
    RetireKey,
    /// A setting by its number, and what it is to be; 0 is the default.
    Set(u32, u64),
    Verify {
        user: u8,
        application: u8,
        matches: Vec<Shown>,
        /// Those of which the PIN is wrong.
        wrong_pin: Vec<Shown>,
        recovery: Option<u8>,
        first_factor: FirstFactor,
        lie: bool,
    },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![
        6 => 0..3_000_i64,
        3 => 3_000..20_000_i64,
        1 => 20_000..90_000_i64,
        1 => -5_000..0_i64,
    ];
    let what = prop_oneof![
        8 => new(),
        1 => any::<prop::sample::Index>().prop_map(What::Again),
        1 => any::<prop::sample::Index>().prop_map(What::Replay),
    ];
    let same_entry = prop::bool::weighted(0.2);
    (pass, same_entry, what).prop_map(|(pass, same_entry, what)| Step { pass, same_entry, what })
}

fn new() -> impl Strategy<Value = What> {
    let age = prop_oneof![
        8 => 0..2_000_i64,
        2 => 0..30_000_i64,
        1 => -35_000..35_000_i64,
    ];
    let lag = prop_oneof![6 => Just(0), 1 => 1..4_u64];
    let shared_id = prop::option::weighted(0.2, 0..3_u8);
    let caller = prop::option::weighted(0.1, 0..4_u8);
    (caller, lag, age, shared_id, wish()).prop_map(|(caller, lag, age, shared_id, wish)| {
        What::New { caller, lag, age, shared_id, wish }
    })
}

/// Mostly below `usual`, sometimes up to `most`.
fn number(usual: u8, most: u8) -> impl Strategy<Value = u8> {
    prop_oneof![9 => 0..usual, 1 => 0..most]
}

fn wish() -> impl Strategy<Value = Wish> {
    let offset = prop_oneof![9 => -1..=1_i64, 1 => -3..=3_i64];
    let wrong_pin = prop_oneof![
        3 => Just(Vec::new()),
        1 => proptest::collection::vec((0..4_u8, -1..=1_i64), 0..3),
    ];
    let matches = proptest::collection::vec((0..4_u8, offset), 0..3);
    let matches = (matches, wrong_pin, prop::option::weighted(0.1, 0..4_u8));
    let lie = prop::bool::weighted(0.05);
    let first_factor = prop_oneof![
        12 => Just(FirstFactor::Good),
        1 => Just(FirstFactor::Denied),
        1 => Just(FirstFactor::Unreachable),
    ];
    let verify = (number(2, 5), number(2, 4), matches, first_factor, lie);
    let devices = prop::option::weighted(0.8, (0..3_u8, 0..20_000_u64));
    let secret = prop::bool::weighted(0.8);
    prop_oneof![
        1 => (0..5_u8).prop_map(Wish::User),
        2 => (number(3, 5), 0..8_u8).prop_map(|(user, token)| Wish::Token(user, token)),
        2 => (0..8_u8, -1..=1_i64).prop_map(|(token, offset)| Wish::Confirm(token, offset)),
        1 => (0..8_u8, -2..=120_i64).prop_map(|(token, offset)| Wish::Resync(token, offset)),
        1 => (0..8_u8).prop_map(Wish::Remove),
        1 => (0..4_u8).prop_map(Wish::Application),
        1 => (number(2, 4), any::<bool>(), any::<bool>())
            .prop_map(|(application, unknown, off)| Wish::Exempt(application, unknown, off)),
        2 => (number(2, 4), devices).prop_map(|(application, it)| Wish::Radius(application, it)),
        1 => (number(2, 4), 0..3_u8).prop_map(|(application, it)| Wish::Signs(application, it)),
        1 => (number(2, 4), number(2, 5)).prop_map(|(application, it)| Wish::Tells(application, it)),
        1 => (number(2, 5), any::<bool>()).prop_map(|(user, off)| Wish::Disable(user, off)),
        1 => (number(2, 5), 0..60_000_u64).prop_map(|(user, time)| Wish::Block(user, time)),
        1 => number(2, 5).prop_map(Wish::Unblock),
        2 => (1..=6_u32, 0..6_u64).prop_map(|(setting, value)| Wish::Set(setting, value)),
        1 => (7..=11_u32, 0..6_u64).prop_map(|(setting, value)| Wish::Set(setting, value)),
        1 => (16..=18_u32, 0..4_u64).prop_map(|(setting, value)| Wish::Set(setting, value)),
        1 => number(3, 5).prop_map(Wish::Delete),
        2 => (0..4_u8, 0..90_000_u64).prop_map(|(token, life)| Wish::JoinToken(token, life)),
        4 => (0..4_u8, secret, 0..4_u8)
            .prop_map(|(token, secret, node)| Wish::Join { token, secret, node }),
        1 => (1..3_u8, 0..3_u8).prop_map(|(node, host)| Wish::Address(node, host)),
        1 => Just(Wish::Tick),
        1 => Just(Wish::RotateKey),
        2 => (1..4_u8).prop_map(Wish::ConfirmKey),
        6 => (0..2_u8).prop_map(Wish::Reseal),
        2 => Just(Wish::RetireKey),
        1 => (number(2, 5), prop::bool::weighted(0.8)).prop_map(|(user, pin)| Wish::Pin(user, pin)),
        1 => (number(2, 5), 0..20_000_u64).prop_map(|(user, time)| Wish::Bypass(user, time)),
        1 => number(2, 5).prop_map(Wish::Recovery),
        16 => verify.prop_map(
            |(user, application, (matches, wrong_pin, recovery), first_factor, lie)| Wish::Verify {
                user,
                application,
                matches,
                wrong_pin,
                recovery,
                first_factor,
                lie,
            },
        ),
    ]
}

/// Turns steps into entries. Starts with a cluster, two applications, and two users
/// with tokens.
pub(crate) struct Log {
    stamp: Stamp,
    /// States by log index.
    states: Vec<State>,
    proposals: Vec<Proposal>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            stamp: Stamp { index: LogIndex(0), at: Timestamp(1_800_000_000_000) },
            states: Vec::new(),
            proposals: Vec::new(),
        }
    }
}

impl Log {
    /// The next entry; `state` is what the entries so far have made.
    pub(crate) fn entry(&mut self, step: &Step, state: &State) -> (Stamp, Proposal) {
        let opening = self.proposals.len();
        if !step.same_entry || opening <= 8 {
            self.states.push(state.clone());
            self.stamp = Stamp {
                index: LogIndex(self.stamp.index.0 + 1),
                at: Timestamp(self.stamp.at.0.checked_add_signed(step.pass).unwrap()),
            };
        }
        let first =
            |wish| self.follow(&What::New { caller: None, lag: 0, age: 0, shared_id: None, wish });
        let proposal = match opening {
            0 => self.proposal(caller(3), 0, 0, None, create_cluster()),
            1 => first(Wish::Application(0)),
            2 => first(Wish::Application(1)),
            3 => first(Wish::User(0)),
            4 => first(Wish::Token(0, 0)),
            5 => first(Wish::Token(0, 1)),
            6 => first(Wish::User(1)),
            7 => first(Wish::Token(1, 2)),
            _ => self.follow(&step.what),
        };
        self.proposals.push(proposal.clone());
        (self.stamp, proposal)
    }

    fn follow(&self, what: &What) -> Proposal {
        match what {
            What::New { caller: who, lag, age, shared_id, wish } => {
                let applied = self.stamp.index.0 - 1;
                let seen = applied.saturating_sub(*lag);
                let command = self.command(wish, seen, *age);
                let usual = || usual_caller(&command);
                let caller = who.map_or_else(usual, caller);
                self.proposal(caller, seen, *age, *shared_id, command)
            }
            What::Again(which) => which.get(&self.proposals).clone(),
            What::Replay(which) => Proposal {
                request_id: self.own_id(),
                seen: LogIndex(self.stamp.index.0 - 1),
                ..which.get(&self.proposals).clone()
            },
        }
    }

    fn proposal(
        &self,
        caller: Caller,
        seen: u64,
        age: i64,
        shared_id: Option<u8>,
        command: Command,
    ) -> Proposal {
        Proposal {
            caller,
            request_id: shared_id.map_or_else(|| self.own_id(), |id| RequestId([id; 16])),
            fingerprint: fingerprint(&command),
            seen: LogIndex(seen),
            made_at: self.made_at(age),
            node: NodeId(1),
            command,
        }
    }

    fn own_id(&self) -> RequestId {
        RequestId((u128::MAX - self.proposals.len() as u128).to_be_bytes())
    }

    fn made_at(&self, age: i64) -> Timestamp {
        Timestamp(self.stamp.at.0.checked_add_signed(-age).unwrap())
    }

    fn command(&self, wish: &Wish, seen: u64, age: i64) -> Command {
        let view = &self.states[usize::try_from(seen).unwrap()];
        let key = view.active_data_key();
        let sealed = |content| sealed(key, content);
        match wish {
            Wish::User(user) => Command::CreateUser(CreateUser {
                user: user_id(*user),
                name: user_name(*user),
                display_name: DisplayName::new("Somebody").unwrap(),
                profile: Default::default(),
            }),
            Wish::Token(user, token) => Command::EnrollToken(EnrollToken {
                user: user_id(*user),
                token: token_id(*token),
                parameters: parameters(*token),
                seed: sealed(*token),
                serial: (*token > 3).then(|| Serial::new(format!("S{}", token % 3)).unwrap()),
                mark: 0,
                pending: *token > 5,
            }),
            Wish::Confirm(token, offset) => Command::ConfirmToken(ConfirmToken {
                shown: shown(view, *token, self.made_at(age), *offset),
            }),
            Wish::Resync(token, offset) => Command::ResyncToken(ResyncToken {
                shown: shown(view, *token, self.made_at(age), *offset),
            }),
            Wish::Remove(token) => Command::RemoveToken(RemoveToken { token: token_id(*token) }),
            Wish::Disable(..)
            | Wish::Block(..)
            | Wish::Unblock(_)
            | Wish::Delete(_)
            | Wish::Pin(..)
            | Wish::Bypass(..)
            | Wish::Recovery(_) => change_user(wish, view),
            Wish::Application(number) => Command::CreateApplication(CreateApplication {
                application: application_id(*number),
                name: name("app", *number),
                key: KeyHash([*number; 32]),
                secret: sealed(*number),
                rights: Rights::VERIFY,
                sources: Sources::default(),
                exempt: Exemptions::default(),
            }),
            Wish::Radius(..) | Wish::Signs(..) | Wish::Tells(..) => radius(wish, view),
            Wish::Exempt(application, unknown, off) => exempt(*application, *unknown, *off),
            Wish::JoinToken(number, life) => Command::CreateJoinToken(CreateJoinToken {
                join_token: join_token_id(*number),
                secret_hash: KeyHash([*number; 32]),
                secret: sealed(*number),
                life_milliseconds: *life,
            }),
            Wish::Join { token, secret, node } => admit(*token, *secret, *node),
            Wish::Address(node, host) => Command::SetNodeAddresses(SetNodeAddresses {
                node: NodeId((*node).into()),
                peer_address: format!("host{host}:8444"),
                api_address: format!("https://host{host}:8443"),
            }),
            Wish::Tick => Command::Tick,
            Wish::Set(number, value) => set(*number, *value, view),
            Wish::RotateKey | Wish::ConfirmKey(_) | Wish::Reseal(_) | Wish::RetireKey => {
                change_key(wish, view)
            }
            Wish::Verify { user, application, matches, wrong_pin, recovery, first_factor, lie } => {
                let found = (&matches[..], &wrong_pin[..], *recovery);
                let outcome = self.outcome(*user, *application, found, *lie, seen, age);
                Command::Verify(Outcome { first_factor: *first_factor, ..outcome })
            }
        }
    }

    fn outcome(
        &self,
        user: u8,
        application: u8,
        (matches, wrong_pin, recovery_code): (&[Shown], &[Shown], Option<u8>),
        lie: bool,
        seen: u64,
        age: i64,
    ) -> Outcome {
        let view = &self.states[usize::try_from(seen).unwrap()];
        let found = view.account(&user_name(user)).user().map(|user| user.id);
        let shown = |(token, offset): &Shown| shown(view, *token, self.made_at(age), *offset);
        Outcome {
            user_name: user_name(user),
            user: if lie { Some(user_id(0)) } else { found },
            application: application_id(application),
            method: Method::Otp,
            client_ip: String::new(),
            matches: matches.iter().map(shown).collect(),
            wrong_pin: wrong_pin.iter().map(shown).collect(),
            recovery_code,
            challenge: ChallengeId::default(),
            answer: None,
            first_factor: FirstFactor::Good,
        }
    }
}

/// Tokens 2 and 5 count, the others have clocks.
fn parameters(token: u8) -> Parameters {
    match token % 3 {
        2 => Parameters::hotp(Algorithm::Sha1, 6).unwrap(),
        _ => Parameters::default(),
    }
}

/// A code of a token, so many steps from the time or from the last one.
fn shown(view: &State, token: u8, at: Timestamp, offset: i64) -> Match {
    let parameters = parameters(token);
    let found = view.token(token_id(token));
    let drift = found.map_or(0, |token| token.drift);
    let mark = found.map_or(0, |token| token.mark);
    let from = match parameters.factor() {
        MovingFactor::Time { .. } => parameters.step(at, drift),
        MovingFactor::Counter => mark + 1,
    };
    Match { token: token_id(token), step: from.saturating_add_signed(offset) }
}

/// FNV-1a over what is asked, as good as a keyed hash among friends.
fn fingerprint(command: &Command) -> Fingerprint {
    let text = format!("{command:?}");
    let hash = text.bytes().fold(0x6c62_272e_07bb_0142_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    Fingerprint(hash.to_be_bytes())
}

fn usual_caller(command: &Command) -> Caller {
    match command {
        Command::Verify(outcome) => Caller::Application(outcome.application),
        Command::TellSession(report) => Caller::Application(report.application),
        Command::SetNodeAddresses(command) => Caller::Node(command.node),
        Command::ConfirmDataKey(command) => Caller::Node(command.node),
        command if command.operation().is_some() => caller(0),
        _ => caller(3),
    }
}

fn caller(number: u8) -> Caller {
    match number {
        0 => Caller::Administrator(AdministratorId(1)),
        1 => Caller::Application(application_id(1)),
        2 => Caller::Node(NodeId(2)),
        _ => Caller::Node(NodeId(1)),
    }
}

fn sealed(key: DataKeyId, content: u8) -> Sealed {
    Sealed::new([&[1][..], &key.0.to_be_bytes(), &[content; 20]].concat())
}

fn admit(token: u8, secret: bool, node: u8) -> Command {
    Command::AdmitNode(AdmitNode {
        join_token: join_token_id(token),
        secret: KeyHash([if secret { token } else { 99 }; 32]),
        name: name("node", node),
        pin: KeyPin([node; 32]),
        peer_address: format!("node{node}:8444"),
        api_address: format!("https://node{node}:8443"),
    })
}
