//! One value of every kind that is stored, of release 0.1.0. These values belong to the vectors in
//! `tests/frozen`: they are never changed, only added to.

pub(crate) mod callers;

use symbolon_core::otp::{Algorithm, Parameters};
use symbolon_core::{
    AdministratorId, AdmitNode, ApplicationId, AuditEvent, AuditRow, Block, BlockUser, Caller,
    ChallengeId, Cluster, ClusterId, Command, ConfirmDataKey, ConfirmToken, CreateCluster,
    CreateJoinToken, CreateUser, DataKeyId, DataKeys, Decision, DeleteUser, Denial, Digest,
    DisplayName, EnrollToken, Exemptions, Fingerprint, FirstFactor, JoinToken, JoinTokenId,
    KeyHash, KeyPin, LabelChange, LineageId, LogIndex, Match, Method, Name, Node, NodeId, Outcome,
    ProfileField, Proposal, Reason, RecordExport, RemoveToken, RequestId, Reseal, ResyncToken,
    RetireDataKey, Reveal, RotateDataKey, Rotation, Row, RowKey, Scalars, Sealed, Serial,
    SetNodeAddresses, Timestamp, Token, TokenId, UnblockUser, UpdateUser, User, UserChange, UserId,
    UserName, Verdict, Verified,
};

mod bypass;
mod epochs;
mod merges;
mod pins;
mod radius;
mod settings;
mod users;

pub(crate) use bypass::{bypass_audit, bypass_commands, bypass_rows};
pub(crate) use epochs::{apart_audit, clock_audit, epoch_audit, epoch_commands, epoch_rows};
pub(crate) use merges::{merge_audit, merge_commands, merge_rows};
pub(crate) use pins::{
    challenge_audit, challenge_commands, challenge_rows, pin_audit, pin_commands, pin_rows,
};
pub(crate) use radius::{
    radius_audit, radius_commands, radius_rows, radsec_audit, radsec_commands, radsec_rows,
    session_audit, session_commands,
};
pub(crate) use settings::{settings_audit, settings_commands, settings_rows};
pub(crate) use users::{changes_audit, export_audit, user_audit, user_commands, user_rows};

pub(crate) const AT: Timestamp = Timestamp(1_800_000_000_123);

/// Every command, by the name of its vector.
pub(crate) fn commands() -> Vec<(&'static str, Command)> {
    vec![
        ("verify", Command::Verify(outcome())),
        ("verify-unknown", Command::Verify(unknown_outcome())),
        ("create-cluster", Command::CreateCluster(create_cluster())),
        ("create-user", Command::CreateUser(create_user())),
        ("enroll-token", Command::EnrollToken(enroll_token())),
        ("create-application", Command::CreateApplication(callers::create_application())),
        ("create-join-token", Command::CreateJoinToken(create_join_token())),
        ("admit-node", Command::AdmitNode(admit_node())),
        ("set-node-addresses", Command::SetNodeAddresses(set_addresses())),
        ("tick", Command::Tick),
    ]
}

/// Commands that came after the vectors that hold all of the above.
pub(crate) fn key_commands() -> Vec<(&'static str, Command)> {
    let row = RowKey::Token(TokenId(0xb1b2_b3b4_b5b6_b7b8));
    let (old, new) = (Sealed::new(vec![0x42; 7]), Sealed::new(vec![0x43; 7]));
    vec![
        (
            "rotate-data-key",
            Command::RotateDataKey(RotateDataKey {
                id: DataKeyId(2),
                key: Sealed::new(vec![0x44; 12]),
            }),
        ),
        (
            "confirm-data-key",
            Command::ConfirmDataKey(ConfirmDataKey { node: NodeId(3), id: DataKeyId(2) }),
        ),
        ("reseal", Command::Reseal(Reseal { row, old, new })),
        ("retire-data-key", Command::RetireDataKey(RetireDataKey { id: DataKeyId(1) })),
    ]
}

/// A proposal of this command, by the kind of caller that makes it.
pub(crate) fn proposal(command: Command) -> Proposal {
    let caller = match command {
        Command::Verify(_) | Command::TellSession(_) => {
            Caller::Application(ApplicationId(0x0102_0304_0506_0708))
        }
        Command::CreateCluster(_)
        | Command::AdmitNode(_)
        | Command::SetNodeAddresses(_)
        | Command::StartEpoch(_)
        | Command::ReadmitNode(_)
        | Command::MeetEpoch(_)
        | Command::Merge(_)
        | Command::NoteRadiusSigner(_)
        | Command::Tick
        | Command::ConfirmDataKey(_)
        | Command::Reseal(_)
        | Command::RetireDataKey(_) => Caller::Node(NodeId(3)),
        Command::CreateUser(_)
        | Command::UpdateUser(_)
        | Command::BlockUser(_)
        | Command::UnblockUser(_)
        | Command::DeleteUser(_)
        | Command::SetPin(_)
        | Command::GrantBypass(_)
        | Command::CancelBypass(_)
        | Command::CreateRecoveryCodes(_)
        | Command::UpdateSettings(_)
        | Command::RecordExport(_)
        | Command::EnrollToken(_)
        | Command::ConfirmToken(_)
        | Command::ResyncToken(_)
        | Command::RemoveToken(_)
        | Command::CreateApplication(_)
        | Command::UpdateApplication(_)
        | Command::RotateApplicationKey(_)
        | Command::RetireApplicationKey(_)
        | Command::DeleteApplication(_)
        | Command::SetRadiusClient(_)
        | Command::RemoveRadiusClient(_)
        | Command::CreateAdministrator(_)
        | Command::UpdateAdministrator(_)
        | Command::RotateAdministratorToken(_)
        | Command::DeleteAdministrator(_)
        | Command::CreateJoinToken(_)
        | Command::ReleaseRecoveryCodes
        | Command::DiscardEpoch(_)
        | Command::AcknowledgeDoubles
        | Command::ConfirmClock
        | Command::RemoveNode(_)
        | Command::RotateDataKey(_) => {
            Caller::Administrator(AdministratorId(0x1112_1314_1516_1718))
        }
    };
    Proposal {
        caller,
        request_id: RequestId([0x21; 16]),
        fingerprint: Fingerprint([0x22; 16]),
        seen: LogIndex(4711),
        made_at: AT,
        node: NodeId(2),
        command,
    }
}

pub(crate) fn outcome() -> Outcome {
    Outcome {
        user_name: user_name("zoë"),
        user: Some(UserId(0xa1a2_a3a4_a5a6_a7a8)),
        application: ApplicationId(0x0102_0304_0506_0708),
        method: Method::Otp,
        client_ip: "2001:db8::7".to_owned(),
        matches: vec![
            Match { token: TokenId(0xb1b2_b3b4_b5b6_b7b8), step: 60_000_000 },
            Match { token: TokenId(0xc1c2_c3c4_c5c6_c7c8), step: 60_000_001 },
        ],
        wrong_pin: Vec::new(),
        recovery_code: None,
        challenge: ChallengeId::default(),
        answer: None,
        first_factor: FirstFactor::Good,
    }
}

pub(crate) fn unknown_outcome() -> Outcome {
    Outcome { user_name: user_name("nobody"), user: None, matches: Vec::new(), ..outcome() }
}

pub(crate) fn create_cluster() -> CreateCluster {
    CreateCluster {
        cluster: ClusterId([0x31; 16]),
        name: name("main"),
        lineage: LineageId([0x32; 16]),
        ca_certificate: vec![0x33; 5],
        ca_key: Sealed::new(vec![0x34; 6]),
        administrator: Box::new(callers::administrator()),
        node: node(),
    }
}

pub(crate) fn create_user() -> CreateUser {
    CreateUser {
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        name: user_name("zoë"),
        profile: Default::default(),
        display_name: display_name("Zoë Example"),
    }
}

pub(crate) fn enroll_token() -> EnrollToken {
    EnrollToken {
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        token: TokenId(0xb1b2_b3b4_b5b6_b7b8),
        parameters: parameters(Algorithm::Sha512, 8, 60),
        seed: Sealed::new(vec![0x41; 7]),
        serial: None,
        mark: 0,
        pending: false,
    }
}

/// Commands about tokens that came later.
pub(crate) fn token_commands() -> Vec<(&'static str, Command)> {
    let token = TokenId(0xb1b2_b3b4_b5b6_b7b8);
    let shown = Match { token, step: 60_000_002 };
    let hotp = EnrollToken {
        parameters: Parameters::hotp(Algorithm::Sha256, 8).unwrap(),
        serial: Some(serial()),
        mark: 7,
        pending: true,
        ..enroll_token()
    };
    vec![
        ("enroll-hotp", Command::EnrollToken(hotp)),
        ("confirm-token", Command::ConfirmToken(ConfirmToken { shown })),
        ("resync-token", Command::ResyncToken(ResyncToken { shown })),
        ("remove-token", Command::RemoveToken(RemoveToken { token })),
    ]
}

/// Tokens as they came later.
pub(crate) fn token_rows() -> Vec<(&'static str, Row)> {
    let totp = token(parameters(Algorithm::Sha1, 6, 30));
    let hotp = Parameters::hotp(Algorithm::Sha512, 7).unwrap();
    let pending = Token { serial: Some(serial()), pending: true, ..token(hotp) };
    let drifted = Token { drift: -3, ..totp };
    vec![("token-hotp", Row::Token(pending)), ("token-drift", Row::Token(drifted))]
}

/// Events about tokens that came later.
pub(crate) fn token_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let token = TokenId(0xb1b2_b3b4_b5b6_b7b8);
    audit_of(vec![
        AuditRow::TokenConfirmed { user, token, step: 60_000_002 },
        AuditRow::TokenResynchronised { user, token, step: 60_000_003, drift: -3 },
        AuditRow::TokenRemoved { user, token },
    ])
}

fn reason() -> Reason {
    Reason::new("phone stolen").unwrap()
}

fn serial() -> Serial {
    Serial::new("FT-2000 0001").unwrap()
}

fn create_join_token() -> CreateJoinToken {
    CreateJoinToken {
        join_token: JoinTokenId(0xd1d2_d3d4_d5d6_d7d8),
        secret_hash: KeyHash([0x61; 32]),
        secret: Sealed::new(vec![0x62; 9]),
        life_milliseconds: 86_400_000,
    }
}

fn admit_node() -> AdmitNode {
    AdmitNode {
        join_token: JoinTokenId(0xd1d2_d3d4_d5d6_d7d8),
        secret: KeyHash([0x61; 32]),
        name: name("n2.example"),
        pin: KeyPin([0x71; 32]),
        peer_address: "n2.example:8444".to_owned(),
        api_address: "https://n2.example:8443".to_owned(),
    }
}

fn set_addresses() -> SetNodeAddresses {
    SetNodeAddresses {
        node: NodeId(2),
        peer_address: "n2.example:9444".to_owned(),
        api_address: "https://n2.example:9443".to_owned(),
    }
}

/// Every row, by the name of its vector.
pub(crate) fn rows() -> Vec<(&'static str, Row)> {
    vec![
        ("cluster", Row::Cluster(cluster())),
        ("administrator", Row::Administrator(callers::administrator())),
        ("application", Row::Application(callers::application(reveal()))),
        ("application-hidden", Row::Application(callers::application(None))),
        ("user", Row::User(user())),
        ("token", Row::Token(token(parameters(Algorithm::Sha1, 6, 30)))),
        ("token-sha256", Row::Token(token(parameters(Algorithm::Sha256, 7, 60)))),
        ("node", Row::Node(node())),
        ("join-token", Row::JoinToken(join_token(reveal(), None))),
        ("join-token-used", Row::JoinToken(join_token(None, Some(NodeId(2))))),
    ]
}

/// Rows that came later.
pub(crate) fn key_rows() -> Vec<(&'static str, Row)> {
    let rotation = Rotation {
        id: DataKeyId(3),
        key: Sealed::new(vec![0x44; 12]),
        started_at: AT,
        holders: [NodeId(1), NodeId(3)].into(),
    };
    let keys = DataKeys { active: DataKeyId(2), rotation: None, retired_at: LogIndex(4713) };
    let changing = DataKeys { rotation: Some(rotation), ..keys.clone() };
    vec![("data-keys", Row::DataKeys(keys)), ("data-keys-changing", Row::DataKeys(changing))]
}

fn cluster() -> Cluster {
    Cluster {
        id: ClusterId([0x31; 16]),
        name: name("main"),
        epoch: 2,
        lineage: LineageId([0x32; 16]),
        ca_certificate: vec![0x33; 5],
        ca_key: Sealed::new(vec![0x34; 6]),
        floor: None,
        last_node: 0,
        others: Vec::new(),
        doubles: 0,
        removed: Vec::new(),
        created_at: AT,
    }
}

pub(crate) fn reveal() -> Option<Reveal> {
    Some(Reveal { secret: Sealed::new(vec![0x52; 8]), until: AT.plus(30_000) })
}

pub(crate) fn user() -> User {
    User {
        id: UserId(0xa1a2_a3a4_a5a6_a7a8),
        name: user_name("zoë"),
        profile: None,
        display_name: display_name("Zoë Example"),
        failures: 99,
        failed_at: Timestamp(0),
        failed_by: Vec::new(),
        tokens: vec![TokenId(0xb1b2_b3b4_b5b6_b7b8), TokenId(0xc1c2_c3c4_c5c6_c7c8)],
        disabled: false,
        block: None,
        pin: None,
        bypass: None,
        recovery_codes: None,
        created_at: AT,
        changed_at: LogIndex(u64::MAX),
        revision: LogIndex(0),
    }
}

fn token(parameters: Parameters) -> Token {
    Token {
        id: TokenId(0xb1b2_b3b4_b5b6_b7b8),
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        parameters,
        seed: Sealed::new(vec![0x41; 7]),
        serial: None,
        pending: false,
        mark: 60_000_000,
        drift: 0,
        epoch: 0,
        awaits_second: false,
        created_at: AT,
        changed_at: LogIndex(301),
    }
}

fn node() -> Node {
    Node {
        id: NodeId(1),
        name: name("n1.example"),
        pin: KeyPin([0x91; 32]),
        peer_address: "n1.example:8444".to_owned(),
        api_address: "https://n1.example:8443".to_owned(),
        superseded: false,
        changed_at: LogIndex(1),
    }
}

fn join_token(reveal: Option<Reveal>, used_by: Option<NodeId>) -> JoinToken {
    JoinToken {
        id: JoinTokenId(0xd1d2_d3d4_d5d6_d7d8),
        secret: KeyHash([0x61; 32]),
        reveal,
        expires_at: AT.plus(86_400_000),
        used_by,
        changed_at: LogIndex(302),
    }
}

/// One log entry in which everything happened.
pub(crate) fn audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    audit_of(audit_rows())
}

/// The same with events that came later.
pub(crate) fn key_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    audit_of(vec![
        AuditRow::DataKeyRotationStarted { id: DataKeyId(2) },
        AuditRow::DataKeyActivated { id: DataKeyId(2) },
        AuditRow::DataKeyRetired { id: DataKeyId(1) },
    ])
}

pub(crate) fn audit_of(rows: Vec<AuditRow>) -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let index = LogIndex(4712);
    let events = (0_u32..).zip(rows).map(|(ordinal, row)| AuditEvent {
        index,
        ordinal,
        at: AT,
        caller: Caller::Application(ApplicationId(0x0102_0304_0506_0708)),
        request_id: RequestId([0x21; 16]),
        fingerprint: Fingerprint([0x22; 16]),
        node: NodeId(2),
        row,
    });
    (index, AT, events.collect())
}

fn audit_rows() -> Vec<AuditRow> {
    vec![
        AuditRow::Verified(verified(None)),
        AuditRow::Verified(verified(Some(Denial::CodeMismatch))),
        AuditRow::Verified(verified(Some(Denial::CodeAlreadyUsed))),
        AuditRow::Verified(verified(Some(Denial::UnknownUser))),
        AuditRow::Verified(verified(Some(Denial::NoToken))),
        AuditRow::Verified(verified(Some(Denial::Locked))),
        AuditRow::ClusterCreated {
            cluster: ClusterId([0x31; 16]),
            name: name("main"),
            administrator: AdministratorId(0x1112_1314_1516_1718),
            node: NodeId(1),
        },
        AuditRow::UserCreated { user: UserId(0xa1a2_a3a4_a5a6_a7a8), name: user_name("zoë") },
        AuditRow::TokenEnrolled {
            user: UserId(0xa1a2_a3a4_a5a6_a7a8),
            token: TokenId(0xb1b2_b3b4_b5b6_b7b8),
        },
        AuditRow::ApplicationCreated {
            application: ApplicationId(0x0102_0304_0506_0708),
            name: name("vpn-1"),
            exempt: Exemptions::default(),
        },
        AuditRow::JoinTokenCreated {
            join_token: JoinTokenId(0xd1d2_d3d4_d5d6_d7d8),
            expires_at: AT.plus(86_400_000),
        },
        AuditRow::NodeAdmitted {
            node: NodeId(2),
            name: name("n2.example"),
            pin: KeyPin([0x71; 32]),
            join_token: JoinTokenId(0xd1d2_d3d4_d5d6_d7d8),
        },
        AuditRow::NodeAddressesChanged {
            node: NodeId(2),
            peer_address: "n2.example:9444".to_owned(),
            api_address: "https://n2.example:9443".to_owned(),
        },
        AuditRow::JoinTokenExpired { join_token: JoinTokenId(0xd1d2_d3d4_d5d6_d7d8) },
    ]
}

fn verified(denial: Option<Denial>) -> Verified {
    let unknown = denial == Some(Denial::UnknownUser);
    Verified {
        user_name: user_name("zoë"),
        user: (!unknown).then_some(UserId(0xa1a2_a3a4_a5a6_a7a8)),
        application: ApplicationId(0x0102_0304_0506_0708),
        client_ip: "2001:db8::7".to_owned(),
        method: Method::Otp,
        verdict: Verdict {
            decision: denial.map_or(Decision::Allow, Decision::Deny),
            failures: if denial == Some(Denial::Locked) { 100 } else { 0 },
        },
        spent: denial
            .is_none()
            .then_some(Match { token: TokenId(0xb1b2_b3b4_b5b6_b7b8), step: 60_000_000 })
            .into_iter()
            .collect(),
        proof: Default::default(),
    }
}

pub(crate) fn scalars() -> Scalars {
    Scalars { clock: AT, audit_chain: Digest([0xe1; 32]), digest: Digest([0xe2; 32]) }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn user_name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn display_name(text: &str) -> DisplayName {
    DisplayName::new(text).unwrap()
}

fn parameters(algorithm: Algorithm, digits: u8, period_seconds: u32) -> Parameters {
    Parameters::totp(algorithm, digits, period_seconds).unwrap()
}
