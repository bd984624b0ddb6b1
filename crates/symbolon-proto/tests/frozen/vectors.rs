//! What the vectors hold.

use prost::Message;
use symbolon_core::{
    AuditEvent, Command, CreateUser, Digest, LogIndex, Phone, PhoneKind, Profile, ProfileChange,
    ProfileField, Proposal, Row, Timestamp, UpdateUser, User,
};
use symbolon_proto::store::v1 as store;
use symbolon_proto::{
    audit_decode, audit_encode, audit_head, batch_decode, batch_encode, proposal_decode,
    proposal_encode, row_decode, row_encode, scalars_from_proto, scalars_to_proto,
};

use crate::samples;

mod disk;

type Check = Box<dyn Fn(&[u8]) -> bool>;

/// A frozen message.
pub(crate) struct Vector {
    /// Release and kind.
    pub(crate) name: String,
    /// Messages of store.v1 that it shows.
    pub(crate) messages: &'static [&'static str],
    /// As this release writes it.
    pub(crate) encoded: Vec<u8>,
    /// Whether bytes are read as the value that they were written from.
    pub(crate) reads_back: Check,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    let later = samples::key_commands().into_iter().chain(samples::token_commands());
    let later = later.chain(samples::user_commands()).chain(samples::settings_commands());
    let later = later.chain(samples::callers::commands());
    let later = later.chain(samples::pin_commands()).chain(samples::bypass_commands());
    let later = later.chain(samples::challenge_commands()).chain(samples::epoch_commands());
    let later = later.chain(samples::merge_commands()).chain(samples::radius_commands());
    let later = later.chain(samples::radsec_commands()).chain(samples::session_commands());
    for (name, command) in samples::commands().into_iter().chain(later) {
        vectors.push(proposal(name, samples::proposal(command)));
    }
    vectors.push(batch());
    let later = samples::key_rows().into_iter().chain(samples::token_rows());
    let later = later.chain(samples::user_rows()).chain(samples::settings_rows());
    let later = later.chain(samples::pin_rows()).chain(samples::bypass_rows());
    let later = later.chain(samples::challenge_rows()).chain(samples::epoch_rows());
    let later = later.chain(samples::merge_rows()).chain(samples::radius_rows());
    let later = later.chain(samples::radsec_rows());
    let user = User { profile: profile().kept(), ..samples::user() };
    let later = later.chain(samples::callers::rows()).chain([("user-profile", Row::User(user))]);
    for (name, row) in samples::rows().into_iter().chain(later) {
        vectors.push(row_vector(name, row));
    }
    vectors.push(audit("audit-batch", None, samples::audit()));
    vectors.push(audit("audit-batch-keys", None, samples::key_audit()));
    vectors.push(audit("audit-batch-chained", Some(Digest([0x35; 32])), samples::audit()));
    vectors.push(audit("audit-batch-tokens", None, samples::token_audit()));
    vectors.push(audit("audit-batch-users", None, samples::user_audit()));
    vectors.extend(profiles());
    vectors.push(audit("audit-batch-settings", None, samples::settings_audit()));
    vectors.push(audit("audit-batch-callers", None, samples::callers::audit()));
    vectors.push(audit("audit-batch-strangers", None, samples::callers::later_audit()));
    vectors.push(audit("audit-batch-exempt", None, samples::callers::exempt_audit()));
    vectors.push(audit("audit-batch-pins", None, samples::pin_audit()));
    vectors.push(audit("audit-batch-bypass", None, samples::bypass_audit()));
    vectors.push(audit("audit-batch-challenges", None, samples::challenge_audit()));
    vectors.push(audit("audit-batch-changes", None, samples::changes_audit()));
    vectors.push(audit("audit-batch-epochs", None, samples::epoch_audit()));
    vectors.push(audit("audit-batch-islands", None, samples::callers::island_audit()));
    vectors.push(audit("audit-batch-apart", None, samples::apart_audit()));
    vectors.push(audit("audit-batch-merges", None, samples::merge_audit()));
    vectors.push(audit("audit-batch-clock", None, samples::clock_audit()));
    vectors.push(audit("audit-batch-exported", None, samples::export_audit()));
    vectors.push(audit("audit-batch-radius", None, samples::radius_audit()));
    vectors.push(audit("audit-batch-radsec", None, samples::radsec_audit()));
    vectors.push(audit("audit-batch-sessions", None, samples::session_audit()));
    vectors.push(scalars());
    vectors.extend(log());
    vectors.extend(disk::disk());
    vectors.extend(disk::successions());
    vectors.extend(disk::islands());
    vectors.extend(snapshots());
    vectors
}

fn profile() -> Profile {
    let phone = Phone::new(PhoneKind::Office, "+49301234567".to_owned(), "89".to_owned()).unwrap();
    let (groups, tags) = (vec!["staff".to_owned(), "vpn".to_owned()], vec!["vip".to_owned()]);
    Profile::new("zoe@example.com".to_owned(), vec![phone], groups, tags, "de-AT".to_owned())
        .unwrap()
}

/// What is known about users came later.
fn profiles() -> Vec<Vector> {
    let created = CreateUser { profile: profile(), ..samples::create_user() };
    let change = ProfileChange { fields: ProfileField::ALL.to_vec(), values: profile() };
    let update = UpdateUser {
        user: created.user,
        display_name: None,
        disabled: None,
        profile: change,
        revision: None,
    };
    vec![
        proposal("create-user-profile", samples::proposal(Command::CreateUser(created))),
        proposal("update-user-profile", samples::proposal(Command::UpdateUser(update))),
    ]
}

/// What proposals hold.
const PROPOSALS: &[&str] = &[
    "Proposal",
    "Caller",
    "Outcome",
    "ChallengeAnswer",
    "Match",
    "CreateCluster",
    "CreateUser",
    "Profile",
    "Phone",
    "EnrollToken",
    "CreateApplication",
    "CreateJoinToken",
    "AdmitNode",
    "SetNodeAddresses",
    "Tick",
    "UpdateUser",
    "BlockUser",
    "UnblockUser",
    "DeleteUser",
    "ConfirmToken",
    "ResyncToken",
    "RemoveToken",
    "RotateDataKey",
    "ConfirmDataKey",
    "Reseal",
    "RetireDataKey",
    "UpdateSettings",
    "SettingValue",
    "UpdateApplication",
    "RotateApplicationKey",
    "RetireApplicationKey",
    "DeleteApplication",
    "CreateAdministrator",
    "UpdateAdministrator",
    "RotateAdministratorToken",
    "DeleteAdministrator",
    "SourceList",
    "ScopeList",
    "SetPin",
    "GrantBypass",
    "CancelBypass",
    "CreateRecoveryCodes",
    "RecordExport",
    "StartEpoch",
    "ReadmitNode",
    "ReleaseRecoveryCodes",
    "ConfirmClock",
    "RemoveNode",
    "MeetEpoch",
    "DiscardEpoch",
    "Merge",
    "MergeRecord",
    "MergeMark",
    "Origin",
    "AcknowledgeDoubles",
    "SetRadiusClient",
    "RemoveRadiusClient",
    "NoteRadiusSigner",
    "TellSession",
    "SessionReport",
    "RadiusPolicy",
];

fn proposal(name: &str, proposal: Proposal) -> Vector {
    Vector {
        name: format!("0.1.0-proposal-{name}"),
        messages: PROPOSALS,
        encoded: proposal_encode(&proposal),
        reads_back: Box::new(move |bytes| {
            proposal_decode(bytes).is_ok_and(|read| read == proposal)
        }),
    }
}

fn batch() -> Vector {
    let (_, at, _) = samples::audit();
    let proposals: Vec<_> =
        samples::commands().into_iter().map(|(_, command)| samples::proposal(command)).collect();
    let encoded = batch_encode(at, &proposals);
    Vector {
        name: "0.1.0-batch".to_owned(),
        messages: &["Batch"],
        encoded,
        reads_back: Box::new(move |bytes| {
            batch_decode(bytes).is_ok_and(|read| read == (at, proposals.clone()))
        }),
    }
}

fn row_vector(name: &str, row: Row) -> Vector {
    Vector {
        name: format!("0.1.0-row-{name}"),
        messages: &[
            "Row",
            "ClusterRow",
            "AdministratorRow",
            "ApplicationRow",
            "UserRow",
            "Block",
            "TokenRow",
            "NodeRow",
            "JoinTokenRow",
            "DataKeysRow",
            "DataKeyRotation",
            "SettingsRow",
            "SettingValue",
            "FailedBy",
            "Pin",
            "Bypass",
            "RecoveryCodes",
            "ChallengeRow",
            "Floor",
            "OtherEpoch",
            "JournalRow",
            "RadiusClientRow",
            "RadiusPolicy",
            "RadiusTarget",
            "RadiusAttribute",
        ],
        encoded: row_encode(&row),
        reads_back: Box::new(move |bytes| row_decode(bytes).is_ok_and(|read| read == row)),
    }
}

const AUDIT: &[&str] = &[
    "AuditBatch",
    "AuditRow",
    "Verified",
    "Spent",
    "ClusterCreated",
    "UserCreated",
    "TokenEnrolled",
    "ApplicationCreated",
    "JoinTokenCreated",
    "NodeAdmitted",
    "NodeAddressesChanged",
    "JoinTokenExpired",
    "UserUpdated",
    "LabelChange",
    "PersonalDataExported",
    "UserBlocked",
    "UserUnblocked",
    "UserDeleted",
    "TokenConfirmed",
    "TokenResynchronised",
    "TokenRemoved",
    "ApplicationUpdated",
    "ApplicationBefore",
    "AdministratorBefore",
    "ApplicationKeyRotated",
    "ApplicationKeyRetired",
    "ApplicationDeleted",
    "NamesNotAudited",
    "AdministratorCreated",
    "AdministratorUpdated",
    "AdministratorTokenRotated",
    "AdministratorDeleted",
    "DataKeyRotationStarted",
    "DataKeyActivated",
    "DataKeyRetired",
    "SettingsChanged",
    "SettingChange",
    "PinSet",
    "PinCleared",
    "BypassGranted",
    "BypassCancelled",
    "RecoveryCodesCreated",
    "PinChanged",
    "EpochStarted",
    "NodeReadmitted",
    "RecoveryCodesReleased",
    "ClockConfirmed",
    "NodeRemoved",
    "EpochDiscarded",
    "Merged",
    "Origin",
    "AcceptedTwice",
    "DoublesAcknowledged",
    "MergeRefused",
    "RadiusClientSet",
    "RadiusClientRemoved",
    "RadiusClientSigns",
    "SessionTold",
    "SessionReport",
];

fn audit(
    name: &str,
    before: Option<Digest>,
    (index, at, events): (LogIndex, Timestamp, Vec<AuditEvent>),
) -> Vector {
    Vector {
        name: format!("0.1.0-{name}"),
        messages: AUDIT,
        encoded: audit_encode(before, at, &events),
        reads_back: Box::new(move |bytes| {
            audit_head(bytes).is_ok_and(|head| head.before == before)
                && audit_decode(index, bytes).is_ok_and(|read| read == events)
        }),
    }
}

fn scalars() -> Vector {
    let scalars = samples::scalars();
    Vector {
        name: "0.1.0-scalars".to_owned(),
        messages: &["Scalars"],
        encoded: full_scalars().encode_to_vec(),
        reads_back: Box::new(move |bytes| {
            store::Scalars::decode(bytes).is_ok_and(|read| {
                let domain = scalars_from_proto(&read).is_ok_and(|read| read == scalars);
                domain && read == full_scalars()
            })
        }),
    }
}

fn full_scalars() -> store::Scalars {
    store::Scalars {
        applied_log_id: log_id().encode_to_vec(),
        membership: stored_membership().encode_to_vec(),
        ..scalars_to_proto(samples::scalars())
    }
}

/// A message that has no value in the domain.
fn message<M>(name: &str, messages: &'static [&'static str], value: M) -> Vector
where
    M: Message + Default + PartialEq + 'static,
{
    Vector {
        name: format!("0.1.0-{name}"),
        messages,
        encoded: value.encode_to_vec(),
        reads_back: Box::new(move |bytes| M::decode(bytes).is_ok_and(|read| read == value)),
    }
}

fn log() -> Vec<Vector> {
    use store::log_entry::Payload;
    let entry = |payload| store::LogEntry { log_id: Some(log_id()), payload: Some(payload) };
    let vote = store::Vote { term: 7, node: 2, committed: true };
    let batch = batch().encoded;
    vec![
        message("log-id", &["LogId"], log_id()),
        message("vote", &["Vote"], vote),
        message("membership", &["Membership", "Voters"], membership()),
        message("stored-membership", &["StoredMembership"], stored_membership()),
        message("log-entry-blank", &["LogEntry"], entry(Payload::Blank(true))),
        message("log-entry-membership", &["LogEntry"], entry(Payload::Membership(membership()))),
        message("log-entry-batch", &["LogEntry"], entry(Payload::Batch(batch.into()))),
    ]
}

fn log_id() -> store::LogId {
    store::LogId { term: 7, leader_node: 2, index: 4712 }
}

/// In the middle of a change from one voter to three.
fn membership() -> store::Membership {
    let voters = |nodes: &[u64]| store::membership::Voters { node: nodes.to_vec() };
    store::Membership { config: vec![voters(&[1]), voters(&[1, 2, 3])], node: vec![1, 2, 3, 4] }
}

fn stored_membership() -> store::StoredMembership {
    store::StoredMembership { log_id: Some(log_id()), membership: Some(membership()) }
}

fn snapshots() -> Vec<Vector> {
    let header = store::SnapshotHeader {
        version: 1,
        cluster: vec![0x31; 16],
        scalars: Some(full_scalars()),
        rows: 10,
        audit_from: None,
    };
    let point = |log_index: u64| store::AuditPoint { log_index, chain_before: vec![0x36; 32] };
    let part_header =
        store::SnapshotHeader { version: 2, audit_from: Some(point(90)), ..header.clone() };
    let audit_extent = store::AuditExtent {
        floor: Some(point(10)),
        gap: Some(store::AuditGap {
            from: Some(point(20)),
            next: Some(point(30)),
            to: Some(point(40)),
        }),
    };
    let rows = samples::rows().into_iter();
    let (index, at, events) = samples::audit();
    let audit = store::SnapshotAudit {
        index: index.0,
        batch: store::AuditBatch::decode(&*audit_encode(None, at, &events)).ok(),
    };
    let rows = store::SnapshotRows {
        row: rows.filter_map(|(_, row)| store::Row::decode(&*row_encode(&row)).ok()).collect(),
        audit: vec![audit],
    };
    vec![
        message("snapshot-header", &["SnapshotHeader"], header),
        message("snapshot-header-part", &["SnapshotHeader", "AuditPoint"], part_header),
        message("audit-extent", &["AuditExtent", "AuditGap", "AuditPoint"], audit_extent),
        message("snapshot-rows", &["SnapshotRows", "SnapshotAudit"], rows),
    ]
}
