//! What the scripts have reached: a test says nothing about the rest.

use std::collections::BTreeMap;

use symbolon_core::{Answer, Command, Refusal, Reply, Stamp};

/// How often each command came to each end, and how often something rare happened.
#[derive(Default)]
pub(crate) struct Coverage {
    ends: BTreeMap<(&'static str, &'static str), u64>,
    notes: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub(crate) fn count(&mut self, command: &Command, stamp: Stamp, answer: &Answer) {
        let is_listed = TABLE.lines().any(|line| line.split(": ").next() == Some(command.name()));
        assert!(is_listed, "{} is not in the table", command.name());
        let end = if answer.index == stamp.index { end(answer.reply) } else { "again" };
        *self.ends.entry((command.name(), end)).or_default() += 1;
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        *self.notes.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        other.ends.into_iter().for_each(|(key, times)| *self.ends.entry(key).or_default() += times);
        let notes = other.notes.into_iter();
        notes.for_each(|(key, times)| *self.notes.entry(key).or_default() += times);
    }

    /// What of the table was not reached.
    pub(crate) fn missing(&self) -> Vec<String> {
        let ends = TABLE.lines().filter_map(|line| line.split_once(": "));
        let ends = ends.flat_map(|(command, ends)| ends.split(' ').map(move |end| (command, end)));
        let ends = ends.filter(|end| !self.ends.contains_key(end));
        let notes = NOTES.iter().filter(|note| !self.notes.contains_key(*note));
        ends.map(|(command, end)| format!("{command} -> {end}"))
            .chain(notes.map(|note| (*note).to_owned()))
            .collect()
    }

    pub(crate) fn report(&self) -> String {
        let ends = self.ends.iter();
        let ends = ends.map(|((command, end), times)| format!("{times:>8}  {command} -> {end}"));
        let notes = self.notes.iter().map(|(note, times)| format!("{times:>8}  {note}"));
        ends.chain(notes).collect::<Vec<_>>().join("\n")
    }
}

/// A new reply is met here first: it needs a place in the table below.
fn end(reply: Reply) -> &'static str {
    match reply {
        Reply::Verified(verdict) => verdict.decision.name(),
        Reply::ClusterCreated
        | Reply::UserCreated(_)
        | Reply::UserChanged(_)
        | Reply::TokenEnrolled(_)
        | Reply::TokenChanged(_)
        | Reply::ApplicationCreated(_)
        | Reply::ApplicationChanged(_)
        | Reply::AdministratorCreated(_)
        | Reply::AdministratorChanged(_)
        | Reply::JoinTokenCreated(_)
        | Reply::NodeAdmitted(_)
        | Reply::SettingsChanged
        | Reply::DataKeyRotationStarted(_)
        | Reply::Done => "done",
        Reply::Refused(refusal) => refused(refusal),
    }
}

const fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Stale => "Stale",
        Refusal::Late => "Late",
        Refusal::EpochApart => "EpochApart",
        Refusal::FingerprintMismatch => "FingerprintMismatch",
        Refusal::IdTaken => "IdTaken",
        Refusal::NameTaken => "NameTaken",
        Refusal::NoSuchUser => "NoSuchUser",
        Refusal::RevisionChanged => "RevisionChanged",
        Refusal::NoSuchApplication => "NoSuchApplication",
        Refusal::NoSuchRadiusClient => "NoSuchRadiusClient",
        Refusal::RangeTaken => "RangeTaken",
        Refusal::NoSuchAdministrator => "NoSuchAdministrator",
        Refusal::LastAdministrator => "LastAdministrator",
        Refusal::NoSuchToken => "NoSuchToken",
        Refusal::SerialTaken => "SerialTaken",
        Refusal::StepRefused => "StepRefused",
        Refusal::LimitReached => "LimitReached",
        Refusal::JoinTokenUnknown => "JoinTokenUnknown",
        Refusal::JoinTokenUsed => "JoinTokenUsed",
        Refusal::JoinTokenExpired => "JoinTokenExpired",
        Refusal::NotPermitted => "NotPermitted",
        Refusal::WrongPhase => "WrongPhase",
        Refusal::RotationUnderWay => "RotationUnderWay",
        Refusal::SettingRefused => "SettingRefused",
        Refusal::GuessingUnbounded => "GuessingUnbounded",
        Refusal::NodeUnknown => "NodeUnknown",
    }
}

/// Each command, and what it must have come to. What is all but impossible is left out: a tick that is too
/// old, say.
const TABLE: &str = "\
acknowledge_doubles: done Late NotPermitted Stale WrongPhase
merge: done Late NotPermitted Stale WrongPhase
admit_node: done GuessingUnbounded JoinTokenExpired JoinTokenUnknown JoinTokenUsed Late LimitReached NameTaken NotPermitted Stale WrongPhase again
cancel_bypass: done Late NoSuchUser NotPermitted Stale WrongPhase
block_user: done FingerprintMismatch Late NoSuchUser NotPermitted Stale WrongPhase again
confirm_clock: done NotPermitted Stale WrongPhase again
confirm_data_key: done Late NotPermitted Stale WrongPhase again
confirm_token: done FingerprintMismatch Late NoSuchToken NoSuchUser NotPermitted Stale StepRefused WrongPhase again
create_administrator: done FingerprintMismatch IdTaken Late NameTaken NotPermitted Stale WrongPhase again
create_application: done FingerprintMismatch IdTaken Late NameTaken NotPermitted Stale WrongPhase again
create_cluster: done WrongPhase again
create_join_token: done FingerprintMismatch IdTaken Late LimitReached NotPermitted Stale WrongPhase again
create_recovery_codes: done Late NoSuchUser NotPermitted Stale WrongPhase again
create_user: done FingerprintMismatch IdTaken Late NameTaken NotPermitted Stale WrongPhase again
delete_administrator: done LastAdministrator Late NoSuchAdministrator NotPermitted Stale WrongPhase
delete_application: done Late NoSuchApplication NotPermitted Stale WrongPhase again
delete_user: done FingerprintMismatch Late NoSuchUser NotPermitted RevisionChanged Stale WrongPhase again
discard_epoch: done FingerprintMismatch Late NotPermitted Stale WrongPhase again
enroll_token: done FingerprintMismatch IdTaken Late LimitReached NoSuchUser NotPermitted SerialTaken Stale WrongPhase again
grant_bypass: done FingerprintMismatch Late NoSuchUser NotPermitted Stale WrongPhase again
meet_epoch: done NotPermitted Stale WrongPhase
record_export: done FingerprintMismatch Late NotPermitted Stale WrongPhase again
tell_session: done FingerprintMismatch Late LimitReached NoSuchRadiusClient NotPermitted Stale WrongPhase again
note_radius_signer: done Late NoSuchRadiusClient NotPermitted Stale WrongPhase
remove_radius_client: done NoSuchRadiusClient Late NotPermitted Stale WrongPhase again
set_radius_client: done FingerprintMismatch NoSuchApplication RangeTaken RevisionChanged SettingRefused Late NotPermitted Stale WrongPhase again
readmit_node: done Late NameTaken NodeUnknown NotPermitted Stale WrongPhase again
release_recovery_codes: done FingerprintMismatch Late NotPermitted Stale WrongPhase again
remove_node: done FingerprintMismatch Late NodeUnknown NotPermitted Stale WrongPhase again
remove_token: done FingerprintMismatch Late NoSuchToken NotPermitted Stale WrongPhase again
reseal: done Late NotPermitted Stale WrongPhase
resync_token: done FingerprintMismatch Late NoSuchToken NoSuchUser NotPermitted Stale StepRefused WrongPhase again
retire_application_key: done Late NoSuchApplication NotPermitted Stale WrongPhase
retire_data_key: done Late NotPermitted Stale WrongPhase again
rotate_administrator_token: done Late NoSuchAdministrator NotPermitted Stale WrongPhase again
rotate_application_key: done Late NoSuchApplication NotPermitted Stale WrongPhase again
rotate_data_key: done IdTaken Late NotPermitted RotationUnderWay Stale WrongPhase again
set_node_addresses: done Late NotPermitted Stale WrongPhase again
set_pin: done FingerprintMismatch Late NoSuchUser NotPermitted Stale WrongPhase again
start_epoch: done Late NotPermitted Stale WrongPhase again
tick: done Late NotPermitted Stale WrongPhase
unblock_user: done FingerprintMismatch Late NoSuchUser NotPermitted Stale WrongPhase again
update_administrator: done FingerprintMismatch LastAdministrator Late NoSuchAdministrator NotPermitted RevisionChanged Stale WrongPhase again
update_application: done FingerprintMismatch Late NameTaken NoSuchApplication NotPermitted RevisionChanged Stale WrongPhase again
update_settings: done FingerprintMismatch GuessingUnbounded Late NotPermitted RevisionChanged SettingRefused Stale WrongPhase again
update_user: done FingerprintMismatch Late NoSuchUser NotPermitted RevisionChanged Stale WrongPhase again
verify: ALLOW CHALLENGE_EXPIRED IdTaken NEW_PIN NEW_PIN_AGAIN NEW_PIN_REFUSED OTHER_PIN PINS_DIFFER PIN_EXPIRED AMBIGUOUS_NAME WRONG_PIN BLOCKED CODE_ALREADY_USED CODE_MISMATCH DISABLED FIRST_FACTOR_DENIED FIRST_FACTOR_UNREACHABLE LOCKED NO_TOKEN RECOVERY_CODES_HELD SECOND_CODE_NEEDED SHARE_SPENT UNKNOWN_USER WAITING FingerprintMismatch Late NotPermitted Stale WrongPhase again";

/// What must have happened, as the model tells it.
const NOTES: &[&str] = &[
    "a code is merged that was accepted twice",
    "a code of a token that is gone is passed over",
    "a code that no token could have shown is refused",
    "a failure is merged",
    "a journal of another node is refused",
    "a mark is merged",
    "a record is passed over",
    "a recovery code is merged",
    "a request is merged that was decided here too",
    "records out of order are refused",
    "a PIN ends a challenge",
    "a PIN is due as it is typed",
    "a PIN is taken after one that was not",
    "a challenge forgives nothing",
    "a challenge gives way to a newer one",
    "a challenge is over",
    "a new PIN ends other challenges",
    "a user goes with a challenge",
    "an answer as the challenge ends",
    "an answer while the account is barred",
    "an answer at the last millisecond",
    "failures are forgiven by a new PIN",
    "the answer by another application",
    "the answer of another person",
    "the last millisecond of a PIN",
    "a block is cut to the longest",
    "a code is spent beside a seize",
    "a code of before a seize counts as used",
    "a node is readmitted once",
    "a node is readmitted whose disk went back",
    "a removal makes a key active",
    "a seize makes a key active",
    "a seize voids a bypass",
    "a seize voids a challenge",
    "a token is proved by a code of before a seize",
    "a token is set by codes of before a seize",
    "a token is settled by an administrator",
    "a token shows two codes in a row after a seize",
    "one of two tokens is enough",
    "the id of a node that is gone is not given again",
    "the same seize again",
    "both of two epochs discard each other",
    "the token of a node that is gone",
    "a bypass forgives nothing",
    "a bypass is cut to the longest",
    "a code is new for one token and used for another",
    "a code is spent for several tokens",
    "a doubled wait",
    "a help desk helps within its scope",
    "a join token comes as it expires",
    "a join token is no longer shown",
    "a key is changed while the one before is taken",
    "a key is retired before a new node has the next",
    "a key is retired too early",
    "a name that is nobody's is let in",
    "a name that no event tells of",
    "a node has the key after it became active",
    "a node joins again with its token",
    "a short name is one user's",
    "a recovery code without a token",
    "a portal serves somebody",
    "a restart",
    "a bypass, and no first factor",
    "a code, and no first factor",
    "a device of nobody signs",
    "a session of a user is told of",
    "a session of no name is told of",
    "a session of one of several is told of",
    "a name of a certificate is another's",
    "devices that have certificates and no address",
    "a device that signed is one no more",
    "a device that signed stays one",
    "a device that signs is told of again",
    "a name that is nobody's, and no first factor",
    "an answer, and no first factor",
    "an application goes with its devices",
    "an old secret goes on beside a change",
    "an old secret is over",
    "failures, and no first factor",
    "somebody who is exempt, and no first factor",
    "a right code is spent with a bypass",
    "a scope is lost with the role",
    "a set of recovery codes that was begun gives way",
    "a setting is set to its default",
    "a share spent, besides failures of others",
    "a tick as an old key ends",
    "a tick tells of names",
    "a tick as something ends",
    "a token is set as far as it goes",
    "a user goes with several tokens",
    "a user out of the caller's sight",
    "an answer has just been forgotten",
    "an answer is repeated for the last time",
    "an application goes with names that are not told of",
    "an application helps",
    "an exemption forgives nothing",
    "an old key is over",
    "failures are forgiven by a PIN",
    "failures are forgiven by a recovery code",
    "failures are forgiven by a right code",
    "failures are forgiven by enrolment",
    "failures are forgiven by unblocking",
    "just not late",
    "late by a millisecond",
    "locked by what nodes keep back",
    "locked in a cluster of several nodes",
    "more steps than an outcome may name",
    "settings that stand already are set",
    "several fields of a profile change at once",
    "several rows are over at once",
    "the addresses of a node are what they were",
    "the drift of a token follows a code",
    "the drift of a token stays at its bound",
    "the end of a block",
    "the end of a bypass",
    "the end of a wait",
    "the first wait",
    "the key of an application is no longer shown",
    "the last millisecond of a block",
    "the last millisecond of a bypass",
    "the last millisecond of a wait",
    "the last of several nodes makes a key active",
    "the life of a join token is cut",
    "the longest wait",
    "the next name tells of those before",
    "the overlap of keys is cut",
    "the token of an administrator is no longer shown",
    "two events of one entry",
    "what is held about a user is exported",
    "what is left of nobody is exported",
];
