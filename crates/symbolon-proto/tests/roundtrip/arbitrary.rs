//! Any value of the domain that can be stored. Ids are drawn from 1 on: in an optional place 0
//! stands for none.

mod callers;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use symbolon_core::otp::{Algorithm, Parameters};
use symbolon_core::{
    AdministratorId, AdmitNode, Answer, ApplicationId, AuditEvent, AuditRow, Block, BlockUser,
    Caller, Cluster, ClusterId, Command, ConfirmDataKey, ConfirmToken, CreateCluster,
    CreateJoinToken, CreateUser, DataKeyId, DataKeys, Decision, DeleteUser, Denial, DisplayName,
    EnrollToken, Fingerprint, JoinToken, JoinTokenId, KeyHash, KeyPin, LineageId, LogIndex, Match,
    Method, Name, Node, NodeId, Outcome, Proposal, Reason, Refusal, RemoveToken, Reply, RequestId,
    Reseal, ResyncToken, RetireDataKey, Reveal, RotateDataKey, Rotation, Row, RowKey, SETTINGS,
    Sealed, Serial, SetNodeAddresses, Setting, Settings, Timestamp, Token, TokenId, UnblockUser,
    UpdateSettings, UpdateUser, User, UserId, UserName, Verdict, Verified,
};

mod epochs;
mod keys;
mod merges;
mod pins;
mod radius;
mod settings;
pub(crate) use pins::outcome;

/// Any number, the extreme ones often.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()]
}

fn id<T: std::fmt::Debug>(make: fn(u64) -> T) -> impl Strategy<Value = T> {
    prop_oneof![Just(1), Just(u64::MAX), 1..u64::MAX].prop_map(make)
}

fn index() -> impl Strategy<Value = LogIndex> {
    number().prop_map(LogIndex)
}

fn time() -> impl Strategy<Value = Timestamp> {
    number().prop_map(Timestamp)
}

fn hash() -> impl Strategy<Value = KeyHash> {
    any::<[u8; 32]>().prop_map(KeyHash)
}

fn pin() -> impl Strategy<Value = KeyPin> {
    any::<[u8; 32]>().prop_map(KeyPin)
}

fn sealed() -> impl Strategy<Value = Sealed> {
    vec(any::<u8>(), 0..80).prop_map(Sealed::new)
}

fn name() -> impl Strategy<Value = Name> {
    "[A-Za-z0-9._-]{1,64}".prop_map(|text| Name::new(text).unwrap())
}

fn user_name() -> impl Strategy<Value = UserName> {
    "\\PC{1,64}".prop_filter_map("white space", |text| UserName::new(text).ok())
}

fn display_name() -> impl Strategy<Value = DisplayName> {
    "\\PC{0,64}".prop_filter_map("too long", |text| DisplayName::new(text).ok())
}

fn address() -> impl Strategy<Value = String> {
    "[ -~]{0,280}"
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let algorithm =
        prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)];
    (algorithm, 6..=8_u8, prop_oneof![Just(30), Just(60), Just(0)]).prop_map(
        |(algorithm, digits, period)| match period {
            0 => Parameters::hotp(algorithm, digits).unwrap(),
            period => Parameters::totp(algorithm, digits, period).unwrap(),
        },
    )
}

fn serial() -> impl Strategy<Value = Option<Serial>> {
    option::of("[A-Za-z0-9 ._:/-]{1,64}".prop_map(|text| Serial::new(text).unwrap()))
}

fn reason() -> impl Strategy<Value = Reason> {
    "\\PC{1,64}".prop_filter_map("too long", |text| Reason::new(text).ok())
}

fn user_command() -> impl Strategy<Value = Command> {
    let update =
        (id(UserId), option::of(display_name()), any::<Option<bool>>(), option::of(index()));
    prop_oneof![
        update.prop_map(|(user, display_name, disabled, revision)| {
            Command::UpdateUser(UpdateUser {
                user,
                display_name,
                disabled,
                profile: Default::default(),
                revision,
            })
        }),
        (id(UserId), reason(), number()).prop_map(|(user, reason, milliseconds)| {
            Command::BlockUser(BlockUser { user, reason, milliseconds })
        }),
        (id(UserId), reason())
            .prop_map(|(user, reason)| Command::UnblockUser(UnblockUser { user, reason })),
        (id(UserId), option::of(index()))
            .prop_map(|(user, revision)| Command::DeleteUser(DeleteUser { user, revision })),
    ]
}

fn shown() -> impl Strategy<Value = Match> {
    (id(TokenId), number()).prop_map(|(token, step)| Match { token, step })
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        id(AdministratorId).prop_map(Caller::Administrator),
        id(ApplicationId).prop_map(Caller::Application),
        id(NodeId).prop_map(Caller::Node),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let addresses = (address(), address());
    (id(NodeId), name(), pin(), addresses, any::<bool>(), index()).prop_map(
        |(id, name, pin, (peer_address, api_address), superseded, changed_at)| Node {
            id,
            name,
            pin,
            peer_address,
            api_address,
            superseded,
            changed_at,
        },
    )
}

fn create_cluster() -> impl Strategy<Value = CreateCluster> {
    (
        (any::<[u8; 16]>(), name(), any::<[u8; 16]>()),
        vec(any::<u8>(), 0..80),
        (sealed(), callers::administrator().boxed(), node()),
    )
        .prop_map(
            |((cluster, name, lineage), ca_certificate, (ca_key, administrator, node))| {
                CreateCluster {
                    cluster: ClusterId(cluster),
                    name,
                    lineage: LineageId(lineage),
                    ca_certificate,
                    ca_key,
                    administrator: Box::new(administrator),
                    node,
                }
            },
        )
}

fn admit_node() -> impl Strategy<Value = AdmitNode> {
    (id(JoinTokenId), hash(), name(), pin(), address(), address()).prop_map(
        |(join_token, secret, name, pin, peer_address, api_address)| AdmitNode {
            join_token,
            secret,
            name,
            pin,
            peer_address,
            api_address,
        },
    )
}

fn creation() -> impl Strategy<Value = Command> {
    prop_oneof![
        (id(UserId), user_name(), display_name()).prop_map(|(user, name, display_name)| {
            Command::CreateUser(CreateUser {
                user,
                name,
                display_name,
                profile: Default::default(),
            })
        }),
        (id(UserId), id(TokenId), parameters(), sealed(), serial(), number(), any::<bool>())
            .prop_map(|(user, token, parameters, seed, serial, mark, pending)| {
                Command::EnrollToken(EnrollToken {
                    user,
                    token,
                    parameters,
                    seed,
                    serial,
                    mark,
                    pending,
                })
            }),
        shown().prop_map(|shown| Command::ConfirmToken(ConfirmToken { shown })),
        shown().prop_map(|shown| Command::ResyncToken(ResyncToken { shown })),
        id(TokenId).prop_map(|token| Command::RemoveToken(RemoveToken { token })),
        callers::command().boxed(),
        (id(JoinTokenId), hash(), sealed(), number()).prop_map(
            |(join_token, secret_hash, secret, life_milliseconds)| {
                Command::CreateJoinToken(CreateJoinToken {
                    join_token,
                    secret_hash,
                    secret,
                    life_milliseconds,
                })
            }
        ),
    ]
}

fn data_key() -> impl Strategy<Value = DataKeyId> {
    prop_oneof![Just(1), Just(u32::MAX), 1..u32::MAX].prop_map(DataKeyId)
}

fn row_key() -> impl Strategy<Value = RowKey> {
    prop_oneof![
        Just(RowKey::Cluster),
        id(ApplicationId).prop_map(RowKey::Application),
        id(ApplicationId).prop_map(RowKey::RadiusClient),
        id(TokenId).prop_map(RowKey::Token),
        id(JoinTokenId).prop_map(RowKey::JoinToken),
        id(UserId).prop_map(RowKey::User),
        id(NodeId).prop_map(RowKey::Node),
        id(AdministratorId).prop_map(RowKey::Administrator),
        Just(RowKey::DataKeys),
        Just(RowKey::Settings),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let addresses = (id(NodeId), address(), address());
    prop_oneof![
        outcome().prop_map(Command::Verify).boxed(),
        create_cluster().prop_map(Command::CreateCluster),
        creation(),
        admit_node().prop_map(Command::AdmitNode),
        addresses.prop_map(|(node, peer_address, api_address)| {
            Command::SetNodeAddresses(SetNodeAddresses { node, peer_address, api_address })
        }),
        Just(Command::Tick),
        // Boxed: the stack of a test has not room for all of them.
        keys::command().boxed(),
        prop_oneof![epochs::command(), merges::command(), radius::command().boxed()].boxed(),
        user_command().boxed(),
        pins::command().boxed(),
    ]
}

pub(crate) fn proposal() -> impl Strategy<Value = Proposal> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>());
    (caller(), ids, index(), time(), id(NodeId), command()).prop_map(
        |(caller, (request_id, fingerprint), seen, made_at, node, command)| Proposal {
            caller,
            request_id: RequestId(request_id),
            fingerprint: Fingerprint(fingerprint),
            seen,
            made_at,
            node,
            command,
        },
    )
}

fn reveal() -> impl Strategy<Value = Option<Reveal>> {
    let until = (1..=u64::MAX).prop_map(Timestamp);
    option::of((sealed(), until).prop_map(|(secret, until)| Reveal { secret, until }))
}

fn user_row() -> impl Strategy<Value = User> {
    let tokens = vec(id(TokenId), 0..17);
    let names = (user_name(), display_name());
    let block = (reason(), time(), time());
    let block = option::of(block.prop_map(|(reason, since, until)| Block { reason, since, until }));
    let failures = (any::<u32>(), time(), vec((id(ApplicationId), any::<u32>()), 0..3));
    let standing = (failures, any::<bool>(), block, pins::pin());
    (id(UserId), names, standing, tokens, time(), index(), index()).prop_map(
        |(
            id,
            names,
            (failures, disabled, block, pin),
            tokens,
            created_at,
            changed_at,
            revision,
        )| User {
            id,
            name: names.0,
            display_name: names.1,
            failures: failures.0,
            failed_at: failures.1,
            failed_by: failures.2,
            tokens,
            disabled,
            block,
            pin,
            bypass: None,
            recovery_codes: None,
            profile: None,
            created_at,
            changed_at,
            revision,
        },
    )
}

fn token_row() -> impl Strategy<Value = Token> {
    let ids = (id(TokenId), id(UserId));
    let position = (number(), any::<i32>(), any::<u32>(), any::<bool>());
    let printed = (serial(), any::<bool>());
    (ids, parameters(), sealed(), printed, position, time(), index()).prop_map(
        |(
            (id, user),
            parameters,
            seed,
            (serial, pending),
            (mark, drift, epoch, awaits_second),
            created_at,
            changed_at,
        )| Token {
            id,
            user,
            parameters,
            seed,
            serial,
            pending,
            mark,
            drift,
            epoch,
            awaits_second,
            created_at,
            changed_at,
        },
    )
}

fn join_token_row() -> impl Strategy<Value = JoinToken> {
    let used_by = option::of(id(NodeId));
    (id(JoinTokenId), hash(), reveal(), time(), used_by, index()).prop_map(
        |(id, secret, reveal, expires_at, used_by, changed_at)| JoinToken {
            id,
            secret,
            reveal,
            expires_at,
            used_by,
            changed_at,
        },
    )
}

pub(crate) fn row() -> impl Strategy<Value = Row> {
    prop_oneof![
        epochs::cluster_row().prop_map(Row::Cluster),
        callers::administrator().prop_map(Row::Administrator).boxed(),
        callers::application().prop_map(Row::Application).boxed(),
        user_row().prop_flat_map(pins::helped).prop_map(Row::User).boxed(),
        token_row().prop_map(Row::Token),
        node().prop_map(Row::Node),
        join_token_row().prop_map(Row::JoinToken),
        keys::row().prop_map(Row::DataKeys),
        settings::row().prop_map(Row::Settings).boxed(),
        prop_oneof![
            pins::challenge().prop_map(Row::Challenge),
            merges::row(),
            radius::row().boxed()
        ]
        .boxed(),
    ]
}

pub(crate) fn verdict() -> impl Strategy<Value = Verdict> {
    let denials = [
        Denial::CodeMismatch,
        Denial::CodeAlreadyUsed,
        Denial::UnknownUser,
        Denial::NoToken,
        Denial::Locked,
        Denial::WrongPin,
        Denial::PinExpired,
        Denial::ChallengeExpired,
        Denial::NewPinRefused,
        Denial::SecondCodeNeeded,
        Denial::RecoveryCodesHeld,
        Denial::AllowanceSpent,
        Denial::FirstFactorDenied,
        Denial::FirstFactorUnreachable,
    ];
    let denied = proptest::sample::select(denials.to_vec()).prop_map(Decision::Deny);
    let decision = prop_oneof![1 => pins::decision(), 11 => denied];
    (decision, any::<u32>()).prop_map(|(decision, failures)| Verdict { decision, failures })
}

fn verified() -> impl Strategy<Value = Verified> {
    (outcome(), verdict(), pins::proof()).prop_map(|(outcome, verdict, proof)| Verified {
        user_name: outcome.user_name,
        user: outcome.user,
        application: outcome.application,
        client_ip: outcome.client_ip,
        method: outcome.method,
        verdict,
        spent: outcome.matches,
        proof,
    })
}

fn audit_row() -> impl Strategy<Value = AuditRow> {
    let admitted = (id(NodeId), admit_node());
    let moved = (id(NodeId), address(), address());
    prop_oneof![
        verified().prop_map(AuditRow::Verified).boxed(),
        create_cluster().prop_map(|created| AuditRow::ClusterCreated {
            cluster: created.cluster,
            name: created.name,
            administrator: created.administrator.id,
            node: created.node.id,
        }),
        (id(UserId), user_name()).prop_map(|(user, name)| AuditRow::UserCreated { user, name }),
        (id(UserId), id(TokenId)).prop_map(|(user, token)| AuditRow::TokenEnrolled { user, token }),
        callers::audit_row().boxed(),
        (id(JoinTokenId), time()).prop_map(|(join_token, expires_at)| {
            AuditRow::JoinTokenCreated { join_token, expires_at }
        }),
        admitted.prop_map(|(node, admit)| AuditRow::NodeAdmitted {
            node,
            name: admit.name,
            pin: admit.pin,
            join_token: admit.join_token,
        }),
        moved.prop_map(|(node, peer_address, api_address)| AuditRow::NodeAddressesChanged {
            node,
            peer_address,
            api_address,
        }),
        id(JoinTokenId).prop_map(|join_token| AuditRow::JoinTokenExpired { join_token }),
        data_key().prop_map(|id| AuditRow::DataKeyRotationStarted { id }),
        data_key().prop_map(|id| AuditRow::DataKeyActivated { id }),
        data_key().prop_map(|id| AuditRow::DataKeyRetired { id }),
        prop_oneof![epochs::audit_row(), merges::audit_row(), radius::audit_row().boxed()].boxed(),
    ]
}

/// The events of one log entry.
pub(crate) fn events() -> impl Strategy<Value = (LogIndex, Timestamp, Vec<AuditEvent>)> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>());
    let event = (any::<u32>(), caller(), ids, id(NodeId), audit_row());
    (index(), time(), vec(event, 0..5)).prop_map(|(index, at, events)| {
        let event =
            |(ordinal, caller, ids, node, row): (_, _, ([u8; 16], [u8; 16]), _, _)| AuditEvent {
                index,
                ordinal,
                at,
                caller,
                request_id: RequestId(ids.0),
                fingerprint: Fingerprint(ids.1),
                node,
                row,
            };
        (index, at, events.into_iter().map(event).collect())
    })
}

pub(crate) fn answer() -> impl Strategy<Value = Answer> {
    let refusal = prop_oneof![
        Just(Refusal::Stale),
        Just(Refusal::Late),
        Just(Refusal::FingerprintMismatch),
        Just(Refusal::IdTaken),
        Just(Refusal::NodeUnknown),
        Just(Refusal::NoSuchRadiusClient),
        Just(Refusal::RangeTaken),
    ];
    let reply = prop_oneof![
        verdict().prop_map(Reply::Verified),
        Just(Reply::ClusterCreated),
        id(UserId).prop_map(Reply::UserCreated),
        id(TokenId).prop_map(Reply::TokenEnrolled),
        id(TokenId).prop_map(Reply::TokenChanged),
        id(UserId).prop_map(Reply::UserChanged),
        id(ApplicationId).prop_map(Reply::ApplicationCreated),
        id(ApplicationId).prop_map(Reply::ApplicationChanged),
        id(AdministratorId).prop_map(Reply::AdministratorCreated),
        id(AdministratorId).prop_map(Reply::AdministratorChanged),
        id(JoinTokenId).prop_map(Reply::JoinTokenCreated),
        id(NodeId).prop_map(Reply::NodeAdmitted),
        data_key().prop_map(Reply::DataKeyRotationStarted),
        Just(Reply::Done),
        refusal.prop_map(Reply::Refused),
    ];
    (index(), reply).prop_map(|(index, reply)| Answer { index, reply })
}
